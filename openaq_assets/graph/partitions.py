"""Days as partitions: keys, ranges and the path segments they become.

A partition is the UTC date of a row's period *start*. Keys are ISO dates; segments are zero-padded
text (``year=2026/month=01/day=09``), so that every engine reads them as strings in the same order.
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator

_SEGMENT = re.compile(r"year=(\d{4})/month=(\d{2})/day=(\d{2})(?:/|\Z)", re.ASCII)
COLUMNS = ("year", "month", "day")
DAY = "_day"  # all of them as 2026-01-31, where an engine here has such a column beside them


def parse_day(text: str) -> dt.date:
    """The day an ISO date names; raises ValueError for anything else."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise ValueError(f"{text!r} is not a date like 2026-01-31")
    return dt.date.fromisoformat(text)


def days(first: dt.date, last: dt.date) -> tuple[str, ...]:
    """Every day from first to last, both included, as partition keys."""
    return tuple(
        dt.date.fromordinal(day).isoformat() for day in range(first.toordinal(), last.toordinal() + 1)
    )


def segment(key: str) -> str:
    """``2026-01-09`` -> ``year=2026/month=01/day=09``."""
    day = parse_day(key)
    return f"year={day.year:04d}/month={day.month:02d}/day={day.day:02d}"


def key_of(path: str) -> str | None:
    """The partition key a path lies in, or None."""
    found = _SEGMENT.search(path)
    return "-".join(found.groups()) if found else None


def window(key: str) -> tuple[dt.datetime, dt.datetime]:
    """The UTC window of a day: exclusive start and inclusive end of period *ends*."""
    start = dt.datetime.combine(parse_day(key), dt.time(), dt.UTC)
    return start, start + dt.timedelta(days=1)


def around(key: str, days_away: int) -> tuple[str, ...]:
    """The day and as many before and after it, in order."""
    away = dt.timedelta(days=days_away)
    return days(parse_day(key) - away, parse_day(key) + away)


def chunks(keys: tuple[str, ...], size: int) -> Iterator[tuple[str, ...]]:
    """The keys in order, at most ``size`` at a time."""
    return (keys[start : start + size] for start in range(0, len(keys), size))


def summary(keys: Iterable[str]) -> str:
    """The keys as a person reads them: ``2026-01-01..2026-01-31 (31 days)``; gaps are shown."""
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
