"""Athena SQL as the package understands it."""

import pytest

from openaq_assets.sql import lint as sql_rules
from openaq_assets.sql import parse as sql


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("SELECT a FROM t", ["t"]),
        ("SELECT a FROM t AS x JOIN u ON true", ["t", "u"]),
        ("WITH c AS (SELECT a FROM t) SELECT a FROM c", ["t"]),
        ("WITH C AS (SELECT a FROM t) SELECT a FROM c", ["t"]),
        ("WITH t AS (SELECT a FROM t) SELECT a FROM t", ["t"]),
        ("WITH a AS (SELECT 1 AS x), b AS (SELECT x FROM a) SELECT x FROM b", []),
        ("WITH a AS (SELECT x FROM b), b AS (SELECT 1 AS x) SELECT x FROM a", ["b"]),
        ("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r", []),
        ("SELECT a FROM (WITH c AS (SELECT a FROM t) SELECT a FROM c) AS s JOIN c ON true", ["t", "c"]),
        ("SELECT n FROM UNNEST(sequence(1, 3)) AS u(n)", []),
        ("SELECT a FROM t WHERE a IN (SELECT b FROM u)", ["t", "u"]),
        ("SELECT a FROM t UNION ALL SELECT a FROM u", ["t", "u"]),
        ("not SQL", []),
    ],
)
def test_tables(text: str, names: list[str]) -> None:
    """The tables of a query are what no WITH in reach defines."""
    assert sorted(table.name for table in sql.tables(text)) == sorted(names)


def test_a_table_is_located() -> None:
    """A table has the position where it is named first, in characters."""
    assert sql.tables("-- µg\nSELECT 'é', a\nFROM  t JOIN t AS u ON true") == (sql.TableUse("t", 3, 7),)


def test_tables_are_named_in_full_and_names_of_with_are_left() -> None:
    """Only real tables get their database; an alias keeps the columns readable."""
    text = "WITH t AS (SELECT t.a FROM t) SELECT a FROM t"
    assert sql.qualified(text, {"t": "db.t"}) == "WITH t AS (SELECT t.a FROM db.t AS t) SELECT a FROM t"


@pytest.mark.parametrize("text", ["", ";", "-- remark", "SHOW TABLES", "INSERT INTO t SELECT 1", "SELECT 1; SELECT 2"])
def test_a_single_query(text: str) -> None:
    """Anything but one query is a problem, and no table is read."""
    assert len(sql_rules.problems(text)) == 1 and sql.tables(text) == () and sql.outputs(text) == ()


def test_a_semicolon_at_the_end_is_fine() -> None:
    """A closing semicolon is no second statement."""
    assert sql_rules.problems("SELECT 1 AS a;\n") == ()


def test_outputs() -> None:
    """The columns of a query have a name and a position; a column without a name has an empty one."""
    text = "SELECT t.a, t.b AS c,\n  count(*), t.* FROM t"
    assert [(output.name, output.line, output.column) for output in sql.outputs(text)] == [
        ("a", 1, 8), ("c", 1, 13), ("", 2, 3), ("*", 2, 13),
    ]
