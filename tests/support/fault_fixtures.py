"""A small project whose API is the simulator on its bad days: raw to processed, through the runner."""

import asyncio
import datetime as dt
import functools
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from openaq_assets.graph.raw_keys import parse_raw_key
from openaq_assets.openaq import fetch as extract
from openaq_assets.openaq.limiter import Limiter
from openaq_assets.platforms.local.memory import STORES
from openaq_assets.project.project import Project
from openaq_assets.runs.context import Result, open_run
from openaq_assets.runs.plan import make_request
from openaq_simulator import Fault, Row, Simulator, World
from openaq_simulator.values import unix
from support.runner_fixtures import memory_root, run_it, write_project
from support.scripted_server import KEY

TODAY = dt.datetime.now(dt.UTC).date()
DAYS = tuple((TODAY - dt.timedelta(days=back)).isoformat() for back in (2, 1))
#: Just after the second day: the hours of both are there, and rows may still arrive.
NOW = dt.datetime.combine(TODAY, dt.time(0, 20), dt.UTC)
PLACES = {9000001: ("pm25", "pm10"), 9000004: ("pm25",)}
#: One of its sensors, to be the one in trouble, and how it is told.
SENSOR = 90000020
PROCESSED = """
assets:
  locations:
    kind: processed
    source: locations_raw
    partitions: snapshot
    unique: [location_id]
    sort: [location_id]
    columns:
      - {name: location_id, type: bigint, path: id}
      - {name: name, type: varchar, path: name}
      - {name: retrieved_at, type: timestamp, key: retrieved}
  measurements:
    kind: processed
    source: measurements_raw
    unique: [sensor_id, period_to]
    sort: [sensor_id, period_to]
    partition_by_end: period_to
    columns:
      - {name: sensor_id, type: bigint, key: sensor}
      - {name: value, type: double, path: value}
      - {name: has_flags, type: boolean, path: flagInfo.hasFlags}
      - {name: label, type: varchar, path: period.label}
      - {name: period_from, type: timestamp, path: period.datetimeFrom.utc}
      - {name: period_to, type: timestamp, path: period.datetimeTo.utc}
      - {name: retrieved_at, type: timestamp, key: retrieved}
"""
RAW = """
assets:
  locations_raw: {kind: raw, endpoint: locations, partitions: snapshot, lookback: 1 day}
  measurements_raw:
    {kind: raw, endpoint: hours, inventory: locations_raw, parameters: [pm25, pm10], lookback: 3 days}
"""
Rows = Mapping[str, list[dict[str, Any]]]


def small_world(places: Mapping[int, tuple[str, ...]] = PLACES, seed: int = 7) -> World:
    """Return a few synthetic stations with these of their sensors."""
    world = World.synthetic(seed)
    sensors = {
        key: sensor
        for key, sensor in world.sensors.items()
        if sensor.parameter.name in places.get(sensor.location_id, ())
    }
    kept = [
        location | {"sensors": [each for each in location["sensors"] if each["id"] in sensors]}
        for location in world.locations
        if location["id"] in places
    ]
    return replace(world, locations=tuple(kept), sensors=sensors)


