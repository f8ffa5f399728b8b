"""Tests of backfills: their assets, their order, and the continuation after the process was killed."""

import datetime as dt
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from support.archive_server import Archive, serving, without_aws
from support.runner_fixtures import ROOT, copy_project
from support.scripted_server import KEY

from openaq_assets.cli.main import main
from openaq_assets.cli.progress import ProgressBars
from openaq_assets.errors import SelectionError
from openaq_assets.graph.partitions import days, parse_day
from openaq_assets.graph.raw_keys import parse_raw_key
from openaq_assets.graph.selection import select
from openaq_assets.project.project import Project, load
from openaq_assets.runs.backfill import RangeProgress, phases, source_keys
from openaq_assets.runs.query import ask
from openaq_simulator import Simulator, World

TODAY = dt.datetime.now(dt.UTC).date()
LAST = TODAY - dt.timedelta(days=30)
FIRST = LAST - dt.timedelta(days=11)
RANGE = ("--from", str(FIRST), "--to", str(LAST))
API = ("measurements_raw", "measurements")
FILES = ("archive_raw", "archive_measurements")


@cache
def own() -> Project:
    """Return the project of this repository."""
    return load(ROOT)


def keys_of(selection: str, source: Any) -> tuple[str, ...]:
    """Return the keys of the assets that a backfill of a selection runs."""
    return source_keys(own().graph, select(own().graph, selection), source)


# --- which assets, and when ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selection", "source", "included", "left_out"),
    [
        ("measurements", "api", ("locations_raw", *API), FILES),
        ("archive_measurements", "archive", ("locations_raw", *FILES), API),
        ("view_daily_average", "api", (*API, "openaq_tables", "archive_tables", "view_daily_average"), FILES),
        ("view_daily_average", "archive", (*FILES, "openaq_tables", "archive_tables", "view_stations"), API),
        ("*", "archive", (*FILES, "validate_prod_views"), API),
    ],
)
def test_the_source_chooses_among_the_raw_assets(selection: str, source: str, included: Any, left_out: Any) -> None:
    """A backfill runs all inputs of a selection, but of daily raw assets only those of the source."""
    keys = keys_of(selection, source)
    assert set(included) <= set(keys) and not set(left_out) & set(keys)
    assert list(keys) == [asset.key for asset in own().graph if asset.key in keys]


@pytest.mark.parametrize(
    ("selection", "source", "hint"),
    [("measurements", "archive", "Select archive_measurements"), ("archive_raw", "api", "Select measurements"), ("cities", "api", "Select measurements")],
)
def test_a_selection_without_the_source_is_an_error(selection: str, source: str, hint: str) -> None:
    """A selection that is not made from the source is refused, and the message names assets that are."""
    with pytest.raises(SelectionError, match=f"no asset of the selection is made from source '{source}'. {hint}"):
        keys_of(selection, source)


def test_assets_without_days_run_once_before_or_after() -> None:
    """The inventory runs first, each chunk has only daily assets, and views run after the last chunk."""
    parts = phases(own().graph, keys_of("view_daily_average latest_aqi_csv", "api"))
    assert parts.daily == API
    assert {"locations_raw", "locations", "cities", "qc_ranges"} <= set(parts.before)
    assert {"openaq_tables", "view_hour_flags", "view_daily_average", "latest_aqi_csv"} <= set(parts.after)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.data())
def test_progress_over_the_range_only_grows_and_ends(sizes: list[int], data: st.DataObject) -> None:
    """The progress of the range grows from 0 to the number of its days, for any chunks and fetches."""
    steps: list[tuple[str, int, int]] = []
    progress = RangeProgress(lambda *step: steps.append(step), "Backfill", sum(sizes))
    for size in sizes:
        progress.begin(size)
        for total in data.draw(st.lists(st.integers(0, 9), max_size=3)):
            for done in range(total + 1):
                progress("Fetch hours", done, total)
        progress("Transform x", 1, 1)
        progress.end()
    shown = [done for what, done, _ in steps if what == "Backfill"]
    assert shown == sorted(set(shown)) and shown[0] == 0 and shown[-1] == sum(sizes)


