"""The simulator answers as the OpenAQ API does, on its good days and its bad ones."""

from __future__ import annotations

import ast
import http.client
import json
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import openaq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from openaq_simulator import FAULTS, Fault, Row, Simulator, World, parse_fault
from openaq_simulator.app import API
from openaq_simulator.routes import ROUTES
from openaq_simulator.rows import significant, summarise
from openaq_simulator.values import unix

SHARED = Path(__file__).resolve().parents[3] / "shared" / "openaq"
DERIVED = SHARED / "derived_from_api_source"
KEY = "0123456789abcdef" * 4
NOW = datetime(2026, 6, 15, 3, 20, tzinfo=UTC)
FREE = {"per_minute": None, "now": NOW}
DAY = "datetime_from=2026-06-13T17:00:00Z&datetime_to=2026-06-14T17:00:00Z"
Talk = Callable[..., httpx.Response]
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs the recorded answers")


def recorded(name: str) -> list[dict[str, Any]]:
    """Return the recorded request-answer pairs of a file, none when it is absent."""
    path = DERIVED / name
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


def ask(api: Simulator, target: str, key: str | None = KEY, **headers: str) -> httpx.Response:
    """Send one request to the simulator's root, as written."""
    headers |= {} if key is None else {"X-API-Key": key}
    root = api.url.removesuffix("/v3")
    return httpx.get(root + target, headers={"accept-encoding": "gzip"} | headers, timeout=5)


def ask_all(api: Simulator, targets: Iterable[str]) -> list[int]:
    """Send requests on one connection; give their statuses."""
    with httpx.Client(headers={"X-API-Key": KEY}, timeout=5) as client:
        return [client.get(api.url.removesuffix("/v3") + target).status_code for target in targets]


def results(api: Simulator, target: str) -> list[dict[str, Any]]:
    """Return the results of a request that must succeed."""
    answer = ask(api, target)
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def relevant_headers(answer: httpx.Response) -> dict[str, str]:
    """Return the answer's headers without those of the transport."""
    return {name: value for name, value in answer.headers.items() if name != "date"}


def assert_same(answer: httpx.Response, entry: dict[str, Any]) -> None:
    """Compare status, body and headers (in their order) with a recorded answer."""
    assert answer.status_code == entry["status"], answer.text
    assert answer.text == entry["body"]
    headers = relevant_headers(answer)
    if "content-length" not in entry["headers"]:
        headers.pop("content-length")
    assert list(headers.items()) == list(entry["headers"].items())


@pytest.fixture(scope="module")
def api() -> Iterator[Simulator]:
    """Run a simulator of the synthetic world without a limit."""
    with Simulator(World.synthetic(7, [9100001, 9100002]), **FREE) as running:
        yield running


@pytest.fixture(scope="module")
def bare() -> Iterator[Simulator]:
    """Run the API's program alone, as the recorded answers were made: no data, no firewall."""
    with Simulator(World(), edge=False, lenient=True, **FREE) as running:
        yield running


@pytest.fixture(scope="module")
def talk(api: Simulator) -> Iterator[Talk]:
    """Ask that simulator on one connection."""
    headers = {"X-API-Key": KEY}
    with httpx.Client(base_url=api.url.removesuffix("/v3"), headers=headers, timeout=5) as client:

        def ask(path: str, **query: Any) -> httpx.Response:
            return client.get(path, params=query)

        yield ask


@needs_shared
@pytest.mark.parametrize(
    "entry", recorded("error_bodies_and_sql.json"), ids=lambda entry: entry["request"]
)
def test_errors_match_the_api_source_to_the_byte(bare: Simulator, entry: dict[str, Any]) -> None:
    """Each answer got by running the API's source has the same status, headers and body here."""
    about, _, target = entry["request"].rpartition(") ")
    bare.faults = [Fault("db_error")] if about else []
    assert_same(ask(bare, target), entry)


def world_like(entry: dict[str, Any]) -> World:
    """Build the world whose answer is the recorded one, from the recorded row."""
    rows = json.loads(entry["body"])["results"] if entry["body"].startswith('{"meta"') else []
    sensor = {"id": 4, "name": "co", "units": "µg/m³", "displayName": "CO mass"}
    location = {
        "id": 1000, "name": "x", "timezone": "Asia/Bangkok", "country": {"id": 56, "code": "VN"},
        "sensors": [{"id": 7772024, "name": "co µg/m³", "parameter": sensor}],
    }
    series = [Row(unix(row["period"]["datetimeTo"]["utc"]), row["value"]) for row in rows]
    if "page=3" in entry["request"]:
        series = [Row(series[0].end - 3600 * n, 1.0) for n in range(4, 0, -1)] + series
    if "limit=1" in entry["request"]:
        series.append(Row(series[0].end + 3600, 1.0))
    if "NaN" in entry["request"]:
        series = [Row(row.end, float("nan")) for row in series]
    if entry["request"].startswith("null value in raw"):
        series = [Row(1706544000, None)]
    replay = {(7772024, "hours"): entry["body"].encode()} if "/hours" in entry["request"] else {}
    return World.from_inventory({"results": [location]}, rows={7772024: series}, replay=replay)


