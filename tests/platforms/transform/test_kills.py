"""*nothing lost* and *idempotence* of Transforms.

Killed at any moment, two at once, over ranges that overlap, with raw objects arriving late: a later run ends with
the tables of an undisturbed one.
"""

import datetime as dt
import io
import random
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from support.runner_fixtures import NOON, Lake, environment_on, page, put_raw

from openaq_assets.graph.environment import bind
from openaq_assets.graph.operations import Recipe, RecipeColumn, Ref, Transform, to_json
from openaq_assets.platforms.local.platform import open_local

DAYS = tuple(f"2026-01-{day:02d}" for day in range(1, 11))
COLUMNS = (
    RecipeColumn("sensor_id", "bigint", key="sensor", nullable=False),
    RecipeColumn("at", "timestamp", ("at",), nullable=False),
    RecipeColumn("value", "double", ("value",)),
    RecipeColumn("retrieved_at", "timestamp", key="retrieved", nullable=False),
)
RECIPES = {
    "fast": Recipe("results", COLUMNS, ("sensor_id", "at"), ("at",), "at", on_new_field="warn"),
    "by the reference": Recipe("results", COLUMNS, ("sensor_id", "at"), ("at",), "at", spread=1),
}
# Carries out the operation on its input, with a second process from the first day on, again and again: it is
# killed at work.
CHILD = """
import sys
from openaq_assets.graph.operations import from_json
from openaq_assets.platforms.transform import days as recipe_days
from openaq_assets.platforms.files import FileStore
recipe_days._is_worth_it = lambda *_: True
operation = from_json(sys.stdin.read())
for _ in range(30):
    recipe_days.transformed(FileStore(), operation, lambda *_: None)
"""


def open_lake(root: Path) -> Lake:
    """Return a lake of files."""
    home = environment_on("local", str(root))
    return Lake(open_local(home), home)


def transform(recipe: Recipe, days: tuple[str, ...]) -> Transform:
    """Return the operation for some days."""
    return Transform(Ref("answers_raw", "raw", days), recipe, Ref("t", "processed", days), Ref("t", "quarantine", days))


def begin(lake: Lake, operation: Transform) -> "subprocess.Popen[str]":
    """Return a process that carries it out."""
    command = [sys.executable, "-c", CHILD]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdin
    process.stdin.write(to_json(bind(operation, lake.home)))
    process.stdin.close()
    process.stdin = None
    return process


def arrive(lake: Lake, chance: random.Random, number: int) -> None:
    """Store raw objects as fetches do: of new sensors, later answers to earlier requests, and broken ones."""
    for day in chance.sample(DAYS, 4):
        rows = [{"at": f"{day}T{hour:02d}:00:00Z", "value": chance.choice([hour, hour, "?"])} for hour in range(24)]
        if chance.random() < 0.3:
            rows[0]["note"] = number
        whole = page(rows)
        body = whole if chance.random() < 0.8 else whole[: len(whole) // 2]
        later = NOON + dt.timedelta(minutes=number)
        put_raw(lake.platform, lake.home, day, body, sensor=str(chance.randrange(5)), retrieved=later)


def tables(lake: Lake) -> dict[str, bytes]:
    """Return every table and quarantine that can be seen, by its place; each file is whole."""
    root = f"{lake.home.uri()}/"
    made = {
        uri.removeprefix(root): body
        for uri, body in (lake.bodies("processed") | lake.bodies("quarantine")).items() if "/new_fields/" not in uri
    }
    for name, body in made.items():
        assert name.endswith(".jsonl") or pl.read_parquet(io.BytesIO(body)).columns
    return made


def undisturbed(root: Path, disturbed: Lake, recipe: Recipe) -> dict[str, bytes]:
    """Return the tables that one run makes of the same raw objects."""
    lake = open_lake(root)
    for uri, body in disturbed.bodies("raw").items():
        lake.platform.objects.put(uri.replace(disturbed.home.root, lake.home.root), body)
    lake.good(transform(recipe, DAYS))
    return tables(lake)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", RECIPES)
def test_kills_lose_nothing(tmp_path: Path, name: str, seed: int) -> None:
    """However runs are killed and raw objects come in between, the last run's tables are those of one run alone."""
    chance, lake, recipe = random.Random(seed), open_lake(tmp_path / "lake"), RECIPES[name]
    killed = 0
    for number in range(5):
        arrive(lake, chance, number)
        first, last = sorted(chance.sample(range(len(DAYS) + 1), 2))
        runs = [begin(lake, transform(recipe, DAYS[first:last])) for _ in range(chance.choice([1, 1, 2]))]
        arrive(lake, chance, 100 + number)  # while they run
        for run in runs:
            try:
                run.communicate(timeout=chance.uniform(0.3, 1.0))
            except subprocess.TimeoutExpired:
                run.kill()
                run.communicate()
                killed += 1
        tables(lake)
    assert killed > 0
    lake.good(transform(recipe, DAYS))
    after = tables(lake)
    assert after == undisturbed(tmp_path / "alone", lake, recipe)
    again = lake.good(transform(recipe, DAYS[2:7])).facts
    assert tables(lake) == after and not any(entry.notices for entry in again.values())


@pytest.mark.parametrize("name", RECIPES)
def test_a_day_at_a_time_is_all_at_once(tmp_path: Path, name: str) -> None:
    """The order of days, ranges that overlap and repetition make no difference."""
    chance, lake, recipe = random.Random(7), open_lake(tmp_path / "lake"), RECIPES[name]
    for number in range(12):
        arrive(lake, chance, number)
    for day in chance.sample(DAYS, len(DAYS)):
        lake.good(transform(recipe, (day,)))
    for start in (0, 3, 5):
        lake.good(transform(recipe, DAYS[start : start + 5]))
    assert tables(lake) == undisturbed(tmp_path / "alone", lake, recipe)
