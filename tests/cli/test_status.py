"""Tests of ``status``: the state of every asset, and quarantined rows and objects."""

import datetime as dt
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.projects import copy_project

from openaq_assets.cli.main import cli
from openaq_assets.graph.raw_keys import raw_key

DAY = dt.datetime(2026, 1, 10, 2, tzinfo=dt.UTC)


def status(*arguments: str) -> str:
    """Return the output of the command."""
    result = CliRunner().invoke(cli, ["status", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def store(root: Path, body: bytes) -> None:
    """Store a raw answer about a day of a sensor."""
    parts = {"location": "7", "sensor": "9", "page": "0001"}
    folder = root / "lake/dev/raw/year=2026/month=01/day=09"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / str(raw_key("measurements_raw", parts, DAY, body))).write_bytes(body)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the project, which is the current folder of commands."""
    monkeypatch.chdir(copy_project(tmp_path))
    return tmp_path


def test_a_new_lake_has_nothing(project: Path) -> None:
    """Every asset is listed as never made, and nothing is quarantined."""
    lines = status().splitlines()
    assert all("never made" in line for line in lines[1:]) and len(lines) > 10


def test_quarantined_rows_are_counted_and_shown(project: Path) -> None:
    """Quarantined rows and objects are counted per asset, and listed with reason, key and position."""
    store(project, b'{"results": [{"value": "high"}, {"value": 1.0}]}')
    store(project, b"<html>")
    run = ["run", "measurements", "--from", "2026-01-09", "--to", "2026-01-09"]
    assert CliRunner().invoke(cli, run).exit_code == 0
    output = status()
    (line,) = (line for line in output.splitlines() if line.startswith("measurements "))
    assert line.split()[2:4] == ["ok", "2026-01-09"] and line.endswith(" 3")
    assert "x measurements: unreadable" in output
    rows = status("--quarantine").splitlines()[1:]
    assert len(rows) == 3 and all("measurements_raw__location=7__sensor=9" in row for row in rows)
