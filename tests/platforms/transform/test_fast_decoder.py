"""The fast way through a recipe reads what the reference reads: rows, types, bytes and quarantine alike."""

import datetime as dt
import json
import random
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from openaq_assets.graph.operations import Recipe, RecipeColumn
from openaq_assets.graph.raw_keys import parse_raw_key, raw_key
from openaq_assets.platforms.transform import fast_decoder as recipe_typed
from openaq_assets.platforms.transform.reference_decoder import (
    decode,
    parquet,
    quarantine,
    rows_frame,
    settled,
)

DAY = "2026-01-10"
NOON = dt.datetime(2026, 1, 12, tzinfo=dt.UTC)
COLUMNS = (
    RecipeColumn("sensor_id", "bigint", key="sensor", nullable=False),
    RecipeColumn("at", "timestamp", ("period.from.utc",), nullable=False),
    RecipeColumn("until", "timestamp", ("period.to",)),
    RecipeColumn("local", "varchar", ("period.from.utc",)),
    RecipeColumn("value", "double", ("value", "summary.avg", "list.2.avg")),
    RecipeColumn("whole", "bigint", ("whole",), nullable=False),
    RecipeColumn("small", "integer", ("numbers.1",)),
    RecipeColumn("flagged", "boolean", ("flags.0.has",)),
    RecipeColumn("name", "varchar", ("na-me", "class")),
    RecipeColumn("since", "date", ("since",)),
    RecipeColumn("page", "integer", key="page"),
    RecipeColumn("retrieved_at", "timestamp", key="retrieved"),
)
RECIPES = [
    Recipe("results", COLUMNS, ("sensor_id", "at"), ("value", "at"), "at"),
    Recipe("results", COLUMNS, ("sensor_id", "at"), ("at",), partition_by_end="at"),
    Recipe("results", COLUMNS, (), ("name", "flagged")),
    Recipe("results", COLUMNS),
]
# What a recipe may know besides what its columns read: nothing, parts, all, and what the fast way cannot say.
KNOWN = (
    (), ("/meta", "other.*.a", "list.*.avg"), ("other", "summary", "period.*"), ("/meta.found", "list", "cl\u0061ss"),
    ("*",), ("/*", "flags.has", "other.a"), ("*.a",), ("summary.*.avg", "/meta.*.found"),
)
# What decoders are known to read in more than one way, as it stands in the text of an answer.
ODD = (
    "-0", "-0.0", "0e5", "1E400", "-1e-400", "5e-324", "1.0", "1e2", "01", "1.", ".5", "+1", "NaN", "Infinity",
    "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "2147483648",
    "18446744073709551616", "9" * 30, "1" + "0" * 308, "9" * 309, "9" * 5000, "-" + "8" * 640, "0." + "3" * 700,
    "0.1000000000000000055511151231257827021181583404541015625", "2.2250738585072011e-308",
    "true", "null", "[]", "{}", "[null]", "[null, 7, {}]", "[{}, null, {\"avg\": 3}]", "[{\"has\": true}]",
    '""', '"x"', '"\\ud800"', '"\\ud83d\\ude00"', '"\\u0000"', '"\\x"', '"\\/"', '"\t"', '"\x7f"', '"é"', "'x'",
    '"2026-01-10T05:00:00Z"', '"2026-01-10T05:00:00z"', '"2026-01-10 05:00:00+00"', '"20260110T050000Z"',
    '"2026-01-10T05:00:00.1234567Z"', '"2026-01-10T05:00:00,5Z"', '"2026-01-10T24:00:00Z"', '"2026-W02-6T01Z"',
    '"2026-01-10T23:59:60Z"', '"2026-01-10T05:00:00+00:00:30"', '"2026-01-10T05:00:00"', '"2026-01-11T00:00:00Z"',
    '"2026-01-10T00:00:00Z"', '"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59Z"', '"2026-01-10"', '"20260110"',
    '{"utc": "2026-01-10T01:00:00Z"}', '{"utc": null}', '{"from": {"utc": "2026-01-10T01:00:00Z"}}', '{"from": {}}',
    '{"from": null, "to": 1}', '{"avg": 1, "avg": 2}', '{"avg": "x", "avg": 2}', '{"avg": 2, "avg": "x"}', "[" * 9 + "]" * 9,
)
# Where it may stand: in each place that columns name, above it, beside it.
PATTERNS = (
    '"period": %s', '"period": {"from": %s}', '"period": {"from": {"utc": %s}}', '"value": %s', '"summary": %s',
    '"summary": {"avg": %s}', '"list": %s', '"list": [null, 1, %s]', '"whole": %s', '"numbers": %s',
    '"numbers": [1, %s, 3]', '"flags": %s', '"flags": [{"has": %s}]', '"na-me": %s', '"class": %s', '"since": %s',
    '"other": %s', '"other": [{"a": %s}]', '"cl\\u0061ss": %s',
)


