"""*parity*, the first half: the recipe in Polars equals a plain reading of its rules, written here again."""

import datetime as dt
import io
import json
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from runner_fixtures import Lake, memory_root, place, put_raw

from openaq_assets.operations import Recipe, RecipeColumn, Ref, Transform
from openaq_assets.platforms.memory import STORES, open_memory

DAY = "2026-01-10"
COLUMNS = (
    RecipeColumn("sensor_id", "bigint", key="sensor", nullable=False),
    RecipeColumn("at", "timestamp", ("period.from",), nullable=False),
    RecipeColumn("value", "double", ("value", "summary.avg")),
    RecipeColumn("whole", "bigint", ("whole",)),
    RecipeColumn("small", "integer", ("list.1",)),
    RecipeColumn("flagged", "boolean", ("flagged",)),
    RecipeColumn("name", "varchar", ("name",)),
    RecipeColumn("since", "date", ("since",)),
)
RECIPE = Recipe("results", COLUMNS, ("sensor_id", "at"), ("at",), "at")
TYPES = {
    "sensor_id": pl.Int64, "at": pl.Datetime("us"), "value": pl.Float64, "whole": pl.Int64,
    "small": pl.Int32, "flagged": pl.Boolean, "name": pl.String, "since": pl.Date,
}  # fmt: skip

_JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from([2**31, -(2**31), 2**63, -(2**63)]),
    st.integers(399, 400).map(lambda digits: 10**digits), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=4), st.sampled_from(["12", "true", "2026-01-10", "\ud800", "\u0000"]),
    st.just([]), st.just({}),
)  # fmt: skip


@st.composite
def junk(draw: st.DrawFn) -> Any:
    """Anything JSON can say."""
    return draw(_JUNK)


@st.composite
def mostly(draw: st.DrawFn, good: st.SearchStrategy[Any]) -> Any:
    """Mostly as it should be, sometimes anything."""
    return draw(_JUNK if draw(st.integers(0, 7)) == 7 else good)


hours = st.sampled_from([f"{DAY}T{hour:02d}:00:00Z" for hour in range(4)])
stamps = mostly(
    st.one_of(hours, hours, st.sampled_from([
        "2026-01-10T07:00:00+07:00", "2026-01-10T00:00:00+07:00", "2026-01-09T23:59:59Z", "2026-01-11T00:00:00Z",
        "2026-01-10T05:00:00.123456Z", "2026-01-10T05:00:00", "0001-01-01T00:00:00+14:00", "2026-01-10",
    ]))
)  # fmt: skip
rows = st.fixed_dictionaries(
    {"period": mostly(st.fixed_dictionaries({"from": stamps}))},
    optional={
        "value": mostly(st.one_of(st.floats(-1e3, 1e3), st.integers(-999, 999))),
        "summary": mostly(st.fixed_dictionaries({"avg": mostly(st.floats(0, 9))})),
        "whole": mostly(st.integers(-(2**63), 2**63 - 1)),
        "list": mostly(st.lists(mostly(st.integers(-9, 9)), max_size=3)),
        "flagged": mostly(st.booleans()),
        "name": mostly(st.text(max_size=8)),
        "since": mostly(st.dates().map(str)),
    },
)
bodies = st.one_of(
    st.lists(mostly(rows), max_size=6).map(lambda found: json.dumps({"results": found}).encode()),
    st.binary(max_size=6),
    junk().map(lambda found: json.dumps({"results": found}).encode()),
)
answers = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3), bodies), max_size=6, unique_by=lambda one: one[:2])


# --- the reference: the rules again, as plainly as they can be said ---------------------------------


class Bad(Exception):
    """A row that does not fit."""