def test_the_fetch_of_a_chunk_moves_the_range() -> None:
    """Half of a chunk's requests count as half of its days; an inventory before the days counts nothing."""
    steps: list[tuple[str, int, int]] = []
    progress = RangeProgress(lambda *step: steps.append(step), "Backfill", 40)
    progress("Fetch locations", 1, 1)
    progress.begin(20)
    progress("Fetch hours", 5, 10)
    assert [step for step in steps if step[0] == "Backfill"] == [("Backfill", 0, 40), ("Backfill", 10, 40)]


def test_bars_begin_again_with_each_chunk(tmp_path: Path) -> None:
    """The bar of a step that starts again shows the new count."""
    with open(tmp_path / "screen", "w+") as screen:
        shown = ProgressBars(Console(file=screen, force_terminal=True, width=120))
        with shown:
            for done in (0, 3, 0, 1):
                shown("Fetch hours", done, 3)
        screen.seek(0)
        assert "1/3" in screen.read().split("3/3")[-1]


# --- the command ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "error: Missing argument 'SELECTION...'."),
        ("measurements", "error: Missing option '--from'."),
        ("measurements --from 2026-01-05 --to 2026-01-01", "error: the first day 2026-01-05 is after the last day 2026-01-01. Swap them."),
        ("measurements --from 2026-13-01", "is not a date like 2026-01-31"),
        ("measurements --from 9999-01-01", "error: 9999-01-01 has not begun yet (UTC)."),
        ("measurments --from 2026-01-01", "Did you mean 'measurements'?"),
        ("measurements --from 2026-01-01 --source archive", "Select archive_measurements, or an asset that reads them."),
        ("measurements --from 2026-01-01 --source s3", "there is no source 's3'. Choose one of: api, archive."),
        ("measurements --from 2026-01-01 --locations x", "error: there is no location 'x'."),
        ("measurements --from 2026-01-01 --chunk 0", "error: Invalid value for '--chunk'"),
        ("measurements --from 2026-01-01 --env tests", "error: there is no environment 'tests'."),
        ("measurements --from 2026-01-01 --env prod", "belongs to environment 'dev'"),
    ],
)
def test_a_mistake_is_one_line(arguments: str, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path,
                               monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong usage prints one line with the remedy, exits with 2, and writes nothing."""
    monkeypatch.setenv("OPENAQ_ROOT", str(tmp_path / "lake"))
    with pytest.raises(SystemExit) as ended:
        main(["--project", str(ROOT), "backfill", *arguments.split()])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and message in error and error.count("\n") == 1
    assert not (tmp_path / "lake").exists()


@dataclass
class Deployment:
    """A copy of the project that uses these servers, and its lake."""

    folder: Path
    api: Simulator
    archive: str = ""
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        copy_project(self.folder / "project")
        profile = {
            "platform": "local", "root": str(self.folder / "lake"),
            "api": {"url": self.api.url, "key": KEY, "requests_per_minute": 0, "requests_per_hour": 0,
                    "archive_endpoint": self.archive},
        }
        settings = {"version": 1, "profiles": {"local": profile}, "environments": {
            "dev": {"database": "openaq_dev"}, "prod": {"database": "openaq_prod", "tables_from": "dev"}}}
        (self.folder / "project/conf/environments.yaml").write_text(json.dumps(settings))
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("OPENAQ_")}

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start the real command."""
        command = [sys.executable, "-m", "openaq_assets.cli.main", "--project", str(self.folder / "project"), "backfill", *arguments]
        return subprocess.Popen(command, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def call(self, *arguments: str, code: int = 0) -> str:
        """Run the real command to its end and return its output."""
        process = self.start(*arguments)
        out, error = process.communicate(timeout=180)
        assert process.returncode == code, out + error
        assert "Traceback" not in error and "nanobind" not in error
        return out + error

    def killed(self, moment: Callable[[], bool], *arguments: str) -> None:
        """Start the command and kill it when ``moment`` returns true."""
        with self.start(*arguments) as process:
            while process.poll() is None and not moment():
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            process.communicate()

    def stored(self, asset: str) -> set[tuple[str, ...]]:
        """Return the parts and the day of every raw object of an asset."""
        stored = set()
        for path in (self.folder / "lake/dev/raw").rglob("[!.]*"):
            key = parse_raw_key(path.name)
            if path.is_file() and key and key.asset == asset:
                stored.add((*key.values.values(), "-".join(part.split("=")[1] for part in path.parts[-4:-1])))
        return stored

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """Return the rows of a table without the time of retrieval."""
        project = load(self.folder / "project")
        columns = [str(column.name) for column in project.graph.columns(table) if column.name != "retrieved_at"]
        names = ", ".join(columns)
        return list(ask(project, f"SELECT {names} FROM {table} ORDER BY {names}", "dev").rows)


def small_world() -> World:
    """Return a world of two stations with two or more sensors each; one reports every quarter of an hour."""
    world = World.synthetic(seed=2)
    ids = {9000005, 9000006}
    wanted = {"pm25", "pm10", "no2"}
    sensors = {
        key: sensor for key, sensor in world.sensors.items() if sensor.location_id in ids and sensor.parameter.name in wanted
    }
    chosen = tuple(
        {**location, "sensors": [sensor for sensor in location["sensors"] if sensor["id"] in sensors]}
        for location in world.locations if location["id"] in ids
    )
    return replace(world, locations=chosen, sensors=sensors)


@pytest.fixture
def api() -> Iterator[Simulator]:
    """Yield the API of the small world, without limits."""
    with Simulator(small_world(), per_minute=None) as simulator:
        yield simulator


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    """Yield the archive of the small world."""
    without_aws(monkeypatch)
    near = dt.timedelta(days=1)
    with serving() as archive:
        archive.fill(small_world(), FIRST - near, LAST + near, dt.datetime.now(dt.UTC))
        yield archive


def requested(api: Simulator, since: int = 0) -> list[tuple[str, str]]:
    """Return the (sensor, day) of each answered request for hours, in order."""
    requests = [request for request in api.log[since:] if request.path.endswith("/hours") and request.status == 200]
    return [(request.path.split("/")[3], dict(parse_qsl(request.query))["datetime_from"][:10]) for request in requests]


def test_chunks_come_oldest_first(api: Simulator, tmp_path: Path) -> None:
    """The days of a chunk are requested and reported before those of the next, and a summary follows."""
    deployment = Deployment(tmp_path, api)
    output = deployment.call("measurements", *RANGE, "--chunk", "5")
    ordered = [parse_day(day) for _, day in requested(api)]
    chunk = [(day - FIRST).days // 5 for day in ordered]
    assert chunk == sorted(chunk) and set(chunk) == {0, 1, 2}
    assert [line[:10] for line in output.splitlines()[:3]] == [str(FIRST + dt.timedelta(days=n)) for n in (0, 5, 10)]
    assert "measurements_raw          12 made" in output and "measurements              12 made" in output
    assert Counter(requested(api)).most_common(1)[0][1] == 1
    assert set(requested(api)) == {(str(key), day) for key in small_world().sensors for day in days(FIRST, LAST)}


def test_a_second_backfill_does_nothing(api: Simulator, tmp_path: Path) -> None:
    """A second run, also with other chunks, requests no day and reports that all is up to date."""
    deployment = Deployment(tmp_path, api)
    deployment.call("measurements", *RANGE)
    before = len(api.log)
    output = deployment.call("measurements", *RANGE, "--chunk", "7")
    assert requested(api, before) == [] and "measurements              up to date" in output


def test_a_failed_sensor_is_requested_the_next_time(api: Simulator, tmp_path: Path) -> None:
    """A failing sensor stops no other: the command exits with 3 and names it, and a second run fetches it."""
    broken = min(small_world().sensors)
    api.faults = [f"500:sensor={broken}"]
    deployment = Deployment(tmp_path, api)
    few = ("--from", str(FIRST), "--to", str(FIRST))
    output = deployment.call("measurements", *few, code=3)
    assert f"sensor {broken}" in output and "measurements_raw          1 partial" in output
    assert "Run the same command again" in output
    api.faults, before = [], len(api.log)
    deployment.call("measurements", *few)
    assert {sensor for sensor, _ in requested(api, before)} == {str(broken)}


def test_a_source_that_refuses_stops_it(api: Simulator, tmp_path: Path) -> None:
    """A source that refuses all requests ends the backfill with one line and exit code 3."""
    deployment = Deployment(tmp_path, api)
    deployment.call("measurements", "--from", str(FIRST), "--to", str(FIRST))
    api.faults = ["403"]
    output = deployment.call("measurements", *RANGE, "--chunk", "2", code=3)
    assert "error: the backfill stopped. locations_raw: " in output and requested(api, len(api.log)) == []


KILLS = 4


def test_kills_lose_and_repeat_nothing(api: Simulator, tmp_path: Path) -> None:
    """After kills at random moments the tables are complete, and stored answers are not requested again."""
    calm = Deployment(tmp_path / "calm", api)
    calm.call("measurements openaq_tables", *RANGE, "--chunk", "4")
    troubled = Deployment(tmp_path / "troubled", api)
    arguments = ("measurements openaq_tables", *RANGE, "--chunk", "4")
    begun = len(api.log)
    for _ in range(KILLS):
        start, many = len(api.log), random.randint(1, 25)
        troubled.killed(lambda start=start, many=many: len(api.log) >= start + many, *arguments)
        kept, after = troubled.stored("measurements_raw"), len(api.log)
        troubled.killed(lambda after=after: len(api.log) >= after + 12, *arguments)
        known = {(parts[1], parts[-1]) for parts in kept}
        assert not known & set(requested(api, after)), "a stored final answer was requested again"
    troubled.call(*arguments)
    assert set(requested(api, begun)) == {(str(key), day) for key in small_world().sensors for day in days(FIRST, LAST)}
    assert troubled.rows("measurements") == calm.rows("measurements") != []
    assert troubled.stored("measurements_raw") == calm.stored("measurements_raw")


def test_an_archive_backfill_survives_kills(api: Simulator, archive: Archive, tmp_path: Path) -> None:
    """After kills at random moments the archive tables are complete, and stored files are not downloaded again."""
    arguments = ("archive_measurements archive_tables", *RANGE, "--source", "archive", "--chunk", "4")
    calm = Deployment(tmp_path / "calm", api, archive.url)
    output = calm.call(*arguments)
    assert "archive_measurements      12 made" in output
    near = days(FIRST - dt.timedelta(days=1), LAST + dt.timedelta(days=1))
    assert {parts[-1] for parts in calm.stored("archive_raw")} == set(near)
    troubled = Deployment(tmp_path / "troubled", api, archive.url)
    for _ in range(KILLS):
        start, many = len(archive.log), random.randint(1, 12)
        troubled.killed(lambda start=start, many=many: len(archive.log) >= start + many, *arguments)
        kept, after = troubled.stored("archive_raw"), len(archive.log)
        troubled.killed(lambda after=after: len(archive.log) >= after + 4, *arguments)
        again = {tuple(request.path.rsplit("/", 1)[1].split(".")[0].split("-")[1:]) for request in archive.log[after:] if request.path.endswith(".gz")}
        assert not {parts[:2] for parts in kept} & again, "a stored final file was downloaded again"
    troubled.call(*arguments)
    assert troubled.rows("archive_measurements") == calm.rows("archive_measurements") != []
    assert troubled.stored("archive_raw") == calm.stored("archive_raw")


def test_both_sources_agree_by_command_line(api: Simulator, archive: Archive, tmp_path: Path) -> None:
    """A view has the same rows over days of the archive and over days of the API."""
    views: Mapping[str, list[Any]] = {}
    few = ("--from", str(FIRST), "--to", str(FIRST + dt.timedelta(days=4)))
    for source in ("api", "archive"):
        deployment = Deployment(tmp_path / source, api, archive.url)
        deployment.call("view_daily_average", *few, "--source", source)
        project = load(deployment.folder / "project")
        sql = "SELECT location_id, local_day, avg_pm25, avg_pm10, hours FROM view_daily_average ORDER BY 1, 2"
        views = {**views, source: list(ask(project, sql, "dev").rows)}
    assert views["api"] == views["archive"] and len(views["api"]) >= 10
