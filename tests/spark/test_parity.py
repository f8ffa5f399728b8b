"""*parity*, the second half: Spark gives the rows, types, partitions and quarantine that Polars gives."""

import dataclasses
import datetime as dt
import gzip
import json
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from properties.test_recipe import COLUMNS as MESSY
from properties.test_recipe import DAY, answers
from runner_fixtures import NOON, put_raw
from spark.conftest import Spark, Twins

from openaq_assets.operations import Recipe, RecipeColumn, Ref, Transform
from openaq_assets.partitions import around, days
from openaq_assets.rawkey import raw_key

CASES = 100
FEBRUARY = days(dt.date(2026, 2, 1), dt.date(2026, 2, 28))


def generated(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """So many examples, to be tried in one job: a job has a price, an example has none."""
    found: list[Any] = []

    @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate])
    @given(strategy)
    def collect(one: Any) -> None:
        found.append(one)

    collect()
    return found


def transform(recipe: Recipe, *chosen: str) -> Transform:
    """The operation for these days."""
    into, aside = Ref("answers", "processed", chosen), Ref("answers", "quarantine", chosen)
    return Transform(Ref("answers_raw", "raw", chosen), recipe, into, aside)


def test_messy_answers(spark: Spark, twins: Twins) -> None:
    """Whatever a hundred days of answers hold, both engines make the same of each of them."""
    cases = generated(answers, CASES)
    chosen = days(dt.date(2026, 2, 1), dt.date(2026, 2, 1) + dt.timedelta(len(cases) - 1))
    for day, stored in zip(chosen, cases):
        before, _, after = around(day, 1)
        for sensor, when, body in stored:
            moved = body.replace(b"2026-01-09", before.encode()).replace(b"2026-01-11", after.encode())
            put_raw(
                twins.lake.platform, twins.lake.home, day, moved.replace(DAY.encode(), day.encode()),
                sensor=str(sensor), retrieved=NOON + dt.timedelta(hours=when),  # several at one time
            )  # fmt: skip
    operation = transform(Recipe("results", MESSY, ("sensor_id", "at"), ("at",), "at"), *chosen)
    facts = spark.facts(twins.bound(operation))
    twins.agree(operation, facts)
    assert sum(one["rows"] for one in facts.values()) > CASES / 4
    assert sum(one["quarantined"] for one in facts.values()) > CASES / 4


EVERY_TYPE = (
    RecipeColumn("text", "varchar", ("a", "b.0.c")),
    RecipeColumn("long", "bigint", ("long",)),
    RecipeColumn("whole", "integer", ("whole",)),
    RecipeColumn("number", "double", ("number",)),
    RecipeColumn("truth", "boolean", ("truth",)),
    RecipeColumn("at", "timestamp", ("at",)),
    RecipeColumn("since", "date", ("since",)),
    RecipeColumn("place", "bigint", key="location", nullable=False),
    RecipeColumn("share", "double", key="share"),
    RecipeColumn("fresh", "boolean", key="fresh"),
    RecipeColumn("name", "varchar", key="object"),
    RecipeColumn("digest", "varchar", key="digest"),
    RecipeColumn("retrieved_at", "timestamp", key="retrieved", nullable=False),
)


def escaped(rows: list[Any]) -> bytes:
    """An answer whose text is all in escapes: half surrogates can be written no other way."""
    return json.dumps({"results": rows}).encode()


def test_types_and_edges(spark: Spark, twins: Twins) -> None:
    """Every type at its edges, ties in the key, NULLs in it, and parts of names that do and do not fit."""
    rows: list[dict[str, Any]] = [
        {"a": "Hà Nội 🌫️ \u0000 \"'\\\n\t", "long": 2**63 - 1, "whole": -(2**31), "number": 5e-324, "truth": True},
        {"b": [{"c": ""}], "long": -(2**63), "whole": 2**31 - 1, "number": 1.7976931348623157e308, "truth": False},
        {"a": None, "b": [{"c": "second"}], "number": float("nan")}, {"number": float("-inf")}, {"number": -0.0},
        {"number": 2**53 + 1}, {"number": 10**400}, {"a": "\udc80"}, {"a": "\ufeff"}, {}, {}, 7, None, [], "x",
        {"at": "2026-03-29T03:00:00+02:00"}, {"at": "2026-03-29T00:59:59.999999-00:01"}, {"at": "2026-01-10"},
        {"at": "0001-01-01T00:00:00Z"}, {"at": "9999-12-31T23:59:59.999999Z"}, {"at": "1582-10-10T00:00:00Z"},
        {"at": "1900-01-01T00:00:00+07:06:30"}, {"at": "0001-01-01T00:00:00+14:00"}, {"at": "2026-W02-6T00:00:00Z"},
        {"since": "0001-01-01"}, {"since": "9999-12-31"}, {"since": "1582-10-10"}, {"since": "20260110"},
        {"since": "2026-02-29"}, {"long": 2**63}, {"whole": 1.0}, {"whole": True}, {"truth": 1}, {"number": "1"},
    ]  # fmt: skip
    names = ({}, {"share": "nan"}, {"share": "1e3", "fresh": "true"}, {"fresh": "no"}, {"location": "x1"}, {"page": "2"})
    for number, more in enumerate(names):
        for hour in (0, 0, number):
            put_raw(
                twins.lake.platform, twins.lake.home, DAY, escaped([{"long": hour, "a": str(number)}, *rows]),
                retrieved=NOON + dt.timedelta(hours=hour), **more,
            )  # fmt: skip
    for body in (b"", b"[" * 100_000, b"\xff\xfe", b'{"results": 1}', json.dumps({"results": []}).encode("utf-16")):
        put_raw(twins.lake.platform, twins.lake.home, DAY, body)
    keyless = Recipe("results", EVERY_TYPE)
    for recipe in (keyless, dataclasses.replace(keyless, unique=("at", "text"), sort=("number", "whole"))):
        operation = transform(recipe, DAY, "2026-01-11")
        facts = spark.facts(twins.bound(operation))
        twins.agree(operation, facts)
        assert facts["2026-01-11"] | {"bytes": 0, "version": ""} == {
            "rows": 0, "objects": 0, "quarantined": 0, "bytes": 0, "version": "",
        }  # fmt: skip