@needs_shared
@pytest.mark.parametrize(
    "entry", recorded("ok_and_ratelimit_headers.json"), ids=lambda entry: entry["request"]
)
def test_rows_and_limits_match_the_api_source_to_the_byte(entry: dict[str, Any]) -> None:
    """Recorded rows, key checks and rate headers come out the same from an equivalent world."""
    about, _, target = entry["request"].rpartition(" ")
    limited = "key" in about or "request" in about or "header" in about
    kind = "locations" if "/locations" in target else "sensors"
    world = World() if kind == "locations" else world_like(entry)
    faults = ["reset_minus2:value=42"] + (["408:after_offset=0"] if "408" in about else [])
    keys = {"no key": None, "empty key": "", "bad key": "f" * 64}
    with Simulator(
        world, now=NOW, edge=False, keys={KEY}, per_minute=60 if limited else None,
        faults=faults, null_raw_breaks=True,
    ) as api:
        before = {"60th": 59, "61st": 60, "lower-case": 60}.get(about.split()[0], 0)
        ask_all(api, ["/v3/locations"] * before)
        if "lower-case" in about:
            answer = ask(api, target, None, **{"x-api-key": KEY})
        else:
            answer = ask(api, target, keys.get(about, KEY))
    assert_same(answer, entry)


@needs_shared
def test_routes_are_those_of_the_openapi_document() -> None:
    """Every path of the API's own document is served, with its parameters in its order."""
    paths = json.loads((DERIVED / "openapi_b52527d.json").read_text("utf-8"))["paths"]
    known = {path: names for path, (_, names) in ROUTES.items()}
    assert [route.path for route in API.routes] == ["/ping", *known]
    for path, methods in paths.items():
        names = known.pop(path)
        listed = methods["get"].get("parameters", [])
        ids = [p["name"] for p in listed if p["in"] == "path"]
        query = [p["name"] for p in listed if p["in"] == "query"]
        assert [name for name in names if f"{{{name}}}" not in path] == query, path
        assert [name for name in names if f"{{{name}}}" in path] == ids, path
    assert not known


MOMENTS = st.one_of(
    st.datetimes(min_value=datetime(1900, 1, 1)).map(str),
    st.from_regex(r"20\d\d[-/]\d\d?-\d\d([T _]\d\d:\d\d(:\d\d)?(\.\d{0,7})?(Z|[+-]\d\d:?\d\d)?)?x?",
                  fullmatch=True),
    st.text("0123456789-:.TZ+ ", max_size=22),
)


def problems(answer: httpx.Response) -> list[dict[str, Any]]:
    """Return the errors of an answer that refuses types: Python's text of them in a JSON text."""
    assert answer.status_code == 422
    return ast.literal_eval(answer.json())


@settings(max_examples=300, deadline=None)
@given(MOMENTS)
def test_dates_are_read_and_refused_as_pydantic_does(talk: Talk, text: str) -> None:
    """Any text is taken for the same moment, or refused in the same words, as in the API."""
    answer = talk("/v3/sensors/1/hours", datetime_from=text, datetime_to=text)
    try:
        wanted = TypeAdapter(datetime | date | None).validate_python(text)
    except ValidationError as error:
        messages = [problem["msg"] for problem in error.errors()]
        assert [problem["msg"] for problem in problems(answer)] == messages * 2
    else:
        assert answer.json().endswith(f"User passed {wanted} - {wanted}")


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([("limit", int), ("monitor", bool)]),
    st.one_of(st.integers().map(str), st.text("0123456789+-_. trueyno", max_size=6)),
)
def test_numbers_and_flags_are_read_as_pydantic_does(
    talk: Talk, kind: tuple[str, type], text: str
) -> None:
    """Any text is the same number or flag, or the same error, as in the API."""
    answer = talk("/v3/locations", **{kind[0]: text})
    try:
        wanted = TypeAdapter(kind[1]).validate_python(text)
    except ValidationError as error:
        listed = [(problem["type"], problem["msg"]) for problem in error.errors()]
        assert [(problem["type"], problem["msg"]) for problem in problems(answer)] == listed
    else:
        body = answer.json()
        if kind[0] == "monitor":
            assert {location["isMonitor"] for location in body["results"]} == {wanted}
        elif answer.status_code == 200:
            assert body["meta"]["limit"] == wanted
        else:
            assert body["detail"][0]["input"] == wanted


