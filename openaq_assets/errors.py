"""The exceptions of this package, and the one form a mistake of the user is told in.

AssetsError
  ConfigError(problems)     conf/, views/ or plugins/ do not say a runnable project
  SelectionError            a selection or an argument names something that is not there
  PlatformError(retryable)  storage, API or engine did not do what was asked
  KindFailed                a kind, which is foreign code, fails on an asset
  TooExpensive              a run would cost more than it may
  PromotionError            prod was left as it was
    LeaseLost               another took over in the meantime
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake with its place and remedy; the fields of Airflow's ``DagImportError``.

    A ``consequence`` goes away with the mistakes it comes from: who mends those need not read it.
    """

    path: str
    line: int
    column: int
    field: str
    message: str
    hint: str = ""
    consequence: bool = False

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}: " if self.line else f"{self.path}: "
        field = f"{self.field}: " if self.field else ""
        line = " ".join(f"{place}{field}{self.message} {self.hint}".split())
        return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line)


class Mark(NamedTuple):
    """A place in a file."""

    path: str
    line: int
    column: int

    def problem(self, field_path: str, message: str, hint: str = "") -> Problem:
        """The problem of the value that stands here."""
        return Problem(self.path, self.line, self.column, field_path, message, hint)

    @classmethod
    def within(cls, path: str, text: str, offset: int) -> "Mark":
        """The place of a character of a text."""
        before = text[:offset]
        return cls(path, before.count("\n") + 1, offset - before.rfind("\n"))


class FieldError(ValueError):
    """A rule that a value of a dataclass breaks: the field, what is wrong, and the remedy."""

    def __init__(self, field: str, message: str, hint: str = "") -> None:
        self.field, self.message, self.hint = field, message, hint
        super().__init__(f"{message} {hint}".strip())


class AssetsError(Exception):
    """Everything this package raises on purpose."""


class ConfigError(AssetsError):
    """The project cannot be read as meant; ``problems`` holds every reason, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        told = sorted(set(problems))
        self.problems = tuple(one for one in told if not one.consequence) or tuple(told)
        super().__init__("\n".join(map(str, self.problems)))


class SelectionError(AssetsError):
    """A selection or argument names something that does not exist."""


class LeftOut(SelectionError):
    """What is selected is declared, and left out because of a mistake that is told elsewhere."""


class PlatformError(AssetsError):
    """Storage, API or engine failed; ``retryable`` says whether trying again may help."""

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        self.retryable = retryable
        super().__init__(message)


class KindFailed(AssetsError):
    """A kind, which is foreign code, cannot say what to do for some partitions."""


class TooExpensive(AssetsError):
    """A run would cost more than it may; nothing was done."""


class PromotionError(AssetsError):
    """A promotion was refused or undone; prod serves what it served before."""


class LeaseLost(PromotionError):
    """The right to change an environment's views went to another in the meantime."""


def sentence(text: str) -> str:
    """The text with a period at its end."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def nearest(name: str, names: Iterable[str]) -> str:
    """A remedy that names the nearest valid choice, or all of them when few."""
    import difflib  # which few processes need

    choices = sorted(set(names))
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{close[0]}'?"
    if not choices:
        return "There is none to choose from."
    shown = ", ".join(choices[:8]) + (f" and {len(choices) - 8} more" if len(choices) > 8 else "")
    return f"Choose one of: {shown}."


def shortened(text: str) -> str:
    """A user's text as a message shows it: quoted, and not endless."""
    return repr(text if len(text) < 60 else text[:57] + "...")
