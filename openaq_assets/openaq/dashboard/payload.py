"""The data that the page carries: rows of the serving views, as series and as compact JSON.

A day of a station is eight characters in four texts: tenths of µg/m³ as three digits to base 62, each index
as two (`_` for none), and one letter for the valid hours (`a` is none, `y` is 24; a capital marks an
incomplete day, `.` a day without a row).
"""

import datetime as dt
import math
import statistics
import string
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from openaq_assets.openaq.dashboard.kind import STATION_FIELDS

DAYS = 365
_DECIMALS = {"latitude": 5, "longitude": 5, "us_concentration": 3, "vn_concentration": 3}
_MOST = 25  # letters after `a`
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase

Row = Mapping[str, object]


@dataclass(frozen=True)
class Serving:
    """The rows that one environment serves, or the problem why it serves none.

    `latest` are rows of `view_latest_aqi`, `daily` of `view_daily_average`, `hours` of `view_hour_of_day`.
    """

    latest: tuple[Row, ...] = ()
    daily: tuple[Row, ...] = ()
    hours: tuple[Row, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Overview:
    """Everything that the page shows; `generated_at` is ISO 8601 in UTC, `timezone` an IANA name.

    Without a `title` the page has that of its language.
    """

    generated_at: str
    title: str = ""
    synthetic: bool = False
    timezone: str = "Asia/Ho_Chi_Minh"
    sources: tuple[str, ...] = ()
    default_environment: str = "prod"
    environments: Mapping[str, Serving] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.default_environment not in self.environments:
            known = ", ".join(self.environments) or "none"
            missing = self.default_environment
            raise ValueError(f"default_environment: no environment '{missing}' (given: {known}).")


# --- series of stations and cities


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a station or city: mean PM2.5, both indices, and their number of hours or stations."""

    mean: float | None
    us: int | None
    vn: int | None
    count: int
    incomplete: bool


Series = Mapping[str, Day]  # by ISO day


@dataclass(frozen=True, slots=True)
class Station:
    """A station with its days."""

    id: object
    name: object
    city: object
    days: Series


def stations_of(rows: Iterable[Row]) -> list[Station]:
    """Return every station of the daily rows with its days, in their order."""
    stations: dict[object, Station] = {}
    days: dict[object, dict[str, Day]] = defaultdict(dict)
    for row in rows:
        key = value(row, "location_id")
        if key not in stations:
            stations[key] = Station(key, value(row, "location"), value(row, "city"), days[key])
        days[key][str(value(row, "local_day"))] = _day(row)
    return list(stations.values())


def _day(row: Row) -> Day:
    hours = _whole(value(row, "hours")) or 0
    us, vn = (_whole(value(row, name)) for name in ("us_aqi", "vn_aqi"))
    return Day(_finite(value(row, "avg_pm25")), us, vn, hours, bool(value(row, "is_incomplete")))


def cities(stations: Iterable[Station]) -> dict[object, Series]:
    """Return the days of each city with two stations or more: means of PM2.5, medians of the indices.

    Complete stations win over incomplete ones; a day with only incomplete stations is incomplete.
    """
    grouped: dict[object, list[Station]] = defaultdict(list)
    for station in stations:
        grouped[station.city or None].append(station)
    return {city: _together(group) for city, group in grouped.items() if len(group) > 1}


def _together(stations: Sequence[Station]) -> Series:
    by_day: dict[str, list[Day]] = defaultdict(list)
    for station in stations:
        for name, day in station.days.items():
            if day.mean is not None or day.us is not None or day.vn is not None:
                by_day[name].append(day)
    return {name: _city_day(days) for name, days in by_day.items()}


def _city_day(days: Sequence[Day]) -> Day:
    used = [day for day in days if not day.incomplete] or days
    means = [day.mean for day in used if day.mean is not None]
    us, vn = ([index for day in used if (index := getattr(day, name)) is not None] for name in ("us", "vn"))
    return Day(
        math.fsum(means) / len(means) if means else None,
        half_up(us),
        half_up(vn),
        len(used),
        all(day.incomplete for day in days),
    )


def half_up(indices: Sequence[int]) -> int | None:
    """Return the median, with a half rounded up as in indices; None if there are no values."""
    return math.floor(statistics.median(indices) + 0.5) if indices else None


def hours(rows: Iterable[Row], stations: Iterable[Station]) -> dict[str, Any]:
    """Return mean PM2.5 by local hour of every city and of all together, weighted by their valid hours."""
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
    """Return a number of ISO days up to the local day of a UTC instant."""
    instant = dt.datetime.fromisoformat(generated_at)
    last = instant.astimezone(ZoneInfo(timezone)).date()
    return [(last - dt.timedelta(days=ago)).isoformat() for ago in reversed(range(count))]


def value(row: Row, name: str) -> Any:
    """Return a column of a row; raise ValueError with its name if the row lacks it."""
    try:
        return row[name]
    except KeyError:
        raise ValueError(f"{name}: a row given to the page lacks this column.") from None


def _finite(number: Any) -> float | None:
    return float(number) if isinstance(number, int | float) and math.isfinite(number) else None


def _whole(number: Any) -> int | None:
    finite = _finite(number)
    return None if finite is None else int(finite)


# --- the data of the page


def payload(overview: Overview) -> dict[str, object]:
    """Return the JSON value that the page's script reads."""
    days = window(overview.generated_at, overview.timezone, DAYS)
    return {
        "generatedAt": overview.generated_at,
        "title": overview.title,
        "synthetic": overview.synthetic,
        "timezone": overview.timezone,
        "sources": list(overview.sources),
        "defaultEnvironment": overview.default_environment,
        "stationFields": STATION_FIELDS,
        "firstDay": days[0],
        "dayCount": DAYS,
        "environments": {name: _served(serving, days) for name, serving in overview.environments.items()},
    }


def _served(serving: Serving, days: Sequence[str]) -> dict[str, object]:
    position = {day: n for n, day in enumerate(days)}
    stations = stations_of(serving.daily)
    known = {station.id for station in stations}
    # The hour pattern may know stations whose days are older than the window.
    homes = [
        Station(row["location_id"], row["location"], row["city"], {})
        for row in serving.latest
        if row.get("location_id") not in known
    ]
    return {
        "problem": serving.problem,
        "latest": {"fields": STATION_FIELDS, "rows": [_station(row) for row in serving.latest]},
        "places": [[station.id, station.name, station.city] for station in stations],
        "daily": [_packed(station.days, position) for station in stations],
        "cities": [[city, _packed(line, position)] for city, line in cities(stations).items()],
        "hours": hours(serving.hours, [*stations, *homes]),
    }


def _station(row: Row) -> list[Any]:
    return [_plain(name, value(row, name)) for name in STATION_FIELDS]


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DECIMALS.get(name, 6)) if math.isfinite(value) else None
    return value


