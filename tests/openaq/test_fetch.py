"""``fetch`` against the simulator and a scripted server, and the raw layer that it leaves."""

import asyncio
import concurrent.futures
import contextlib
import datetime as dt
import itertools
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.scripted_server import KEY, Clock, Objects, Reply, Request, Scripted, page, row

from openaq_assets.errors import PlatformError
from openaq_assets.graph.operations import Ref
from openaq_assets.graph.raw_keys import RawKey, parse_raw_key, raw_key
from openaq_assets.graph.records import Facts
from openaq_assets.openaq.fetch import fetch, version_of
from openaq_assets.openaq.inventory import Sensor, is_requested
from openaq_assets.openaq.limiter import Limiter, limiter_of
from openaq_assets.openaq.operations import Fetch, FullPass
from openaq_assets.openaq.retries import Refused
from openaq_assets.openaq.settings import Api
from openaq_simulator import Fault, Simulator, World

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "openaq"
NOW = dt.datetime(2026, 1, 12, 12, tzinfo=dt.UTC)
RAW = "memory://lake/dev/raw"
TODAY = "2026-01-12"
DAY = f"{RAW}/year=2026/month=01/day=09"
INVENTORY = Fetch("locations", ("country=VN",), Ref("locations_raw", "raw", (TODAY,), uri=RAW))
HOURS = Fetch(
    "hours",
    ("country=VN",),
    Ref("measurements_raw", "raw", ("2026-01-09",), uri=RAW),
    inventory=Ref("locations_raw", "raw", uri=RAW),
    parameters=("pm25", "co"),
)


class Bench:
    """A store, a clock that ticks with every look, and waits that take no time."""

    def __init__(self, api: Api) -> None:
        self.api, self.store, self.moment = api, Objects(), NOW
        self.steps: list[tuple[str, int, int]] = []

    def now(self) -> dt.datetime:
        self.moment += dt.timedelta(seconds=1)
        return self.moment

    def fetch(self, operation: Fetch, **changed: Any) -> Mapping[str, Facts]:
        clock = Clock()
        options = {"now": self.now, "limiter": Limiter(clock=clock), "sleep": clock.sleep} | changed
        return fetch(operation, self.store, self.api, self._step, read_timeout=2.0, **options)

    def _step(self, what: str, done: int, total: int) -> None:
        self.steps.append((what, done, total))

    def named(self, asset: str = "measurements_raw") -> list[RawKey]:
        """Return the names of an asset's objects."""
        keys = (parse_raw_key(uri) for uri in sorted(self.store.bodies))
        return [key for key in keys if key and key.asset == asset]

    def latest(self) -> dict[str, str]:
        """Return the digest of the latest object of each request for a whole day."""
        keys = sorted(self.named(), key=lambda key: key.retrieved)
        return {key.request: key.digest for key in keys if "from" not in key.values}

    def rows(self) -> dict[tuple[str, str], str]:
        """Return the rows that a transform sees: the latest retrieved row of each sensor and period."""
        collected: dict[tuple[str, str], str] = {}
        named = [(parse_raw_key(uri), body) for uri, body in self.store.bodies.items()]
        for key, body in sorted(
            ((key, body) for key, body in named if key and key.asset == "measurements_raw"),
            key=lambda pair: pair[0].retrieved,
        ):
            for measurement in json.loads(body)["results"]:
                collected[key.values["sensor"], measurement["period"]["datetimeFrom"]["utc"]] = json.dumps(measurement)
        return collected


def small_world(places: int = 3) -> World:
    """Return the first stations of the synthetic world that have data on the day."""
    world = World.synthetic(seed=7)
    live = [location for location in world.locations if _alive(world, int(location["id"]))][:places]
    ids = {int(location["id"]) for location in live}
    sensors = {key: location for key, location in world.sensors.items() if location.location_id in ids}
    return replace(world, locations=tuple(live), sensors=sensors)


def _alive(world: World, location: int) -> bool:
    after = int(NOW.timestamp()) - 5 * 86400
    sensors = [sensor for sensor in world.sensors.values() if sensor.location_id == location]
    return any(any(world.raw_rows(sensor, after, after + 86400)) for sensor in sensors)


