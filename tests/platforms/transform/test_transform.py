"""Transform on every platform: raw objects written by the test become typed rows."""

import datetime as dt
import json
from typing import Any

import pytest
from support.runner_fixtures import NOON, Lake, page, put_raw

from openaq_assets.graph.columns import Column, Name
from openaq_assets.graph.operations import Recipe, RecipeColumn, Ref, Register, Table, Transform
from openaq_assets.graph.records import Facts

DAY = "2026-01-10"
COLUMNS = (
    RecipeColumn("location_id", "bigint", key="location", nullable=False),
    RecipeColumn("sensor_id", "bigint", key="sensor", nullable=False),
    RecipeColumn("at", "timestamp", ("period.from",), nullable=False),
    RecipeColumn("value", "double", ("value", "summary.avg")),
    RecipeColumn("count", "integer", ("coverage.0.count",)),
    RecipeColumn("flagged", "boolean", ("flags.has",)),
    RecipeColumn("name", "varchar", ("name",)),
    RecipeColumn("since", "date", ("since",)),
    RecipeColumn("retrieved_at", "timestamp", key="retrieved", nullable=False),
)
RECIPE = Recipe("results", COLUMNS, ("sensor_id", "at"), ("location_id", "at"), "at")
TABLE = Table(
    Ref("answers", "processed"),
    tuple(Column(Name(column.name), column.type) for column in COLUMNS)
    + tuple(Column(Name(name), "varchar") for name in ("year", "month", "day")),
    True,
)


def row(hour: int = 0, **more: Any) -> dict[str, Any]:
    """Return a row of the API, of an hour of the day."""
    return {"period": {"from": f"{DAY}T{hour:02d}:00:00Z"}, "value": 1.5} | more


def transform(*days: str, recipe: Recipe = RECIPE) -> Transform:
    """Return the operation for these days."""
    chosen = days or (DAY,)
    return Transform(
        Ref("answers_raw", "raw", chosen), recipe, Ref("answers", "processed", chosen),
        Ref("answers", "quarantine", chosen),
    )


def made(lake: Lake, *bodies: bytes) -> Facts:
    """Return what is true of the day after these answers (of sensors 9, 10, ...) were transformed."""
    for number, body in enumerate(bodies):
        put_raw(lake.platform, lake.home, DAY, body, sensor=str(9 + number))
    return lake.good(transform()).facts[DAY]


def query(lake: Lake, columns: str, rest: str = "ORDER BY sensor_id, at") -> list[tuple[Any, ...]]:
    """Return columns of the table."""
    lake.good(Register((TABLE,)))
    return lake.ask(f"SELECT {columns} FROM answers {rest}", Ref("answers", "processed"))


def bad(lake: Lake) -> list[dict[str, Any]]:
    """Return the quarantined rows of the day."""
    kept = lake.bodies("quarantine", "answers")
    return [json.loads(line) for body in kept.values() for line in body.decode().splitlines()]


def test_rows_and_types(lake: Lake) -> None:
    """Paths, fallbacks, list positions and parts of the key become columns of the declared types."""
    full = row(1, coverage=[{"count": 4}], flags={"has": False}, name="Hà Nội", since="2020-02-29")
    facts = made(lake, page([full, row(0, value=None, summary={"avg": 2})]))
    assert (facts.rows, facts.objects, facts.quarantined) == (2, 1, 0)
    stamp = NOON.replace(tzinfo=None)
    assert query(lake, "*") == [
        (7, 9, dt.datetime(2026, 1, 10, 0), 2.0, None, None, None, None, stamp, "2026", "01", "10"),
        (7, 9, dt.datetime(2026, 1, 10, 1), 1.5, 4, False, "Hà Nội", dt.date(2020, 2, 29), stamp, "2026", "01", "10"),
    ]
    kinds = query(lake, "typeof(at), typeof(value), typeof(count), typeof(since), typeof(day)", "LIMIT 1")
    assert kinds == [("TIMESTAMP", "DOUBLE", "INTEGER", "DATE", "VARCHAR")]


