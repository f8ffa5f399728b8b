"""A throw-away Airflow for the tests of orchestration: a home and a database per test process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TELLS_THE_TIME = ("latest_aqi_csv", "air_quality_overview")  # rows with their age; when it was made

# Before anything imports airflow: it reads its home once, and would write into the user's.
_home = tempfile.TemporaryDirectory(prefix="airflow-home-")
os.environ["AIRFLOW_HOME"] = _home.name
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"


@dataclass(frozen=True)
class ProjectCopy:
    """A copy of the project with an empty lake of its own."""

    root: Path
    lake: Path
    api: Mapping[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """Return the variables that point the project's code at this copy; without an API key the simulator answers."""
        names = ("OPENAQ_API_KEY", "OPENAQ_API_URL", "OPENAQ_PROFILE")
        kept = {name: value for name, value in os.environ.items() if name not in names}
        return {**kept, **self.api, "OPENAQ_PROJECT": str(self.root), "OPENAQ_ROOT": str(self.lake)}

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace text in a file of the copy."""
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {path}"
        file.write_text(text.replace(old, new), encoding="utf-8")

    def twin(self, lake: Path) -> ProjectCopy:
        """Return the same project over a copy of the lake, with the simulator's clock."""
        shutil.copytree(self.lake, lake)
        return ProjectCopy(self.root, lake)

    def command(self, *arguments: str) -> str:
        """Run ``openaq-assets`` and return its output."""
        done = subprocess.run(
            [sys.executable, "-m", "openaq_assets.cli.main", *arguments],
            env=self.environ, cwd=self.root, check=False, capture_output=True, text=True, timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ledger(self) -> list[dict[str, Any]]:
        """Return every record in a fixed order, without the values that may differ between two equal runs."""
        records = []
        for path in sorted(self.lake.glob("*/ledger/**/*.json")):
            record = json.loads(path.read_text(encoding="utf-8"))
            for name in ("at", "seconds", "run"):
                record.pop(name)
            if record["asset"] in TELLS_THE_TIME:
                record["version"] = record["facts"]["version"] = record["facts"]["bytes"] = None
            records.append(record)
        return sorted(records, key=lambda entry: (entry["asset"], entry["partition"], entry["reason"]))

    def tables(self) -> dict[str, bytes]:
        """Return the bytes of every Parquet file by its path in the lake."""
        files = sorted(self.lake.rglob("*.parquet"))
        return {path.relative_to(self.lake).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def project(tmp_path: Path) -> ProjectCopy:
    """Yield a copy of this project whose simulator's clock stands at the last full hour."""
    return copy_project(tmp_path / "project", tmp_path / "lake")


def copy_project(root: Path, lake: Path) -> ProjectCopy:
    """Copy the files of a project, without the rest of the working folder."""
    for name in ("conf", "views", "plugins", "dags"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    lake.mkdir(parents=True)
    hour = (datetime.now(UTC) - timedelta(minutes=1)).replace(minute=0, second=0, microsecond=0)
    (lake / "simulator.json").write_text(json.dumps({"now": hour.isoformat()}), encoding="utf-8")
    return ProjectCopy(root, lake)


@pytest.fixture(scope="session", name="copy_project")
def copy_project_fixture() -> Callable[[Path, Path], ProjectCopy]:
    """Make more copies of the project."""
    return copy_project


Runner = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def dag_test(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """Run a DAG with ``dag.test`` in a process with Airflow loaded; return its states and asset events."""
    home = tmp_path_factory.mktemp("airflow")
    environ = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
        "PYTHONWARNINGS": "ignore",
    }
    with (home / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "support" / "dag_runner.py")],
            env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
        )

    def run(project: ProjectCopy, dag: str = "openaq_ingestion", **conf: Any) -> dict[str, Any]:
        assert process.stdin and process.stdout
        names = ("OPENAQ_PROJECT", "OPENAQ_ROOT", *project.api)
        environment = {name: project.environ[name] for name in names}
        order: Mapping[str, Any] = {"environ": environment, "dag": dag, "conf": conf}
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, (home / "log").read_text(encoding="utf-8")[-4000:]
        return dict(json.loads(answer))

    yield run
    process.communicate(timeout=30)