def api_of(simulator: Simulator, concurrency: int = 8) -> Api:
    """Return the simulator as a deployment would configure it, without limits."""
    return Api(
        simulator.url, KEY, requests_per_minute=0, requests_per_hour=0, concurrency=concurrency
    )


def due(world: World, parameters: Iterable[str] = ("pm25", "co")) -> list[int]:
    """Return the sensors of a world that measure these parameters."""
    return sorted(key for key, sensor in world.sensors.items() if sensor.parameter.name in parameters)


# --- a run and its facts --------------------------------------------------------------------------


def test_a_day_is_asked_sensor_by_sensor_and_stored() -> None:
    """Each sensor of the parameters is requested once, and each answer is stored under its name."""
    world = small_world()
    with Simulator(world, now=NOW, per_minute=60, per_hour=2000) as simulator:
        bench = Bench(api_of(simulator))
        inventory = bench.fetch(INVENTORY)
        facts = bench.fetch(HOURS)["2026-01-09"]
        paths = [request.path for request in simulator.log if "/sensors/" in request.path]
    assert {TODAY} == set(inventory)
    assert (
        inventory[TODAY].rows,
        inventory[TODAY].objects,
        inventory[TODAY].failures,
    ) == (3, 1, ())
    assert sorted(paths) == sorted(f"/v3/sensors/{sensor}/hours" for sensor in due(world))
    keys = bench.named()
    assert [str(sensor) for sensor in due(world)] == sorted(key.values["sensor"] for key in keys)
    assert {("location", "sensor", "page")} == {tuple(key.values) for key in keys}
    bodies = [body for uri, body in bench.store.bodies.items() if uri.startswith(DAY)]
    assert (
        Facts(
            rows=sum(len(json.loads(body)["results"]) for body in bodies),
            bytes=sum(map(len, bodies)),
            objects=len(keys),
            version=version_of(keys),
        )
        == facts
    )
    assert facts.rows > 0


def test_the_request_is_kept_beside_the_answer() -> None:
    """Url, status, time and rate headers are metadata of the object; the key is nowhere."""
    with Simulator(small_world(1), now=NOW, per_minute=60) as simulator:
        bench = Bench(api_of(simulator))
        bench.fetch(INVENTORY), bench.fetch(HOURS)
    for uri, metadata in bench.store.metadata.items():
        assert metadata["url"].startswith(simulator_url(metadata["url"]))
        assert metadata["status"] == "200" and metadata["x-ratelimit-limit"] == "60"
        retrieved = dt.datetime.fromisoformat(metadata["retrieved"])
        key = parse_raw_key(uri)
        assert key and key.retrieved == retrieved
        assert all(text.isascii() and KEY not in text for text in metadata.values())
        assert KEY not in uri


def simulator_url(url: str) -> str:
    """The part of a URL before its path."""
    return url.partition("/v3/")[0]


def test_running_again_writes_nothing() -> None:
    """A second run of unchanged answers leaves the store and the version as they were."""
    with Simulator(small_world(), now=NOW, per_minute=None) as simulator:
        bench = Bench(api_of(simulator))
        first = bench.fetch(INVENTORY), bench.fetch(HOURS)
        before = dict(bench.store.bodies)
        assert first == (bench.fetch(INVENTORY), bench.fetch(HOURS))
    assert before == bench.store.bodies


def test_each_day_is_listed_once() -> None:
    """Two days of many sensors need one listing each, besides those for the inventory."""
    days = ("2026-01-08", "2026-01-09")
    with Simulator(small_world(), now=NOW, per_minute=None) as simulator:
        bench = Bench(api_of(simulator))
        bench.fetch(INVENTORY)
        bench.store.listed.clear()
        facts = bench.fetch(replace(HOURS, into=replace(HOURS.into, partitions=days)))
    assert days == tuple(facts) and all(facts_of_day.objects for facts_of_day in facts.values())
    assert sum(1 for prefix in bench.store.listed if prefix == DAY) == 1
    assert len(bench.store.listed) <= 4


