"""The world of the simulator: locations in the API's own JSON, and the rows of their sensors.

A request sees it as a view: at a moment, under the faults that change rows.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from .faults import ROW_FAULTS, Fault, struck_rows
from .rows import HOUR, Row
from .stations import FOREIGN, POLLUTANTS, Pollutant, Station, climate_at, vietnamese_stations
from .values import Sensor, synthetic_rows, unix

Json = dict[str, Any]

PROVIDER: Json = {"id": 9001, "name": "Synthetic (openaq-assets simulator)"}
OWNER: Json = {"id": 9001, "name": "Synthetic (openaq-assets simulator)"}
INSTRUMENT: Json = {"id": 9001, "name": "Synthetic instrument"}


@dataclass(frozen=True, eq=False)
class World:
    """Locations, sensors and rows.

    `locations` is the API's JSON; live ones get their last datetime from the clock unless `as_recorded`.
    `rows` are given series, `replay` are recorded answers by sensor id or `(sensor id, endpoint)`; other
    sensors get synthetic values.
    """

    locations: tuple[Json, ...] = ()
    sensors: Mapping[int, Sensor] = field(default_factory=dict)
    seed: int = 0
    as_recorded: bool = False
    rows: Mapping[int, tuple[Row, ...]] = field(default_factory=dict)
    replay: Mapping[tuple[int, str], tuple[tuple[int, bytes], ...]] = field(default_factory=dict)

    @classmethod
    def synthetic(cls, seed: int = 0, foreign: Iterable[int] = tuple(FOREIGN)) -> "World":
        """Return about 24 Vietnamese stations that do not exist, and the foreign ones named."""
        stations = vietnamese_stations()
        unknown = set(foreign) - set(FOREIGN)
        if unknown:
            raise ValueError(f"there is no station {min(unknown)}. Choose one of: {sorted(FOREIGN)}")
        stations += [FOREIGN[key] for key in set(foreign)]
        sensors: dict[int, Sensor] = {}
        for station in stations:
            first_id = station.sensors_from or 90000001 + len(sensors)
            sensors |= _sensors_of(station, first_id, seed)
        stations.sort(key=lambda station: station.id)
        locations = tuple(_location_of(s, sensors.values()) for s in stations)
        return cls(locations, sensors, seed)

    @classmethod
    def from_inventory(
        cls,
        inventory: str | Path | Mapping[str, Any],
        seed: int = 0,
        replay: Mapping[int | tuple[int, str], bytes] | None = None,
        rows: Mapping[int, Iterable[Row]] | None = None,
    ) -> "World":
        """Return a world with the locations of a recorded `/v3/locations` answer, unchanged."""
        if isinstance(inventory, (str, Path)):
            inventory = json.loads(Path(inventory).read_text(encoding="utf-8"))
        recorded = cast("Mapping[str, Any]", inventory)
        locations = tuple(sorted(recorded["results"], key=lambda location: int(location["id"])))
        newest = max((_stamp(location, "datetimeLast") or 0 for location in locations), default=0)
        sensors: dict[int, Sensor] = {}
        for location in locations:
            sensors |= _recorded_sensors(location, seed, newest)
        world = cls(locations, sensors, seed, as_recorded=True)
        return world.with_series(rows or {}, replay or {})

    def with_series(
        self, rows: Mapping[int, Iterable[Row]], replay: Mapping[int | tuple[int, str], bytes] | None = None
    ) -> "World":
        """Return a world with these series instead of its own, for the sensors named."""
        fixed = dict(self.rows) | {key: tuple(sorted(series)) for key, series in rows.items()}
        recorded = dict(self.replay)
        for key, body in (replay or {}).items():
            sensor, name = key if isinstance(key, tuple) else (key, "")
            results = json.loads(body)["results"]
            label = results[0]["period"]["label"] if results else "raw"
            recorded[sensor, name or _ENDPOINTS.get(label, "measurements")] = _recorded(results)
            if not name and label in ("raw", "1hour"):
                fixed[sensor] = tuple(_row_of(result) for result in results)
        return replace(self, rows=fixed, replay=recorded)

    def raw_rows(self, sensor: Sensor, after: int, until: int) -> Iterator[Row]:
        """Return the rows of a sensor with period end in `(after, until]`, in time order."""
        if sensor.id in self.rows:
            return (row for row in self.rows[sensor.id] if after < row.end <= until)
        if sensor.first is None:
            return iter(())
        last = until if sensor.last is None else min(until, sensor.last)
        return synthetic_rows(sensor, max(after, sensor.first - 1), last)


_ENDPOINTS = {"1hour": "hours", "1day": "days", "1year": "years"}


def _recorded(results: Iterable[Json]) -> tuple[tuple[int, bytes], ...]:
    """Return recorded rows as (period end, compact JSON): byte for byte what was recorded."""
    return tuple(
        (_end(row), json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()) for row in results
    )


def _end(row: Json) -> int:
    return unix(row["period"]["datetimeTo"]["utc"])


def _row_of(result: Json) -> Row:
    return Row(_end(result), result["value"], result["flagInfo"]["hasFlags"])


def _stamp(location: Mapping[str, Any], name: str) -> int | None:
    return unix(location[name]["utc"]) if location.get(name) else None


def _sensors_of(station: Station, first_id: int, seed: int) -> dict[int, Sensor]:
    first = unix(station.first) if station.first else None
    last = unix(station.last) if station.last else None
    return {
        number: Sensor(
            number,
            POLLUTANTS[parameter],
            station.id,
            station.city,
            station.climate,
            station.timezone,
            seed,
            first,
            last,
            station.step,
            station.traits,
        )
        for number, parameter in enumerate(station.parameters, first_id)
    }


def parameter_json(pollutant: Pollutant, display: bool = True) -> Json:
    """Return a parameter as it stands inside other answers."""
    described = {name: getattr(pollutant, name) for name in ("id", "name", "units")}
    return {**described, "displayName": pollutant.display if display else None}


def sensor_json(sensor: Sensor) -> Json:
    """Return a sensor as it stands inside a location."""
    pollutant, name = sensor.parameter, f"{sensor.parameter.name} {sensor.parameter.units}"
    return {"id": sensor.id, "name": name, "parameter": parameter_json(pollutant)}


def _location_of(station: Station, sensors: Iterable[Sensor]) -> Json:
    """Return a station as API JSON; its dates are filled in when it is served."""
    country = dict(zip(("id", "code", "name"), station.country, strict=True))
    point = [station.longitude, station.latitude]
    return {
        "id": station.id,
        "name": station.name,
        "locality": station.locality,
        "timezone": station.timezone,
        "country": country,
        "owner": OWNER,
        "provider": PROVIDER,
        "isMobile": False,
        "isMonitor": "low-cost" not in station.traits,
        "instruments": [INSTRUMENT],
        "sensors": [sensor_json(s) for s in sensors if s.location_id == station.id],
        "coordinates": {"latitude": station.latitude, "longitude": station.longitude},
        "licenses": None,
        "bounds": point + point,
        "distance": None,
        "datetimeFirst": None,
        "datetimeLast": None,
    }


def _recorded_sensors(location: Mapping[str, Any], seed: int, newest: int) -> dict[int, Sensor]:
    """Return a recorded location's sensors; those that were live at the recording stay live."""
    first, last = _stamp(location, "datetimeFirst"), _stamp(location, "datetimeLast")
    ended = last if last is not None and last < newest - 2 * 24 * HOUR else None
    latitude = (location.get("coordinates") or {}).get("latitude") or 0.0
    climate = climate_at(latitude, location["country"]["code"])
    city, zone = location.get("locality") or location["name"], location["timezone"]
    sensors = {}
    for entry in location["sensors"]:
        shown = entry["parameter"]
        key = int(entry["id"])
        pollutant = POLLUTANTS.get(shown["id"]) or Pollutant(
            shown["id"], shown["name"], shown["units"], shown["displayName"], None
        )
        sensors[key] = Sensor(key, pollutant, location["id"], city, climate, zone, seed, first, ended)
    return sensors


@dataclass(frozen=True)
class View:
    """A world as seen at a moment (Unix seconds) under the faults that change rows."""

    world: World
    now: int
    faults: tuple[Fault, ...] = ()
    null_raw_breaks: bool = False

    def of(self, sensor: Sensor) -> "View":
        """Return the view with only the faults that strike this sensor."""
        return replace(
            self,
            faults=tuple(fault for fault in self.faults if fault.strikes("", sensor.id, sensor.location_id)),
        )


def sensor_of(view: View, key: int) -> Sensor | None:
    """Return a sensor by id, None if it is unknown or has vanished."""
    sensor = view.world.sensors.get(key)
    if sensor and any(
        fault.name == "vanished" and fault.strikes("", sensor.id, sensor.location_id) for fault in view.faults
    ):
        return None
    return sensor


def raw_rows(view: View, sensor: Sensor, after: int, until: int) -> Iterator[Row]:
    """Return the rows that exist at the view's moment, as the row faults leave them."""
    rows = view.world.raw_rows(sensor, after, min(until, view.now))
    return struck_rows(rows, (f for f in view.faults if f.name in ROW_FAULTS), view.now)