UNSEEN = [
    ("/v3/countries/0", 422, ("\"[{'type': 'greater_than_equal', 'loc': ('path', 'countries_id'), "
     "'msg': 'Input should be greater than or equal to 1', 'input': '0', 'ctx': {'ge': 1}}]\"")),
    ("/v3/locations/abc", 422, ("\"[{'type': 'int_parsing', 'loc': ('path', 'locations_id'), 'msg':"
     " 'Input should be a valid integer, unable to parse string as an integer', 'input': 'abc'}]\"")),
    ("/v3/locations?radius=25001", 422, ("\"[{'type': 'less_than_equal', 'loc': ('query', 'radius'),"
     " 'msg': 'Input should be less than or equal to 25000', 'input': '25001', "
     "'ctx': {'le': 25000}}]\"")),
    ("/v3/locations?bbox=a", 422, ('{"detail":[{"type":"string_pattern_mismatch","loc":["query",'
     '"bbox"],"msg":"String should match pattern \'-?\\\\d{1,3}\\\\.?\\\\d*,-?\\\\d{1,2}\\\\.?'
     "\\\\d*,-?\\\\d{1,3}\\\\.?\\\\d*,-?\\\\d{1,2}\\\\.?\\\\d*'\",\"input\":\"a\",\"ctx\":"
     '{"pattern":"-?\\\\d{1,3}\\\\.?\\\\d*,-?\\\\d{1,2}\\\\.?\\\\d*,-?\\\\d{1,3}\\\\.?\\\\d*,'
     '-?\\\\d{1,2}\\\\.?\\\\d*"},"url":"https://errors.pydantic.dev/2.11/v/'
     'string_pattern_mismatch"}]}')),
    ("/v3/locations?coordinates=21.02,105.82", 500, "Internal Server Error"),
    ("/v3/locations?radius=1000", 500, "Internal Server Error"),
    ("/v3/locations?coordinates=91,105&radius=10", 500, "Internal Server Error"),
    ("/v3/locations?bbox=105,20,106,95", 500, "Internal Server Error"),
    ("/v3/sensors/1/hours?datetime_from=2025-12-02&datetime_to=2025-12-01", 422,
     ('"Date/time from must be older than the date/time to. '
     'User passed 2025-12-02 00:00:00 - 2025-12-01 00:00:00"')),
    ("/v3/sensors/1/days?date_from=2025-12-01&date_to=2025-12-01", 422,
     ('"Date from must be older than the date to. '
     'User passed 2025-12-01 00:00:00 - 2025-12-01 00:00:00"')),
    ("/v3/sensors/1/measurements/monthly", 404, '{"detail":"Not Found"}'),
    ("/v3/locations/", 404, '{"detail":"Not Found"}'),
    ("/v3/sensors/1", 404, '{"detail":"Sensor not found"}'),
    ("/v3/providers/1", 404, '{"detail":"Provider not found"}'),
    ("/v3/parameters/1", 404, '{"detail":"Parameter not found"}'),
]


@pytest.mark.parametrize(("target", "status", "body"), UNSEEN, ids=[case[0] for case in UNSEEN])
def test_the_documented_refusals(bare: Simulator, target: str, status: int, body: str) -> None:
    """Requests the reference describes without a recorded answer are refused as it says."""
    bare.faults = []
    answer = ask(bare, target)
    assert (answer.status_code, answer.text) == (status, body)


@pytest.mark.parametrize("name", ["locations__iso_VN__2025-12-22", "measurements"])
@needs_shared
def test_recorded_answers_are_served_byte_for_byte(name: str) -> None:
    """A world made of recorded files answers with their bytes."""
    wire = SHARED / "wire_form"
    series = (wire / "sensors_7772024_measurements__no_params__2025-12-22.json").read_bytes()
    inventory = wire / "locations__iso_VN__2025-12-22.json"
    world = World.from_inventory(inventory, replay={7772024: series})
    target = (
        "/v3/locations?iso=VN" if name != "measurements" else "/v3/sensors/7772024/measurements"
    )
    with Simulator(world, **FREE) as api:
        body = ask(api, target).content
        assert body == (series if name == "measurements" else inventory.read_bytes())
        rebuilt = World.from_inventory(inventory, rows={7772024: world.rows[7772024]})
        api.world = rebuilt
        assert ask(api, "/v3/sensors/7772024/measurements").content == series
        assert results(api, f"/v3/sensors/7772032/hours?{DAY.replace('2026-06', '2025-12')}")


@needs_shared
def test_recorded_hours_are_rendered_the_same() -> None:
    """Hourly rows computed from recorded values equal the recorded rows."""
    name = "recorded_vn/sensors_11357424_hours__excerpt__2026-06-08.json"
    excerpt = json.loads((SHARED / name).read_text("utf-8"))
    rows = excerpt["results"] if "results" in excerpt else excerpt["payload"]["results"]
    series = [Row(unix(row["period"]["datetimeTo"]["utc"]), row["summary"]["avg"]) for row in rows]
    inventory = SHARED / "wire_form/locations__iso_VN__2025-12-22.json"
    with Simulator(World.from_inventory(inventory, rows={11357424: series}), **FREE) as api:
        assert results(api, "/v3/sensors/11357424/hours") == rows