def test_progress_goes_from_none_to_all() -> None:
    """Progress begins at 0, counts every sensor and day, and ends at the total."""
    world = small_world(1)
    with Simulator(world, now=NOW, per_minute=None) as simulator:
        bench = Bench(api_of(simulator))
        bench.fetch(INVENTORY), bench.fetch(HOURS)
    total = len(due(world))
    assert bench.steps[:2] == [("Fetch locations", 0, 1), ("Fetch locations", 1, 1)]
    assert [("Fetch hours", n, total) for n in range(total + 1)] == bench.steps[2:]


@pytest.mark.parametrize("concurrency", [1, 3, 100])
def test_concurrency_changes_nothing_but_time(concurrency: int) -> None:
    """Any concurrency gives the same answers."""
    with Simulator(small_world(1), now=NOW, per_minute=None) as simulator:
        bench = Bench(api_of(simulator, concurrency))
        bench.fetch(INVENTORY)
        facts = bench.fetch(HOURS)["2026-01-09"]
    assert len(due(small_world(1))) == facts.objects


def test_it_runs_in_a_thread_and_under_a_running_loop() -> None:
    """It works in a thread and inside a running event loop."""
    with Simulator(small_world(1), now=NOW, per_minute=None) as simulator:
        bench = Bench(api_of(simulator))
        with concurrent.futures.ThreadPoolExecutor(1) as threads:
            threads.submit(bench.fetch, INVENTORY).result()

        async def under_a_loop() -> Mapping[str, Facts]:
            return bench.fetch(HOURS)

        assert asyncio.run(under_a_loop())["2026-01-09"].objects


# --- what changed ---------------------------------------------------------------------------------


class Station:
    """A scripted API of one station whose answers can be changed; ``hours`` decides on each."""

    def __init__(self, sensors: tuple[int, ...] = (1,)) -> None:
        self.value = 1.0
        self.sensors = sensors
        self.hours: Callable[[Request, int], Reply] = lambda request, number: page(
            [row("2026-01-09T05:00:00Z", self.value)]
        )

    def __call__(self, request: Request, number: int) -> Reply:
        if request.path.startswith("/v3/locations"):
            return page([location_json(7, self.sensors)])
        return self.hours(request, number)


def location_json(identity: int, sensors: Iterable[int], **changed: Any) -> dict[str, Any]:
    """Return a location of an inventory as JSON, with some fields changed."""
    stamp = {"utc": "2026-01-09T00:00:00Z", "local": "2026-01-09T07:00:00+07:00"}
    parameter = {"id": 2, "name": "pm25", "units": "µg/m³"}
    return {
        "id": identity,
        "country": {"id": 56, "code": "VN", "name": "Vietnam"},
        "sensors": [{"id": sensor, "name": "pm25", "parameter": parameter} for sensor in sensors],
        "datetimeFirst": stamp | {"utc": "2024-01-01T00:00:00Z"},
        "datetimeLast": stamp,
    } | changed


@pytest.mark.parametrize("step", [1, 0, -3600], ids=["later", "same second", "clock set back"])
def test_a_revised_answer_becomes_the_latest(step: int) -> None:
    """A changed answer is added beside the old one and is the latest, even if the clock is set back."""
    station = Station()
    with Scripted(station) as server:
        bench = Bench(server.api)
        bench.fetch(INVENTORY)
        for count, station.value in enumerate((1.0, 2.0, 1.0, 1.0)):
            moment = NOW + dt.timedelta(seconds=step * count)
            bench.fetch(HOURS, now=lambda: moment)  # noqa: B023 - called at once
            newest = max(bench.named(), key=lambda key: key.retrieved)
            body = bench.store.bodies[f"{DAY}/{newest}"]
            assert station.value == json.loads(body)["results"][0]["value"]
    assert len(bench.named()) == 3  # the last answer said nothing new


