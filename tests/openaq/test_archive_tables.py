"""Tables and views made from the archive: they agree with the API, and are made again when it changes."""

import datetime as dt
import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.archive_server import Archive, serving, without_aws
from support.runner_fixtures import ROOT, copy_project, memory_root, write_project
from support.scripted_server import KEY

from openaq_assets.graph.environment import bind
from openaq_assets.graph.operations import Query, Ref
from openaq_assets.project.project import Project, load
from openaq_assets.runs.context import Run, open_run
from openaq_assets.runs.plan import make_request, plan
from openaq_assets.runs.run import run_all
from openaq_simulator import Simulator, World
from openaq_simulator.archive import archive_objects, key_of
from openaq_simulator.values import unix

OSLO, QUARTERLY, SENTINELS = 9100002, 9000006, 9000003
NOW = dt.datetime(2025, 11, 10, 6, tzinfo=dt.UTC)
TODAY = NOW.date()

RAW = """assets:
  places_raw: {kind: raw, endpoint: locations, partitions: snapshot}
  answers_raw: {kind: raw, endpoint: measurements, inventory: places_raw, active_within: 900 days}
  archive_raw: {kind: raw, endpoint: archive, inventory: places_raw, active_within: 900 days, lookback: 10 days}
"""
PROCESSED = """assets:
  answers:
    kind: processed
    source: answers_raw
    unique: [sensor_id, period_to]
    partition_by: period_from
    columns:
      - {name: location_id, type: bigint, key: location}
      - {name: sensor_id, type: bigint, key: sensor}
      - {name: parameter, type: varchar, path: parameter.name}
      - {name: unit, type: varchar, path: parameter.units}
      - {name: value, type: double, path: value}
      - {name: period_from, type: timestamp, path: period.datetimeFrom.utc}
      - {name: period_to, type: timestamp, path: period.datetimeTo.utc}
      - {name: period_to_local, type: varchar, path: period.datetimeTo.local}
  files:
    kind: processed
    source: archive_raw
    format: csv
    unique: [sensor_id, period_to]
    partition_by_end: period_to
    spread: 1
    known: [lat, lon]
    columns:
      - {name: location_id, type: bigint, path: location_id}
      - {name: sensor_id, type: bigint, path: sensors_id}
      - {name: location, type: varchar, path: location}
      - {name: parameter, type: varchar, path: parameter}
      - {name: unit, type: varchar, path: units}
      - {name: value, type: double, path: value}
      - {name: period_to, type: timestamp, path: datetime}
      - {name: period_to_local, type: varchar, path: datetime}
"""
LOCATIONS = "locations:\n  vietnam: {country: VN}\n  oslo: {id: 9100002}\n"
SHARED = "location_id, sensor_id, parameter, unit, value, period_to, period_to_local, year, month, day"


def small_world(first: str = "") -> World:
    """Oslo, a station with rows each quarter of an hour, and one with sentinels; all the sensors if older."""
    world = World.synthetic(seed=5, foreign=(OSLO,))
    ids = {OSLO, QUARTERLY, SENTINELS}
    chosen = tuple(location for location in world.locations if location["id"] in ids)
    sensors = {key: sensor for key, sensor in world.sensors.items() if sensor.location_id in ids}
    if first:
        sensors = {key: replace(sensor, first=unix(first)) for key, sensor in sensors.items()}
    return replace(world, locations=chosen, sensors=sensors)


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    """An empty archive on loopback."""
    without_aws(monkeypatch)
    with serving() as server:
        yield server


@pytest.fixture
def project(archive: Archive, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Project]:
    """A project with both ways to the same rows, its API and its archive."""
    world = small_world(getattr(request, "param", ""))
    with Simulator(world, now=NOW, per_minute=None) as api:
        profile = {"platform": "memory", "root": memory_root(), "api": settings(api, archive)}
        yield write_project(tmp_path / "project", {
            "conf/assets/raw.yaml": RAW, "conf/assets/processed.yaml": PROCESSED,
            "conf/assets/catalog.yaml": "assets:\n  tables: {kind: catalog, tables: [answers, files]}\n",
            "conf/locations.yaml": LOCATIONS, "conf/environments.yaml": environments(profile),
        })


