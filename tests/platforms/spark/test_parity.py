"""*parity*, the second half: Spark gives the rows, types, partitions and quarantine that Polars gives."""

import dataclasses
import datetime as dt
import gzip
import json
from typing import Any

from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from support.messy_answers import COLUMNS as MESSY
from support.messy_answers import DAY, DAYS, answers_of, expected
from support.runner_fixtures import NOON, page, put_raw
from support.sparks import Spark, Twins

from openaq_assets.graph.operations import Recipe, RecipeColumn, Ref, Transform, to_json
from openaq_assets.graph.partitions import days, segment
from openaq_assets.graph.raw_keys import raw_key

CASES = 100
FEBRUARY = days(dt.date(2026, 2, 1), dt.date(2026, 2, 28))


def generated(strategy: st.SearchStrategy[Any], count: int, number: int = 0) -> list[Any]:
    """Generate `count` examples to be tried in one job: a job has a price, an example has none.

    `number` is the seed: in CI hypothesis would begin every call at the same one, and all days would hold the same.
    """
    examples: list[Any] = []

    @seed(number)
    @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate])
    @given(strategy)
    def collect(example: Any) -> None:
        examples.append(example)

    collect()
    return examples


def transform(recipe: Recipe, *chosen: str) -> Transform:
    """Return the operation for these days."""
    into, quarantined = Ref("answers", "processed", chosen), Ref("answers", "quarantine", chosen)
    return Transform(Ref("answers_raw", "raw", chosen), recipe, into, quarantined)


def test_messy_answers(spark: Spark, twins: Twins) -> None:
    """Whatever a hundred days of answers hold, both engines and the plain reading make the same of each."""
    chosen = tuple(sorted({*DAYS, *days(dt.date(2026, 2, 1), dt.date(2026, 2, 1) + dt.timedelta(CASES - 1))}))
    cases = {day: generated(answers_of(day), 5, number)[-1] for number, day in enumerate(chosen)}
    for day, stored in cases.items():
        for sensor, when, body in stored:
            later = NOON + dt.timedelta(hours=when)  # several at one time
            put_raw(twins.lake.platform, twins.lake.home, day, body, sensor=str(sensor), retrieved=later)
    known = ("/meta.page", "/meta.found", "summary.max")
    recipe = Recipe("results", MESSY, ("sensor_id", "at"), ("at",), "at", on_new_field="warn", known=known)
    operation = transform(recipe, *chosen)
    facts = spark.facts(twins.bound(operation))
    twins.agree(operation, facts)
    for day, stored in cases.items():
        rows, quarantined = expected(stored, day)
        table = twins.table(twins.other / f"processed/answers/{segment(day)}/part-0.parquet")
        assert sorted(table["rows"]) == sorted(map(repr, rows.values())), day
        assert facts[day]["quarantined"] == quarantined, day
    assert sum(entry["rows"] for entry in facts.values()) > CASES / 4
    assert sum(entry["quarantined"] for entry in facts.values()) > CASES / 4
    assert {"extra", "/meta.next"} <= {json.loads(notice.split(" in ")[0][10:]) for day in chosen for notice in facts[day]["notices"]}


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
    """Return an answer whose text is all in escapes: half surrogates can be written no other way."""
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
    ]
    names = ({}, {"share": "nan"}, {"share": "1e3", "fresh": "true"}, {"fresh": "no"}, {"location": "x1"}, {"page": "2"})
    for number, more in enumerate(names):
        for hour in (0, 0, number):
            put_raw(
                twins.lake.platform, twins.lake.home, DAY, escaped([{"long": hour, "a": str(number)}, *rows]),
                retrieved=NOON + dt.timedelta(hours=hour), **more,
            )
    for body in (b"", b"[" * 100_000, b"\xff\xfe", b'{"results": 1}', json.dumps({"results": []}).encode("utf-16")):
        put_raw(twins.lake.platform, twins.lake.home, DAY, body)
    keyless = Recipe("results", EVERY_TYPE, on_new_field="warn")
    for recipe in (keyless, dataclasses.replace(keyless, unique=("at", "text"), sort=("number", "whole"))):
        operation = transform(recipe, DAY, "2026-01-11")
        facts = spark.facts(twins.bound(operation))
        twins.agree(operation, facts)
        assert facts["2026-01-11"] | {"bytes": 0, "version": ""} == {
            "rows": 0, "objects": 0, "quarantined": 0, "bytes": 0, "version": "", "notices": [],
        }


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
    ("sensor_id", "period_to"), ("location_id",), "", "quarantine", "csv", "period_to", 1, "location", "warn",
)
HEADER = "location_id,sensors_id,location,datetime,value,mobile"