def test_an_empty_answer_is_stored() -> None:
    """An empty answer is stored as evidence, so the next run does nothing."""
    station = Station()
    station.hours = lambda request, number: page([])
    with Scripted(station) as server:
        bench = Bench(server.api)
        bench.fetch(INVENTORY)
        facts = [bench.fetch(HOURS)["2026-01-09"] for _ in range(2)]
    assert facts[0] == facts[1] and (facts[0].rows, facts[0].objects) == (0, 1)


def test_every_byte_is_kept() -> None:
    """Odd but valid JSON (spaces, key order, unknown keys, number forms) is stored as it came."""
    odd = b' {\n "results" : [ ] , "new": 1.50e+1, "meta":{"found":">0"}}\n'
    station = Station()
    station.hours = lambda request, number: Reply(200, odd)
    with Scripted(station) as server:
        bench = Bench(server.api)
        bench.fetch(INVENTORY), bench.fetch(HOURS)
    assert [odd] == [body for uri, body in bench.store.bodies.items() if uri.startswith(DAY)]


def recorded(name: str) -> bytes:
    """Return a recorded answer, or skip the test without one."""
    if not (RECORDED / name).exists():
        pytest.skip(f"the recorded answer {name} is not beside this repository")
    return (RECORDED / name).read_bytes()


@pytest.mark.parametrize("folder", ["wire_form", "recorded_vn"])
def test_the_recorded_answers_pass_into_the_store(folder: str) -> None:
    """The recorded inventory and measurements arrive byte for byte, and choose their sensors."""
    inventory = recorded(f"{folder}/locations__iso_VN__2025-12-22.json")
    data = recorded(f"{folder}/sensors_7772024_measurements__no_params__2025-12-22.json")
    rows = json.loads(data)["results"]

    def script(request: Request, number: int) -> Reply:
        if request.path == "/v3/locations":
            return Reply(200, inventory)
        if request.path != "/v3/sensors/7772024/measurements":
            return page([])
        # All 100 rows lie in few days: the scripted server gives those of the asked window only.
        first, last = request.query["datetime_from"], request.query["datetime_to"]
        inside = [row for row in rows if first < row["period"]["datetimeTo"]["utc"] <= last]
        return page(inside)

    with Scripted(script) as server:
        bench = Bench(server.api)
        bench.fetch(INVENTORY)
        days = tuple(sorted({row["period"]["datetimeFrom"]["utc"][:10] for row in rows}))
        into = replace(HOURS.into, partitions=days)
        facts = bench.fetch(replace(HOURS, endpoint="measurements", parameters=("co",), into=into))
    (stored,) = (key for key in bench.named("locations_raw"))
    segment = "year=2026/month=01/day=12"
    assert inventory == bench.store.bodies[f"{RAW}/{segment}/{stored}"]
    assert len(rows) == sum(facts_of_day.rows for facts_of_day in facts.values())


def test_the_recorded_country_is_asked_as_it_should_be() -> None:
    """Of the 53 recorded locations, the six active ones of 2025-12-22 are requested, for pm25 only."""
    inventory = recorded("wire_form/locations__iso_VN__2025-12-22.json")

    def script(request: Request, number: int) -> Reply:
        return Reply(200, inventory) if request.path == "/v3/locations" else page([])

    with Scripted(script) as server:
        bench = Bench(server.api)
        bench.fetch(INVENTORY)
        into = replace(HOURS.into, partitions=("2025-12-22",))
        bench.fetch(replace(HOURS, parameters=("pm25",), into=into, active_within_days=1))
    active = {"2161292", "3276359", "4946811", "4946812", "4946813", "6123215"}
    assert active == {key.values["location"] for key in bench.named()}


# --- what fails -----------------------------------------------------------------------------------


def test_one_broken_sensor_stops_nothing() -> None:
    """A sensor that always answers 500 is named in one line; all others are stored."""
    world = small_world()
    bad = due(world)[0]
    sensor = world.sensors[bad]
    with Simulator(world, now=NOW, per_minute=None, faults=[Fault("500", sensor=bad)]) as simulator:
        bench = Bench(api_of(simulator))
        bench.fetch(INVENTORY)
        facts = bench.fetch(HOURS)["2026-01-09"]
    about = f"sensor {bad} (location {sensor.location_id}, {sensor.parameter.name})"
    assert (f"{about}: HTTP 500 after 5 tries: Internal Server Error",) == facts.failures
    assert {str(identity) for identity in due(world)[1:]} == {key.values["sensor"] for key in bench.named()}


