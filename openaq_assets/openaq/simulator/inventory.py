"""Answers about single places: locations, their sensors, newest values and flags."""

from __future__ import annotations

from collections.abc import Iterable

from .places import (
    LOOK_BACK,
    dated,
    filtered,
    latest_row,
    life_of,
    places,
    sensor_of,
    sensors_at,
)
from .render import clock_text, moment_json, text_of
from .rows import HOUR, summarise
from .series import Page, View, found_of, raw_rows, seconds
from .validation import Parsed, refuse
from .world import Json, Sensor, sensor_json


def locations(view: View, parsed: Parsed) -> Page:
    """Answer /locations."""
    page = filtered(view, parsed.values)
    if parsed.values.get("sort_order") == "desc":
        page.reverse()
    shown = page[parsed.offset : parsed.offset + parsed.limit]
    return Page([text_of(dated(view, p)) for p in shown], found_of(len(shown), parsed.limit))


def _place(view: View, key: int) -> Json:
    for place in places(view):
        if place["id"] == key:
            return place
    raise refuse(404, "Location not found")


def location(view: View, parsed: Parsed) -> Page:
    """Answer /locations/{id}."""
    return Page([text_of(dated(view, _place(view, parsed.id)))], 1)


def _latest_json(view: View, sensors: Iterable[Sensor], parsed: Parsed) -> list[Json]:
    """Give the newest value of each sensor, those strictly after `datetime_min`."""
    coordinates = {place["id"]: place["coordinates"] for place in view.world.locations}
    after = parsed.values.get("datetime_min")
    found = []
    for sensor in sensors:
        row = latest_row(view, sensor)
        if row and (after is None or row.end > seconds(after, sensor.timezone)):
            found.append({
                "datetime": moment_json(row.end, sensor.timezone), "value": row.value,
                "coordinates": coordinates[sensor.location_id], "sensorsId": sensor.id,
                "locationsId": sensor.location_id,
            })  # fmt: skip
    return found


def _latest_page(rows: list[Json], parsed: Parsed) -> Page:
    shown = rows[parsed.offset : parsed.offset + parsed.limit]
    return Page([text_of(row) for row in shown], len(rows) if shown else 0)


def location_latest(view: View, parsed: Parsed) -> Page:
    """Answer /locations/{id}/latest."""
    sensors = sensors_at(view, _place(view, parsed.id))
    return _latest_page(_latest_json(view, sensors, parsed), parsed)


def parameter_latest(view: View, parsed: Parsed) -> Page:
    """Answer /parameters/{id}/latest: empty for an unknown parameter."""
    known = (sensor_of(view, key) for key in sorted(view.world.sensors))
    sensors = [s for s in known if s and s.parameter.id == parsed.id]
    return _latest_page(_latest_json(view, sensors, parsed), parsed)


def _sensor(view: View, sensor: Sensor) -> Json:
    """Give a sensor's own JSON; its summary covers the last 30 days, its coverage its life."""
    life, newest = life_of(view, sensor), latest_row(view, sensor)
    nothing = dict.fromkeys(("datetimeFirst", "datetimeLast", "coverage", "latest", "summary"))
    if life is None or newest is None:
        return sensor_json(sensor) | nothing
    first, last = (moment_json(moment, sensor.timezone) for moment in life)
    rows = raw_rows(view.of(sensor), sensor, newest.end - LOOK_BACK, newest.end)
    found = summarise(row.value for row in rows)
    (latest,) = _latest_json(view, [sensor], Parsed())
    parts = ("datetime", "value", "coordinates")
    return sensor_json(sensor) | {
        "datetimeFirst": first, "datetimeLast": last,
        "coverage": _life_coverage(sensor, life, first, last),
        "latest": {key: latest[key] for key in parts},
        "summary": found and found._asdict() | dict.fromkeys(("q02", "q25", "median", "q75", "q98")),
    }  # fmt: skip


def _life_coverage(sensor: Sensor, life: tuple[int, int], first: Json, last: Json) -> Json:
    """Give the API's odd coverage of a whole life by one hour's expectation."""
    expected = HOUR // sensor.step
    observed = (life[1] - life[0]) // sensor.step + 1
    percent = float(round(100 * observed / expected))
    return {
        "expectedCount": expected, "expectedInterval": "01:00:00", "observedCount": observed,
        "observedInterval": clock_text(observed * sensor.step), "percentComplete": percent,
        "percentCoverage": percent, "datetimeFrom": first, "datetimeTo": last,
    }  # fmt: skip


def sensor(view: View, parsed: Parsed) -> Page:
    """Answer /sensors/{id}."""
    known = sensor_of(view, parsed.id)
    if known is None:
        raise refuse(404, "Sensor not found")
    return Page([text_of(_sensor(view, known))], 1)


def location_sensors(view: View, parsed: Parsed) -> Page:
    """Answer /locations/{id}/sensors: empty for an unknown location."""
    here = [place for place in places(view) if place["id"] == parsed.id]
    found = [text_of(_sensor(view, s)) for place in here for s in sensors_at(view, place)]
    return Page(found, len(found))


def _flags(view: View, sensors: Iterable[Sensor], parsed: Parsed) -> Page:
    """List the flagged hours of the window, at most its last 30 days."""
    start, end = parsed.values.get("datetime_from"), parsed.values.get("datetime_to")
    until = view.now if end is None else min(view.now, seconds(end, "UTC"))
    after = until - LOOK_BACK if start is None else max(until - LOOK_BACK, seconds(start, "UTC"))
    texts = [
        text_of({
            "locationId": s.location_id,
            "flagType": {"id": 4, "label": "Limits exceeded", "level": "ERROR"},
            "datetimeFrom": moment_json(row.end - s.step, s.timezone),
            "datetimeTo": moment_json(row.end, s.timezone), "sensorIds": [], "note": None,
        })
        for s in sensors for row in raw_rows(view.of(s), s, after - 1, until) if row.flagged
    ]  # fmt: skip
    return Page(texts, found_of(len(texts), parsed.limit))


def location_flags(view: View, parsed: Parsed) -> Page:
    """Answer /locations/{id}/flags."""
    here = [place for place in places(view) if place["id"] == parsed.id]
    return _flags(view, [s for place in here for s in sensors_at(view, place)], parsed)


def sensor_flags(view: View, parsed: Parsed) -> Page:
    """Answer /sensors/{id}/flags."""
    known = sensor_of(view, parsed.id)
    return _flags(view, [known] if known else [], parsed)
