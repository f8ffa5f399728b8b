"""Every fault of the API by itself, from raw to processed: its report, the stored data, and its repair."""

import datetime as dt

import pytest
from support.fault_fixtures import DAYS, NOW, SENSOR, Rows, a_lab, ends, key, rows_at, undisturbed

from openaq_simulator import FAULTS, Fault, parse_fault

__all__ = ["key"]  # a fixture


@pytest.fixture(scope="module")
def calm() -> Rows:
    """Return the tables of an undisturbed run, made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAQ_API_KEY", "0123456789abcdef" * 4)
        return undisturbed(patch)


SICK = f"sensor={SENSOR}"
TOLD = f"sensor {SENSOR} (location 9000004, pm25): "
#: Faults of one sensor that no retry mends, and how the run tells of them.
LASTING = {
    f"500:{SICK}": "HTTP 500 after 5 tries: Internal Server Error",
    f"502html:{SICK}": "HTTP 502 after 5 tries: 502 Bad Gateway",
    f"503:{SICK}": "HTTP 503 after 5 tries: Service Unavailable",
    f"504:{SICK}": "HTTP 504 after 5 tries: Endpoint request timed out",
    f"db_error:{SICK}": "HTTP 500 after 5 tries: some database error text",
    f"timeout_408:{SICK},after_offset=0": "HTTP 408: Connection timed out: Try to provide more "
    "specific query parameters or a smaller time frame. (the time window cannot be made smaller)",
    f"timeout:{SICK},seconds=0.5": "ReadTimeout after 5 tries",
    f"truncate:{SICK}": "RemoteProtocolError after 5 tries: peer closed connection",
    f"reset_connection:{SICK}": "",
    f"not_json:{SICK}": "the answer is not JSON; it begins with '<html>",
    "429burst:path=/hours,times=1000": "HTTP 429 after 10 tries: Too many requests",
}
#: Faults that a run gets over by itself.
PASSING = [
    "500once",
    "500once:path=/locations",
    "timeout:path=/hours,seconds=0.4,times=1",
    "slow:seconds=0.02",
    "truncate:times=2",
    "reset_connection:times=2",
    "not_json:times=4",
    "502html:times=1",
    "503:times=1",
    "504:times=1",
    "db_error:times=1",
    "timeout_408",
    "timeout_408:path=/hours,window_days=1",
    "timeout_408:path=/hours,times=1,after_offset=0",
    "429burst",
    "429burst:times=9,value=0",
    "no_rate_headers",
    "reset_minus2",
    "reset_minus2:value=0",
    "found_string",
    "pretty",
    "duplicate_page",
]
#: Faults that have a test of their own below.
OWN = {
    *("403", "null_flagged", "minus999", "missing_hour", "late_row", "corrected_hour"),
    *("renamed", "vanished", "stale900"),
}


def test_every_fault_is_tested() -> None:
    """Every fault of the simulator has a test here."""
    assert {parse_fault(text).name for text in [*LASTING, *PASSING]} | OWN == set(FAULTS)


@pytest.mark.parametrize(("text", "reason"), LASTING.items(), ids=list(LASTING))
def test_a_sensor_that_cannot_be_had_is_named(
    text: str, reason: str, calm: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is partial in one line, the others are stored, and a later run has everything."""
    with a_lab(monkeypatch) as lab:
        actual = lab.under(text)
        raw = actual["measurements_raw"]
        assert raw.state == "partial" and TOLD + reason in raw.message
        assert raw.message.count("sensor ") == raw.message.count(TOLD) or "429" in text
        assert "\n" not in raw.message and raw.message == raw.message.strip()
        assert not any(f"sensor={SENSOR}__" in uri for uri in lab.raw())
        rows = lab.tables().get("measurements", [])
        assert rows == [
            row for row in calm["measurements"] if row["sensor_id"] != SENSOR and "429" not in text
        ]
        again = lab.run()
        assert again["measurements_raw"].state == "ok" and lab.tables() == calm