def test_a_failed_sensor_keeps_what_it_had() -> None:
    """A sensor that fails today keeps its answers of yesterday, and the day's version stays."""
    world = small_world(1)
    with Simulator(world, now=NOW, per_minute=None) as simulator:
        bench = Bench(api_of(simulator))
        bench.fetch(INVENTORY)
        before = bench.fetch(HOURS)["2026-01-09"]
        simulator.faults = [Fault("500", sensor=due(world)[0])]
        after = bench.fetch(HOURS)["2026-01-09"]
    assert (before.objects, before.version) == (after.objects, after.version)
    assert len(after.failures) == 1


@pytest.mark.parametrize("status", [401, 403, 410, 422])
def test_a_refusal_stops_the_run_in_one_line(status: int) -> None:
    """A refused key stops everything at once; what was stored stays; the line says what to do."""
    station = Station(tuple(range(1, 60)))
    with Scripted(station) as server:
        bench = Bench(server.api)
        bench.fetch(INVENTORY)
        kept = dict(bench.store.bodies)
        station.hours = lambda request, number: Reply(status, b'{"detail":"Invalid credentials"}')
        with pytest.raises(Refused) as caught:
            bench.fetch(HOURS)
    assert "Invalid credentials. Check" in str(caught.value) and "\n" not in str(caught.value)
    assert kept == bench.store.bodies
    assert len(server.log) < 30


def test_a_withdrawn_location_is_a_notice(caplog: pytest.LogCaptureFixture) -> None:
    """404 for an explicit id is logged, is no failure, and does not hold up the others."""
    caplog.set_level(logging.WARNING, "openaq_assets.openaq")
    known = small_world(1).locations[0]["id"]
    with Simulator(small_world(1), now=NOW, per_minute=None) as simulator:
        bench = Bench(api_of(simulator))
        facts = bench.fetch(replace(INVENTORY, locations=("id=999999", f"id={known}")))[TODAY]
    assert facts.failures == () and facts.objects == 1
    assert [str(known)] == [key.values["location"] for key in bench.named("locations_raw")]
    assert "id=999999 no longer exists: HTTP 404: Location not found" in caplog.messages


def test_a_day_too_large_is_stored_in_windows() -> None:
    """If 408 makes the client halve the day, each part has its window in its name."""
    world = small_world(1)
    with Simulator(world, now=NOW, per_minute=None) as simulator:
        whole, halved = Bench(api_of(simulator)), Bench(api_of(simulator))
        whole.fetch(INVENTORY), whole.fetch(HOURS)
        simulator.faults = [Fault("timeout_408", window_days=1, path="/hours")]
        halved.fetch(INVENTORY), halved.fetch(HOURS)
    windows = {(key.values["from"], key.values["to"]) for key in halved.named()}
    times = ["20260109T000000Z", "20260109T120000Z", "20260110T000000Z"]
    assert set(itertools.pairwise(times)) == windows
    assert whole.rows() == halved.rows()


def test_a_whole_day_counts_again_after_its_parts() -> None:
    """An old answer is stored again if answers to parts of the day have changed since."""
    world = small_world(1)
    with Simulator(world, now=NOW, per_minute=None) as simulator:
        bench = Bench(api_of(simulator))
        bench.fetch(INVENTORY), bench.fetch(HOURS)
        before = bench.rows()
        parts = Fault("timeout_408", window_days=1, path="/hours")
        simulator.faults = [parts, Fault("minus999", every=3)]
        bench.fetch(HOURS), bench.fetch(HOURS)
        assert len(bench.named()) == 3 and bench.rows() != before
        simulator.faults = []
        bench.fetch(HOURS), bench.fetch(HOURS)
    assert len(bench.named()) == 4 and bench.rows() == before


