"""The laws of tables: Register and Load."""

import datetime as dt
from typing import Any

import pytest

from openaq_assets.graph.operations import Load, Query, Ref, Register, Table
from openaq_assets.graph.partitions import COLUMNS as KEYS
from openaq_assets.testing.lake import Lake, columns_of
from openaq_assets.testing.laws import NUMBERS, Laws, failed


class RegisterLaws(Laws):
    """The laws of registered tables."""

    def test_a_table_without_files_is_empty(self, lake: Lake) -> None:
        """A registered table without files has no rows and the declared types."""
        types = {"id": "bigint", "at": "timestamp"} | dict.fromkeys(KEYS, "varchar")
        table = Table(Ref("later", "processed"), columns_of(types), True)
        lake.good(Register((table,)))
        assert lake.ask("SELECT id, at FROM later WHERE day = '01'", table.at) == []
        lake.good(Query("c", "SELECT * FROM later LIMIT 0", (table.at,), "contract", table.columns))

    def test_the_days_of_a_table(self, lake: Lake) -> None:
        """Days are selected by their keys, one by one or joined, and new days are visible."""
        key = "year || '-' || month || '-' || day"
        for number, day in enumerate(("2025-12-31", "2026-01-01", "2026-01-02")):
            at = lake.table("daily", [{"n": number}], {"n": "bigint"}, day)
            assert lake.ask(f"SELECT max({key}) FROM daily", at) == [(day,)]
            days = lake.ask(f"SELECT day FROM daily WHERE {key} >= '2026-01-01' AND {key} < '2026-01-02'", at)
            assert days == ([("01",)] if day >= "2026" else [])
        assert lake.ask("SELECT n, year, month, day FROM daily WHERE year = '2025'", at) == [
            (0, "2025", "12", "31")
        ]

    def test_everything_is_what_the_contract_names(self, lake: Lake) -> None:
        """``*`` selects exactly the declared columns, in their order."""
        at = lake.table("daily", [{"b": 1, "a": "x"}], {"b": "bigint", "a": "varchar"})
        rows = lake.rows("SELECT * FROM daily", at)
        types = {"b": "bigint", "a": "varchar"} | dict.fromkeys(KEYS, "varchar")
        assert [(str(column.name), column.type) for column in rows.columns] == list(types.items())
        assert rows.rows == ((1, "x", "2026", "01", "10"),)

    def test_names_that_are_words_of_sql(self, lake: Lake) -> None:
        """Tables and columns may be named like SQL keywords."""
        rows = [{"order": 1, "group": "a"}]
        at = lake.table("select", rows, {"order": "bigint", "group": "varchar"})
        assert lake.ask('SELECT t."order", t."group" FROM "select" AS t', at) == [(1, "a")]

    def test_a_column_added_later_is_null_in_old_files(self, lake: Lake) -> None:
        """Files without a column that was declared later have NULL for it."""
        at = lake.table("grown", [{"a": 1}], {"a": "bigint"})
        types = {"a": "bigint", "b": "double"} | dict.fromkeys(KEYS, "varchar")
        lake.good(Register((Table(at, columns_of(types), True),)))
        assert lake.ask("SELECT a, b, day FROM grown", at) == [(1, None, "10")]

    def test_registering_again_is_a_no_op(self, lake: Lake) -> None:
        """The same definition is not written twice."""
        register = Register((Table(Ref("t", "processed"), columns_of({"a": "bigint"}), False),))
        assert lake.good(register).facts == lake.good(register).facts


class LoadLaws(Laws):
    """The laws of tables from CSV, and of CSV that is refused."""

    def test_cells_of_every_type(self, lake: Lake) -> None:
        """Text, numbers, booleans, dates and timestamps are typed; empty cells are NULL."""
        text = (
            "s,i,b,d,t,day,unused\r\n"
            '"Hà Nội, ""x""", 7 ,TRUE,1.5e3,2026-01-10T12:00:00+07:00,2026-01-10,x\r\n'
            ",,,,,,\r\n"
            '"line\nbreak",-3,false,.5,2026-01-10 12:00:00,2024-02-29,\r\n'
        )
        types = {
            "day": "date",
            "s": "varchar",
            "i": "integer",
            "b": "boolean",
            "d": "double",
            "t": "timestamp",
        }
        cells = Ref("cells", "reference")
        ticket = lake.good(Load(text, columns_of(types), cells))
        assert ticket.facts[""].rows == 3
        stamp = dt.datetime(2026, 1, 10, 12)
        assert lake.ask("SELECT s, i, b, d, t, day FROM cells ORDER BY i NULLS LAST", cells) == [
            ("line\nbreak", -3, False, 0.5, stamp, dt.date(2024, 2, 29)),
            ('Hà Nội, "x"', 7, True, 1500.0, stamp.replace(hour=5), dt.date(2026, 1, 10)),
            (None, None, None, None, None, None),
        ]

    @pytest.mark.parametrize(
        ("kind", "cell"),
        [
            ("bigint", "1.5"),
            ("bigint", "1e3"),
            ("integer", "2147483648"),
            ("double", "abc"),
            ("double", "1,5"),
            ("double", "1_0"),
            ("boolean", "yes"),
            ("timestamp", "noon"),
            ("date", "2026-02-30"),
        ],
    )
    def test_a_wrong_cell_fails(self, lake: Lake, kind: Any, cell: str) -> None:
        """A cell of another type fails the load with table, line, column and value; nothing is written."""
        csv, types = f'a,b\n1,\n2,"{cell}"\n', {"a": "bigint", "b": kind}
        ticket = lake.do(Load(csv, columns_of(types), Ref("wrong", "reference")))
        failed(ticket, "CSV of wrong", "line 3", "column 'b'", repr(cell), kind)
        assert lake.bodies("reference") == {}

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("a\n1,2\n", "line 2 has 2 cells, but the header has 1"),
            ("a,b\n1\n", "has 1 cells, but the header has 2"),
            ("x\n1\n", "no column 'a'"),
            ("", "no column 'a'"),
            ('a\n"open\n', "not CSV"),
        ],
    )
    def test_a_csv_of_another_shape_fails(self, lake: Lake, text: str, words: str) -> None:
        """Missing columns, ragged lines and open quotes fail in one line."""
        failed(lake.do(Load(text, columns_of({"a": "bigint"}), Ref("shape", "reference"))), words)

    def test_a_csv_from_a_spreadsheet(self, lake: Lake) -> None:
        """A byte order mark and spaces around the header do not matter; without rows the table is empty."""
        lake.good(Load("\ufeff a , b\n1,2\n", columns_of({"a": "bigint", "b": "bigint"}), NUMBERS))
        assert lake.ask("SELECT a, b FROM numbers", NUMBERS) == [(1, 2)]
        lake.good(Load("a,b\n", columns_of({"a": "bigint", "b": "bigint"}), NUMBERS))
        assert lake.ask("SELECT a, b FROM numbers", NUMBERS) == []

    def test_a_table_that_is_loaded_again(self, lake: Lake) -> None:
        """A query after a load reads the new rows, whatever is cached of the old ones."""
        for text in ("one", "two", "three"):
            lake.good(Load(f"n,name\n1,{text}\n", columns_of({"n": "bigint", "name": "varchar"}), NUMBERS))
            assert lake.ask("SELECT name FROM numbers", NUMBERS) == [(text,)]
