"""Projects to test with: a copy of this repository's own, and tiny ones written from a mapping of files."""

import atexit
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("dev", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fuzz", max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

REPOSITORY = Path(__file__).parents[1]
SOUND: Mapping[str, str] = {
    "conf/openaq.yaml": "version: 1\nproject: tiny\n",
    "conf/environments.yaml": (
        "version: 1\n"
        "profiles:\n  local: {platform: local, root: lake}\n"
        "environments:\n  dev: {database: tiny_dev}\n  prod: {database: tiny_prod, tables_from: dev}\n"
    ),
    "conf/locations.yaml": "locations:\n  vietnam: {country: VN}\n",
    "conf/assets/raw.yaml": "assets:\n  stations: {kind: raw, endpoint: locations, partitions: snapshot}\n",
}


@atexit.register
def _quiet_end() -> None:
    """DuckDB's binding lists its live objects when a process ends: all is said by then."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the developer's shell chooses another project, plugin or API."""
    for name in [name for name in os.environ if name.startswith("OPENAQ_")]:
        monkeypatch.delenv(name)


def copy_project(target: Path, source: Path = REPOSITORY) -> Path:
    """A copy of this repository's conf/, views/ and plugins/."""
    for folder in ("conf", "views", "plugins"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source / folder, target / folder, ignore=ignored)
    return target


def copy_sample(target: Path) -> Path:
    """A copy of the project as it once was: its lines stay where the mistake kit expects them."""
    return copy_project(target, REPOSITORY / "tests" / "errors" / "sample")


def write_files(target: Path, files: Mapping[str, str | bytes]) -> Path:
    """The files below a folder, over a sound frame of a project."""
    for name, text in {**SOUND, **files}.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return target


@pytest.fixture
def project_copy(tmp_path: Path) -> Path:
    """The root of a copy of the real project, to be broken at will."""
    return copy_project(tmp_path / "project")


@pytest.fixture
def tiny_project(tmp_path: Path) -> Callable[[Mapping[str, str | bytes]], Path]:
    """Writes a project from files; what is not given is sound and small."""
    return lambda files: write_files(tmp_path / "tiny", files)