def test_two_days_for_an_inventory_are_refused() -> None:
    """An inventory is of the current day: a fetch of two days fails before any request."""
    bench = Bench(Api("http://127.0.0.1:1/v3", KEY))
    into = replace(INVENTORY.into, partitions=("2026-01-11", TODAY))
    with pytest.raises(PlatformError, match="only for the current day"):
        bench.fetch(replace(INVENTORY, into=into))


# --- which sensors --------------------------------------------------------------------------------


def shelve(
    store: Objects, day: str, parts: Mapping[str, str], places: list[Any], **key: Any
) -> None:
    """Put an inventory's answer into the store."""
    body = json.dumps({"results": places}).encode()
    asset, retrieved = key.get("asset", "locations_raw"), key.get("retrieved", NOW)
    name = raw_key(asset, {**parts, "page": "0001"}, retrieved, body)
    year, month, date = day.split("-")
    store.put_new(f"{RAW}/year={year}/month={month}/day={date}/{name}", body)


def asked_sensors(fill: Callable[[Objects], None], operation: Fetch = HOURS) -> list[int]:
    """The sensors asked when the store was filled like this."""
    station = Station()
    station.hours = lambda request, number: page([])
    with Scripted(station) as server:
        bench = Bench(server.api)
        fill(bench.store)
        bench.fetch(operation)
        return sorted(int(request.path.split("/")[3]) for request in server.log)


VN = {"country": "VN"}


def test_the_newest_inventory_counts() -> None:
    """The newest day wins, in it the latest retrieval, and other assets' objects are not read."""

    def fill(store: Objects) -> None:
        shelve(store, "2026-01-10", VN, [location_json(1, [1])])
        shelve(store, TODAY, VN, [location_json(1, [2])])
        shelve(store, TODAY, VN, [location_json(1, [3])], retrieved=NOW + dt.timedelta(hours=1))
        shelve(store, TODAY, VN, [location_json(1, [4])], asset="other_raw")
        shelve(store, TODAY, {"country": "TH"}, [location_json(9, [9])])

    assert asked_sensors(fill) == [3]


def test_each_location_has_its_own_newest_inventory() -> None:
    """A newer inventory of one location does not hide the older one of the country; none is doubled."""

    def fill(store: Objects) -> None:
        shelve(store, "2026-01-10", VN, [location_json(1, [1, 2]), location_json(7, [7])])
        shelve(store, TODAY, {"location": "7"}, [location_json(7, [7, 8])])

    both = replace(HOURS, locations=("country=VN", "id=7"))
    assert asked_sensors(fill, both) == [1, 2, 7, 8]
    assert asked_sensors(fill, replace(HOURS, locations=("id=7",))) == [7, 8]
    assert asked_sensors(fill) == [1, 2, 7]


def test_an_old_inventory_is_found() -> None:
    """An inventory of months ago is better than none."""
    assert asked_sensors(lambda store: shelve(store, "2025-03-01", VN, [location_json(1, [1])])) == [1]


def test_no_inventory_is_told() -> None:
    """Without any inventory the run stops and names the asset to run first."""
    with pytest.raises(PlatformError, match="Run locations_raw first"):
        asked_sensors(lambda store: None)
    with pytest.raises(PlatformError, match="there is no inventory"):
        asked_sensors(lambda store: None, replace(HOURS, inventory=None))