def test_the_world_is_a_function_of_its_seed() -> None:
    """Equal seeds give equal bytes, another seed other values."""
    target = f"/v3/sensors/90000001/hours?{DAY}"
    bodies = []
    for seed in (1, 1, 2):
        with Simulator(World.synthetic(seed), **FREE) as api:
            bodies.append(ask(api, target).content)
    assert bodies[0] == bodies[1] != bodies[2]


def test_the_synthetic_inventory_has_the_oddities_of_the_real_one(api: Simulator) -> None:
    """Vietnam has 25 stations: three dead, one without data, null and N/A localities."""
    places = results(api, "/v3/locations?iso=VN")
    assert len(places) == 25
    assert {location["provider"]["id"] for location in places} == {9001}
    assert {None, "N/A"} <= {location["locality"] for location in places}
    lasts = [location["datetimeLast"] for location in places]
    assert lasts.count(None) == 1
    assert sum(last is not None and last["utc"] < "2026-01" for last in lasts) == 3
    assert max(last["utc"] for last in lasts if last) == "2026-06-15T03:15:00Z"
    assert results(api, "/v3/locations/3276359")[0]["name"] == "CMT8 (synthetic)"
    assert results(api, "/v3/locations/9100002")[0]["timezone"] == "Europe/Oslo"


