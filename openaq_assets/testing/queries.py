"""The laws of queries and checks."""

import csv
import datetime as dt
import io
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from openaq_assets.errors import PlatformError
from openaq_assets.graph.operations import Query, Ref
from openaq_assets.testing.lake import Lake, columns_of
from openaq_assets.testing.laws import NUMBERS, Laws, check, failed

TYPES: Mapping[str, str] = {
    "s": "varchar", "i": "integer", "b": "boolean", "d": "double", "t": "timestamp", "day": "date",
    "n": "bigint",
}  # fmt: skip  # a table of many short cells


class QueryLaws(Laws):
    """The laws of the rows of queries and the verdicts of checks."""

    def test_a_check_that_holds(self, numbers: Lake) -> None:
        """A check whose query has no rows succeeds with no failures."""
        assert numbers.good(check("SELECT n FROM numbers WHERE n > 9")).facts[""].failures == ()

    def test_a_check_that_fails(self, numbers: Lake) -> None:
        """A failing check names itself, the first row and how many more; at most 100 rows are kept."""
        ticket = numbers.do(check("SELECT n, name FROM numbers ORDER BY n DESC"))
        failed(ticket, "small numbers: n=3, name=None and 2 more")
        assert len(ticket.facts[""].failures) == 3
        many = numbers.do(check("SELECT a.n FROM numbers a, numbers b, numbers c, numbers d, numbers e"))
        assert len(many.facts[""].failures) == 100

    def test_a_check_that_only_warns(self, numbers: Lake) -> None:
        """A check of severity warn succeeds and keeps its failures."""
        ticket = numbers.good(check("SELECT n FROM numbers WHERE n = 1", severity="warn"))
        assert ticket.facts[""].failures == ("small numbers: n=1",)

    def test_a_contract_is_checked(self, numbers: Lake) -> None:
        """expect='contract' compares names and types, in order."""
        types = columns_of({"n": "bigint", "name": "varchar"})
        numbers.good(check("SELECT n, name FROM numbers", expect="contract", columns=types))
        types = columns_of({"n": "bigint", "name": "bigint"})
        other = check("SELECT name, n FROM numbers", expect="contract", columns=types)
        failed(numbers.do(other), "small numbers: name: is varchar, expected bigint")

    def test_a_check_of_a_missing_table(self, lake: Lake) -> None:
        """A check whose table is not there fails, even if it would only warn."""
        failed(lake.do(check("SELECT n FROM numbers", severity="warn")), f"'{lake.home.database}.numbers'")

    def test_rows_into_csv(self, lake: Lake) -> None:
        """Rows are kept as CSV that reads back, with NULL empty and formulas made text."""
        rows = [
            {"id": 1, "text": "=1+1", "at": "2026-01-10T01:02:03Z"},
            {"id": -2, "text": 'a "b", ü\nc', "at": None},
            {"id": 3, "text": "@x", "at": None},
            {"id": 4, "text": "-5", "at": None},
        ]
        at = lake.table("cells", rows, {"id": "bigint", "text": "varchar", "at": "timestamp"})
        query = Query("q", "SELECT id, text, at FROM cells ORDER BY id", (at,), into=Ref("out", "export"))
        ticket = lake.good(query)
        ((uri, body),) = lake.bodies("export").items()
        assert uri.endswith("/export/out/out.csv")
        assert list(csv.reader(io.StringIO(body.decode(), newline=""))) == [
            ["id", "text", "at"],
            ["-2", 'a "b", ü\nc', ""],
            ["1", "'=1+1", "2026-01-10T01:02:03"],
            ["3", "'@x", ""],
            ["4", "'-5", ""],
        ]
        facts = ticket.facts[""]
        assert (facts.rows, facts.bytes, facts.objects) == (4, len(body), 1)
        assert lake.good(query).facts[""] == facts

    def test_types_are_those_of_trino(self, lake: Lake) -> None:
        """The columns of a result have Trino's types, and their values are Python's."""
        at = lake.load("cells", "s,i,b,d,t,day,n\nx,7,true,1.5,2026-01-10 12:00:00,2026-01-10,9\n", **TYPES)
        rows = lake.rows(f"SELECT {', '.join(TYPES)} FROM cells", at)
        assert {str(column.name): column.type for column in rows.columns} == TYPES
        moment = dt.datetime(2026, 1, 10, 12)
        assert rows.rows == (("x", 7, True, 1.5, moment, moment.date(), 9),)
        assert rows.as_dicts() == [dict(zip(TYPES, rows.rows[0], strict=True))]

    def test_a_query_that_is_only_read(self, numbers: Lake) -> None:
        """A query that expects nothing, or counts, succeeds, and its facts have the number of rows."""
        for expect in ("", "counts"):
            assert (
                numbers.good(check("SELECT count(*) AS n0 FROM numbers", expect=expect)).facts[""].rows == 1
            )

    def test_a_query_that_cannot_be_read(self, lake: Lake) -> None:
        """Reading a missing table raises PlatformError with one line."""
        with pytest.raises(PlatformError) as error:
            lake.ask("SELECT n FROM numbers", NUMBERS)
        assert "\n" not in str(error.value)

    def test_queries_at_the_same_time(self, numbers: Lake) -> None:
        """Threads may query at the same time, and each gets its own rows."""
        with ThreadPoolExecutor(8) as pool:
            queries = [f"SELECT n + {i} AS n FROM numbers ORDER BY n" for i in range(40)]
            answers = list(pool.map(lambda sql: numbers.ask(sql, NUMBERS), queries))
        assert answers == [[(i + 1,), (i + 2,), (i + 3,)] for i in range(40)]