def test_only_sensors_that_may_have_data_are_asked() -> None:
    """Sensors of dead, future or silent locations are not requested, nor other parameters."""

    def stamp(text: str) -> dict[str, str]:
        return {"utc": text, "local": text}

    def fill(store: Objects) -> None:
        of_co = location_json(8, [8])
        of_co["sensors"][0]["parameter"] = {"id": 4, "name": "co"}
        places = [
            location_json(1, [1]),
            location_json(2, [2], datetimeLast=stamp("2025-12-26T00:00:00Z")),  # 14 days before: just alive
            location_json(3, [3], datetimeLast=stamp("2025-12-25T23:59:59+00:00")),
            location_json(4, [4], datetimeLast=None, datetimeFirst=None),
            location_json(5, [5], datetimeFirst=stamp("2026-01-10T00:00:00Z")),
            location_json(6, [6], datetimeFirst=stamp("2026-01-09T23:59:00Z")),
            location_json(7, []),
            of_co,
        ]
        shelve(store, TODAY, VN, places)

    assert asked_sensors(fill, replace(HOURS, parameters=("pm25",))) == [1, 2, 6]
    assert asked_sensors(fill, replace(HOURS, parameters=())) == [1, 2, 6, 8]
    assert asked_sensors(fill, replace(HOURS, parameters=("pm25",), active_within_days=0)) == [1, 6]


def test_an_inventory_that_cannot_be_read_is_named() -> None:
    """A stored object with another structure stops the run with its name, so no sensor is lost silently."""

    def fill(store: Objects) -> None:
        shelve(store, TODAY, VN, [{"id": 1, "sensors": [{"id": 1}]}])

    with pytest.raises(PlatformError, match=r"locations_raw__country=VN.*cannot be read"):
        asked_sensors(fill)


# --- laws -----------------------------------------------------------------------------------------

FAULTS = st.sampled_from(
    [
        Fault("500once"),
        Fault("500"),
        Fault("502html"),
        Fault("503"),
        Fault("truncate", times=1),
        Fault("truncate"),
        Fault("reset_connection", times=2),
        Fault("not_json", times=1),
        Fault("429burst"),
        Fault("no_rate_headers"),
        Fault("reset_minus2"),
        Fault("found_string"),
        Fault("timeout_408", window_days=1),
        Fault("duplicate_page"),
        Fault("pretty"),
        Fault("403"),
        Fault("null_flagged", every=3),
        Fault("minus999", every=3),
        Fault("missing_hour", every=3),
    ]
)


def undisturbed() -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    """Return the objects that a run without faults leaves."""
    with Simulator(small_world(1), now=NOW, per_minute=None) as simulator:
        bench = Bench(api_of(simulator))
        bench.fetch(INVENTORY), bench.fetch(HOURS)
    return bench.latest(), bench.rows()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(FAULTS, min_size=1, max_size=2), min_size=1, max_size=3))
@example(
    [[Fault("found_string")], [Fault("timeout_408", window_days=1), Fault("minus999", every=3)]]
)
@example([[Fault("no_rate_headers")], [Fault("timeout_408", window_days=1), Fault("missing_hour")]])
def test_nothing_is_lost_whatever_fails(runs: list[list[Fault]]) -> None:
    """After any faulty runs a clean one leaves the latest answers of an undisturbed run."""
    world = small_world(1)
    with Simulator(world, now=NOW, per_minute=None) as simulator:
        bench = Bench(api_of(simulator))
        bench.fetch(INVENTORY)
        for faults in runs:
            simulator.faults = [replace(fault, path="/sensors/") for fault in faults]
            before = dict(bench.store.bodies)
            with contextlib.suppress(Refused):
                bench.fetch(HOURS)
            assert before.items() <= bench.store.bodies.items()
        simulator.faults = []
        facts = bench.fetch(HOURS)["2026-01-09"]
        assert not any(KEY in request.query for request in simulator.log)
    assert facts.failures == ()
    assert undisturbed() == (bench.latest(), bench.rows())


class Crashing(Objects):
    """A store whose process dies at a write, before or after it took effect."""

    def __init__(self, at: int, after: bool) -> None:
        super().__init__()
        self.at, self.after, self.writes = at, after, 0

    def put_new(self, uri: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        self.writes += 1
        if self.writes == self.at and not self.after:
            raise OSError("killed before a write")
        written = super().put_new(uri, body, metadata)
        if self.writes == self.at:
            raise OSError("killed after a write")
        return written


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 12), st.booleans())
def test_a_run_killed_at_any_write_is_taken_up(at: int, after: bool) -> None:
    """After a kill at any write the next run adds exactly the missing objects, and none twice."""
    with Simulator(small_world(), now=NOW, per_minute=None) as simulator:
        bench, alone = Bench(api_of(simulator)), Bench(api_of(simulator))
        bench.store = Crashing(at, after)
        alone.fetch(INVENTORY), alone.fetch(HOURS)
        bench.fetch(INVENTORY)
        with contextlib.suppress(OSError):
            bench.fetch(HOURS)
        bench.fetch(HOURS)
    assert alone.latest() == bench.latest() and alone.rows() == bench.rows()
    assert len(alone.named()) == len(bench.named())