@st.composite
def lines(draw: st.DrawFn) -> tuple[Any, ...]:
    """Return a line that is mostly as it should be."""

    def cell(good: list[Any], odd: list[Any]) -> Any:
        return draw(st.sampled_from(odd if draw(st.integers(0, 9)) == 9 else good))

    return (
        cell(["7", "8"], ["", "x", "99999999999999999999"]),
        cell(["1", "2", "3"], ["+3", "2147483648", " 1"]),
        cell(["Hà Nội-1", "Town, with comma", '"quoted, town"', "🌫️"], ['"open', "", 'a "b" c']),
        cell([-1, 0, 0, 0, 1], [-2, 2]),
        cell(["00:00:00+07:00", "07:00:00+07:00", "00:00:00Z", "00:00:01Z", "23:59:59Z"], ["12:00:00", "?"]),
        cell(["1", "1.5", "-0", "NaN", ".5"], ["1e400", "", "1_0", "0x1", "Infinity"]),
        cell(["true", "false"], ["", "True"]),
    )


def file_of(day: str, some: list[tuple[Any, ...]], damage: str) -> bytes:
    """Return a file of the archive for a local day, whole or not."""
    text = "\ufeff" if damage == "mark" else ""
    text += f"{HEADER},{'value' if damage == 'twice' else 'more'}" if damage in ("twice", "wide") else HEADER
    for location, sensor, name, away, clock, value, mobile in some:
        when = (dt.date.fromisoformat(day) + dt.timedelta(away)).isoformat()
        text += f"\n{location},{sensor},{name},{when}T{clock},{value},{mobile}"
    body = gzip.compress(text.encode(errors="surrogateescape"), mtime=0)
    return {"cut": body[:-9], "plain": text.encode(), "none": b""}.get(damage, body)


files = st.tuples(
    st.integers(0, 2), st.lists(lines(), min_size=2, max_size=8),
    st.sampled_from([""] * 12 + ["mark", "twice", "wide", "cut", "plain", "none"]),
)


def test_csv_and_spread(spark: Spark, twins: Twins) -> None:
    """Files of local days give each UTC day its rows from its neighbours' files, and report mistakes once."""
    for day, stored in zip(FEBRUARY, generated(st.lists(files, min_size=2, max_size=6), len(FEBRUARY))):
        for number, (when, some, damage) in enumerate(stored):
            body = file_of(day, some, damage)
            retrieved = NOON + dt.timedelta(hours=when)
            key = raw_key("answers_raw", {"location": str(number % 3)}, retrieved, body, "csv.gz")
            year, month, date = day.split("-")
            parts = (f"year={year}", f"month={month}", f"day={date}", str(key))
            twins.lake.platform.objects.put_new(twins.lake.home.uri("raw", *parts), body)
    chosen = (*FEBRUARY[1:9], *FEBRUARY[10:12], *FEBRUARY[15:], "2026-03-01", "2026-03-05")
    operation = transform(FILES, *chosen)
    facts = spark.facts(twins.bound(operation))
    twins.agree(operation, facts)
    assert sum(entry["rows"] for entry in facts.values()) > 20