def expected(stored: list[tuple[int, int, bytes]]) -> tuple[dict[Any, tuple[Any, ...]], int]:
    """The rows by (sensor, start), and how many entries are in quarantine."""
    found: dict[Any, tuple[Any, ...]] = {}
    quarantined = 0
    for sensor, _, body in sorted(stored, key=lambda one: one[1]):
        try:
            document = json.loads(body)
            results = document["results"]
            assert isinstance(document, dict) and isinstance(results, list)
        except (ValueError, KeyError, TypeError, AssertionError, RecursionError):
            quarantined += 1
            continue
        for one in results:
            try:
                row = plain_row(sensor, one)
                found[row[0], row[1]] = row
            except Bad:
                quarantined += 1
    return found, quarantined


def plain_row(sensor: int, row: Any) -> tuple[Any, ...]:
    if not isinstance(row, dict):
        raise Bad
    period = row.get("period")
    at = plain_stamp(period.get("from") if isinstance(period, dict) else None)
    summary = row.get("summary")
    average = summary.get("avg") if isinstance(summary, dict) else None
    some = row.get("list")
    second = some[1] if isinstance(some, list) and len(some) > 1 else None
    return (
        sensor, at, plain_float(row.get("value") if row.get("value") is not None else average),
        plain_int(row.get("whole"), 63), plain_int(second, 31), plain(row.get("flagged"), bool),
        plain_text(row.get("name")), plain_date(row.get("since")),
    )  # fmt: skip


def plain(value: Any, kind: type) -> Any:
    if value is not None and type(value) is not kind:
        raise Bad
    return value


def plain_stamp(value: Any) -> dt.datetime:
    if type(value) is not str:
        raise Bad
    try:
        stamp = dt.datetime.fromisoformat(value)
        if stamp.utcoffset() is None:
            raise Bad
        naive = stamp.replace(tzinfo=None) - stamp.utcoffset()  # type: ignore[operator]
    except (ValueError, OverflowError):
        raise Bad from None
    if str(naive.date()) != DAY:
        raise Bad
    return naive


def plain_float(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float):
        raise Bad
    try:
        return float(value)
    except OverflowError:
        raise Bad from None


def plain_int(value: Any, bits: int) -> int | None:
    plain(value, int)
    if value is not None and not -(2**bits) <= value <= 2**bits - 1:
        raise Bad
    return value


def plain_text(value: Any) -> str | None:
    plain(value, str)
    if value is not None and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Bad
    return value


def plain_date(value: Any) -> dt.date | None:
    plain(value, str)
    try:
        return None if value is None else dt.date.fromisoformat(value)
    except ValueError:
        raise Bad from None


# -----------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(answers)
def test_recipe_equals_its_plain_reading(stored: list[tuple[int, int, bytes]]) -> None:
    """For any messy answers, rows, types and the number of quarantined entries are as the rules say."""
    root = memory_root()
    home = place("memory", root)
    lake = Lake(open_memory(home), home)
    try:
        check(lake, stored)
    finally:
        del STORES[root]


def check(lake: Lake, stored: list[tuple[int, int, bytes]]) -> None:
    start = dt.datetime(2026, 1, 12, tzinfo=dt.UTC)
    for sensor, when, body in stored:
        later = start + dt.timedelta(hours=when, seconds=sensor)  # no two at one time
        put_raw(lake.platform, lake.home, DAY, body, sensor=str(sensor), retrieved=later)
    into, aside = Ref("t", "processed", (DAY,)), Ref("t", "quarantine", (DAY,))
    facts = lake.good(Transform(Ref("answers_raw", "raw", (DAY,)), RECIPE, into, aside)).facts[DAY]
    ((_, body),) = lake.bodies("processed").items()
    table = pl.read_parquet(io.BytesIO(body))
    rows, quarantined = expected(stored)
    assert dict(table.schema) == TYPES
    assert facts.quarantined == quarantined
    assert (facts.rows, facts.objects) == (len(rows), len(stored))
    assert [repr(row) for row in table.sort("at", "sensor_id").rows()] == [
        repr(rows[key]) for key in sorted(rows, key=lambda one: (one[1], one[0]))
    ]