def test_a_store_that_fails_is_told_as_it_is() -> None:
    """An error of the store is raised as it is, not in a group of the event loop."""
    with Simulator(small_world(1), now=NOW, per_minute=None) as simulator:
        bench = Bench(api_of(simulator))
        bench.store = Crashing(1, after=False)
        with pytest.raises(OSError, match="killed before a write"):
            bench.fetch(INVENTORY)


def test_runs_of_a_key_share_the_limiter_of_the_process() -> None:
    """Without a limiter of its own a run takes its turns from the one of the key."""
    station = Station((1, 2))
    with Scripted(station) as server:
        api = replace(server.api, requests_per_minute=4)
        bench = Bench(api)
        fetch(INVENTORY, bench.store, api, now=bench.now)
        fetch(HOURS, bench.store, api, now=bench.now)
    limiter = limiter_of(api)
    assert limiter.take() == 0.0  # the inventory and two sensors were counted
    assert limiter.take() > 0


def test_two_runs_at_once_end_with_one_day() -> None:
    """Two extractions of a day at the same time leave the rows of one."""
    with Simulator(small_world(), now=NOW, per_minute=None) as simulator:
        bench, alone = Bench(api_of(simulator)), Bench(api_of(simulator))
        bench.fetch(INVENTORY), alone.fetch(INVENTORY)
        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            both = [threads.submit(bench.fetch, HOURS) for _ in range(2)]
            assert all(not run.result()["2026-01-09"].failures for run in both)
        alone.fetch(HOURS)
    assert alone.rows() == bench.rows() and alone.latest() == bench.latest()


@pytest.mark.parametrize("concurrency", [1, 8])
def test_the_limit_of_a_key_is_kept_by_a_whole_run(concurrency: int) -> None:
    """With 60 a minute no minute of the server sees more, nobody is throttled, no time is wasted."""
    with Simulator(World.synthetic(seed=7), now=NOW, per_minute=60) as simulator:
        bench = Bench(api_of(simulator, concurrency))
        clock = Clock()

        async def sleep(seconds: float) -> None:
            simulator.advance(dt.timedelta(seconds=seconds))
            await clock.sleep(seconds)

        options = {"limiter": Limiter(60, clock=clock), "sleep": sleep}
        bench.fetch(INVENTORY, **options)
        facts = bench.fetch(replace(HOURS, parameters=()), **options)
        log = simulator.log
    minutes = [record.time.replace(second=0, microsecond=0) for record in log]
    assert {200} == {record.status for record in log} and not facts["2026-01-09"].failures
    assert max(minutes.count(minute) for minute in minutes) <= 60
    if concurrency == 1:  # several sleepers push the simulated clock further than any of them means
        assert (len(log) - 1) // 60 * 60 <= clock.now <= (len(log) - 1) // 60 * 60 + 1


@pytest.mark.parametrize(
    ("full_pass", "day", "expected"),
    [("never", "2026-01-18", False), ("weekly", "2026-01-18", True), ("weekly", "2026-01-19", False),
     ("monthly", "2026-02-01", True), ("monthly", "2026-01-18", False)],
)
def test_a_full_pass_asks_silent_stations(full_pass: FullPass, day: str, expected: bool) -> None:
    """On Sundays or the first of a month a sensor of a silent station is requested too."""
    silent = Sensor(1, 2, "pm25", None, dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
    operation = Fetch("hours", ("country=VN",), Ref("m", "raw"), full_pass=full_pass)
    assert is_requested(operation, silent, day) is expected
