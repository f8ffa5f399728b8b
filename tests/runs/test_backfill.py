"""Backfill: which assets, in which order, and that a killed one goes on without losing or repeating."""

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
from openaq_assets.cli.progress import Bars
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
    """This project."""
    return load(ROOT)


def keys_of(selection: str, source: Any) -> tuple[str, ...]:
    """What a backfill of a selection runs."""
    return source_keys(own().graph, select(own().graph, selection), source)


# --- which assets, and when ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selection", "source", "there", "not_there"),
    [
        ("measurements", "api", ("locations_raw", *API), FILES),
        ("archive_measurements", "archive", ("locations_raw", *FILES), API),
        ("view_daily_average", "api", (*API, "openaq_tables", "archive_tables", "view_daily_average"), FILES),
        ("view_daily_average", "archive", (*FILES, "openaq_tables", "archive_tables", "view_stations"), API),
        ("*", "archive", (*FILES, "validate_prod_views"), API),
    ],
)
def test_the_source_chooses_among_the_raw_assets(selection: str, source: str, there: Any, not_there: Any) -> None:
    """Everything behind a selection runs, but of the days only those that the source fills."""
    keys = keys_of(selection, source)
    assert set(there) <= set(keys) and not set(not_there) & set(keys)
    assert list(keys) == [asset.key for asset in own().graph if asset.key in keys]


@pytest.mark.parametrize(
    ("selection", "source", "hint"),
    [("measurements", "archive", "Select archive_measurements"), ("archive_raw", "api", "Select measurements"), ("cities", "api", "Select measurements")],
)
def test_nothing_of_a_source_is_an_error_that_names_what_there_is(selection: str, source: str, hint: str) -> None:
    """A selection that the source does not feed is refused, with what could be meant."""
    with pytest.raises(SelectionError, match=f"no asset of the selection is made from source '{source}'. {hint}"):
        keys_of(selection, source)


def test_what_has_no_days_runs_once_before_or_after_them() -> None:
    """The inventory comes first, each chunk has only days, and views wait for the last of them."""
    parts = phases(own().graph, keys_of("view_daily_average latest_aqi_csv", "api"))
    assert parts.daily == API
    assert {"locations_raw", "locations", "cities", "qc_ranges"} <= set(parts.before)
    assert {"openaq_tables", "view_hour_flags", "view_daily_average", "latest_aqi_csv"} <= set(parts.after)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.data())
def test_progress_over_the_range_only_grows_and_ends(sizes: list[int], data: st.DataObject) -> None:
    """Whatever the chunks and fetches tell, the whole range's progress grows from 0 to all of its days."""
    told: list[tuple[str, int, int]] = []
    whole = RangeProgress(lambda *step: told.append(step), "Backfill", sum(sizes))
    for size in sizes:
        whole.begin(size)
        for total in data.draw(st.lists(st.integers(0, 9), max_size=3)):
            for done in range(total + 1):
                whole("Fetch hours", done, total)
        whole("Transform x", 1, 1)
        whole.end()
    mine = [done for what, done, _ in told if what == "Backfill"]
    assert mine == sorted(set(mine)) and mine[0] == 0 and mine[-1] == sum(sizes)


def test_a_chunks_fetch_moves_the_whole() -> None:
    """Half of the requests of a chunk is half of its days; an inventory before the days moves nothing."""
    told: list[tuple[str, int, int]] = []
    whole = RangeProgress(lambda *step: told.append(step), "Backfill", 40)
    whole("Fetch locations", 1, 1)
    whole.begin(20)
    whole("Fetch hours", 5, 10)
    assert [step for step in told if step[0] == "Backfill"] == [("Backfill", 0, 40), ("Backfill", 10, 40)]


def test_bars_begin_again_with_each_chunk(tmp_path: Path) -> None:
    """The bar of a step that starts over shows the new count and goes on telling the time left."""
    with open(tmp_path / "screen", "w+") as screen:
        shown = Bars(Console(file=screen, force_terminal=True, width=120))
        with shown:
            for done in (0, 3, 0, 1):
                shown("Fetch hours", done, 3)
        screen.seek(0)
        assert "1/3" in screen.read().split("3/3")[-1]