def test_numbers_at_the_edges(lake: Lake) -> None:
    """Whole numbers for floats, huge and tiny ones, and zero with a sign keep their value."""
    values = [1, -0.0, 5e-324, 1.7976931348623157e308, -999, 2**53 + 1, 0.1]
    made(lake, page(row(hour, value=value) for hour, value in enumerate(values)))
    assert [value for (value,) in query(lake, "value")] == [float(value) for value in values]


def test_text_of_every_script(lake: Lake) -> None:
    """Text keeps its code points, quotes, newlines and emoji."""
    texts = ["Cửa Ông", "北京", "🌫️", 'a "quoted" \\ text', "line\nbreak", "", "\u0000"]
    made(lake, page(row(hour, name=text) for hour, text in enumerate(texts)))
    assert [text for (text,) in query(lake, "name")] == texts


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"value": "1.5"}, "value: '1.5' is not double"),
        ({"value": True}, "value: True is not double"),
        ({"value": 10**400}, "value: "),
        ({"coverage": [{"count": 2**31}]}, "count: 2147483648 is not integer"),
        ({"coverage": [{"count": 1.0}]}, "count: 1.0 is not integer"),
        ({"flags": {"has": 1}}, "flagged: 1 is not boolean"),
        ({"name": 7}, "name: 7 is not varchar"),
        ({"name": "half \ud800 pair"}, "name: 'half \\ud800 pair' is not varchar"),
        ({"since": "2026-02-30"}, "since: '2026-02-30' is not date"),
        ({"period": {"from": "2026-01-10T00:00:00"}}, "at: '2026-01-10T00:00:00' is not timestamp (no offset"),
        ({"period": {"from": None}}, "at: no value at period.from"),
        ({"period": []}, "at: no value at period.from"),
        ({"period": {"from": "2026-01-11T00:00:00Z"}}, "at: 2026-01-11 00:00:00 is not of the day 2026-01-10"),
        ({"period": {"from": "2026-01-10T00:00:00+07:00"}}, "at: 2026-01-09 17:00:00 is not of the day"),
    ],
)
def test_a_row_that_does_not_fit_is_quarantined(lake: Lake, wrong: dict[str, Any], reason: str) -> None:
    """A bad row goes to quarantine with reason, object and position; the good ones beside it stay."""
    body = json.dumps({"results": [row(1), row(2) | wrong, row(3)]}).encode()
    facts = made(lake, body)
    assert (facts.rows, facts.quarantined) == (2, 1)
    (kept,) = bad(lake)
    assert kept["reason"].startswith(reason)
    assert kept["position"] == 1
    assert kept["object"].startswith("answers_raw__location=7__sensor=9__page=0001__")
    assert kept["row"] == json.loads(json.dumps(row(2) | wrong))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"results": {}}', b"\xff\xfe", b'{"results": null}', b"[" * 100_000, b'"text"'],
    ids=["empty", "cut", "list", "object", "bytes", "null", "deep", "text"],
)
def test_an_unreadable_object_is_quarantined(lake: Lake, body: bytes) -> None:
    """An object that is no answer is one quarantined entry; other objects still become rows."""
    facts = made(lake, page([row()]), body)
    assert (facts.rows, facts.objects, facts.quarantined) == (1, 2, 1)
    (kept,) = bad(lake)
    assert kept["position"] is None and kept["reason"].startswith("unreadable: ")


def test_rows_that_are_no_objects(lake: Lake) -> None:
    """Numbers, lists and nulls among the results are quarantined, each with its position."""
    facts = made(lake, page([1, row(), None, [row()], "text"]))
    assert (facts.rows, facts.quarantined) == (1, 4)
    assert [entry["position"] for entry in bad(lake)] == [0, 2, 3, 4]


def test_a_key_that_does_not_fit(lake: Lake) -> None:
    """An object whose name lacks a part or has a wrong one is kept aside, not a failure of the day."""
    made(lake, page([row()]))
    put_raw(lake.platform, lake.home, DAY, page([row()]), location="abc")
    put_raw(lake.platform, lake.home, DAY, page([row()]), location=str(2**70))
    facts = lake.good(transform()).facts[DAY]
    assert (facts.rows, facts.quarantined) == (1, 2)
    assert all("location_id" in entry["reason"] for entry in bad(lake))


