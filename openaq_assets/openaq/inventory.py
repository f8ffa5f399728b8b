"""The sensors to fetch, read from the newest stored answers of ``/locations``."""

import datetime as dt
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from openaq_assets.errors import PlatformError
from openaq_assets.graph import partitions
from openaq_assets.graph.operations import Ref
from openaq_assets.graph.raw_keys import RawKey, parse_raw_key
from openaq_assets.openaq.operations import Fetch
from openaq_assets.openaq.requests import key_parts, utc
from openaq_assets.platforms import ObjectStore

#: An inventory is normally of the same day; older ones are found by one listing of everything.
_RECENT_DAYS = 7
_log = logging.getLogger("openaq_assets.openaq")


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor with its location, its parameter, and the times between which its location had data."""

    id: int
    location: int
    parameter: str
    first: dt.datetime | None
    last: dt.datetime | None

    def __str__(self) -> str:
        return f"sensor {self.id} (location {self.location}, {self.parameter})"

    def may_have(self, day: str, active_within_days: int) -> bool:
        """Return whether its location was alive shortly before, on or after the day."""
        start, end = partitions.window(day)
        if self.last is None or self.last < start - dt.timedelta(days=active_within_days):
            return False
        return self.first is None or self.first < end


def is_requested(operation: Fetch, sensor: Sensor, day: str) -> bool:
    """Return whether a sensor is asked about a day: if it may have data, or all are asked that day."""
    date = partitions.parse_day(day)
    full = {"weekly": date.isoweekday() == 7, "monthly": date.day == 1}.get(operation.full_pass)
    return bool(full) or sensor.may_have(day, operation.active_within_days)


def sensors_to_fetch(operation: Fetch, store: ObjectStore, today: dt.date) -> tuple[Sensor, ...]:
    """Return the sensors of the given locations that measure the parameters, each once, by id.

    Raises PlatformError if no inventory of any of the locations was ever stored.
    """
    if operation.inventory is None:
        raise PlatformError(
            f"{operation.into.asset}: there is no inventory, which lists the sensors to fetch."
        )
    sensors = {
        sensor.id: sensor
        for uri in _newest(store, operation.inventory, operation.locations, today)
        for sensor in _sensors(uri, store.get(uri))
    }
    wanted = operation.parameters
    return tuple(sensor for _, sensor in sorted(sensors.items()) if not wanted or sensor.parameter in wanted)


def _newest(store: ObjectStore, inventory: Ref, selectors: tuple[str, ...], today: dt.date) -> list[str]:
    """Return the newest answer to each request about the selectors, the latest retrieved at the end."""
    missing = set(selectors)
    chosen: dict[str, RawKey] = {}
    for listing in _days(store, inventory, today):
        keys = dict(_keys(listing, inventory.asset))
        for selector in sorted(missing):
            parts = key_parts(selector).items()
            about = [(key.retrieved, uri) for uri, key in keys.items() if parts <= key.values.items()]
            latest = {keys[uri].request: uri for _, uri in sorted(about)}
            chosen.update((uri, keys[uri]) for uri in latest.values())
            missing -= {selector} if about else set()
        if not missing:
            break
    if missing and not chosen:
        raise PlatformError(
            f"{inventory.asset} has no data about {', '.join(selectors)}. Run {inventory.asset} first."
        )
    for selector in sorted(missing):
        _log.warning("%s has no data about %s", inventory.asset, selector)
    return sorted(chosen, key=lambda uri: (chosen[uri].retrieved, uri))


def _days(store: ObjectStore, inventory: Ref, today: dt.date) -> Iterator[list[str]]:
    """Yield listings of one day each, the newest first; the far past only if recent days had nothing."""
    anything = False
    for back in range(-1, _RECENT_DAYS):
        day = partitions.segment((today - dt.timedelta(days=back)).isoformat())
        listing = list(store.list(f"{inventory.uri}/{day}"))
        anything = anything or any(_keys(listing, inventory.asset))
        yield listing
    if anything:
        return
    by_day: dict[str, list[str]] = {}
    for uri in store.list(inventory.uri):
        by_day.setdefault(partitions.key_of(uri) or "", []).append(uri)
    yield from (by_day[day] for day in sorted(by_day, reverse=True))


def _keys(uris: Iterable[str], asset: str) -> Iterator[tuple[str, RawKey]]:
    for uri in uris:
        key = parse_raw_key(uri)
        if key and key.asset == asset:
            yield uri, key


def _sensors(uri: str, body: bytes) -> list[Sensor]:
    try:
        return [
            Sensor(
                int(sensor["id"]),
                int(location["id"]),
                str(sensor["parameter"]["name"]),
                _time(location.get("datetimeFirst")),
                _time(location.get("datetimeLast")),
            )
            for location in json.loads(body)["results"]
            for sensor in location.get("sensors") or ()
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as reason:
        what = f"{type(reason).__name__}: {reason}"
        raise PlatformError(f"{uri} cannot be read as an inventory ({what}).") from None


def _time(stamp: Any) -> dt.datetime | None:
    return utc(stamp) if stamp else None