def settings(api: Simulator, archive: Archive) -> dict[str, Any]:
    """Return the settings of a profile with the addresses of both."""
    return {"url": api.url, "key": KEY, "requests_per_minute": 0, "requests_per_hour": 0, "archive_endpoint": archive.url}


def environments(profile: dict[str, Any]) -> str:
    """Return the text of conf/environments.yaml with one profile."""
    named = {"dev": {"database": "openaq_dev"}, "prod": {"database": "openaq_prod", "tables_from": "dev"}}
    return json.dumps({"version": 1, "profiles": {"local": profile}, "environments": named})


def run_of(project: Project, first: str, last: str) -> Run:
    """Return a run over some days, as of the world's own today."""
    days = {"first": dt.date.fromisoformat(first), "last": dt.date.fromisoformat(last)}
    return open_run(project, make_request(project.graph, today=TODAY, **days))


def make(project: Project, first: str, last: str, *keys: str) -> Run:
    """Run assets over some days; assert that nothing fails."""
    run = run_of(project, first, last)
    results = run_all(run, keys or tuple(project.graph.assets))
    assert {result.state for result in results} <= {"ok", "skipped"}, results
    return run


def ask(run: Run, sql: str, *tables: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    query = bind(Query("q", sql, tuple(Ref(table, "processed") for table in tables)), run.environment)
    assert isinstance(query, Query)
    return list(run.platform.read(query).rows)


CASES = [
    pytest.param("", "2025-10-25", "2025-10-27", id="summer time ends"),
    pytest.param("", "2025-03-29", "2025-03-31", id="summer time begins"),
    pytest.param("2022-06-01T00:00:00Z", "2023-12-30", "2024-01-02", id="quotes begin"),
]


@pytest.mark.parametrize(("project", "first", "last"), CASES, indirect=["project"])
def test_rows_agree_with_those_of_the_api(project: Project, archive: Archive, first: str, last: str) -> None:
    """Each row the API has with a value is in the archive's table, with the same UTC day, local time and value."""
    ends = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    near = dt.timedelta(days=3)
    world = small_world("2022-06-01T00:00:00Z" if first.startswith("2023") else "")
    archive.fill(world, ends[0] - near, ends[1] + near, NOW)
    run = make(project, first, last)
    answers = ask(run, f"SELECT {SHARED} FROM answers WHERE value IS NOT NULL ORDER BY 2, 6", "answers")
    files = ask(run, f"SELECT {SHARED} FROM files ORDER BY 2, 6", "files")
    assert files == answers and len(answers) > 1000
    places = {row[0] for row in answers}
    assert places == {OSLO, QUARTERLY, SENTINELS}
    assert {f"{row[7]}-{row[8]}-{row[9]}" for row in files} == set(run.request.days)
    quarantined = run.platform.objects.list(run.environment.uri("quarantine", "files"))
    assert list(quarantined) == []


def test_names_keep_their_commas(project: Project, archive: Archive) -> None:
    """The name of a station and the number behind it are read completely."""
    archive.fill(small_world(), dt.date(2025, 10, 19), dt.date(2025, 10, 21), NOW)
    run = make(project, "2025-10-20", "2025-10-20", "places_raw", "archive_raw", "files", "tables")
    names = ask(run, "SELECT DISTINCT location FROM files ORDER BY 1", "files")
    assert ("Đường Nguyễn Trãi, Thanh Xuân (mô phỏng)-8969909",) in names and len(names) == 3


def test_a_day_asks_for_its_neighbours_files(project: Project, archive: Archive) -> None:
    """One day of the table reads exactly three raw days, and never one that has not begun."""
    run = run_of(project, "2025-10-20", "2025-10-20")
    assert run.plan_state.partitions(project.graph["archive_raw"]) == ("2025-10-19", "2025-10-20", "2025-10-21")
    assert run.plan_state.partitions(project.graph["answers_raw"]) == ("2025-10-20",)
    assert run.plan_state.partitions(project.graph["files"]) == ("2025-10-20",)
    last = run_of(project, TODAY.isoformat(), TODAY.isoformat())
    assert last.plan_state.partitions(project.graph["archive_raw"]) == ("2025-11-09", "2025-11-10")


def test_a_revised_file_remakes_the_days_around_it(project: Project, archive: Archive) -> None:
    """If a file changed, only its day and both neighbours are made again, with the new value."""
    world = small_world()
    files = archive.fill(world, dt.date(2025, 10, 18), dt.date(2025, 10, 26), NOW)
    run = make(project, "2025-10-20", "2025-10-25", "places_raw", "archive_raw", "files", "tables")
    assert {step.action for step in plan(run_of(project, "2025-10-20", "2025-10-25").plan_state, ["files"])} == {"skip"}
    key = key_of(QUARTERLY, dt.date(2025, 10, 23))
    header, *lines = gzip.decompress(files[key]).decode().splitlines()
    changed = [line.rpartition(",")[0] + ',"7.25"' for line in lines]
    archive.put({key: gzip.compress("\n".join([header, *changed, ""]).encode(), mtime=0)})
    again = run_of(project, "2025-10-23", "2025-10-23")
    run_all(replace(again, request=replace(again.request, force=True)), ["archive_raw"])
    steps = plan(run_of(project, "2025-10-20", "2025-10-25").plan_state, ["files"])
    remade = [day for step in steps if step.action != "skip" for day in step.partitions]
    assert remade == ["2025-10-22", "2025-10-23", "2025-10-24"]
    assert {step.reason for step in steps if step.action != "skip"} == {"archive_raw changed"}
    run = make(project, "2025-10-20", "2025-10-25", "files")
    actual = ask(run, f"SELECT min(period_to), max(period_to) FROM files WHERE location_id = {QUARTERLY} AND value = 7.25", "files")
    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    first, last = (dt.datetime(2025, 10, day, 0, minute, tzinfo=zone).astimezone(dt.UTC).replace(tzinfo=None) for day, minute in ((23, 15), (24, 0)))
    assert actual == [(first, last)]


def test_what_is_forced_or_redefined_is_asked_again_though_final(project: Project, archive: Archive) -> None:
    """A final file is downloaded again only by a forced run or with a new definition."""
    archive.fill(small_world(), dt.date(2025, 10, 18), dt.date(2025, 10, 24), NOW)
    keys, day = ("places_raw", "archive_raw"), ("2025-10-21", "2025-10-21")
    counts = []

    def count(run: Run) -> None:
        del archive.log[:]
        assert {result.state for result in run_all(run, keys)} <= {"ok", "skipped"}
        counts.append(len(archive.downloads()))

    count(run_of(project, *day))
    count(run_of(project, *day))
    run = run_of(project, *day)
    count(replace(run, request=replace(run.request, force=True)))
    raw = project.root / "conf/assets/raw.yaml"
    raw.write_text(RAW.replace("lookback: 10 days", "lookback: 11 days"))
    count(run_of(load(project.root), *day))
    count(run_of(load(project.root), *day))
    assert counts == [9, 0, 9, 9, 0]


def test_an_unreadable_file_is_set_aside_on_its_day(project: Project, archive: Archive) -> None:
    """A broken file is kept, reported once in the quarantine of its day, and affects no other station."""
    archive.fill(small_world(), dt.date(2025, 10, 18), dt.date(2025, 10, 24), NOW)
    archive.put({key_of(OSLO, dt.date(2025, 10, 21)): b"\x1f\x8bno gzip"})
    run = make(project, "2025-10-20", "2025-10-22", "places_raw", "archive_raw", "files", "tables")
    kept = list(run.platform.objects.list(run.environment.uri("quarantine", "files")))
    assert [uri.split("/files/")[1] for uri in kept] == ["year=2025/month=10/day=21/part-0.jsonl"]
    quarantined = json.loads(run.platform.objects.get(kept[0]))
    assert quarantined["reason"].startswith("unreadable: ") and f"location={OSLO}__date=20251021" in quarantined["object"]
    counted = ask(run, "SELECT location_id, count(*) FROM files GROUP BY 1 ORDER BY 1", "files")
    assert [position for position, _ in counted] == [SENTINELS, QUARTERLY, OSLO]


# --- the project's own views ----------------------------------------------------------------------

HOURS = "location_id, sensor_id, parameter, unit, round(value_valid, 6), period_from, period_to, local_day, day_key"


def own_project(archive: Archive, api: Simulator, folder: Path) -> Project:
    """This project, with a lake of its own."""
    root = copy_project(folder)
    profile = {"platform": "memory", "root": memory_root(), "api": settings(api, archive)}
    (root / "conf/environments.yaml").write_text(environments(profile))
    (root / "conf/locations.yaml").write_text(LOCATIONS)
    return load(root)


def hours_of(run: Run) -> list[tuple[Any, ...]]:
    """The valid rows of view_hourly_quality."""
    query = bind(Query("q", f"SELECT {HOURS} FROM view_hourly_quality WHERE qc_flag IN (1, 3) ORDER BY 2, 6", (Ref("view_hourly_quality", "view"),)), run.environment)
    assert isinstance(query, Query)
    return list(run.platform.read(query).rows)


def test_the_archive_fills_the_hours_the_api_was_not_asked_for(archive: Archive, tmp_path: Path) -> None:
    """The API alone, the archive alone, and some of each give the same hours, one row each."""
    world, world_and_bodies = small_world(), {}
    world = replace(world, sensors={key: sensor for key, sensor in world.sensors.items() if sensor.parameter.name in ("pm25", "pm10")})
    archive.fill(world, dt.date(2025, 10, 18), dt.date(2025, 10, 28), NOW)
    views = ("aqi_breakpoints", "cities", "qc_ranges", "qc_sentinels", "locations_raw", "locations", "openaq_tables", "archive_tables", "view_stations", "view_hours", "view_hour_flags", "view_hourly_quality")
    api, files = ("measurements_raw", "measurements"), ("archive_raw", "archive_measurements")
    with Simulator(world, now=NOW, per_minute=None) as server:
        for name, parts in {
            "api": [("2025-10-20", "2025-10-26", api)],
            "archive": [("2025-10-20", "2025-10-26", files)],
            "both": [("2025-10-20", "2025-10-22", api), ("2025-10-20", "2025-10-26", files), ("2025-10-24", "2025-10-24", api)],
        }.items():
            project = own_project(archive, server, tmp_path / name)
            run = make(project, "2025-10-20", "2025-10-26", *views)
            assert hours_of(run) == []
            for first, last, keys in parts:
                run = make(project, first, last, *keys)
            world_and_bodies[name] = hours_of(run)
    assert len(world_and_bodies["api"]) > 700
    assert world_and_bodies["archive"] == world_and_bodies["api"]
    assert world_and_bodies["both"] == world_and_bodies["api"]


def test_the_main_job_has_an_empty_archive_and_never_asks_for_it() -> None:
    """The daily job skips the archive's raw asset but makes its table; another job fetches it."""
    project = load(ROOT)
    keys = set(project.keys("openaq_ingestion"))
    assert "archive_tables" in keys and not keys & {"archive_raw", "archive_measurements"}
    assert project.keys("openaq_archive") == ("archive_raw", "archive_measurements")


def test_the_simulators_files_are_the_same_each_time() -> None:
    """The same world gives the same bytes: quotes since 2024, none before but around commas."""
    world = small_world("2022-06-01T00:00:00Z")
    day = dt.date(2023, 12, 31), dt.date(2024, 1, 1)
    first, two = (dict(archive_objects(world, *day, NOW)) for _ in range(2))
    assert first == two and len(first) == 6
    old, new = (gzip.decompress(first[key_of(QUARTERLY, each)]).decode().splitlines() for each in day)
    assert old[0] == "location_id,sensors_id,location,datetime,lat,lon,parameter,units,value"
    assert old[1].startswith(f'{QUARTERLY},90000023,"Đường Nguyễn Trãi, Thanh Xuân (mô phỏng)-8969909",2023-12-31T00:15:00+07:00,20.9934,')
    assert new[0] == '"' + old[0].replace(",", '","') + '"'
    assert new[1].split(",")[4:6] == ['"2024-01-01T00:15:00+07:00"', '"20.9934"']


def test_the_simulators_files_come_three_days_late() -> None:
    """A file is there 72 hours after its local day has ended, wherever that is."""
    midnight = dt.datetime(2025, 10, 22, tzinfo=ZoneInfo("Europe/Oslo")).astimezone(dt.UTC)
    at = midnight + dt.timedelta(hours=72)
    for moment, there in ((at - dt.timedelta(seconds=1), False), (at, True)):
        keys = dict(archive_objects(small_world(), dt.date(2025, 10, 21), dt.date(2025, 10, 21), moment))
        assert (key_of(OSLO, dt.date(2025, 10, 21)) in keys) is there