@st.composite
def rows(draw: st.DrawFn) -> str:
    """Return a row as text: right, but for up to two odd fields, which may stand there twice."""
    hour = draw(st.integers(0, 23))
    fields = [
        f'"period": {{"from": {{"utc": "{DAY}T{hour:02d}:00:00Z"}}, "to": "{DAY}T{hour:02d}:30:00+00:00"}}',
        f'"whole": {draw(st.integers(-3, 3))}',
        f'"value": {json.dumps(draw(st.one_of(st.floats(-1e9, 1e9), st.integers(-(2**70), 2**70), st.none())))}',
        f'"na-me": {json.dumps(draw(st.one_of(st.none(), st.text(max_size=5))), ensure_ascii=False)}',
    ]
    if draw(st.integers(0, 3)) == 3:
        odd = st.tuples(st.sampled_from(PATTERNS), st.sampled_from(ODD)).map(lambda parts: parts[0] % parts[1])
        fields += draw(st.lists(odd, max_size=2))
    kept = draw(st.sampled_from([fields, fields, fields[1:], fields[::-1]]))
    return "{" + ", ".join(kept) + "}"


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Return an answer: mostly whole, sometimes with a byte changed, cut, in another encoding or not of this shape."""
    some = draw(st.lists(st.one_of(rows(), rows(), rows(), st.sampled_from(ODD)), max_size=5))
    space = draw(st.sampled_from(["", " ", "\n  "]))
    text = f'{{"meta": {draw(st.sampled_from(ODD[:20] + ("{}",) * 40))}, "results":{space}[{("," + space).join(some)}]}}'
    body = text.encode(errors="surrogatepass")
    change = draw(st.integers(0, 15))
    if change == 12:
        position = draw(st.integers(0, len(body)))
        body = body[:position] + draw(st.sampled_from([b"", b"\xff", b"\xed\xa0\x80", b"\x00", b",", b"}", b'"'])) + body[position + 1 :]
    return {
        13: body[: len(body) // 2], 14: text.encode("utf-16", "surrogatepass"), 15: b"\xef\xbb\xbf" + body,
    }.get(change, body)


answers = st.lists(
    st.tuples(st.sampled_from(["1", "2", "x"] + ["3"] * 5), st.integers(0, 3), bodies()), max_size=8
)


def alike(recipe: Recipe, stored: list[tuple[str, int, bytes]]) -> int:
    """Assert that both ways agree about these objects; how many rows there are."""
    objects = {}
    for number, (sensor, hour, body) in enumerate(stored):
        key = raw_key("answers_raw", {"sensor": sensor, "page": str(number)}, NOON + dt.timedelta(hours=hour), body)
        objects[str(key)] = body
    reference = decode(recipe, DAY, objects.items())
    keyed = [(parse_raw_key(name), name, body) for name, body in objects.items()]
    ordered = sorted(keyed, key=lambda entry: (entry[0].retrieved, entry[1]))
    table, decoded = recipe_typed.table_of(recipe, DAY, ordered)
    expected, table_settled = settled(recipe, rows_frame(recipe, reference.rows)), settled(recipe, table)
    assert_frame_equal(table_settled, expected, check_exact=True)
    assert repr(table_settled.rows()) == repr(expected.rows())  # NaN, and zeros with their signs
    assert quarantine(decoded) == quarantine(reference)
    assert list(decoded.new.items()) == list(reference.new.items())
    assert parquet(table_settled) == parquet(expected)
    return table_settled.height


@settings(deadline=None)
@given(st.sampled_from(RECIPES), st.sampled_from(["ignore", "warn", "fail"]), st.sampled_from(KNOWN), answers)
def test_both_ways_agree(
    recipe: Recipe, new: Any, known: tuple[str, ...], stored: list[tuple[str, int, bytes]]
) -> None:
    """For any messy day the tables, their Parquet bytes, the quarantine and the new fields are the same."""
    alike(replace(recipe, on_new_field=new, known=known), stored)


@pytest.mark.parametrize("odd", ODD)
def test_both_ways_agree_on_each_odd_value(odd: str) -> None:
    """Every odd value in every place, read or skipped, beside a row that fits."""
    good = f'"period": {{"from": {{"utc": "{DAY}T01:00:00Z"}}}}, "whole": 1'
    for pattern in PATTERNS:
        body = f'{{"results": [{{{good}}}, {{{good}, {pattern % odd}}}]}}'.encode()
        for recipe in RECIPES:
            alike(recipe, [("1", 0, body)])


@pytest.mark.parametrize("odd", [b"\xff", b"\xed\xa0\x80", b"\xc3", b"\xf0\x9f\x8c\xab"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_both_decoders_agree_on_bytes_that_are_no_text(pattern: str, odd: bytes) -> None:
    """Broken UTF-8 makes an object unreadable, even in a field that no column reads."""
    good = f'"period": {{"from": {{"utc": "{DAY}T01:00:00Z"}}}}, "whole": 1'
    head, tail = f'{{"results": [{{{good}, {pattern}}}]}}'.encode().split(b"%s")
    alike(RECIPES[0], [("1", 0, head + b'"' + odd + b'"' + tail), ("2", 0, b'{"results": []}')])


def test_batches_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day decoded in many small batches, with bad objects between, is the same table."""
    monkeypatch.setattr(recipe_typed, "BATCH_BYTES", 500)
    chance = random.Random(1)
    def row(hour: int) -> dict[str, Any]:
        return {"period": {"from": {"utc": f"{DAY}T{hour:02d}:00:00Z"}}, "whole": chance.randrange(9), "value": chance.random()}
    pages = [json.dumps({"results": [row(hour) for hour in range(24)]}).encode() for _ in range(40)]
    pages[7] = pages[7].replace(b'"whole": ', b'"whole": "', 1)
    pages[21] = b"{"
    stored = [(str(number % 9 + 1), number % 3, body) for number, body in enumerate(pages)]
    assert alike(RECIPES[0], stored) == 9 * 24


