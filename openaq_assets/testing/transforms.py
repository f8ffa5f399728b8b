"""The laws of Transform, which makes the rows of a day from raw objects."""

from typing import Any

import pytest

from openaq_assets.graph.operations import Recipe, RecipeColumn, Ref, Register, Table, Transform
from openaq_assets.graph.partitions import COLUMNS
from openaq_assets.testing.lake import DAY, Lake, columns_of, page, put_raw
from openaq_assets.testing.laws import Laws, failed

OTHER_DAY = "2026-01-11"
FIELDS = (
    RecipeColumn("id", "bigint", ("id",), nullable=False),
    RecipeColumn("text", "varchar", ("deep.text",)),
)
TABLE = Table(
    Ref("answers", "processed"),
    columns_of({"id": "bigint", "text": "varchar", **dict.fromkeys(COLUMNS, "varchar")}),
    True,
)


def transform(*days: str, **recipe: Any) -> Transform:
    """Return the operation that makes the rows of days."""
    return Transform(
        Ref("answers_raw", "raw", days),
        Recipe("results", FIELDS, ("id",), ("id",), **recipe),
        Ref("answers", "processed", days),
        Ref("answers", "quarantine", days),
    )


def rows_of(lake: Lake) -> list[tuple[Any, ...]]:
    """Return all rows of the table with their day."""
    lake.good(Register((TABLE,)))
    return lake.ask("SELECT id, text, day FROM answers ORDER BY day, id", TABLE.at)


class TransformLaws(Laws):
    """The laws of rows from raw objects."""

    @pytest.fixture
    def raw(self, lake: Lake) -> Lake:
        """Store a raw object for each of two days in the lake."""
        put_raw(lake.platform, lake.home, DAY, page([{"id": 2}, {"id": 1, "deep": {"text": "ệ"}}]))
        put_raw(lake.platform, lake.home, OTHER_DAY, page([{"id": 3, "deep": {"text": ""}}]))
        return lake

    def test_raw_objects_become_rows(self, raw: Lake) -> None:
        """Every row of a day's objects is a row of that day, and the facts count them."""
        ticket = raw.good(transform(DAY, OTHER_DAY))
        assert {day: facts.rows for day, facts in ticket.facts.items()} == {DAY: 2, OTHER_DAY: 1}
        assert all(facts.version and not facts.quarantined for facts in ticket.facts.values())
        assert rows_of(raw) == [(1, "ệ", "10"), (2, None, "10"), (3, "", "11")]

    def test_days_are_made_apart(self, raw: Lake) -> None:
        """A day that is not among the partitions stays as it is."""
        raw.good(transform(DAY))
        assert rows_of(raw) == [(1, "ệ", "10"), (2, None, "10")]

    def test_twice_is_once(self, raw: Lake) -> None:
        """The same objects give the same facts and rows."""
        first = raw.good(transform(DAY)).facts
        assert raw.good(transform(DAY)).facts == first
        assert len(rows_of(raw)) == 2

    def test_later_objects_are_in_the_day(self, raw: Lake) -> None:
        """A day is rebuilt from all of its objects, and equal rows are in it once."""
        before = raw.good(transform(DAY)).facts[DAY]
        put_raw(raw.platform, raw.home, DAY, page([{"id": 2}, {"id": 9}]), page="0002")
        after = raw.good(transform(DAY)).facts[DAY]
        assert after.rows == 3 and after.version != before.version
        assert [row[0] for row in rows_of(raw)] == [1, 2, 9]

    def test_a_row_that_does_not_fit_is_quarantined(self, raw: Lake) -> None:
        """A row with a wrong type is quarantined, and the other rows stay."""
        put_raw(raw.platform, raw.home, DAY, page([{"id": "no number"}, {"id": 4}]), page="0002")
        facts = raw.good(transform(DAY)).facts[DAY]
        assert (facts.rows, facts.quarantined) == (3, 1)
        assert raw.bodies("quarantine")

    def test_a_row_that_does_not_fit_can_fail_the_day(self, raw: Lake) -> None:
        """With ``on_bad_row: fail`` the ticket fails, and the table stays as it was."""
        raw.good(transform(DAY))
        put_raw(raw.platform, raw.home, DAY, page([{"id": "no number"}]), page="0002")
        failed(raw.do(transform(DAY, on_bad_row="fail")))
        assert [row[0] for row in rows_of(raw)] == [1, 2]

    def test_a_day_without_objects_is_empty(self, lake: Lake) -> None:
        """A day without raw objects has no rows and succeeds."""
        assert lake.good(transform(DAY)).facts[DAY].rows == 0
        assert rows_of(lake) == []