def _packed(line: Series, position: Mapping[str, int]) -> list[Any]:
    """Return the days of a line that lie in the window: their start, then one text per quantity."""
    by_position = {position[name]: day for name, day in line.items() if name in position}
    if not by_position:
        return [0, "", "", "", ""]
    first = min(by_position)
    days = [by_position.get(n) for n in range(first, max(by_position) + 1)]
    tenths = (None if day is None or day.mean is None else round(day.mean * 10) for day in days)
    us, vn = ([day.us if day else None for day in days], [day.vn if day else None for day in days])
    return [first, _digits(tenths, 3), _digits(us, 2), _digits(vn, 2), "".join(map(_letter, days))]


def _digits(numbers: Iterable[int | None], width: int) -> str:
    """Return each number as that many digits to base 62; a number beyond becomes the nearest that fits."""
    return "".join("_" * width if number is None else _number(number, width) for number in numbers)


def _number(number: int, width: int) -> str:
    left, text = min(max(number, 0), 62**width - 1), ""
    for _ in range(width):
        left, digit = divmod(left, 62)
        text = _ALPHABET[digit] + text
    return text


def _letter(day: Day | None) -> str:
    if day is None:
        return "."
    letter = chr(ord("a") + min(max(day.count, 0), _MOST))
    return letter.upper() if day.incomplete else letter
