"""Laws of the extraction: any faults in any order, the limit, the key, and the other endpoint."""

import asyncio
import datetime as dt
import json
import logging
import math
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fault_fixtures import (
    BUSY,
    DAYS,
    NOW,
    RAW,
    Lab,
    Rows,
    Time,
    a_lab,
    busy_world,
    key,
    small_world,
    undisturbed,
)
from support.scripted_server import KEY

from openaq_assets.graph.raw_keys import parse_raw_key, raw_key
from openaq_assets.openaq.client import Client
from openaq_assets.openaq.limiter import Limiter
from openaq_assets.openaq.settings import Api
from openaq_simulator import Row, Simulator, World
from openaq_simulator.values import unix

__all__ = ["key"]  # a fixture
INVENTORY = Path(__file__).resolve().parents[3] / "shared/openaq/wire_form/locations__iso_VN__2025-12-22.json"
FAULTS = st.builds(
    lambda text, path: f"{text}{',' if ':' in text else ':'}path={path}",
    st.sampled_from(
        [
            *("500", "500once", "502html", "503:times=2", "504", "403", "db_error", "truncate"),
            *("truncate:times=3", "reset_connection", "reset_connection:times=1", "not_json"),
            *("429burst", "429burst:times=30,value=0", "no_rate_headers", "reset_minus2"),
            *("found_string", "duplicate_page", "pretty", "stale900", "null_flagged", "minus999"),
            *("missing_hour", "late_row", "corrected_hour", "renamed:location=9000004"),
            *("vanished:location=9000004", "408:after_offset=0", "408:window_days=0.5"),
            "timeout:seconds=0.35,times=1",
        ]
    ),
    st.sampled_from(["/locations", "/sensors/", "/sensors/90000020/"]),
)


@pytest.fixture(scope="module")
def calm() -> Rows:
    """Return the tables of an undisturbed run, made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAQ_API_KEY", KEY)
        return undisturbed(patch)


def assert_lawful(lab: Lab, logged: str, most: int | None = 60) -> None:
    """Assert the laws of every request, object and line, which hold under all faults."""
    log = lab.simulator.log
    minutes = Counter((request.key_hash, request.time.replace(second=0, microsecond=0)) for request in log)
    assert most is None or max(minutes.values()) <= most
    pages = [page_number[1] for request in log if (page_number := re.search(r"(?:^|&)page=(\d+)", request.query))]
    assert max(map(int, pages)) <= 4
    shown = "".join(f"{request.path}?{request.query}" for request in log)
    assert KEY not in shown + logged and KEY.encode() not in lab.written()
    for uri, body in lab.raw().items():
        found_key = parse_raw_key(uri)
        assert found_key and found_key.digest == raw_key("a", {}, NOW, body).digest
        assert isinstance(json.loads(body)["results"], list)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(runs=st.lists(st.lists(FAULTS, min_size=1, max_size=2), min_size=1, max_size=3))
def test_nothing_is_lost_whatever_fails(
    runs: list[list[str]],
    calm: Rows,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """*nothing lost*: a clean run after any faulty runs leaves the tables of an undisturbed one.

    It keeps the limit, the raw layer only grows, and the key is nowhere.
    """
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    with a_lab(monkeypatch, limit=60) as lab:
        for faults in runs:
            lab.under(*faults)
        facts = lab.run()
        assert {facts_of_day.state for facts_of_day in facts.values()} <= {"ok", "skipped"}
        assert lab.tables() == calm
        assert_lawful(lab, caplog.text)


# --- the limit ------------------------------------------------------------------------------------


def test_the_limits_are_on_unless_they_are_lifted() -> None:
    """By default a key sends 60 requests a minute and 2,000 an hour."""
    api = Api()
    assert (api.requests_per_minute, api.requests_per_hour) == (60, 2000)


def recorded_world() -> World:
    """Return the recorded country, or skip the test without one."""
    if not INVENTORY.exists():
        pytest.skip("the recorded inventory is not beside this repository")
    return World.from_inventory(INVENTORY, seed=7)


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("second", [0, 41])
def test_191_sensors_take_no_longer_than_the_limit_forces(concurrency: int, second: int) -> None:
    """For the country's 191 sensors no request is refused, and none waits longer than the limit needs."""
    world = recorded_world()
    now = dt.datetime(2025, 12, 22, 6, 0, second, tzinfo=dt.UTC)
    window = (now.replace(hour=0, second=0) - dt.timedelta(days=1), now.replace(hour=0, second=0))
    with Simulator(world, now=now, per_minute=60, per_hour=2000) as simulator:
        time = Time(simulator)
        api = Api(simulator.url, KEY, concurrency=concurrency)

        async def ask() -> None:
            limiter = time.limiter = Limiter(60, 2000, clock=time)
            async with Client(api, limiter, sleep=time.sleep) as client:
                places = [location async for location in client.locations("country=VN")]
                rows = places[0].rows
                ahead = iter([sensor["id"] for location in rows for sensor in location["sensors"]])

                async def work() -> None:
                    for sensor in ahead:
                        async for _ in client.sensor_pages("hours", sensor, window):
                            pass

                await asyncio.gather(*(work() for _ in range(concurrency)))

        asyncio.run(ask())
        log, took = simulator.log, time()
    assert len(log) == 192 and {request.status for request in log} == {200}
    minutes = Counter(request.time.replace(second=0, microsecond=0) for request in log)
    assert max(minutes.values()) <= 60
    # Sixty go at once; each sixty after them a full minute (the server's own reset) later.
    assert took <= 60 * math.floor((len(log) - 1) / 60) + 2