FILES = Recipe(
    "", (
        RecipeColumn("location_id", "bigint", ("location_id",), nullable=False),
        RecipeColumn("sensor_id", "integer", ("sensors_id",), nullable=False),
        RecipeColumn("location", "varchar", ("location",)),
        RecipeColumn("period_to", "timestamp", ("datetime",), nullable=False),
        RecipeColumn("value", "double", ("value",)),
        RecipeColumn("mobile", "boolean", ("mobile",)),
        RecipeColumn("retrieved_at", "timestamp", key="retrieved"),
    ),
    ("sensor_id", "period_to"), ("location_id",), "", "quarantine", "csv", "period_to", 1, "location",
)  # fmt: skip
HEADER = "location_id,sensors_id,location,datetime,value,mobile"


@st.composite
def lines(draw: st.DrawFn) -> tuple[Any, ...]:
    """A line that is mostly as it should be."""

    def one(good: list[Any], odd: list[Any]) -> Any:
        return draw(st.sampled_from(odd if draw(st.integers(0, 9)) == 9 else good))

    return (
        one(["7", "8"], ["", "x", "99999999999999999999"]),
        one(["1", "2", "3"], ["+3", "2147483648", " 1"]),
        one(["Hà Nội-1", "Town, with comma", '"quoted, town"', "🌫️"], ['"open', "", 'a "b" c']),
        one([-1, 0, 0, 0, 1], [-2, 2]),
        one(["00:00:00+07:00", "07:00:00+07:00", "00:00:00Z", "00:00:01Z", "23:59:59Z"], ["12:00:00", "?"]),
        one(["1", "1.5", "-0", "NaN", ".5"], ["1e400", "", "1_0", "0x1", "Infinity"]),
        one(["true", "false"], ["", "True"]),
    )


def file_of(day: str, some: list[tuple[Any, ...]], damage: str) -> bytes:
    """A file of the archive for a local day, whole or not."""
    text = "\ufeff" if damage == "mark" else ""
    text += f"{HEADER},{'value' if damage == 'twice' else 'more'}" if damage in ("twice", "wide") else HEADER
    for place, sensor, name, away, clock, value, mobile in some:
        when = (dt.date.fromisoformat(day) + dt.timedelta(away)).isoformat()
        text += f"\n{place},{sensor},{name},{when}T{clock},{value},{mobile}"
    body = gzip.compress(text.encode(errors="surrogateescape"), mtime=0)
    return {"cut": body[:-9], "plain": text.encode(), "none": b""}.get(damage, body)


files = st.tuples(
    st.integers(0, 2), st.lists(lines(), min_size=2, max_size=8),
    st.sampled_from([""] * 12 + ["mark", "twice", "wide", "cut", "plain", "none"]),
)  # fmt: skip


def test_csv_and_spread(spark: Spark, twins: Twins) -> None:
    """Files of local days give each UTC day its rows from its neighbours' files, and tell mistakes once."""
    for day, stored in zip(FEBRUARY, generated(st.lists(files, min_size=2, max_size=6), len(FEBRUARY))):
        for number, (when, some, damage) in enumerate(stored):
            body = file_of(day, some, damage)
            retrieved = NOON + dt.timedelta(hours=when)
            key = raw_key("answers_raw", {"location": str(number % 3)}, retrieved, body, "csv.gz")
            year, month, date = day.split("-")
            place = (f"year={year}", f"month={month}", f"day={date}", str(key))
            twins.lake.platform.objects.put_new(twins.lake.home.uri("raw", *place), body)
    chosen = (*FEBRUARY[1:9], *FEBRUARY[10:12], *FEBRUARY[15:], "2026-03-01", "2026-03-05")
    operation = transform(FILES, *chosen)
    facts = spark.facts(twins.bound(operation))
    twins.agree(operation, facts)
    assert sum(one["rows"] for one in facts.values()) > 20
