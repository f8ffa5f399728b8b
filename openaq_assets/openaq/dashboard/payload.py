"""What the page carries: the rows as compact JSON, every name and day once.

A day of a place is eight characters in four texts: tenths of µg/m³ as three digits to base 62, each
index as two (`_` for none), and one letter for the valid hours (`a` is none, `y` is 24; a capital
marks an incomplete day, `.` a day without a row).
"""

from __future__ import annotations

import math
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from openaq_assets.openaq.dashboard import series
from openaq_assets.openaq.dashboard.model import Overview, Serving
from openaq_assets.openaq.dashboard.questions import STATION_FIELDS

if TYPE_CHECKING:
    from openaq_assets.openaq.dashboard.questions import STATION_FIELDS

DAYS = 365
_DECIMALS = {"latitude": 5, "longitude": 5, "us_concentration": 3, "vn_concentration": 3}
_MOST = 25  # letters after `a`
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase


def payload(overview: Overview) -> dict[str, object]:
    """The JSON value that the page's script reads."""
    days = series.window(overview.generated_at, overview.timezone, DAYS)
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
        "environments": {name: _served(one, days) for name, one in overview.environments.items()},
    }


def _served(serving: Serving, days: Sequence[str]) -> dict[str, object]:
    position = {day: n for n, day in enumerate(days)}
    stations = series.places(serving.daily)
    known = {place.id for place in stations}
    # The hour pattern may know stations whose days are older than the window.
    homes = [
        series.Place(row["location_id"], row["location"], row["city"], {})
        for row in serving.latest if row.get("location_id") not in known
    ]  # fmt: skip
    return {
        "problem": serving.problem,
        "latest": {"fields": STATION_FIELDS, "rows": [_station(row) for row in serving.latest]},
        "places": [[place.id, place.name, place.city] for place in stations],
        "daily": [_packed(place.days, position) for place in stations],
        "cities": [[city, _packed(line, position)] for city, line in series.cities(stations).items()],
        "hours": series.hours(serving.hours, [*stations, *homes]),
    }


def _station(row: series.Row) -> list[Any]:
    return [_plain(name, series.value(row, name)) for name in STATION_FIELDS]


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DECIMALS.get(name, 6)) if math.isfinite(value) else None
    return value


def _packed(line: series.Series, position: Mapping[str, int]) -> list[Any]:
    """The days of a line that lie in the window: where they start, then one text per quantity."""
    placed = {position[name]: day for name, day in line.items() if name in position}
    if not placed:
        return [0, "", "", "", ""]
    first = min(placed)
    days = [placed.get(n) for n in range(first, max(placed) + 1)]
    tenths = (None if day is None or day.mean is None else round(day.mean * 10) for day in days)
    us, vn = ([day.us if day else None for day in days], [day.vn if day else None for day in days])
    return [first, _digits(tenths, 3), _digits(us, 2), _digits(vn, 2), "".join(map(_letter, days))]


def _digits(numbers: Iterable[int | None], width: int) -> str:
    """Each number as so many digits to base 62; one that does not fit is the largest or least that does."""
    return "".join("_" * width if one is None else _number(one, width) for one in numbers)


def _number(number: int, width: int) -> str:
    left, found = min(max(number, 0), 62**width - 1), ""
    for _ in range(width):
        left, digit = divmod(left, 62)
        found = _ALPHABET[digit] + found
    return found


def _letter(day: series.Day | None) -> str:
    if day is None:
        return "."
    letter = chr(ord("a") + min(max(day.count, 0), _MOST))
    return letter.upper() if day.incomplete else letter