# --- the other endpoint ---------------------------------------------------------------------------

MEASUREMENTS = RAW.replace("endpoint: hours", "endpoint: measurements")


def test_raw_measurements_are_an_asset_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``endpoint: measurements`` every raw row of a day of many pages reaches the table."""
    with a_lab(monkeypatch, world=busy_world(), raw=MEASUREMENTS) as lab:
        assert {facts_of_day.state for facts_of_day in lab.run().values()} == {"ok"}
        rows = lab.tables()["measurements"]
        assert {row["label"] for row in rows} == {"raw"}
        counts = Counter(row["sensor_id"] for row in rows)
        assert counts.pop(BUSY) == 2880 and min(counts.values()) > 150  # quarter-hourly
        pages = Counter(page for uri in lab.raw() for page in re.findall(r"page=\d+", uri))
        assert pages["page=0002"] == 2
        before = lab.raw()
        lab.run()
        assert lab.raw() == before
        assert_lawful(lab, "", None)


def test_a_page_given_twice_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the second page repeats the first, nothing of that day is stored, and the line says so."""
    with a_lab(monkeypatch, world=busy_world(), raw=MEASUREMENTS) as lab:
        actual = lab.under("duplicate_page")["measurements_raw"]
        assert actual.state == "partial" and "it is the same page again" in actual.message
        assert not any(f"sensor={BUSY}__" in uri for uri in lab.raw())
        assert lab.run()["measurements_raw"].state == "ok"
        assert Counter(row["sensor_id"] for row in lab.tables()["measurements"])[BUSY] == 2880


def test_a_day_of_many_rows_is_cut_before_page_five(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day of more than 4,000 rows is requested in shorter windows, each stored under its own name."""
    start = unix(f"{DAYS[1]}T00:00:00Z")
    rows = [Row(start + 15 * n, float(n)) for n in range(1, 5761)]
    world = small_world({9000004: ("pm25",)}).with_series({BUSY: rows})
    with a_lab(monkeypatch, world=world, raw=MEASUREMENTS) as lab:
        lab.run(days=DAYS[1:])
        ends = [row["period_to"] for row in lab.tables()["measurements"]]
        assert len(ends) == len(set(ends)) == 5760
        assert_lawful(lab, "", None)
        windows = {
            re.findall(r"from=\w+?Z__to=\w+?Z", uri)[0]
            for uri in lab.raw()
            if f"sensor={BUSY}__" in uri
        }
        assert len(windows) == 2
