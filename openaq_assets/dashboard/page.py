"""Turn rows of the serving views into the Air Quality Overview: one HTML file, no network.

The page is `overview.html` with three holes: the title, the land outline and the data. Station and
city names come from outside, so they travel only as JSON text and reach the screen only as text.
"""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources

Row = Mapping[str, object]

LATEST_FIELDS = (
    "location_id", "location", "city", "country", "provider", "latitude", "longitude", "as_of",
    "age_minutes", "is_current", "pollutant", "concentration", "unit", "aqi", "category", "colour",
    "reason",
)  # fmt: skip
_DECIMALS = {"latitude": 5, "longitude": 5, "concentration": 1, "avg_pm25": 2, "coverage": 3}
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_HOLE = re.compile(r"__(TITLE|OUTLINE|DATA)__")
# `<` would let a name close the script element; the two separators end a line in older JavaScript.
_SCRIPT_ESCAPES = {ord("<"): "\\u003c", 0x2028: "\\u2028", 0x2029: "\\u2029"}


@dataclass(frozen=True)
class Serving:
    """What one environment serves: its latest and daily rows, or the problem why it has none.

    `latest` are rows of `view_latest_aqi`, `daily` rows of `view_daily_average`.
    """

    latest: tuple[Row, ...] = ()
    daily: tuple[Row, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Overview:
    """Everything the page shows; `generated_at` is ISO 8601 in UTC, `timezone` an IANA name."""

    generated_at: str
    title: str = "Air Quality Overview"
    synthetic: bool = False
    timezone: str = "Asia/Ho_Chi_Minh"
    sources: tuple[str, ...] = ()
    default_environment: str = "prod"
    environments: Mapping[str, Serving] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.default_environment not in self.environments:
            known = ", ".join(self.environments) or "none"
            asked = self.default_environment
            raise ValueError(f"default_environment: no environment '{asked}' (given: {known}).")


def render(overview: Overview) -> str:
    """Return the whole page as HTML text; raise `ValueError` for rows that lack a column."""
    parts = {
        "TITLE": html.escape(overview.title),
        "OUTLINE": _script_json(json.loads(_resource("outline.json"))),
        "DATA": _script_json(_payload(overview)),
    }
    return _HOLE.sub(lambda hole: parts[hole[1]], _resource("overview.html"))


def _payload(overview: Overview) -> dict[str, object]:
    return {
        "generatedAt": overview.generated_at,
        "title": overview.title,
        "synthetic": overview.synthetic,
        "timezone": overview.timezone,
        "sources": list(overview.sources),
        "defaultEnvironment": overview.default_environment,
        "environments": {name: _serving(each) for name, each in overview.environments.items()},
    }


def _serving(serving: Serving) -> dict[str, object]:
    latest = [[_value(row, name) for name in LATEST_FIELDS] for row in serving.latest]
    return {
        "problem": serving.problem,
        "latest": {"fields": LATEST_FIELDS, "rows": latest},
        "daily": _daily(serving.daily),
    }


def _daily(rows: Iterable[Row]) -> dict[str, object]:
    """Encode rows as `[place, day, avg_pm25, hours, coverage, flags]`, names and days stored once.

    `flags` is 1 for an incomplete day plus 2 for a day valid at 75 %.
    """
    places: dict[tuple[object, ...], int] = {}
    days: dict[object, int] = {}
    encoded = []
    for row in rows:
        place = tuple(_value(row, name) for name in ("location_id", "location", "city"))
        facts = [_value(row, name) for name in ("avg_pm25", "hours", "coverage")]
        flags = bool(_value(row, "is_incomplete")) + 2 * bool(_value(row, "valid_75"))
        place_index = places.setdefault(place, len(places))
        day_index = days.setdefault(_value(row, "local_day"), len(days))
        encoded.append([place_index, day_index, *facts, flags])
    return {"places": list(places), "days": list(days), "rows": encoded}


def _value(row: Row, name: str) -> object:
    try:
        value = row[name]
    except KeyError:
        raise ValueError(f"{name}: a row given to the page lacks this column.") from None
    if isinstance(value, float):
        return round(value, _DECIMALS.get(name, 6)) if math.isfinite(value) else None
    if name == "colour" and not _COLOUR.fullmatch(str(value)):
        return None
    return value


def _script_json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_SCRIPT_ESCAPES)


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
