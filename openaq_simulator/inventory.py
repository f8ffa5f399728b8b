"""Answers about single locations: locations, their sensors, newest values and flags.

It decides which of them a request sees, finds their first and newest rows, and applies the filters.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from .errors import not_found
from .parameters import Criteria
from .render import Page, clock_text, moment_json, sliced, text_of, total_of
from .rows import DAY, HOUR, Row, summarise
from .series import FOREVER, seconds
from .values import Sensor
from .world import Json, View, raw_rows, sensor_json, sensor_of

#: The time back from now that is searched for the latest value, flags and sensor summaries.
LOOK_BACK = 30 * DAY
EARTH = 6_371_008.8
GOVERNMENT: Json = {"id": 4, "name": "Unknown Governmental Organization"}


def latest_row(view: View, sensor: Sensor) -> Row | None:
    """Return the newest row of a sensor that has a value, None if it has none."""
    now = view.now // sensor.step * sensor.step
    return _latest(replace(view.of(sensor), now=now), sensor)


@lru_cache(maxsize=8192)
def _latest(view: View, sensor: Sensor) -> Row | None:
    end = view.now if sensor.last is None else min(view.now, sensor.last)
    if sensor.id in view.world.rows:
        end = max((row.end for row in view.world.rows[sensor.id] if row.end <= end), default=0)
    for start in range(end, end - LOOK_BACK, -2 * DAY):
        rows = [r for r in raw_rows(view, sensor, start - 2 * DAY, start) if r.value is not None]
        if rows:
            return rows[-1]
    return None


@lru_cache(maxsize=8192)
def first_row(view: View, sensor: Sensor) -> Row | None:
    """Return the oldest row of a sensor, None before it."""
    return next(raw_rows(view, sensor, 0, FOREVER), None)


def life_of(view: View, sensor: Sensor) -> tuple[int, int] | None:
    """Return the ends of a sensor's first and newest rows."""
    newest = latest_row(view, sensor)
    given = view.world.rows.get(sensor.id)
    began = given[0].end if given else sensor.first or 0
    oldest = first_row(replace(view, now=min(view.now, began + 7 * DAY)), sensor)
    oldest = oldest or newest
    return (oldest.end, newest.end) if newest and oldest else None


def sensors_at(view: View, location: Mapping[str, Any]) -> list[Sensor]:
    """Return the sensors of a location in its own order."""
    known = (view.world.sensors.get(entry["id"]) for entry in location["sensors"])
    return [sensor for sensor in known if sensor]


def dated(view: View, location: Json) -> Json:
    """Return a location with its first and last datetime at the view's moment."""
    if view.world.as_recorded:
        return location
    lives = [life for s in sensors_at(view, location) if (life := life_of(view, s))]
    if not lives:
        return location
    zone = location["timezone"]
    first, last = min(life[0] for life in lives), max(life[1] for life in lives)
    return location | {"datetimeFirst": moment_json(first, zone), "datetimeLast": moment_json(last, zone)}


def visible(view: View) -> list[Json]:
    """Return the locations that have not vanished, under their present names."""
    shown = []
    for location in view.world.locations:
        faulty = location
        for fault in view.faults:
            if fault.sensor is None and fault.strikes("", None, location["id"]):
                if fault.name == "vanished":
                    break
                if fault.name == "renamed":
                    faulty = faulty | {"name": fault.to or f"{faulty['name']} (đổi tên)"}
        else:
            shown.append(faulty)
    return shown


def _distance(location: Mapping[str, Any], latitude: float, longitude: float) -> float:
    """Return metres on a sphere between a location and a point."""
    here = location["coordinates"]
    south, north = math.radians(latitude), math.radians(here["latitude"])
    turn = math.radians(here["longitude"] - longitude)
    chord = math.sin((north - south) / 2) ** 2
    chord += math.cos(south) * math.cos(north) * math.sin(turn / 2) ** 2
    return 2 * EARTH * math.asin(min(1.0, math.sqrt(chord)))