@pytest.mark.parametrize(
    "columns",
    [
        (RecipeColumn("a", "bigint", ("v",)), RecipeColumn("b", "double", ("v",))),
        (RecipeColumn("a", "varchar", ("v",)), RecipeColumn("b", "double", ("v.w",))),
        (RecipeColumn("a", "varchar", ("v.0",)), RecipeColumn("b", "double", ("v.w",))),
        (RecipeColumn("a", "varchar", ("v.0",)), RecipeColumn("b", "double", ("v.1",))),
    ],
    ids=["types", "holds", "both", "positions"],
)
def test_what_has_no_single_type_is_for_the_reference(columns: tuple[RecipeColumn, ...]) -> None:
    """A recipe that reads one place as two types still works, the slow way."""
    recipe = Recipe("results", columns)
    assert recipe_typed.compiled(recipe) is None
    body = b'{"results": [{"v": 1}, {"v": "x"}, {"v": {"w": 2.5}}, {"v": ["y", 3]}]}'
    alike(recipe, [("1", 0, body)])


def test_csv_and_spread_are_for_the_reference() -> None:
    """Recipes of CSV, and those whose days lie in each other's objects, go the slow way."""
    assert recipe_typed.compiled(RECIPES[0]) is not None
    assert recipe_typed.compiled(replace(RECIPES[0], format="csv")) is None
    assert recipe_typed.compiled(replace(RECIPES[0], spread=1)) is None


def test_what_fits_is_not_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers as the API gives them, with nulls and missing parts, never need the reference."""
    def refuse(*arguments: Any) -> None:
        raise AssertionError("the reference was asked")
    monkeypatch.setattr(recipe_typed, "decode", refuse)
    rows = [
        {"period": {"from": {"utc": f"{DAY}T00:00:00Z"}, "to": None}, "whole": 1, "value": 3, "list": []},
        {"period": {"from": {"utc": f"{DAY}T01:00:00Z"}}, "whole": 2, "value": None, "summary": None, "flags": None, "since": DAY},
        {"period": {"from": {"utc": f"{DAY}T02:00:00Z"}}, "whole": 3, "list": [{}, None, {"avg": 2.5}], "flags": [None]},
    ]
    body = json.dumps({"meta": {"found": ">1000"}, "results": rows}, indent=1).encode()
    key = raw_key("answers_raw", {"sensor": "1"}, NOON, body)
    table, decoded = recipe_typed.table_of(RECIPES[0], DAY, [(key, str(key), body)])
    assert table["value"].to_list() == [3.0, None, 2.5]
    assert decoded.bad == [] and table.schema["at"] == pl.Datetime("us")
