"""Projects to test with: a copy of this repository's own, and tiny ones written from a mapping of files."""

import atexit
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support.projects import copy_project, write_files

settings.register_profile("dev", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fuzz", max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

@atexit.register
def _quiet_end() -> None:
    """DuckDB's binding lists its live objects when a process ends: all is said by then."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the developer's shell chooses another project, plugin or API, and no test fills its cache."""
    for name in [name for name in os.environ if name.startswith("OPENAQ_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OPENAQ_CACHE", "off")


@pytest.fixture
def project_copy(tmp_path: Path) -> Path:
    """The root of a copy of the real project, to be broken at will."""
    return copy_project(tmp_path / "project")


@pytest.fixture
def tiny_project(tmp_path: Path) -> Callable[[Mapping[str, str | bytes]], Path]:
    """Writes a project from files; what is not given is sound and small."""
    return lambda files: write_files(tmp_path / "tiny", files)
