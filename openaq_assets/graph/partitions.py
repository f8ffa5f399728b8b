"""Compute partitions of days: their keys, ranges and path segments.

The partition of a row is the UTC date on which its period *starts*. Keys are ISO dates; segments are
zero-padded text (``year=2026/month=01/day=09``), so that every engine reads them as strings in the same
order.
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator

_SEGMENT = re.compile(r"year=(\d{4})/month=(\d{2})/day=(\d{2})(?:/|\Z)", re.ASCII)
COLUMNS = ("year", "month", "day")
DAY = "_day"  # a column with the whole date, like 2026-01-31, that local engines have in addition


def parse_day(text: str) -> dt.date:
    """Return the day of an ISO date; raise ValueError for any other text."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise ValueError(f"{text!r} is not a date like 2026-01-31")
    return dt.date.fromisoformat(text)


def days(first: dt.date, last: dt.date) -> tuple[str, ...]:
    """Return the keys of all days from first to last, both included."""
    return tuple(
        dt.date.fromordinal(day).isoformat() for day in range(first.toordinal(), last.toordinal() + 1)
    )


def segment(key: str) -> str:
    """Return the path segment of a key: ``year=2026/month=01/day=09`` for ``2026-01-09``."""
    day = parse_day(key)
    return f"year={day.year:04d}/month={day.month:02d}/day={day.day:02d}"


def key_of(path: str) -> str | None:
    """Return the key of the partition that contains a path, or None."""
    match = _SEGMENT.search(path)
    return "-".join(match.groups()) if match else None


def window(key: str) -> tuple[dt.datetime, dt.datetime]:
    """Return the UTC window in which periods of a day *end*: after the start, up to and with the end."""
    start = dt.datetime.combine(parse_day(key), dt.time(), dt.UTC)
    return start, start + dt.timedelta(days=1)


def around(key: str, days_away: int) -> tuple[str, ...]:
    """Return the keys of a day and of ``days_away`` days before and after it, in order."""
    away = dt.timedelta(days=days_away)
    return days(parse_day(key) - away, parse_day(key) + away)


def chunks(keys: tuple[str, ...], size: int) -> Iterator[tuple[str, ...]]:
    """Yield the keys in order, in tuples of at most ``size``."""
    return (keys[start : start + size] for start in range(0, len(keys), size))


def summary(keys: Iterable[str]) -> str:
    """Return the keys as text for people: ``2026-01-01..2026-01-31 (31 days)``; gaps are shown."""
    ordered = sorted({key for key in keys if key})
    if not ordered:
        return ""
    runs: list[list[str]] = []
    for key in ordered:
        if runs and parse_day(key).toordinal() == parse_day(runs[-1][-1]).toordinal() + 1:
            runs[-1].append(key)
        else:
            runs.append([key])
    text = ", ".join(run[0] if len(run) == 1 else f"{run[0]}..{run[-1]}" for run in runs)
    return text if len(ordered) == 1 else f"{text} ({len(ordered)} days)"