def test_copies_in_neighbouring_days(spark: Spark, twins: Twins) -> None:
    """An answer that lies under several days is read once for each, though nothing makes its rows unique."""
    columns = (RecipeColumn("at", "timestamp", ("at",)), RecipeColumn("value", "integer", ("value",)))
    recipe = Recipe("results", columns, sort=("value",), partition_by="at", spread=1, on_new_field="warn")
    rows = [
        {"at": f"2026-02-{day:02d}T0{hour}:00:00Z", "value": day, "note": hour} for day in range(1, 8) for hour in (1, 1)
    ] + [{"at": "2026-02-03T00:00:00Z", "value": "?"}, 7]
    answer = page(rows)
    for day in ("2026-02-02", "2026-02-03", "2026-02-04", "2026-02-06"):
        put_raw(twins.lake.platform, twins.lake.home, day, answer)
    put_raw(twins.lake.platform, twins.lake.home, "2026-02-05", answer, sensor="8")
    operation = transform(recipe, *FEBRUARY[:7])
    facts = spark.facts(twins.bound(operation))
    twins.agree(operation, facts)
    assert [facts[day]["rows"] for day in FEBRUARY[:7]] == [2, 2, 2, 4, 4, 4, 2]
    assert [facts[day]["objects"] for day in FEBRUARY[:7]] == [1, 1, 1, 2, 2, 2, 1]


KNOWN = ("/meta.page", "flags.*.id", "a\\u002eb", "deep.*.x", "all.*")
SEEN: list[dict[str, Any]] = [
    {"value": 1}, {"value": 2, "weather": {"sky": "Nắng " * 90}}, {"value": 3, "weather": 7, "odd\ud800": "\udfff"},
    {"flags": [{"id": 1}, {"id": 2, "note": [None]}, "text"]}, {"flags": {"0": {"id": 1, "more": 1}}}, {"flags": "none"},
    {"a.b": 1, "a": {"b": 1}, "*": 0, "0": 1}, {"deep": {"k": {"x": 1, "y": float("nan")}, "l": 3}}, {"all": 1}, {"all": [{}]},
    {"value": {"x": 1}}, 7, None, [1],
]


def test_new_fields(spark: Spark, twins: Twins) -> None:
    """Paths, samples, first retrievals and notices are those of Polars; a second run writes and reports nothing."""
    lake = twins.lake
    for number, row in enumerate(SEEN):
        for day in FEBRUARY[number % 3 : 3]:
            body = escaped([row, {"value": 0}])[:-1] + b', "meta": {"page": 1, "n": %d}}' % number
            put_raw(lake.platform, lake.home, day, body, sensor=str(number % 5), retrieved=NOON + dt.timedelta(hours=number))
    many = {f"name{n:03d}": n for n in range(150)}
    put_raw(lake.platform, lake.home, FEBRUARY[3], escaped([many, {"zzz": 1}]))
    put_raw(lake.platform, lake.home, FEBRUARY[3], escaped([{"yyy": 1}]), retrieved=NOON + dt.timedelta(1))
    recipe = Recipe("results", (RecipeColumn("value", "integer", ("value",)),), on_new_field="warn", known=KNOWN)
    operation = transform(recipe, *FEBRUARY[:4])
    twins.agree(operation, spark.facts(twins.bound(operation)))
    folder = twins.other / "quarantine/answers/new_fields"
    written = {path.name: path.read_bytes() for path in folder.iterdir()}
    paths = {json.loads(body)["path"] for body in written.values()}
    assert paths == {f"name{n:03d}" for n in range(100)} | {
        "/meta.n", "weather", "odd\ud800", "flags.*.note", "flags.*", "flags.0.more", "flags", "a", "\\u002a", "0", "deep.k.y", "deep.l",
    }
    again = spark.facts(twins.bound(operation))
    assert not any(entry["notices"] for entry in again.values())
    assert written == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_new_field_can_fail_the_job(spark: Spark, twins: Twins) -> None:
    """With ``fail`` the job ends with the same line as Polars; no table is written, but the record is."""
    for day, more in ((FEBRUARY[1], {"one": 1, "two": 2}), (FEBRUARY[2], {"three": 3})):
        put_raw(twins.lake.platform, twins.lake.home, day, page([{"value": 1, **more}]))
    recipe = Recipe("results", (RecipeColumn("value", "integer", ("value",)),), on_new_field="fail", known=("/meta",))
    operation = transform(recipe, *FEBRUARY[:3])
    ticket = twins.lake.do(operation)
    answer = spark.run("--operation", to_json(twins.bound(operation)))
    assert answer["error"] == f"NewFields: {ticket.message}"
    assert ticket.message.startswith('answers 2026-02-02: new field "one" in ') and " and 1 more " in ticket.message
    assert list(twins.other.glob("processed/*")) == []
    assert len(list((twins.other / "quarantine/answers/new_fields").iterdir())) == 3