# --- the command ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
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
def test_a_mistake_is_one_line(arguments: str, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path,
                               monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """What is wrong with the command is told in one line with its remedy, exit code 2, and nothing is written."""
    monkeypatch.setenv("OPENAQ_ROOT", str(tmp_path / "lake"))
    with pytest.raises(SystemExit) as ended:
        main(["--project", str(ROOT), "backfill", *arguments.split()])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and said in error and error.count("\n") == 1
    assert not (tmp_path / "lake").exists()


@dataclass
class Deployment:
    """A copy of the project that asks these servers, and its lake."""

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
        }  # fmt: skip
        settings = {"version": 1, "profiles": {"local": profile}, "environments": {
            "dev": {"database": "openaq_dev"}, "prod": {"database": "openaq_prod", "tables_from": "dev"}}}  # fmt: skip
        (self.folder / "project/conf/environments.yaml").write_text(json.dumps(settings))
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("OPENAQ_")}

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """The real command, running."""
        command = [sys.executable, "-m", "openaq_assets.cli.main", "--project", str(self.folder / "project"), "backfill", *arguments]
        return subprocess.Popen(command, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def call(self, *arguments: str, code: int = 0) -> str:
        """What the finished command printed."""
        process = self.start(*arguments)
        out, error = process.communicate(timeout=180)
        assert process.returncode == code, out + error
        assert "Traceback" not in error and "nanobind" not in error
        return out + error

    def killed(self, moment: Callable[[], bool], *arguments: str) -> None:
        """The command, killed when the moment has come."""
        with self.start(*arguments) as process:
            while process.poll() is None and not moment():
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            process.communicate()

    def stored(self, asset: str) -> set[tuple[str, ...]]:
        """What raw objects there are of an asset: their parts and day."""
        found = set()
        for path in (self.folder / "lake/dev/raw").rglob("[!.]*"):
            key = parse_raw_key(path.name)
            if path.is_file() and key and key.asset == asset:
                found.add((*key.values.values(), "-".join(part.split("=")[1] for part in path.parts[-4:-1])))
        return found

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """A table's rows, without when they were retrieved."""
        project = load(self.folder / "project")
        columns = [str(one.name) for one in project.graph.columns(table) if one.name != "retrieved_at"]
        names = ", ".join(columns)
        return list(ask(project, f"SELECT {names} FROM {table} ORDER BY {names}", "dev").rows)


def small_world() -> World:
    """Two stations with two or more sensors each, one of them each quarter of an hour."""
    world = World.synthetic(seed=2)
    ids = {9000005, 9000006}
    wanted = {"pm25", "pm10", "no2"}
    sensors = {
        key: one for key, one in world.sensors.items() if one.location_id in ids and one.parameter.name in wanted
    }
    chosen = tuple(
        {**one, "sensors": [each for each in one["sensors"] if each["id"] in sensors]}
        for one in world.locations if one["id"] in ids
    )  # fmt: skip
    return replace(world, locations=chosen, sensors=sensors)


@pytest.fixture
def api() -> Iterator[Simulator]:
    """The API of a small world, without limits."""
    with Simulator(small_world(), per_minute=None) as found:
        yield found


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    """The archive of the small world."""
    without_aws(monkeypatch)
    near = dt.timedelta(days=1)
    with serving() as found:
        found.fill(small_world(), FIRST - near, LAST + near, dt.datetime.now(dt.UTC))
        yield found


def asked(api: Simulator, since: int = 0) -> list[tuple[str, str]]:
    """The (sensor, day) of each answered request for hours, in order."""
    found = [one for one in api.log[since:] if one.path.endswith("/hours") and one.status == 200]
    return [(one.path.split("/")[3], dict(parse_qsl(one.query))["datetime_from"][:10]) for one in found]


def test_chunks_come_oldest_first(api: Simulator, tmp_path: Path) -> None:
    """Each chunk's days are asked and told before the next chunk's, and the end sums up."""
    deployment = Deployment(tmp_path, api)
    said = deployment.call("measurements", *RANGE, "--chunk", "5")
    ordered = [parse_day(day) for _, day in asked(api)]
    chunk = [(day - FIRST).days // 5 for day in ordered]
    assert chunk == sorted(chunk) and set(chunk) == {0, 1, 2}
    assert [line[:10] for line in said.splitlines()[:3]] == [str(FIRST + dt.timedelta(days=n)) for n in (0, 5, 10)]
    assert "measurements_raw          12 made" in said and "measurements              12 made" in said
    assert Counter(asked(api)).most_common(1)[0][1] == 1
    assert set(asked(api)) == {(str(key), day) for key in small_world().sensors for day in days(FIRST, LAST)}


def test_a_second_time_there_is_nothing_to_do(api: Simulator, tmp_path: Path) -> None:
    """Run again, with other chunks, no day is asked for and the end says that all is up to date."""
    deployment = Deployment(tmp_path, api)
    deployment.call("measurements", *RANGE)
    before = len(api.log)
    said = deployment.call("measurements", *RANGE, "--chunk", "7")
    assert asked(api, before) == [] and "measurements              up to date" in said


def test_some_failures_are_summed_up_and_had_the_next_time(api: Simulator, tmp_path: Path) -> None:
    """A sensor that cannot be had costs no other: exit code 3 names it, and the same command then gets it."""
    broken = min(small_world().sensors)
    api.faults = [f"500:sensor={broken}"]
    deployment = Deployment(tmp_path, api)
    few = ("--from", str(FIRST), "--to", str(FIRST))
    said = deployment.call("measurements", *few, code=3)
    assert f"sensor {broken}" in said and "measurements_raw          1 partial" in said
    assert "Run the same command again" in said
    api.faults, before = [], len(api.log)
    deployment.call("measurements", *few)
    assert {sensor for sensor, _ in asked(api, before)} == {str(broken)}


def test_a_source_that_refuses_stops_it(api: Simulator, tmp_path: Path) -> None:
    """Where nothing can be had, the chunks to come are not tried: one line says why, exit code 3."""
    deployment = Deployment(tmp_path, api)
    deployment.call("measurements", "--from", str(FIRST), "--to", str(FIRST))
    api.faults = ["403"]
    said = deployment.call("measurements", *RANGE, "--chunk", "2", code=3)
    assert "error: the backfill stopped. locations_raw: " in said and asked(api, len(api.log)) == []


KILLS = 4


def test_nothing_is_lost_or_asked_twice_by_kills(api: Simulator, tmp_path: Path) -> None:
    """Killed at random moments and run again, the tables are as if undisturbed, and what was stored is not asked again."""
    calm = Deployment(tmp_path / "calm", api)
    calm.call("measurements openaq_tables", *RANGE, "--chunk", "4")
    troubled = Deployment(tmp_path / "troubled", api)
    arguments = ("measurements openaq_tables", *RANGE, "--chunk", "4")
    begun = len(api.log)
    for _ in range(KILLS):
        start, many = len(api.log), random.randint(1, 25)
        troubled.killed(lambda start=start, many=many: len(api.log) >= start + many, *arguments)  # type: ignore[misc]
        kept, after = troubled.stored("measurements_raw"), len(api.log)
        troubled.killed(lambda after=after: len(api.log) >= after + 12, *arguments)  # type: ignore[misc]
        known = {(parts[1], parts[-1]) for parts in kept}
        assert not known & set(asked(api, after)), "a stored final answer was asked for again"
    troubled.call(*arguments)
    assert set(asked(api, begun)) == {(str(key), day) for key in small_world().sensors for day in days(FIRST, LAST)}
    assert troubled.rows("measurements") == calm.rows("measurements") != []
    assert troubled.stored("measurements_raw") == calm.stored("measurements_raw")


def test_an_archive_backfill_survives_kills(api: Simulator, archive: Archive, tmp_path: Path) -> None:
    """The same of the archive's files: the same tables, and no stored file downloaded again."""
    arguments = ("archive_measurements archive_tables", *RANGE, "--source", "archive", "--chunk", "4")
    calm = Deployment(tmp_path / "calm", api, archive.url)
    said = calm.call(*arguments)
    assert "archive_measurements      12 made" in said
    near = days(FIRST - dt.timedelta(days=1), LAST + dt.timedelta(days=1))
    assert {parts[-1] for parts in calm.stored("archive_raw")} == set(near)
    troubled = Deployment(tmp_path / "troubled", api, archive.url)
    for _ in range(KILLS):
        start, many = len(archive.log), random.randint(1, 12)
        troubled.killed(lambda start=start, many=many: len(archive.log) >= start + many, *arguments)  # type: ignore[misc]
        kept, after = troubled.stored("archive_raw"), len(archive.log)
        troubled.killed(lambda after=after: len(archive.log) >= after + 4, *arguments)  # type: ignore[misc]
        again = {tuple(one.path.rsplit("/", 1)[1].split(".")[0].split("-")[1:]) for one in archive.log[after:] if one.path.endswith(".gz")}
        assert not {parts[:2] for parts in kept} & again, "a stored final file was downloaded again"
    troubled.call(*arguments)
    assert troubled.rows("archive_measurements") == calm.rows("archive_measurements") != []
    assert troubled.stored("archive_raw") == calm.stored("archive_raw")


def test_both_sources_agree_by_command_line(api: Simulator, archive: Archive, tmp_path: Path) -> None:
    """A view over days of the archive says the same as over days of the API, to the row."""
    views: Mapping[str, list[Any]] = {}
    few = ("--from", str(FIRST), "--to", str(FIRST + dt.timedelta(days=4)))
    for source in ("api", "archive"):
        deployment = Deployment(tmp_path / source, api, archive.url)
        deployment.call("view_daily_average", *few, "--source", source)
        project = load(deployment.folder / "project")
        sql = "SELECT location_id, local_day, avg_pm25, avg_pm10, hours FROM view_daily_average ORDER BY 1, 2"
        views = {**views, source: list(ask(project, sql, "dev").rows)}
    assert views["api"] == views["archive"] and len(views["api"]) >= 10
