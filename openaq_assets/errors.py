"""The exceptions of this package, and the form in which mistakes of the user are reported.

AssetsError
  ConfigError(problems)     conf/, views/ or plugins/ do not define a project that can run
  SelectionError            a selection or an argument names something that does not exist
  PlatformError(retryable)  storage, API or engine failed
  KindFailed                a kind, which is foreign code, fails on an asset
  TooExpensive              a run would cost more than its limit
  PromotionError            a promotion was refused or undone
    LeaseLost               another process took over in the meantime
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake with its location and remedy; the fields are those of Airflow's ``DagImportError``.

    A ``consequence`` disappears with the mistake that causes it, so it is not shown beside other mistakes.
    """

    path: str
    line: int
    column: int
    field: str
    message: str
    hint: str = ""
    consequence: bool = False

    def __str__(self) -> str:
        location = f"{self.path}:{self.line}:{self.column}: " if self.line else f"{self.path}: "
        field = f"{self.field}: " if self.field else ""
        line = " ".join(f"{location}{field}{self.message} {self.hint}".split())
        return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)


class Mark(NamedTuple):
    """A position in a file."""

    path: str
    line: int
    column: int

    def problem(self, field_path: str, message: str, hint: str = "") -> Problem:
        """Return a problem at this position."""
        return Problem(self.path, self.line, self.column, field_path, message, hint)

    @classmethod
    def within(cls, path: str, text: str, offset: int) -> "Mark":
        """Return the position of a character of a text."""
        before = text[:offset]
        return cls(path, before.count("\n") + 1, offset - before.rfind("\n"))


class FieldError(ValueError):
    """A rule that a value of a dataclass breaks: the field, what is wrong, and the remedy."""

    def __init__(self, field: str, message: str, hint: str = "") -> None:
        self.field, self.message, self.hint = field, message, hint
        super().__init__(f"{message} {hint}".strip())


class AssetsError(Exception):
    """The base of all exceptions that this package raises on purpose."""


class ConfigError(AssetsError):
    """The project has mistakes; ``problems`` holds them all, in order of files and lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        unique = sorted(set(problems))
        self.problems = tuple(problem for problem in unique if not problem.consequence) or tuple(unique)
        super().__init__("\n".join(map(str, self.problems)))


class SelectionError(AssetsError):
    """A selection or argument names something that does not exist."""


class LeftOut(SelectionError):
    """A selected asset is declared, but left out because of a mistake that is reported elsewhere."""


class PlatformError(AssetsError):
    """Storage, API or engine failed; ``retryable`` says whether trying again may help."""

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        self.retryable = retryable
        super().__init__(message)


class KindFailed(AssetsError):
    """A kind, which is foreign code, fails to return its operations for some partitions."""


class TooExpensive(AssetsError):
    """A run would cost more than its limit; nothing was done."""


class PromotionError(AssetsError):
    """A promotion was refused or undone; prod serves what it served before."""


class LeaseLost(PromotionError):
    """The right to change an environment's views went to another in the meantime."""


def sentence(text: str) -> str:
    """Return the text with a period at its end."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a remedy that names the nearest valid choice, or the first eight of all."""
    import difflib  # few processes need it

    choices = sorted(set(names))
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{close[0]}'?"
    if not choices:
        return "There are no names to choose from."
    shown = ", ".join(choices[:8]) + (f" and {len(choices) - 8} more" if len(choices) > 8 else "")
    return f"Choose one of: {shown}."


def shortened(text: str) -> str:
    """Return a user's text for a message: quoted, and cut after 57 characters."""
    return repr(text if len(text) < 60 else text[:57] + "...")
