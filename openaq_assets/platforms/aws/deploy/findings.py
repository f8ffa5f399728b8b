"""What ``doctor`` says of one thing: fine, worth a note, or missing, in plain words, with the fix."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from openaq_assets.errors import PlatformError
from openaq_assets.platforms.aws.errors import asking, code_of

Level = Literal["ok", "note", "missing"]
DEPLOY = "Run 'openaq-assets deploy'."
STACK = "Update the stack with infra/openaq.yaml (docs/aws.md)."
_MARKS = {"ok": "ok     ", "note": "note   ", "missing": "MISSING"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    what: str
    says: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{_MARKS[self.level]} {self.what}: {self.says}" + (f" {self.fix}" if self.fix else "")


def fine(what: str, says: str) -> Finding:
    """It is as it should be."""
    return Finding("ok", what, says)


def note(what: str, says: str, fix: str = "") -> Finding:
    """It works, and somebody may want to know."""
    return Finding("note", what, says, fix)


def missing(what: str, says: str, fix: str) -> Finding:
    """It does not work like this."""
    return Finding("missing", what, says, fix)


def judged(what: str, rules: Iterable[tuple[bool, str]], good: str, fix: str) -> Finding:
    """All that is wrong with one thing in one line; ``rules`` are pairs of 'is so' and 'what if not'."""
    wrong = [says for holds, says in rules if not holds]
    return missing(what, f"{'; '.join(wrong)}.", fix) if wrong else fine(what, good)


def looked(what: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """The findings of a check; one that AWS does not let us make is a note, never the end of the others."""
    try:
        yield from look()
    except PlatformError as error:
        if error.retryable or "denied" in str(error):
            yield note(what, f"could not be looked at: {error}")
        else:
            yield missing(what, str(error), "")


def asked(what: str, call: Callable[..., Any], absent: tuple[str, ...], **arguments: Any) -> Any:
    """The answer of AWS; None if what is asked for does not exist. Raises PlatformError."""
    from botocore.exceptions import ClientError

    with asking(what):
        try:
            return call(**arguments)
        except ClientError as error:
            if code_of(error) in absent:
                return None
            raise
