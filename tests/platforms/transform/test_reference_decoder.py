"""*parity*, the first half: the recipe in Polars equals a plain reading of its rules, written here again."""

import datetime as dt
import io

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from support.messy_answers import COLUMNS, DAYS, answers_of, expected
from support.runner_fixtures import Lake, environment_on, memory_root, put_raw

from openaq_assets.graph.operations import Recipe, Ref, Transform
from openaq_assets.platforms.local.memory import STORES, open_memory

RECIPE = Recipe("results", COLUMNS, ("sensor_id", "at"), ("at",), "at")
TYPES = {
    "sensor_id": pl.Int64, "at": pl.Datetime("us"), "value": pl.Float64, "whole": pl.Int64,
    "small": pl.Int32, "flagged": pl.Boolean, "name": pl.String, "since": pl.Date,
}


# Zones whose offsets are odd or change, on days when they do; leap and last days.


# --- the reference: the rules again, as plainly as they can be said ---------------------------------


# -----------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.sampled_from(DAYS).flatmap(lambda day: st.tuples(st.just(day), answers_of(day))))
def test_recipe_equals_its_plain_reading(case: tuple[str, list[tuple[int, int, bytes]]]) -> None:
    """For any messy answers, rows, types and the number of quarantined entries are those of the rules."""
    root = memory_root()
    home = environment_on("memory", root)
    lake = Lake(open_memory(home), home)
    try:
        check(lake, *case)
    finally:
        del STORES[root]


def check(lake: Lake, day: str, stored: list[tuple[int, int, bytes]]) -> None:
    """Assert that a Transform of these objects makes the expected table and quarantine."""
    start = dt.datetime(2026, 12, 31, 12, tzinfo=dt.UTC)
    for sensor, when, body in stored:
        later = start + dt.timedelta(hours=when, seconds=sensor)  # no two at one time
        put_raw(lake.platform, lake.home, day, body, sensor=str(sensor), retrieved=later)
    into, quarantined = Ref("t", "processed", (day,)), Ref("t", "quarantine", (day,))
    facts = lake.good(Transform(Ref("answers_raw", "raw", (day,)), RECIPE, into, quarantined)).facts[day]
    ((_, body),) = lake.bodies("processed").items()
    table = pl.read_parquet(io.BytesIO(body))
    rows, quarantined = expected(stored, day)
    assert dict(table.schema) == TYPES
    assert facts.quarantined == quarantined
    assert (facts.rows, facts.objects) == (len(rows), len(stored))
    assert [repr(row) for row in table.sort("at", "sensor_id").rows()] == [
        repr(rows[key]) for key in sorted(rows, key=lambda pair: (pair[1], pair[0]))
    ]
