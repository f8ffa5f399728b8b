"""Rows of a sensor and their hourly, daily and longer summaries."""

import math
from collections.abc import Callable, Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from typing import NamedTuple

HOUR = 3600
DAY = 86400


class Row(NamedTuple):
    """One raw value: end of its period (Unix seconds), value (may be null), any flag."""

    end: int
    value: float | None
    flagged: bool = False


class Summary(NamedTuple):
    """Nine numbers about the values of a period, in the API's order."""

    min: float
    q02: float
    q25: float
    median: float
    q75: float
    q98: float
    max: float
    avg: float
    sd: float | None


class Period(NamedTuple):
    """A summarised period: bounds, mean, summary, count, first and last stamp inside."""

    start: int
    end: int
    value: float | None
    summary: Summary | None
    observed: int
    first: int
    last: int
    flagged: bool


def significant(number: float, digits: int = 3) -> float:
    """Round to significant digits, halves away from zero, as the API's database does."""
    if number == float(f"{number:.{digits}g}") or not math.isfinite(number):
        return number
    exact = Decimal(repr(number))
    step = Decimal((0, (1,), exact.adjusted() - digits + 1))
    return float(exact.quantize(step, rounding=ROUND_HALF_UP)) if exact % step else number


def quantile(ordered: list[float], share: float) -> float:
    """Return a quantile of sorted values by linear interpolation."""
    position = share * (len(ordered) - 1)
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def summarise(values: Iterable[float | None]) -> Summary | None:
    """Summarise the values that are not null; None if there are none."""
    ordered = sorted(value for value in values if value is not None)
    if not ordered:
        return None
    count = len(ordered)
    if count == 1:
        only = ordered[0]
        return Summary(only, only, only, only, only, only, only, only, None)
    mean = math.fsum(ordered) / count
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in ordered) / (count - 1))
    low, q25, median, q75, high = (quantile(ordered, q) for q in (0.02, 0.25, 0.5, 0.75, 0.98))
    return Summary(ordered[0], low, q25, median, q75, high, ordered[-1], mean, spread)


def period_of(start: int, end: int, rows: list[Row]) -> Period:
    """Summarise rows of one period."""
    summary = summarise(row.value for row in rows)
    flagged = any(row.flagged for row in rows)
    value = summary.avg if summary else None
    return Period(start, end, value, summary, len(rows), rows[0].end, rows[-1].end, flagged)


def hours_of(rows: Iterable[Row]) -> Iterator[Period]:
    """Summarise raw rows by clock hour `(h-1, h]`."""
    for end, group in groupby(rows, key=lambda row: -(-row.end // HOUR) * HOUR):
        yield period_of(end - HOUR, end, list(group))


def as_row(period: Period) -> Row:
    """Return a period as a row, so that it can be summarised further."""
    return Row(period.end, period.value, period.flagged)


def periods_of(rows: Iterable[Row], bounds: Callable[[int], tuple[int, int]]) -> Iterator[Period]:
    """Summarise rows by the calendar period that `bounds` gives for a row's last second."""
    for (start, end), group in groupby(rows, key=lambda row: bounds(row.end - 1)):
        yield period_of(start, end, list(group))


def factors_of(rows: Iterable[Row], factor: Callable[[int], str]) -> list[tuple[str, Period]]:
    """Summarise rows by a recurring label such as the hour of the day, in label order."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(factor(row.end - 1), []).append(row)
    return [(label, period_of(g[0].end, g[-1].end, g)) for label, g in sorted(groups.items())]
