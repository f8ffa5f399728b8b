"""Answers about single locations: locations, their sensors, newest values and flags."""

from collections.abc import Iterable
from functools import partial

from .errors import not_found
from .locations import LOOK_BACK, dated, filtered, latest_row, life_of, sensors_at, visible
from .pages import Page, sliced, total_of
from .parameters import Criteria
from .render import clock_text, moment_json, text_of
from .rows import HOUR, summarise
from .series import seconds
from .view import View, raw_rows, sensor_of
from .world import Json, Sensor, sensor_json


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
    """Give the newest value of each sensor, those strictly after `datetime_min`."""
    coordinates = {location["id"]: location["coordinates"] for location in view.world.locations}
    after = criteria.values.get("datetime_min")
    latest = []
    for sensor in sensors:
        row = latest_row(view, sensor)
        if row and (after is None or row.end > seconds(after, sensor.timezone)):
            latest.append({
                "datetime": moment_json(row.end, sensor.timezone), "value": row.value,
                "coordinates": coordinates[sensor.location_id], "sensorsId": sensor.id,
                "locationsId": sensor.location_id,
            })  # fmt: skip
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
    """Give a sensor's own JSON; its summary covers the last 30 days, its coverage its life."""
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
        "datetimeFirst": first, "datetimeLast": last,
        "coverage": _life_coverage(sensor, life, first, last),
        "latest": {key: latest[key] for key in parts},
        "summary": summary and summary._asdict() | dict.fromkeys(("q02", "q25", "median", "q75", "q98")),
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


def sensor(view: View, criteria: Criteria) -> Page:
    """Answer /sensors/{id}."""
    known = sensor_of(view, criteria.id)
    if known is None:
        raise not_found("Sensor")
    return Page([text_of(_sensor(view, known))], 1)


def _sensors_of(view: View, key: int) -> list[Sensor]:
    """Give the sensors of a location, none if it is unknown."""
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
        text_of({
            "locationId": s.location_id,
            "flagType": {"id": 4, "label": "Limits exceeded", "level": "ERROR"},
            "datetimeFrom": moment_json(row.end - s.step, s.timezone),
            "datetimeTo": moment_json(row.end, s.timezone), "sensorIds": [], "note": None,
        })
        for s in sensors for row in raw_rows(view.of(s), s, after - 1, until) if row.flagged
    ]  # fmt: skip
    return Page(texts, total_of(len(texts), criteria.limit))


def location_flags(view: View, criteria: Criteria) -> Page:
    """Answer /locations/{id}/flags."""
    return _flags(view, _sensors_of(view, criteria.id), criteria)


def sensor_flags(view: View, criteria: Criteria) -> Page:
    """Answer /sensors/{id}/flags."""
    known = sensor_of(view, criteria.id)
    return _flags(view, [known] if known else [], criteria)