class Time:
    """The simulator's clock as the client's: long waits step it, short ones pass by themselves.

    Of several sleepers the one that wakes first steps it, so that none oversleeps; and it waits until
    no request is in flight, for a flight of a minute is none that a limiter can plan for.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.start = simulator.now
        self.targets: list[float] = []
        self.ahead = 0.0
        self.limiter: Limiter | None = None

    def __call__(self) -> float:
        return (self.simulator.now - self.start).total_seconds() + self.ahead

    async def sleep(self, seconds: float) -> None:
        if seconds < 0.05:  # for the landing of a request, which takes real time
            await asyncio.sleep(0.0005)
            return
        target = self() + seconds
        self.targets.append(target)
        try:
            while self() < target:
                if self.limiter and self.limiter._flying:
                    await asyncio.sleep(0.0005)
                    continue
                if target == min(self.targets):
                    whole = dt.timedelta(seconds=target - self(), microseconds=1)
                    self.simulator.advance(whole)
                await asyncio.sleep(0)
        finally:
            self.targets.remove(target)

    async def skip(self, seconds: float) -> None:
        """Wait without the simulator noticing it."""
        self.ahead += seconds
        await asyncio.sleep(0)


class Lab:
    """A project, its lake in memory, and its simulator."""

    def __init__(
        self,
        folder: Path,
        simulator: Simulator,
        patch: pytest.MonkeyPatch,
        raw: str = RAW,
        limit: int = 0,
        step: bool = False,
    ) -> None:
        self.simulator, self.patch, self.limit = simulator, patch, limit
        self.time = Time(simulator)
        self.limiter = Limiter(limit, clock=self.time)  # one per key and process
        self.time.limiter = self.limiter
        self.sleep = self.time.sleep if step or limit else self.time.skip
        self.project = lab_project(folder, simulator, raw, limit)
        self.seen: dict[str, bytes] = {}

    @property
    def store(self) -> Any:
        """Return the lake's objects."""
        return STORES[self.project.environment("dev", "local").root]

    def run(
        self, *keys: str, days: tuple[str, ...] = DAYS, force: bool = False
    ) -> dict[str, Result]:
        """Run assets (all by default) for the days; the raw layer must only have grown."""
        self.patch.setattr(extract, "fetch", self._fetch())
        first, last = dt.date.fromisoformat(days[0]), dt.date.fromisoformat(days[-1])
        request = make_request(self.project.graph, first=first, last=last, today=TODAY, force=force)
        try:
            return run_it(open_run(self.project, request, "dev", "local"), *keys)
        finally:
            self.patch.setattr(extract, "fetch", PLAIN)
            raw = self.raw()
            assert self.seen.items() <= raw.items(), "a raw object was changed or deleted"
            self.seen = raw

    def under(self, *faults: Fault | str, **more: Any) -> dict[str, Result]:
        """Return a run with these faults, which are off again afterwards."""
        self.simulator.faults = list(faults)
        try:
            return self.run(**more)
        finally:
            self.simulator.faults = []

    def _fetch(self) -> Callable[..., Any]:
        return functools.partial(
            PLAIN,
            now=lambda: self.simulator.now,
            limiter=self.limiter,
            sleep=self.sleep,
            read_timeout=0.3,
        )

    def raw(self) -> dict[str, bytes]:
        """Return every raw object."""
        return {uri: body for uri, body in dict(self.store.bodies).items() if parse_raw_key(uri)}

    def tables(self) -> Rows:
        """Return the rows of every table without the time of retrieval."""
        tables: dict[str, list[dict[str, Any]]] = {}
        for uri, body in sorted(self.store.bodies.items()):
            if "/processed/" in uri and uri.endswith(".parquet"):
                name = uri.partition("/processed/")[2].partition("/")[0]
                rows = pl.read_parquet(io.BytesIO(body)).drop("retrieved_at").to_dicts()
                tables.setdefault(name, []).extend(rows)
        return tables

    def written(self) -> bytes:
        """Return everything that was ever written, with the metadata."""
        metadata = json.dumps(self.store.metadata).encode()
        return b"\n".join([metadata, *self.store.bodies.values(), *map(str.encode, self.store.bodies)])


PLAIN = extract.fetch


def lab_project(folder: Path, simulator: Simulator, raw: str = RAW, limit: int = 0) -> Project:
    """Return the project of a lab, with a lake of its own; the key is in the environment."""
    api = (
        f"{{url: '{simulator.url}', key: '${{env:OPENAQ_API_KEY}}', "
        f"requests_per_minute: {limit}, requests_per_hour: 0}}"
    )
    return write_project(
        folder,
        {
            "conf/environments.yaml": "version: 1\nprofiles:\n  local:\n    platform: memory\n"
            f"    root: {memory_root()}\n    api: {api}\n"
            "environments:\n  dev: {database: openaq_dev}\n",
            "conf/locations.yaml": "locations:\n  vietnam: {country: VN}\n",
            "conf/assets/raw.yaml": raw,
            "conf/assets/processed.yaml": PROCESSED,
        },
    )


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the key of the deployment."""
    monkeypatch.setenv("OPENAQ_API_KEY", KEY)
    return KEY


@contextmanager
def a_lab(patch: pytest.MonkeyPatch, now: dt.datetime = NOW, **options: Any) -> Iterator[Lab]:
    """Yield a lab and its simulator, whose clock shows a given time."""
    limit = options.get("limit", 0)
    world = options.pop("world", None) or small_world()
    with (
        tempfile.TemporaryDirectory() as folder,
        Simulator(world, now=now, per_minute=limit or None) as simulator,
    ):
        yield Lab(Path(folder), simulator, patch, **options)


def undisturbed(patch: pytest.MonkeyPatch, now: dt.datetime = NOW, **options: Any) -> Rows:
    """Return the tables that one run without faults leaves."""
    with a_lab(patch, now, **options) as lab:
        assert {result.state for result in lab.run().values()} == {"ok"}
        return lab.tables()


def rows_at(rows: Rows, sensor: int = SENSOR) -> dict[dt.datetime, dict[str, Any]]:
    """Return a sensor's measurements by the end of their hour."""
    return {row["period_to"]: row for row in rows["measurements"] if row["sensor_id"] == sensor}


def ends(first: str = DAYS[0], hours: Iterable[int] = range(1, 49)) -> list[dt.datetime]:
    """Return the ends of hours counted from a day's beginning, as the tables have them."""
    start = dt.datetime.fromisoformat(first)
    return [start + dt.timedelta(hours=hour) for hour in hours]


BUSY = 90000020

def busy_world(count: int = 1440) -> World:
    """Return a world whose one sensor has a row each minute: two pages a day."""
    start = unix(f"{DAYS[0]}T00:00:00Z")
    rows = [Row(start + 60 * n, float(n % 97)) for n in range(1, 2 * count + 1)]
    world = small_world({9000004: ("pm25",), 9000006: ("pm25",)})
    return world.with_series({BUSY: rows})