def test_the_latest_retrieval_wins(lake: Lake) -> None:
    """Of two answers to one request the later retrieved one counts, in any order of storing."""
    later, earlier = NOON + dt.timedelta(days=2), NOON + dt.timedelta(days=1)
    put_raw(lake.platform, lake.home, DAY, page([row(0, value=3), row(1, value=30)]), retrieved=later)
    put_raw(lake.platform, lake.home, DAY, page([row(0, value=1)]))
    put_raw(lake.platform, lake.home, DAY, page([row(0, value=2), row(2, value=20)]), retrieved=earlier)
    assert lake.good(transform()).facts[DAY].rows == 3
    assert [value for (value,) in query(lake, "value")] == [3.0, 30.0, 20.0]


def test_duplicates_over_pages(lake: Lake) -> None:
    """A row that moved to the next page while paging is one row."""
    put_raw(lake.platform, lake.home, DAY, page([row(0), row(1, value=7)]))
    put_raw(lake.platform, lake.home, DAY, page([row(1, value=7), row(2)]), page="0002")
    assert lake.good(transform()).facts[DAY].rows == 3
    assert query(lake, "count(*), count(DISTINCT at)", "") == [(3, 3)]


def test_late_raw_rebuilds_the_day(lake: Lake) -> None:
    """An object that arrives later is in the table after the next Transform; healed quarantine is gone."""
    put_raw(lake.platform, lake.home, DAY, page([row(0, value="?")]))
    first = lake.good(transform()).facts[DAY]
    assert (first.rows, first.quarantined) == (0, 1)
    lake.platform.objects.delete(next(iter(lake.bodies("raw"))))
    put_raw(lake.platform, lake.home, DAY, page([row(0)]), retrieved=NOON + dt.timedelta(hours=1))
    second = lake.good(transform()).facts[DAY]
    assert (second.rows, second.quarantined) == (1, 0)
    assert bad(lake) == []
    assert first.version != second.version


def test_repeating_changes_no_byte(lake: Lake) -> None:
    """Transforming the same raw objects again gives the same bytes and version."""
    bodies = [page(row(hour, value=hour / 7, name=f"n{sensor}") for hour in range(24)) for sensor in range(30)]
    first = made(lake, *bodies)
    before = lake.bodies("processed")
    assert first.rows == 720
    assert lake.good(transform()).facts[DAY] == first
    assert lake.bodies("processed") == before


def test_days_are_independent(lake: Lake) -> None:
    """Each day is made from its own objects; foreign and hidden objects beside them do not count."""
    put_raw(lake.platform, lake.home, DAY, page([row()]))
    put_raw(lake.platform, lake.home, DAY, page([row()]), asset="other_raw")
    other = {"period": {"from": "2026-01-11T05:00:00Z"}, "value": 4}
    put_raw(lake.platform, lake.home, "2026-01-11", page([other]))
    lake.platform.objects.put(lake.home.uri("raw", "year=2026", "month=01", "day=10", "notes.txt"), b"hello")
    facts = lake.good(transform(DAY, "2026-01-11", "2026-01-12")).facts
    assert [facts[day].rows for day in sorted(facts)] == [1, 1, 0]
    assert query(lake, "day, value", "WHERE day >= '11'") == [("11", 4.0)]


def test_a_bad_row_can_fail_the_day(lake: Lake) -> None:
    """With ``on_bad_row: fail`` the ticket fails, names the object, and the table stays as it was."""
    import dataclasses

    made(lake, page([row()]))
    before = lake.bodies("processed")
    put_raw(lake.platform, lake.home, DAY, page([row(1, value="x")]), sensor="10")
    ticket = lake.do(transform(recipe=dataclasses.replace(RECIPE, on_bad_row="fail")))
    assert ticket.state == "failed"
    assert "answers 2026-01-10: 1 rows are not valid" in ticket.message and "sensor=10" in ticket.message
    assert "\n" not in ticket.message
    assert lake.bodies("processed") == before


def test_two_at_once_end_with_the_newest(lake: Lake) -> None:
    """Transforms that run together while raw objects arrive leave the rows of all of them."""
    from concurrent.futures import ThreadPoolExecutor

    def work(number: int) -> None:
        put_raw(lake.platform, lake.home, DAY, page([row(number)]), sensor=str(number))
        lake.good(transform())

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(12)))
    assert query(lake, "count(*)", "") == [(12,)]