@pytest.mark.parametrize("text", PASSING)
def test_a_run_gets_over_what_passes(
    text: str, calm: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A passing fault is not reported and loses nothing; a clean run afterwards changes no row."""
    with a_lab(monkeypatch, limit=60 if "reset_minus" in text or "no_rate" in text else 0) as lab:
        assert {facts_of_day.state for facts_of_day in lab.under(text).values()} == {"ok"}
        assert lab.tables() == calm
        lab.run()
        assert lab.tables() == calm


@pytest.mark.parametrize("name", sorted(set(FAULTS) - OWN - {"slow", "timeout"}))
def test_a_fault_of_the_inventory(name: str, calm: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the inventory fails after a good run, the older one is used and nothing is lost."""
    with a_lab(monkeypatch) as lab:
        lab.run()
        actual = lab.under(f"{name}:path=/locations")
        assert actual["locations_raw"].state in ("ok", "partial")
        assert actual["measurements_raw"].state == "ok"
        assert lab.tables() == calm
        assert lab.run()["locations_raw"].state == "ok" and lab.tables() == calm


def test_a_blocked_address_stops_the_run(calm: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """403 fails the asset with the body's message and a remedy; assets that read it are blocked."""
    with a_lab(monkeypatch) as lab:
        lab.run("locations_raw")
        actual = lab.under("403:path=/hours")
        line = actual["measurements_raw"].message
        assert actual["measurements_raw"].state == "failed"
        assert actual["measurements"].state == "blocked"
        assert (
            "violation of rate limit policy. Contact dev@openaq.org. Check OPENAQ_API_KEY" in line
        )
        assert "\n" not in line and lab.tables().get("measurements") is None
        lab.run()
        assert lab.tables() == calm


AT = f"{DAYS[1]}T05:00:00Z"
HOUR = ends(DAYS[1], [5])[0]


@pytest.mark.parametrize("name", ["null_flagged", "minus999", "missing_hour"])
@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
def test_odd_values_are_facts_until_they_are_revised(
    name: str, first: bool, calm: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Null, -999 and a missing hour stay as they are until the provider revises them.

    A row that was there once stays.
    """
    with a_lab(monkeypatch) as lab:
        if not first:
            lab.run()
        actual = lab.under(f"{name}:{SICK},at={AT}")
        assert actual["measurements_raw"].state == "ok"
        row, usual = rows_at(lab.tables()).get(HOUR), rows_at(calm)[HOUR]
        expected = {
            "null_flagged": usual | {"value": None, "has_flags": True},
            "minus999": usual | {"value": -999.0},
            "missing_hour": None if first else usual,
        }
        assert row == expected[name]
        lab.run()
        assert lab.tables() == calm


@pytest.mark.parametrize("name", ["late_row", "corrected_hour"])
def test_what_comes_late_is_there_after_the_next_run(
    name: str, calm: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six hours later the same days are read again, with the late row and the corrected mean."""
    fault = f"{name}:{SICK},at={DAYS[1]}T22:00:00Z"
    end = ends(DAYS[1], [22])[0]
    with a_lab(monkeypatch) as lab:
        lab.under(fault)
        early = rows_at(lab.tables()).get(end)
        usual = rows_at(calm)[end]
        assert early is None if name == "late_row" else early["value"] < usual["value"]
        lab.simulator.advance(dt.timedelta(hours=6))
        lab.under(fault)
        assert lab.tables() == calm


def test_a_renamed_location_is_told_by_its_newest_name(
    calm: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest retrieval of the day gives the name; both answers stay stored."""
    with a_lab(monkeypatch) as lab:
        lab.run()
        lab.under("renamed:location=9000004,to=Số 46 phố Lưu Quang Vũ")
        names = {row["location_id"]: row["name"] for row in lab.tables()["locations"]}
        assert names[9000004] == "Số 46 phố Lưu Quang Vũ"
        assert lab.tables()["measurements"] == calm["measurements"]
        lab.run()
        assert lab.tables() == calm
        assert sum("/raw/" in uri and "locations_raw" in uri for uri in lab.raw()) == 3


@pytest.mark.parametrize("path", ["", ",path=/hours"], ids=["everywhere", "after the inventory"])
def test_a_vanished_location_keeps_its_history(
    path: str, calm: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of a removed location stay in the tables, and the run does not fail."""
    with a_lab(monkeypatch) as lab:
        lab.run()
        actual = lab.under(f"vanished:location=9000004{path}")
        assert actual["locations_raw"].state == actual["measurements_raw"].state == "ok"
        assert lab.tables() == calm
        lab.run()
        assert lab.tables() == calm


def test_stale_answers_are_made_good(calm: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer from the API's cache lacks the newest hour; after it expires the row is there."""
    late = NOW - dt.timedelta(minutes=25)
    with a_lab(monkeypatch, late) as lab:
        lab.simulator.faults = [Fault("stale900")]
        last = ends(DAYS[1], [24])[0]
        for minutes, there in ((0, False), (10, False), (20, True)):
            lab.simulator.advance(dt.timedelta(minutes=minutes))
            lab.run()
            assert (last in rows_at(lab.tables())) == there
        assert lab.tables() == calm
