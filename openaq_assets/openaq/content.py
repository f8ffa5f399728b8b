"""What the raw objects of a day say together, whoever stored them and however often."""

from collections.abc import Iterable

from openaq_assets.operations import digest
from openaq_assets.rawkey import RawKey

Span = tuple[str, str]
Subject = tuple[str, ...]


def subject_of(key: RawKey) -> tuple[Subject, Span]:
    """What an object is about, and its window as two stamps; the whole day is wider than any."""
    parts = dict(key.parts)
    parts.pop("page", None)
    span = (parts.pop("from", ""), parts.pop("to", "~"))
    return tuple(f"{name}={value}" for name, value in parts.items()), span


def overlap(one: Span, other: Span) -> bool:
    """Whether two windows have hours in common."""
    return one[0] < other[1] and other[0] < one[1]


def version_of(keys: Iterable[RawKey]) -> str:
    """The version of a day: a digest of every answer that said something new.

    The latest row counts, so an answer is news again after one about the same hours but another
    window. Two extractions at once may store an answer twice; that changes nothing here.
    """
    said: dict[str, list[tuple[str, list[tuple[str, str]]]]] = {}
    latest: dict[Subject, dict[str, tuple[Span, str]]] = {}
    for key in sorted(keys, key=lambda one: (one.retrieved, str(one))):
        subject, span = subject_of(key)
        known = latest.setdefault(subject, {})
        rivals = sorted(
            (request, content)
            for request, (other, content) in known.items()
            if other != span and overlap(other, span)
        )
        news = said.setdefault(key.request, [])
        if not news or news[-1] != (key.digest, rivals):
            news.append((key.digest, rivals))
        known[key.request] = span, key.digest
    return digest(said)