def maker(location: Mapping[str, Any], instrument: Mapping[str, Any]) -> Json:
    """Return an instrument's manufacturer: the recorded one for id 2, else the owner."""
    return GOVERNMENT if instrument["id"] == 2 else dict(location["owner"])


def _ids(location: Mapping[str, Any]) -> dict[str, set[int]]:
    """Return the ids that a location can be filtered by."""
    instruments = location["instruments"]
    return {
        "parameters_id": {entry["parameter"]["id"] for entry in location["sensors"]},
        "providers_id": {location["provider"]["id"]},
        "owner_contacts_id": {location["owner"]["id"]},
        "countries_id": {location["country"]["id"]},
        "instruments_id": {entry["id"] for entry in instruments},
        "manufacturers_id": {maker(location, entry)["id"] for entry in instruments},
        "licenses_id": {entry["id"] for entry in location["licenses"] or ()},
    }


def _chosen(location: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Return whether a location passes every filter but the radius."""
    ids = _ids(location)
    if any(name in values and not ids[name] & set(values[name]) for name in ids):
        return False
    if "iso" in values and location["country"]["code"] != values["iso"]:
        return False
    for name, key in (("monitor", "isMonitor"), ("mobile", "isMobile")):
        if name in values and location[key] is not values[name]:
            return False
    if "bbox" not in values:
        return True
    west, south, east, north = values["bbox"]
    here = location["coordinates"]
    return bool(west <= here["longitude"] <= east and south <= here["latitude"] <= north)


def filtered(view: View, values: Mapping[str, Any]) -> list[Json]:
    """Return the locations that pass the filters, with distances if a point was given."""
    chosen = [location for location in visible(view) if _chosen(location, values)]
    if "coordinates" not in values:
        return chosen
    point, radius = values["coordinates"], values["radius"]
    near = [location | {"distance": _distance(location, *point)} for location in chosen]
    return [location for location in near if location["distance"] <= radius]


def locations(view: View, criteria: Criteria) -> Page:
    """Answer /locations."""
    listed = filtered(view, criteria.values)
    if criteria.values.get("sort_order") == "desc":
        listed.reverse()
    return sliced(listed, criteria, counted=False, shape=partial(dated, view))


def _known(view: View, key: int) -> Json:
    for location in visible(view):
        if location["id"] == key:
            return location
    raise not_found("Location")


def location(view: View, criteria: Criteria) -> Page:
    """Answer /locations/{id}."""
    return Page([text_of(dated(view, _known(view, criteria.id)))], 1)


def _latest_json(view: View, sensors: Iterable[Sensor], criteria: Criteria) -> list[Json]:
    """Return the newest value of each sensor, those strictly after `datetime_min`."""
    coordinates = {location["id"]: location["coordinates"] for location in view.world.locations}
    after = criteria.values.get("datetime_min")
    latest = []
    for sensor in sensors:
        row = latest_row(view, sensor)
        if row and (after is None or row.end > seconds(after, sensor.timezone)):
            latest.append(
                {
                    "datetime": moment_json(row.end, sensor.timezone),
                    "value": row.value,
                    "coordinates": coordinates[sensor.location_id],
                    "sensorsId": sensor.id,
                    "locationsId": sensor.location_id,
                }
            )
    return latest


def location_latest(view: View, criteria: Criteria) -> Page:
    """Answer /locations/{id}/latest."""
    sensors = sensors_at(view, _known(view, criteria.id))
    return sliced(_latest_json(view, sensors, criteria), criteria, counted=True)


def parameter_latest(view: View, criteria: Criteria) -> Page:
    """Answer /parameters/{id}/latest: empty for an unknown parameter."""
    known = (sensor_of(view, key) for key in sorted(view.world.sensors))
    sensors = [s for s in known if s and s.parameter.id == criteria.id]
    return sliced(_latest_json(view, sensors, criteria), criteria, counted=True)


def _sensor(view: View, sensor: Sensor) -> Json:
    """Return a sensor's own JSON; its summary covers the last 30 days, its coverage its whole life."""
    life, newest = life_of(view, sensor), latest_row(view, sensor)
    nothing = dict.fromkeys(("datetimeFirst", "datetimeLast", "coverage", "latest", "summary"))
    if life is None or newest is None:
        return sensor_json(sensor) | nothing
    first, last = (moment_json(moment, sensor.timezone) for moment in life)
    rows = raw_rows(view.of(sensor), sensor, newest.end - LOOK_BACK, newest.end)
    summary = summarise(row.value for row in rows)
    (latest,) = _latest_json(view, [sensor], Criteria())
    parts = ("datetime", "value", "coordinates")
    return sensor_json(sensor) | {
        "datetimeFirst": first,
        "datetimeLast": last,
        "coverage": _life_coverage(sensor, life, first, last),
        "latest": {key: latest[key] for key in parts},
        "summary": summary and summary._asdict() | dict.fromkeys(("q02", "q25", "median", "q75", "q98")),
    }


def _life_coverage(sensor: Sensor, life: tuple[int, int], first: Json, last: Json) -> Json:
    """Return the coverage of a whole life by the expectation of one hour, as the API does."""
    expected = HOUR // sensor.step
    observed = (life[1] - life[0]) // sensor.step + 1
    percent = float(round(100 * observed / expected))
    return {
        "expectedCount": expected,
        "expectedInterval": "01:00:00",
        "observedCount": observed,
        "observedInterval": clock_text(observed * sensor.step),
        "percentComplete": percent,
        "percentCoverage": percent,
        "datetimeFrom": first,
        "datetimeTo": last,
    }


def sensor(view: View, criteria: Criteria) -> Page:
    """Answer /sensors/{id}."""
    known = sensor_of(view, criteria.id)
    if known is None:
        raise not_found("Sensor")
    return Page([text_of(_sensor(view, known))], 1)


def _sensors_of(view: View, key: int) -> list[Sensor]:
    """Return the sensors of a location, none if it is unknown."""
    here = [location for location in visible(view) if location["id"] == key]
    return [sensor for location in here for sensor in sensors_at(view, location)]


def location_sensors(view: View, criteria: Criteria) -> Page:
    """Answer /locations/{id}/sensors: empty for an unknown location."""
    texts = [text_of(_sensor(view, sensor)) for sensor in _sensors_of(view, criteria.id)]
    return Page(texts, len(texts))


def _flags(view: View, sensors: Iterable[Sensor], criteria: Criteria) -> Page:
    """List the flagged hours of the window, at most its last 30 days."""
    start, end = criteria.values.get("datetime_from"), criteria.values.get("datetime_to")
    until = view.now if end is None else min(view.now, seconds(end, "UTC"))
    after = until - LOOK_BACK if start is None else max(until - LOOK_BACK, seconds(start, "UTC"))
    texts = [
        text_of(
            {
                "locationId": s.location_id,
                "flagType": {"id": 4, "label": "Limits exceeded", "level": "ERROR"},
                "datetimeFrom": moment_json(row.end - s.step, s.timezone),
                "datetimeTo": moment_json(row.end, s.timezone),
                "sensorIds": [],
                "note": None,
            }
        )
        for s in sensors
        for row in raw_rows(view.of(s), s, after - 1, until)
        if row.flagged
    ]
    return Page(texts, total_of(len(texts), criteria.limit))


def location_flags(view: View, criteria: Criteria) -> Page:
    """Answer /locations/{id}/flags."""
    return _flags(view, _sensors_of(view, criteria.id), criteria)


def sensor_flags(view: View, criteria: Criteria) -> Page:
    """Answer /sensors/{id}/flags."""
    known = sensor_of(view, criteria.id)
    return _flags(view, [known] if known else [], criteria)
