"""Requests to the API, checked before they are sent, and the check that rows answer them.

The API ignores parameters that it does not know and answers 500 to some that it cannot use. So arguments are
checked before they are sent, and rows before they are stored.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from openaq_assets.errors import PlatformError, nearest

Endpoint = Literal["hours", "measurements", "days"]
#: ``(from, to]`` on the end of a period, in UTC.
Window = tuple[dt.datetime, dt.datetime]
LIMIT = 1000
_BOUNDS = {"hours": "datetime", "measurements": "datetime", "days": "date"}
_MAX_ID = 2**31 - 1
_NUMBER = r"-?\d{1,3}(?:\.\d+)?"


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request before paging; its rows must agree with ``window`` and ``about``."""

    path: str
    params: tuple[tuple[str, str], ...] = ()
    paged: bool = True
    endpoint: str = "locations"
    window: Window | None = None
    about: tuple[str, str] = ("", "")

    def page(self, number: int) -> Mapping[str, str]:
        """Return the parameters that ask for a page."""
        paging = {"limit": str(LIMIT), "page": str(number)} if self.paged else {}
        return {**dict(self.params), **paging}


def about_locations(selector: str) -> ApiRequest:
    """Return the request for an inventory: country=VN, id=2178, bbox=W,S,E,N or near=LAT,LON,METRES.

    Raises PlatformError for any other selector.
    """
    name, _, value = selector.partition("=")
    if name == "country" and re.fullmatch(r"[A-Z]{2}", value):
        return ApiRequest("/locations", (("iso", value),), about=("country", value))
    if name == "id" and value.isascii() and value.isdigit():
        identity = str(_identity(int(value)))
        return ApiRequest(f"/locations/{identity}", paged=False, about=("id", identity))
    numbers = _numbers(value) if name in ("bbox", "near") else []
    if name == "bbox" and len(numbers) == 4 and is_box(*numbers):
        return ApiRequest("/locations", (("bbox", value),))
    if name == "near" and len(numbers) == 3 and _is_circle(*numbers):
        latitude, longitude, radius = value.split(",")
        return ApiRequest("/locations", (("coordinates", f"{latitude},{longitude}"), ("radius", radius)))
    raise PlatformError(
        f"{selector!r} is not a valid selection of locations. "
        "Write country=VN, id=2178, bbox=WEST,SOUTH,EAST,NORTH or near=LATITUDE,LONGITUDE,METRES."
    )


def about_sensor(endpoint: Endpoint, sensor: int, window: Window) -> ApiRequest:
    """Return the request for the rows of a sensor whose period ends in the window.

    For days, the window is of local dates and includes both ends.
    """
    if endpoint not in _BOUNDS:
        raise PlatformError(f"there is no endpoint '{endpoint}'. {nearest(endpoint, _BOUNDS)}")
    first, last = window
    if any(moment.utcoffset() is None or moment.microsecond for moment in window) or not first < last:
        raise PlatformError(
            f"{first}..{last} is not a valid time window. Give two UTC times, the earlier one first."
        )
    form = "%Y-%m-%d" if endpoint == "days" else "%Y-%m-%dT%H:%M:%SZ"
    texts = [moment.astimezone(dt.UTC).strftime(form) for moment in window]
    if texts[0] == texts[1]:
        raise PlatformError(
            f"{first}..{last} is within one date, which the API refuses. Give one date and the next one."
        )
    params = tuple((f"{_BOUNDS[endpoint]}_{side}", text) for side, text in zip(("from", "to"), texts))
    return ApiRequest(f"/sensors/{_identity(sensor)}/{endpoint}", params, endpoint=endpoint, window=window)


def about_latest(location: int) -> ApiRequest:
    """Return the request for the newest row of each sensor of a location."""
    identity = str(_identity(location))
    return ApiRequest(f"/locations/{identity}/latest", endpoint="latest", about=("locationsId", identity))


def halves(window: Window, endpoint: Endpoint) -> tuple[Window, ...]:
    """Return the window as two that neither overlap nor miss, cut at a full hour (for days: a date).

    There are none if the window is already as short as that.
    """
    first, last = window
    unit = dt.timedelta(days=1) if endpoint == "days" else dt.timedelta(hours=1)
    if last - first <= unit:
        return ()
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    middle = epoch + (first + (last - first) / 2 - epoch) // unit * unit
    middle = middle if first < middle else middle + unit
    return ((first, middle), (middle, last))


def key_parts(selector: str) -> Mapping[str, str]:
    """Return the parts of the raw layer's keys that name the answers to ``about_locations``."""
    name, _, value = selector.partition("=")
    return {"location" if name == "id" else name: value}


def disagreement(request: ApiRequest, rows: Sequence[Any], before: Sequence[Any]) -> str:
    """Return the reason why rows cannot answer the request, or ''; ``before`` is the previous page."""
    if request.paged and len(rows) > LIMIT:
        return f"it has {len(rows)} rows, but at most {LIMIT} were requested"
    if rows and rows == before:
        return "it is the same page again"
    if not all(isinstance(row, dict) for row in rows):
        return "a row is not a JSON object"
    try:
        return _foreign_row(request, rows)
    except (KeyError, TypeError, ValueError, AttributeError) as reason:
        return f"a row has an unexpected structure ({type(reason).__name__}: {reason})"


def utc(stamp: Mapping[str, str]) -> dt.datetime:
    """Return the time of a ``{"utc": ..., "local": ...}``; with Z or, as in old answers, +00:00."""
    moment = dt.datetime.fromisoformat(stamp["utc"])
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _foreign_row(request: ApiRequest, rows: Sequence[Any]) -> str:
    name, value = request.about
    for row in rows:
        given = row["country"]["code"] if name == "country" else row[name] if name else value
        if str(given) != value:
            return f"a row has {name} {given}, but {value} was requested"
        if request.window and not _is_inside(row["period"], request.endpoint, request.window):
            return f"a row of {row['period']['datetimeTo']['utc']} is outside the requested time window"
    if request.window and len(parameters := {row["parameter"]["id"] for row in rows}) > 1:
        return f"the rows have parameters {sorted(parameters)}, but a sensor has only one"
    return ""


def _is_inside(period: Mapping[str, Any], endpoint: str, window: Window) -> bool:
    first, last = window
    if endpoint == "days":  # whole local dates, named by their start
        day = dt.date.fromisoformat(period["datetimeFrom"]["local"][:10])
        return first.astimezone(dt.UTC).date() <= day <= last.astimezone(dt.UTC).date()
    return first < utc(period["datetimeTo"]) <= last


def _identity(number: int) -> int:
    if isinstance(number, bool) or not 1 <= number <= _MAX_ID:
        raise PlatformError(f"{number} is not an OpenAQ id. Write a number from 1 to {_MAX_ID}.")
    return number


def _numbers(text: str) -> list[float]:
    parts = text.split(",")
    plain = all(re.fullmatch(rf"{_NUMBER}|\d{{1,5}}", part, re.ASCII) for part in parts)
    return [float(part) for part in parts] if plain else []


def is_box(west: float, south: float, east: float, north: float) -> bool:
    """Return whether these are the sides of a box, in degrees."""
    return -180 <= west < east <= 180 and -90 <= south < north <= 90


def _is_circle(latitude: float, longitude: float, radius: float) -> bool:
    inside = abs(latitude) <= 90 and abs(longitude) <= 180
    return inside and 1 <= radius <= 25000 and radius.is_integer()
