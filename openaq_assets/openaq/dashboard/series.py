"""Daily and hourly rows as series of places and cities: what the charts draw and the page carries."""

from __future__ import annotations

import datetime as dt
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a place or city: mean PM2.5, both indices, and how many hours or stations it rests on."""

    mean: float | None
    us: int | None
    vn: int | None
    count: int
    incomplete: bool


Series = Mapping[str, Day]  # by ISO day


@dataclass(frozen=True, slots=True)
class Place:
    """A station with its days."""

    id: object
    name: object
    city: object
    days: Series


def places(rows: Iterable[Row]) -> list[Place]:
    """Every station of the daily rows, in their order, with its days."""
    found: dict[object, Place] = {}
    days: dict[object, dict[str, Day]] = defaultdict(dict)
    for row in rows:
        key = value(row, "location_id")
        if key not in found:
            found[key] = Place(key, value(row, "location"), value(row, "city"), days[key])
        days[key][str(value(row, "local_day"))] = _day(row)
    return list(found.values())


def _day(row: Row) -> Day:
    hours = _whole(value(row, "hours")) or 0
    us, vn = (_whole(value(row, name)) for name in ("us_aqi", "vn_aqi"))
    return Day(_finite(value(row, "avg_pm25")), us, vn, hours, bool(value(row, "is_incomplete")))


def cities(stations: Iterable[Place]) -> dict[object, Series]:
    """The days of each city with two stations or more: means of PM2.5, medians of the indices.

    Complete stations win over incomplete ones; a day with only the latter is incomplete.
    """
    grouped: dict[object, list[Place]] = defaultdict(list)
    for station in stations:
        grouped[station.city or None].append(station)
    return {city: _together(group) for city, group in grouped.items() if len(group) > 1}


def _together(stations: Sequence[Place]) -> Series:
    by_day: dict[str, list[Day]] = defaultdict(list)
    for station in stations:
        for name, day in station.days.items():
            if day.mean is not None or day.us is not None or day.vn is not None:
                by_day[name].append(day)
    return {name: _city_day(days) for name, days in by_day.items()}


def _city_day(days: Sequence[Day]) -> Day:
    used = [day for day in days if not day.incomplete] or days
    means = [day.mean for day in used if day.mean is not None]
    us, vn = ([one for day in used if (one := getattr(day, name)) is not None] for name in ("us", "vn"))
    return Day(
        math.fsum(means) / len(means) if means else None,
        half_up(us), half_up(vn), len(used), all(day.incomplete for day in days),
    )  # fmt: skip


def half_up(indices: Sequence[int]) -> int | None:
    """The median, a half rounded up as indices are; None of nothing."""
    return math.floor(statistics.median(indices) + 0.5) if indices else None


def hours(rows: Iterable[Row], stations: Iterable[Place]) -> dict[str, Any]:
    """Mean PM2.5 by local hour of every city and of all together, weighted by their valid hours."""
    city_of = {station.id: station.city or None for station in stations}
    by_city: dict[object, list[list[tuple[float, int]]]] = defaultdict(_day_of_hours)
    everything = _day_of_hours()
    for row in rows:
        hour, count = _whole(value(row, "hour")), _whole(value(row, "hours"))
        mean = _finite(value(row, "avg_pm25"))
        if hour is None or not count or mean is None or not 0 <= hour < 24:
            continue
        for pattern in (by_city[city_of.get(value(row, "location_id"))], everything):
            pattern[hour].append((mean, count))
    return {
        "cities": [[city, _weighted(pattern)] for city, pattern in by_city.items()],
        "all": _weighted(everything),
    }


def _day_of_hours() -> list[list[tuple[float, int]]]:
    return [[] for _ in range(24)]


def _weighted(pattern: list[list[tuple[float, int]]]) -> list[float | None]:
    return [
        round(math.fsum(mean * n for mean, n in hour) / sum(n for _, n in hour), 1) if hour else None
        for hour in pattern
    ]


def window(generated_at: str, timezone: str, count: int) -> list[str]:
    """So many ISO days up to the local day of a UTC instant."""
    from zoneinfo import ZoneInfo

    instant = dt.datetime.fromisoformat(generated_at)
    last = instant.astimezone(ZoneInfo(timezone)).date()
    return [(last - dt.timedelta(days=ago)).isoformat() for ago in reversed(range(count))]


def value(row: Row, name: str) -> Any:
    """A column of a row; raises ValueError with its name if the row lacks it."""
    try:
        return row[name]
    except KeyError:
        raise ValueError(f"{name}: a row given to the page lacks this column.") from None


def _finite(number: Any) -> float | None:
    return float(number) if isinstance(number, int | float) and math.isfinite(number) else None


def _whole(number: Any) -> int | None:
    finite = _finite(number)
    return None if finite is None else int(finite)