def test_synthetic_values_are_plausible() -> None:
    """Winter is worse in Hanoi, rush hours stand out, PM10 exceeds PM2.5, oddities occur."""
    world = World.synthetic(7)

    def mean(sensor: int, start: str, days: int, hours: range = range(24)) -> float:
        after = unix(start + "T17:00:00Z")
        rows = world.raw_rows(world.sensors[sensor], after, after + days * 86400)
        chosen = [r.value for r in rows if r.value and (r.end // 3600 + 6) % 24 in hours]
        return sum(chosen) / len(chosen)

    by_name = {(s.location_id, s.parameter.name): s.id for s in world.sensors.values()}
    dust, coarse = by_name[9000004, "pm25"], by_name[9000004, "pm10"]
    assert mean(dust, "2026-01-01", 30) > 1.5 * mean(dust, "2026-07-01", 30)
    assert mean(dust, "2026-03-01", 60, range(7, 9)) > 1.2 * mean(
        dust, "2026-03-01", 60, range(1, 4)
    )
    assert mean(coarse, "2026-03-01", 60) > mean(dust, "2026-03-01", 60)
    start = unix("2026-01-01T00:00:00Z")
    seen = {
        row.value for sensor in world.sensors.values() if sensor.parameter.id == 2
        for row in world.raw_rows(sensor, start, start + 120 * 86400)
        if row.value is None or row.value <= 0 or row.value == 985
    }
    assert {None, -999.0, 0.0, 985.0} <= seen
    assert any(value is not None and -10 < value < 0 for value in seen)


def test_windows_exclude_their_start_and_include_their_end(api: Simulator) -> None:
    """The window (from, to] on period ends gives the 24 hours of a local day."""
    rows = results(api, f"/v3/sensors/90000001/hours?{DAY}")
    ends = [row["period"]["datetimeTo"]["utc"] for row in rows]
    assert ends[0] > "2026-06-13T17:00:00Z" and ends[-1] == "2026-06-14T17:00:00Z"
    assert 20 < len(ends) <= 24
    naive = DAY.replace("13T17", "14T00").replace("14T17", "15T00").replace("Z", "")
    assert results(api, f"/v3/sensors/90000001/hours?{naive}") == rows
    after, until = unix("2026-06-13T17:00:00Z"), unix("2026-06-14T17:00:00Z")
    query = f"datetime_from={after}&datetime_to={until}"
    assert results(api, f"/v3/sensors/90000001/hours?{query}") == rows


def test_days_agree_with_the_hours_they_summarise(api: Simulator) -> None:
    """A day's mean is that of its hours, and both bounds of /days are inside."""
    query = "date_from=2026-06-13&date_to=2026-06-14"
    first, second = results(api, f"/v3/sensors/90000001/days?{query}")
    hours = results(api, f"/v3/sensors/90000001/hours?{DAY}")
    values = [row["summary"]["avg"] for row in hours if row["value"] is not None]
    assert second["summary"]["avg"] == pytest.approx(sum(values) / len(values))
    assert second["coverage"]["observedCount"] == len(hours)
    assert second["coverage"]["expectedInterval"] == "24:00:00"
    assert first["period"]["datetimeFrom"]["local"] == "2026-06-13T00:00:00+07:00"
    assert second["value"] == significant(second["summary"]["avg"])


def test_quarter_hourly_rows_become_hours_with_a_deviation(api: Simulator) -> None:
    """A 15-minute sensor has four raw rows an hour and a spread in /hours."""
    sensor = results(api, "/v3/locations/9000006")[0]["sensors"][0]["id"]
    raw = results(api, f"/v3/sensors/{sensor}/measurements?{DAY}")
    row = results(api, f"/v3/sensors/{sensor}/hours?{DAY}")[0]
    assert raw[0]["period"]["interval"] == "00:15:00"
    assert row["coverage"]["expectedCount"] == 4 and row["summary"]["sd"] > 0
    expected = summarise(r["value"] for r in raw[: row["coverage"]["observedCount"]])
    assert expected is not None and row["summary"] == expected._asdict()


DATA = [
    "measurements", "measurements/hourly", "measurements/daily", "hours", "hours/daily",
    "hours/monthly", "hours/yearly", "hours/hourofday", "hours/dayofweek", "hours/monthofyear",
    "days", "days/monthly", "days/yearly", "days/dayofweek", "days/monthofyear", "years",
]


@pytest.mark.parametrize("name", DATA)
def test_every_data_endpoint_gives_complete_rows(api: Simulator, name: str) -> None:
    """All data endpoints answer rows with the API's keys in the API's order."""
    kind = "date" if name.startswith(("days", "years")) else "datetime"
    query = f"{kind}_from=2026-03-01&{kind}_to=2026-06-10" if name != "years" else ""
    rows = results(api, f"/v3/sensors/90000001/{name}?{query}&limit=30")
    assert rows
    keys = ["value", "flagInfo", "parameter", "period", "coordinates", "summary", "coverage"]
    assert all(list(row) == keys for row in rows)
    labels = {"hours/hourofday": 24, "hours/dayofweek": 7, "days/monthofyear": 4}
    assert len(rows) == labels.get(name, len(rows))


def test_dst_days_have_their_true_length(api: Simulator) -> None:
    """Oslo's spring day has 23 hours and autumn day 25, with the right offsets."""
    days = results(api, "/v3/sensors/90000922/days?date_from=2026-03-28&date_to=2026-03-30")
    starts = [day["period"]["datetimeFrom"]["local"] for day in days]
    assert starts[1:] == ["2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"]
    assert days[1]["coverage"]["observedCount"] in (22, 23)


def test_found_follows_the_api_rules(api: Simulator) -> None:
    """A full page says ">limit", a short one its rows, an empty one 0, counted lists the total."""
    hours = f"/v3/sensors/90000001/hours?{DAY}"
    assert ask(api, f"{hours}&limit=10").json()["meta"]["found"] == ">10"
    assert ask(api, f"{hours}&limit=10&page=3").json()["meta"]["found"] in (3, 4)
    assert ask(api, f"{hours}&limit=10&page=9").json()["meta"]["found"] == 0
    daily = f"/v3/sensors/90000001/hours/daily?{DAY.replace('06-13', '06-01')}&limit=2"
    assert ask(api, daily).json()["meta"]["found"] == 13
    assert ask(api, "/v3/countries?limit=1").json()["meta"]["found"] == 3


def test_filters_of_locations(api: Simulator) -> None:
    """Country, parameter, box, circle, order and repeated parameters choose locations."""

    def ids(query: str) -> list[int]:
        return [result["id"] for result in results(api, f"/v3/locations?{query}")]

    assert ids("iso=vn") == [] and ids("iso=NO") == ids("countries_id=53") == [9100002]
    assert ids("iso=TH&iso=NO") == [9100002] and ids("providers_id=66") == []
    assert ids("monitor=false") == [3276359] and ids("mobile=true") == []
    assert ids("parameters_id=125,100") == [3276359]
    assert len(ids("bbox=105.7,20.9,106.0,21.2")) == 6
    near = results(api, "/v3/locations?coordinates=21.0241,105.8532&radius=4000")
    assert near[0]["id"] == 9000001 and near[0]["distance"] < 20 and len(near) == 2
    assert ids("limit=2&sort_order=desc") == [9100002, 9100001]
    assert ids("unknown=1&limit=3&page=2") == [9000003, 9000004, 9000005]


def test_unknown_sensors_have_no_rows_but_are_not_found_by_id(api: Simulator) -> None:
    """Data endpoints answer 200 and nothing for an unknown sensor; /sensors/{id} answers 404."""
    for name in DATA:
        assert ask(api, f"/v3/sensors/5/{name}").json()["meta"]["found"] == 0
    assert ask(api, "/v3/sensors/5").status_code == 404
    assert results(api, "/v3/locations/5/sensors") == []
    assert ask(api, "/v3/locations/9000014/latest").json()["meta"]["found"] == 0


def test_latest_is_the_newest_row_of_each_sensor(api: Simulator) -> None:
    """Latest gives one row for each live sensor, and datetime_min is exclusive."""
    rows = results(api, "/v3/locations/9000004/latest")
    assert [row["sensorsId"] for row in rows] == [
        s["id"] for s in results(api, "/v3/locations/9000004")[0]["sensors"]
    ]
    newest = rows[-1]["datetime"]["utc"]
    later = results(api, f"/v3/locations/9000004/latest?datetime_min={newest}")
    assert all(row["datetime"]["utc"] > newest for row in later)
    assert len(results(api, "/v3/parameters/2/latest?limit=1000")) == 26
    sensor = results(api, f"/v3/sensors/{rows[0]['sensorsId']}")[0]
    assert sensor["latest"]["value"] == rows[0]["value"]
    assert sensor["datetimeLast"] == rows[0]["datetime"]


def test_flags_cover_null_values() -> None:
    """A null value is flagged in its row and listed by both flags endpoints."""
    with Simulator(World.synthetic(7), faults=["null_flagged:sensor=90000001"], **FREE) as api:
        rows = results(api, f"/v3/sensors/90000001/hours?{DAY}")
        empty = [row for row in rows if row["value"] is None]
        assert empty and all(row["flagInfo"]["hasFlags"] for row in empty)
        assert set(empty[0]["summary"].values()) == {None}
        flags = results(api, f"/v3/sensors/90000001/flags?{DAY}")
        assert len(flags) >= len(empty) and flags[0]["flagType"]["id"] == 4
        assert results(api, f"/v3/locations/9000001/flags?{DAY}")


def test_rows_appear_as_the_clock_moves() -> None:
    """No row ends after now; stepping the clock lets the next hour appear."""
    target = "/v3/sensors/90000002/hours?datetime_from=2026-06-15T00:00:00Z"
    with Simulator(World.synthetic(7), **FREE) as api:
        before = results(api, target)
        api.advance(timedelta(hours=3))
        after = results(api, target)
    assert after[: len(before)] == before and len(after) > len(before)
    assert before[-1]["period"]["datetimeTo"]["utc"] <= "2026-06-15T03:00:00Z"


def test_the_firewall_and_the_program_refuse_keys_each_in_its_words() -> None:
    """No key meets the firewall's 401, a wrong one the program's, old versions 410."""
    with Simulator(World(), now=NOW, keys={KEY}) as api:
        missing, wrong = ask(api, "/v3/locations", None), ask(api, "/v3/locations", "f" * 64)
        old = ask(api, "/v2/locations", None)
        posted = httpx.post(f"{api.url}/locations", headers={"X-API-Key": KEY})
    assert missing.status_code == wrong.status_code == 401
    assert missing.text.startswith('{"message": "Unauthorized. A valid API key')
    assert wrong.text == '{"detail":"Invalid credentials"}'
    assert old.status_code == 410 and old.text.startswith('{"message": "Gone. Version 1')
    assert (posted.status_code, posted.text) == (405, '{"detail":"Method Not Allowed"}')
    assert "cache-control" not in posted.headers


def test_keys_of_a_real_shape_are_enough_and_any_when_lenient() -> None:
    """Without a key list 64 hex characters pass; lenient simulators take any key."""
    with Simulator(World()) as api:
        assert ask(api, "/v3/locations", "demo").status_code == 401
        assert ask(api, "/v3/locations", KEY).status_code == 200
    with Simulator(World(), lenient=True) as api:
        assert ask(api, "/v3/locations", "demo").status_code == 200


def test_the_limit_is_sixty_in_a_clock_minute_and_errors_count() -> None:
    """Sixty requests pass, errors among them; the next minute starts anew."""
    with Simulator(World(), now=NOW) as api:
        assert ask(api, "/v3/locations/1").status_code == 404
        assert ask_all(api, ["/v3/locations"] * 60) == [200] * 59 + [429]
        api.advance(timedelta(seconds=61))
        fresh = ask(api, "/v3/locations")
        assert fresh.headers["x-ratelimit-used"] == "1"
        assert fresh.headers["x-ratelimit-reset"] == "60"
        assert "retry-after" not in fresh.headers
    with Simulator(World(), now=NOW, per_minute=None, per_hour=2) as api:
        assert [ask(api, "/v3/locations").status_code for _ in range(3)] == [200, 200, 429]


def test_the_log_tells_everything_but_the_key() -> None:
    """Each request is logged with its time and status; keys only as hashes."""
    with Simulator(World(), now=NOW) as api:
        ask(api, "/v3/locations?limit=5")
        ask(api, "/v3/nosuch")
        log = api.log
    assert [(r.path, r.query, r.status) for r in log] == [
        ("/v3/locations", "limit=5", 200), ("/v3/nosuch", "", 404),
    ]
    assert log[0].time == NOW and KEY not in repr(log)
    assert log[0].key_hash == log[1].key_hash


def test_gzip_only_when_accepted(api: Simulator) -> None:
    """A client that does not accept gzip gets plain JSON of the same content."""
    packed = ask(api, "/v3/parameters")
    plain = ask(api, "/v3/parameters", **{"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers and plain.content == packed.content


def test_fault_texts_are_read_and_wrong_ones_explained() -> None:
    """A fault text becomes a Fault; unknown names and options name the valid ones."""
    assert parse_fault("500:sensor=90000003") == Fault("500", sensor=90000003)
    assert parse_fault("timeout_408:after_offset=0").after_offset == 0
    assert parse_fault("late_row:every=4;seconds=9") == Fault("late_row", every=4, seconds=9)
    assert (
        parse_fault("408").name == "timeout_408" and parse_fault("slow:seconds=.5").seconds == 0.5
    )
    assert all(parse_fault(name).name == name for name in FAULTS)
    for text, part in (
        ("nosuch", "one of: 500"),
        ("500:x=1", "one of: sensor"),
        ("500:sensor=a", "sensor=a"),
        ("late_row:at=2026-01-01", "at=2026-01-01"),
    ):
        with pytest.raises(ValueError, match=part):
            parse_fault(text)


HOURS = f"/v3/sensors/90000001/hours?{DAY}"
STATUSES = [
    ("500", [500, 500]), ("500once", [500, 200]), ("502html", [502, 502]), ("503", [503, 503]),
    ("504", [504, 504]), ("403", [403, 403]), ("db_error", [500, 500]),
    ("408:after_offset=0", [408, 408]), ("408", [200, 200]), ("408:window_days=1", [408, 408]),
    ("429burst", [429, 429, 429, 200]), ("500:sensor=90000002", [200, 200]),
    ("500:location=9000001", [500]), ("503:path=/hours,times=2", [503, 503, 200]),
]


@pytest.mark.parametrize(("text", "statuses"), STATUSES, ids=[case[0] for case in STATUSES])
def test_faults_that_change_the_status(text: str, statuses: list[int]) -> None:
    """Each such fault strikes the requests it names, as often as it should."""
    with Simulator(World.synthetic(7), faults=[text], **FREE) as api:
        assert [ask(api, HOURS).status_code for _ in statuses] == statuses


def test_faults_that_break_the_connection() -> None:
    """Truncation, reset, silence and slowness are met by a real client."""
    with Simulator(World.synthetic(7), **FREE) as api:
        for text, error in (
            ("truncate", httpx.RemoteProtocolError),
            ("reset_connection", (httpx.ReadError, httpx.RemoteProtocolError)),
            ("timeout:seconds=0.1", httpx.RemoteProtocolError),
        ):
            api.faults = [parse_fault(text)]
            with pytest.raises(error):
                ask(api, HOURS)
        api.faults = [Fault("timeout")]
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(api.url + HOURS[3:], headers={"X-API-Key": KEY}, timeout=0.2)
        api.faults = [Fault("slow", seconds=0.1)]
        started = time.monotonic()
        assert ask(api, HOURS).status_code == 200 and time.monotonic() - started > 0.1


def test_faults_that_change_the_answer() -> None:
    """Headers, found, pages, layout and content type change as each fault says."""
    with Simulator(World.synthetic(7), now=NOW) as api:

        def under(text: str, target: str = HOURS) -> httpx.Response:
            api.faults = [parse_fault(text)]
            return ask(api, target)

        plain = ask(api, HOURS)
        assert "x-ratelimit-used" not in under("no_rate_headers").headers
        assert under("reset_minus2").headers["x-ratelimit-reset"] == "-2"
        assert under("found_string").json()["meta"]["found"] == ">100"
        assert under("pretty").json() == plain.json() and b"\n" in under("pretty").content
        assert under("not_json").text.startswith("<html>")
        pages = [under("duplicate_page", f"{HOURS}&limit=5&page={n}").json() for n in (1, 2)]
        assert pages[0]["results"] == pages[1]["results"] and pages[1]["meta"]["page"] == 2


def test_faults_that_change_rows() -> None:
    """Values, missing, late and corrected hours follow the fault and the clock."""
    at = "at=2026-06-14T05:00:00Z"
    with Simulator(
        World.synthetic(7), now=datetime(2026, 6, 14, 18, tzinfo=UTC), per_minute=None
    ) as api:
        plain = {r["period"]["datetimeTo"]["utc"]: r for r in results(api, HOURS)}

        def hour(text: str) -> dict[str, Any] | None:
            api.faults = [parse_fault(f"{text}:{at}")] if ":" not in text else [parse_fault(text)]
            rows = {r["period"]["datetimeTo"]["utc"]: r for r in results(api, HOURS)}
            assert {k: r for k, r in rows.items() if "T05" not in k} == {
                k: r for k, r in plain.items() if "T05" not in k
            }
            return rows.get("2026-06-14T05:00:00Z")

        ordinary = hour("pretty")
        null, bad = hour("null_flagged"), hour("minus999")
        assert ordinary and null and bad
        assert null["value"] is None and null["flagInfo"]["hasFlags"] and bad["value"] == -999.0
        assert hour("missing_hour") is None
        late, half = f"late_row:{at},seconds=50000", f"corrected_hour:{at},seconds=50000"
        early = hour(half)
        assert hour(late) is None
        assert early and early["summary"]["avg"] == ordinary["summary"]["avg"] / 2
        api.advance(timedelta(hours=2))
        assert hour(late) == hour(half) == ordinary


def test_locations_change_names_and_vanish() -> None:
    """A renamed location keeps its id; a vanished one and its sensors are gone."""
    faults = ["renamed:location=9000002,to=Tên mới", "vanished:location=9000003"]
    with Simulator(World.synthetic(7), faults=faults, **FREE) as api:
        places = {p["id"]: p for p in results(api, "/v3/locations")}
        sensor = World.synthetic(7).locations[3]["sensors"][0]["id"]
        assert places[9000002]["name"] == "Tên mới" and 9000003 not in places
        assert ask(api, "/v3/locations/9000003").status_code == 404
        assert ask(api, f"/v3/sensors/{sensor}").status_code == 404
        assert results(api, f"/v3/sensors/{sensor}/hours?{DAY}") == []


@pytest.mark.parametrize("how", ["fault", "argument"])
def test_stale_answers_last_fifteen_minutes(how: str) -> None:
    """A cached answer is repeated until it is 900 s old."""
    target = "/v3/sensors/90000002/hours?datetime_from=2026-06-15T00:00:00Z"
    extra: dict[str, Any] = (
        {"faults": ["stale900"]} if how == "fault"
        else {"cache_staleness": timedelta(minutes=15)}
    )
    with Simulator(
        World.synthetic(7), now=datetime(2026, 6, 15, 2, 55, tzinfo=UTC), **extra
    ) as api:
        first = results(api, target)
        api.advance(timedelta(minutes=10))
        assert results(api, target) == first
        api.advance(timedelta(minutes=5))
        assert len(results(api, target)) == len(first) + 1


def test_the_official_client_understands_every_common_endpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The official openaq client parses each endpoint it shares with the simulator."""
    monkeypatch.setenv("HOME", str(tmp_path))
    # The official client always speaks TLS, even to an http:// base URL.
    monkeypatch.setattr(http.client, "HTTPSConnection", http.client.HTTPConnection)
    world = World.synthetic(7, [9100001, 9100002])
    # It takes missing rate headers for an exhausted limit, so there must be one.
    with (
        Simulator(world, now=NOW, per_minute=1000) as api,
        openaq.OpenAQ(api_key=KEY, base_url=api.url + "/", auto_wait=False) as client,
    ):
        assert len(client.locations.list(iso="VN").results) == 25
        assert client.locations.get(3276359).results[0].coordinates.latitude == 10.78533
        assert client.locations.latest(9000001).results[0].locations_id == 9000001
        assert client.locations.sensors(9000001).results[0].summary.max > 0
        assert client.sensors.get(90000001).results[0].parameter.units == "µg/m³"
        for data in ("measurements", "hours", "days", "years"):
            rows = client.measurements.list(90000001, data=data, limit=5).results
            assert rows and rows[0].parameter.id == 4
        assert client.measurements.list(90000001, data="hours", rollup="daily", limit=2).results
        assert client.parameters.list().results and client.parameters.get(2).results
        assert client.parameters.latest(2).results
        assert len(client.countries.list().results) == 3
        assert client.countries.get(56).results[0].code == "VN"
        assert client.providers.list().results[0].bbox and client.providers.get(9001).results
        assert client.owners.list().results and client.owners.get(9001).results
        assert client.instruments.list().results and client.instruments.get(9001).results
        assert client.manufacturers.list().results
        assert client.manufacturers.instruments(9001).results
        assert client.licenses.list().results and client.licenses.get(41).results
        with pytest.raises(openaq.NotFoundError):
            client.locations.get(5)


def test_many_clients_at_once_are_counted_exactly() -> None:
    """Eight threads on kept-alive connections share one exact count."""
    with Simulator(World(), now=NOW, per_minute=100) as api, httpx.Client() as client:

        def once(_: int) -> int:
            url = f"{api.url}/locations"
            return client.get(url, headers={"X-API-Key": KEY}).status_code

        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(once, range(150)))
        assert statuses.count(200) == 100 and statuses.count(429) == 50
        assert len(api.log) == 150


def test_only_the_loopback_interface_is_served() -> None:
    """The server is bound to 127.0.0.1 and its port is free again after stopping."""
    simulator = Simulator(World())
    with pytest.raises(RuntimeError, match="not running"):
        _ = simulator.url
    with simulator as api:
        port = api.port
        assert api.url == f"http://127.0.0.1:{port}/v3"
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_pages_come_fast(api: Simulator) -> None:
    """Two hundred first-time pages of 24 rows take well under a second of serving."""
    starts = [unix("2025-09-01T17:00:00Z") + 86400 * day for day in range(200)]
    path = "/v3/sensors/90000007/hours"
    targets = [f"{path}?datetime_from={n}&datetime_to={n + 86400}" for n in starts]
    started = time.perf_counter()
    assert set(ask_all(api, targets)) == {200}
    assert time.perf_counter() - started < 1.5
