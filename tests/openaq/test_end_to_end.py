"""The project itself, by its command line, against the bundled simulator: what a person sees."""

import datetime as dt
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.runner_fixtures import copy_project

from openaq_assets.project.project import load
from openaq_assets.runs.query import ask

pytestmark = pytest.mark.xdist_group("end_to_end")  # they share one lake

TODAY = dt.datetime.now(dt.UTC).date()
SETTLED = ("--from", str(TODAY - dt.timedelta(days=11)), "--to", str(TODAY - dt.timedelta(days=10)))
TABLES = {
    "measurements": "location_id, sensor_id, parameter, unit, value, average, has_flags, period_from, period_to, "
    "expected_count, observed_count, day",
    "locations": "location_id, name, timezone, latitude, longitude, is_monitor",
    "view_daily_average": "location_id, local_day, avg_pm25, avg_pm10, hours",
    "view_latest_aqi": "location_id, city, as_of, us_concentration, us_aqi, vn_aqi",
}


@dataclass
class Deployment:
    """A copy of the project and its lake, used by the command line."""

    project: Path
    root: Path

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENAQ_")}
        return kept | {"OPENAQ_ROOT": str(self.root), "OPENAQ_PROJECT": str(self.project)}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "openaq_assets.cli.main", *arguments]

    def call(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """The finished command, which must end with this exit code and say nothing strange."""
        done = subprocess.run(
            self.command(*arguments), env=self.environ, cwd=self.project, check=False, capture_output=True, text=True
        )
        assert done.returncode == code, done.stdout + done.stderr
        for noise in ("Traceback", "nanobind", "leaked", "Warning:"):
            assert noise not in done.stderr
        return done

    def rows(self, sql: str, env: str = "dev") -> list[dict[str, Any]]:
        """The answer to a query, by the function behind the command."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OPENAQ_ROOT", str(self.root))
            return ask(load(self.project), sql, env, "local").as_dicts()

    def objects(self, *parts: str, ends: str = "") -> Mapping[str, bytes]:
        """Every object below a folder of the lake, by its relative path."""
        folder = self.root.joinpath(*parts)
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file() and path.name[0] != "." and path.name.endswith(ends)
        }

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rows of tables and views, without the times of retrieval."""
        return {
            name: self.rows(f"SELECT {columns} FROM {name} ORDER BY {columns}") for name, columns in TABLES.items()
        }


def deploy(folder: Path) -> Deployment:
    """A new copy of the project with an empty lake in a folder of an awkward name."""
    (folder / "project").mkdir(parents=True)
    return Deployment(copy_project(folder / "project"), folder / "lake [of] 'Việt Nam' *")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """The main job run once for three days."""
    deployment = deploy(tmp_path_factory.mktemp("whole"))
    done = deployment.call("run", "--job", "openaq_ingestion", "--days", "3")
    assert "SYNTHETIC" in done.stderr
    assert re.fullmatch(r"(\d+) assets: \1 made\.", done.stdout.splitlines()[-1]), done.stdout
    return deployment


def test_twice_is_once(made: Deployment) -> None:
    """*idempotence*: the second run stores no raw object and leaves every Parquet byte."""
    raw, parquet = made.objects("dev", "raw"), made.objects("dev", ends=".parquet")
    assert len(raw) > 100 and len(parquet) > 6
    done = made.call("run", "--job", "openaq_ingestion", "--days", "3")
    assert made.objects("dev", "raw") == raw
    assert made.objects("dev", ends=".parquet") == parquet
    assert "up to date measurements" in done.stdout.replace("  ", " ").replace("  ", " ")


def test_the_views_have_answers(made: Deployment) -> None:
    """Both environments answer alike: every station once, sane values, cities and reasons."""
    latest = made.rows("SELECT location_id, city, us_aqi, us_reason, vn_aqi, vn_reason, is_current FROM view_latest_aqi")
    assert len({row["location_id"] for row in latest}) == len(latest) > 20
    assert all((row[f"{scheme}_aqi"] is None) != (row[f"{scheme}_reason"] is None) for row in latest for scheme in ("us", "vn"))
    assert {"Hà Nội", "TP. Hồ Chí Minh"} <= {row["city"] for row in latest}
    prod = made.rows("SELECT location_id, us_aqi FROM view_latest_aqi ORDER BY location_id", "prod")
    assert prod == made.rows("SELECT location_id, us_aqi FROM view_latest_aqi ORDER BY location_id")


def test_add_a_location_and_a_view(made: Deployment, tmp_path: Path) -> None:
    """One YAML entry adds a station, one SQL file and entry a view: listed, run and answered, with no Python."""
    copy = Deployment(tmp_path / "project", tmp_path / "lake")
    shutil.copytree(made.project, copy.project)
    shutil.copytree(made.root, copy.root)
    copy.call("run", "measurements_raw or locations_raw", *SETTLED)
    before = copy.objects("dev", "raw")

    locations = copy.project / "conf/locations.yaml"
    locations.write_text(locations.read_text() + "  bangkok: {id: 9100001}\n", encoding="utf-8")
    (copy.project / "views/view_hot.sql").write_text(
        "SELECT location_id, max(value_valid) AS most FROM view_hourly_quality WHERE parameter = 'pm25' GROUP BY location_id\n"
    )
    views = copy.project / "conf/assets/views.yaml"
    views.write_text(
        views.read_text(encoding="utf-8") + "  view_hot:\n    kind: view\n    sql: views/view_hot.sql\n"
        "    columns:\n      - {name: location_id, type: bigint}\n      - {name: most, type: double}\n",
        encoding="utf-8",
    )
    listed = copy.call("list").stdout
    assert "bangkok" in listed and "id=9100001" in listed and "view_hot" in listed
    assert "id=9100001 added" in copy.call("plan", "measurements_raw", *SETTLED).stdout
    copy.call("run", "--job", "openaq_ingestion", *SETTLED)
    copy.call("run", "view_hot")
    new = {name for name in copy.objects("dev", "raw") if name not in before}
    settled_days = {name for name in new if "measurements_raw" in name}
    assert settled_days and all("location=9100001__" in name for name in settled_days)

    (row,) = copy.rows("SELECT location, city FROM view_latest_aqi WHERE location_id = 9100001")
    assert row == {"location": "Sathon, Bangkok (synthetic)", "city": "Bangkok"}
    rows = copy.rows("SELECT hours FROM view_daily_average WHERE location_id = 9100001 ORDER BY local_day")
    assert len(rows) == 3 and sum(row["hours"] for row in rows) > 30  # two UTC days are parts of three local ones
    (most,) = copy.rows("SELECT most FROM view_hot WHERE location_id = 9100001")
    assert 0 < most["most"] < 1000


def start(deployment: Deployment, days: int = 3) -> subprocess.Popen[bytes]:
    """The main job, running."""
    return subprocess.Popen(
        deployment.command("run", "--job", "openaq_ingestion", "--days", str(days)),
        env=deployment.environ, cwd=deployment.project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )


def beside(made: Deployment, folder: Path) -> Deployment:
    """A new lake whose simulator stands at the same time as the made one's."""
    other = Deployment(made.project, folder / "lake")
    other.root.mkdir()
    shutil.copy(made.root / "simulator.json", other.root)
    return other


def test_killed_and_crowded(made: Deployment, tmp_path: Path) -> None:
    """*nothing lost*: killed -9 at several moments, then run twice at once, a last run ends as if undisturbed."""
    other = beside(made, tmp_path)
    chance = random.Random(20260110)
    for number in range(4):
        with start(other) as running:
            time.sleep(0.8 + 0.5 * number + chance.random() * 0.4)
            os.kill(running.pid, signal.SIGKILL)
    with start(other) as first, start(other) as two:
        outputs = [running.communicate()[0].decode() for running in (first, two)]
    assert [first.returncode, two.returncode] == [0, 0], "\n".join(outputs)
    other.call("run", "--job", "openaq_ingestion", "--days", "3")
    assert other.tables() == made.tables()


def test_errors_are_one_line(made: Deployment, tmp_path: Path) -> None:
    """Wrong SQL, missing tables and a root that cannot be written: one line each, and the right exit code."""
    for sql, words in (
        ("SELECT nope FROM view_latest_aqi", "nope"), ("SELECT CAST('x' AS bigint)", "x"),
    ):
        (line,) = made.call("query", sql, code=3).stderr.splitlines()
        assert line.startswith("error: ") and words in line and "LINE 1" not in line
    (tmp_path / "file").write_text("not a folder")
    blocked = Deployment(made.project, tmp_path / "file")
    for arguments in (("run", "aqi_breakpoints"), ("promote",)):
        (line,) = blocked.call(*arguments, code=3).stderr.splitlines()
        assert line.startswith("error: cannot ") and str(tmp_path / "file") in line


def test_a_read_only_root(made: Deployment, tmp_path: Path) -> None:
    """A root on which nothing may be written is one line and exit code 3."""
    folder = tmp_path / "read only"
    folder.mkdir()
    folder.chmod(0o555)
    if os.access(folder, os.W_OK):  # root may write anywhere, but not into the kernel's tables
        folder = Path("/proc/sys/lake")
    (line,) = Deployment(made.project, folder).call("run", "cities", code=3).stderr.splitlines()
    assert line.startswith(f"error: cannot write {folder}")
