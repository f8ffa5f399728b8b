"""Long ranges: days done by a second process, or not done by it, end as if there were none."""

import dataclasses
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.runner_fixtures import Lake, environment_on, page, put_raw

from openaq_assets.graph.operations import Recipe, RecipeColumn, Ref, Transform
from openaq_assets.graph.records import Facts
from openaq_assets.platforms.local.platform import open_local
from openaq_assets.platforms.transform import days as recipe_days

DAYS = tuple(f"2026-01-{day:02d}" for day in range(1, 13))
COLUMNS = (
    RecipeColumn("sensor_id", "bigint", key="sensor", nullable=False),
    RecipeColumn("at", "timestamp", ("at",), nullable=False),
    RecipeColumn("value", "double", ("value",)),
)
RECIPE = Recipe("results", COLUMNS, ("sensor_id", "at"), ("at",), "at")
WORKERS = {
    "as it is": recipe_days.WORKER,
    "not there": ("/nowhere/python",),
    "ends at once": (sys.executable, "-c", ""),
    "refuses": (sys.executable, "-c", "print('ready', flush=True)\nwhile input(): print('null', flush=True)"),
    "babbles": (sys.executable, "-c", "print('ready', flush=True)\nwhile input(): print('[1', flush=True)"),
    "is killed": (
        sys.executable, "-c",
        "import os, signal\nprint('ready', flush=True)\ninput()\ninput()\nos.kill(os.getpid(), signal.SIGKILL)",
    ),
}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return a lake of files with twelve days: good rows of three sensors, and one bad row a day."""
    home = environment_on("local", str(tmp_path / "lake"))
    lake = Lake(open_local(home), home)
    for day in DAYS:
        rows = [{"at": f"{day}T{hour:02d}:00:00Z", "value": hour} for hour in range(24)]
        for sensor in "123":
            put_raw(lake.platform, home, day, page(rows), sensor=sensor)
        put_raw(lake.platform, home, day, page([{"at": f"{day}T00:00:00Z", "value": "?"}]), sensor="4")
    return lake


def transform(recipe: Recipe = RECIPE) -> Transform:
    """Return every day."""
    return Transform(
        Ref("answers_raw", "raw", DAYS), recipe, Ref("t", "processed", DAYS), Ref("t", "quarantine", DAYS)
    )


def result(lake: Lake) -> tuple[Mapping[str, Facts], dict[str, bytes]]:
    """Return the facts of the days, and the files."""
    facts = lake.good(transform()).facts
    return facts, lake.bodies("processed") | lake.bodies("quarantine")


@pytest.mark.parametrize("worker", WORKERS)
def test_a_second_process_changes_nothing(lake: Lake, worker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the second process does or does not do, facts (in order) and files are those of one."""
    monkeypatch.setattr(recipe_days, "_is_worth_it", lambda *_: False)
    expected = result(lake)
    for uri in expected[1]:
        os.unlink(uri)
    monkeypatch.setattr(recipe_days, "_is_worth_it", lambda *_: True)
    monkeypatch.setattr(recipe_days, "WORKER", WORKERS[worker])
    made = result(lake)
    assert made == expected
    assert list(made[0]) == list(DAYS)
    assert {(entry.rows, entry.quarantined) for entry in made[0].values()} == {(72, 1)}


def test_a_second_process_does_days(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one day is made here, the second process makes the others."""
    rebuilt, here = recipe_days.rebuilt, []

    def slow(store: recipe_days.LocalStore, operation: Transform, day: str) -> Facts:
        here.append(day)
        while len(here) == 2 and not (Path(f"{operation.into.uri}/year=2026/month=01/day=12/part-0.parquet")).exists():
            pass
        return rebuilt(store, operation, day)

    monkeypatch.setattr(recipe_days, "_is_worth_it", lambda *_: True)
    monkeypatch.setattr(recipe_days, "rebuilt", slow)
    assert len(lake.good(transform()).facts) == 12
    assert here == list(DAYS[:2])


def test_a_day_that_fails_in_the_second_process_is_reported(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ticket fails with the reason, whoever met it first; nothing is begun after that."""
    monkeypatch.setattr(recipe_days, "_is_worth_it", lambda *_: True)
    ticket = lake.do(transform(dataclasses.replace(RECIPE, on_bad_row="fail")))
    assert ticket.state == "failed"
    assert "1 rows are not valid, the first in answers_raw__location=7__sensor=4" in ticket.message


def test_progress_is_reported_by_day(tmp_path: Path) -> None:
    """Progress shows the number of finished days before each day and at the end."""
    home = environment_on("local", str(tmp_path / "lake"))
    steps: list[tuple[str, int, int]] = []
    lake = Lake(open_local(home, lambda *step: steps.append(step)), home)
    lake.good(transform())
    assert steps == [("Transform t", done, 12) for done in range(13)]
