"""One SQL text, two engines: every allowed construct in DuckDB gives the value and type of Athena.

The values are Trino's: ``trino/test_trino.py`` runs the same cases on a real Trino.
"""

import datetime as dt
import math
from collections.abc import Iterable
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp
from support.portable_cases import CASES, FAIL, REFUSED
from support.projects import REPOSITORY

from openaq_assets.graph.contracts import trino_type
from openaq_assets.sql import lint as sql_rules
from openaq_assets.sql import parse as sql
from openaq_assets.sql.duckdb import to_duckdb
from openaq_assets.sql.types import Tables, typed


def ask(query: str, tables: Tables | None = None, session: Any = None) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return types and rows of a query in Athena SQL, from DuckDB."""
    names = {name: f"memory.main.{name}" for name in tables or {}}
    connection = session or duckdb.connect()
    connection.execute("SET TimeZone='UTC'")
    result = connection.execute(to_duckdb(query, names, tables or {}))
    return [trino_type(str(column[1])) for column in result.description], result.fetchall()


def same(value: Any, other: Any) -> bool:
    """Return equality in which NaN is NaN."""
    if isinstance(value, float) and isinstance(other, float) and math.isnan(value):
        return math.isnan(other)
    return type(value) is type(other) and bool(value == other)


@pytest.mark.parametrize(("expression", "kind", "value"), CASES)
def test_case(expression: str, kind: str, value: Any) -> None:
    """An allowed expression has Athena's answer and type."""
    query = f"SELECT {expression}"
    assert sql_rules.problems(query, {}) == ()
    kinds, rows = ask(query)
    assert kinds == [kind]
    assert same(rows[0][0], value), rows


@pytest.mark.parametrize("expression", FAIL)
def test_what_fails_in_athena_fails_here(expression: str) -> None:
    """An error in Athena is no quiet answer of DuckDB."""
    assert sql_rules.problems(f"SELECT {expression}", {}) == ()
    with pytest.raises(duckdb.Error):
        ask(f"SELECT {expression}")


@pytest.mark.parametrize(("expression", "words"), REFUSED)
def test_refused(expression: str, words: str) -> None:
    """SQL that cannot be translated is refused with a reason, a remedy and a position."""
    (problem,) = sql_rules.problems(f"SELECT {expression}", {})[:1]
    assert words in problem.message
    assert problem.hint.endswith((".", "?"))
    assert problem.line == 1 and 1 <= problem.column <= len(expression) + 7


def test_every_allowed_function_has_a_case() -> None:
    """No function is allowed that was not compared on both engines."""
    used = {
        type(node).__name__ + (f".{node.name.lower()}" if isinstance(node, exp.Anonymous) else "")
        for expression, _, _ in CASES
        if isinstance(tree := sql.parse(f"SELECT {expression}"), exp.Query)
        for node in tree.walk()
    }
    allowed = sql_rules.FUNCTIONS - {"Anonymous"} | {f"Anonymous.{name}" for name in sql_rules.ANONYMOUS}
    assert allowed - used == set()


def test_every_allowed_name_is_in_a_case_and_in_the_documentation() -> None:
    """The names that messages and documentation give are those of the cases."""
    words = " ".join(expression for expression, _, _ in CASES).lower()
    assert [name for name in sql_rules.allowed_names() if name not in words] == []
    documented = (REPOSITORY / "docs" / "reference" / "sql.md").read_text(encoding="utf-8")
    assert [name for name in sql_rules.allowed_names() if f"`{name}`" not in documented] == []


def test_the_type_of_every_case_is_inferred() -> None:
    """The inferred type, on which rules and translations rest, is the engine's."""
    spelt = {"INT": "integer", "TEXT": "varchar"}
    for expression, kind, _ in CASES:
        tree = typed(f"SELECT {expression}", {})
        assert isinstance(tree, exp.Query)
        inferred = str(tree.selects[0].type).split("(")[0]
        assert spelt.get(inferred, inferred.lower()) == kind, expression


# --- laws: any values, against arithmetic outside of SQL ------------------------------------------

whole = st.integers(-(10**6), 10**6)
real = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 0.5, -2.5]), st.none())
days = st.dates(dt.date(1990, 1, 1), dt.date(2040, 1, 1))
moments = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2040, 1, 1)).map(lambda moment: moment.replace(microsecond=0))


def over(columns: dict[str, str], rows: Iterable[tuple[Any, ...]], expression: str) -> list[Any]:
    """Return an expression over each of some rows, in their order."""
    session = duckdb.connect()
    kinds = {"double": "DOUBLE", "bigint": "BIGINT", "date": "DATE", "timestamp": "TIMESTAMP", "varchar": "VARCHAR"}
    made = ", ".join(f"{name} {kinds[kind]}" for name, kind in columns.items())
    session.execute(f"CREATE TABLE t (nth BIGINT, {made})")
    marks = ", ".join("?" for _ in range(len(columns) + 1))
    session.executemany(f"INSERT INTO t VALUES ({marks})", [(n, *row) for n, row in enumerate(rows)])
    query = f"SELECT {expression} AS x, nth FROM t ORDER BY nth"
    return [row[0] for row in ask(query, {"t": {"nth": "bigint", **columns}}, session)[1]]


@given(st.lists(st.tuples(whole, whole.filter(bool)), min_size=1))
def test_division_of_whole_numbers_is_cut(rows: list[tuple[int, int]]) -> None:
    """For any whole numbers a / b is the quotient towards zero."""
    expected = [abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1) for a, b in rows]
    assert over({"a": "bigint", "b": "bigint"}, rows, "a / b") == expected


COMPARED = {
    "a < b": lambda a, b: a < b, "a <= b": lambda a, b: a <= b, "a > b": lambda a, b: a > b,
    "a >= b": lambda a, b: a >= b, "a = b": lambda a, b: a == b, "a <> b": lambda a, b: a != b,
    "NOT a < b": lambda a, b: not a < b, "a BETWEEN b AND b": lambda a, b: a >= b and a <= b,
    "a > 0": lambda a, b: a > 0, "a <= 0.5e0": lambda a, b: a <= 0.5, "b BETWEEN -1 AND 1": lambda a, b: -1 <= b <= 1,
}


@pytest.mark.parametrize("expression", COMPARED)
@given(rows=st.lists(st.tuples(real, real), min_size=1))
def test_comparisons_are_those_of_ieee_754(expression: str, rows: list[tuple[Any, Any]]) -> None:
    """For any doubles, NaN among them, comparisons are those of IEEE 754; with NULL they are NULL."""
    expected = [
        None if (a is None and "a" in expression) or (b is None and "b" in expression) else COMPARED[expression](a, b)
        for a, b in rows
    ]
    assert over({"a": "double", "b": "double"}, rows, expression) == expected


@given(st.lists(real, min_size=1))
def test_extremes_leave_nan_out(values: list[Any]) -> None:
    """The greatest and the least of any doubles are of those that are numbers, if there are any."""
    numbers = [value for value in values if value is not None and not math.isnan(value)]
    rest = math.nan if any(value is not None for value in values) else None
    for name, of in (("max", max), ("min", min)):
        (extreme,) = set(map(repr, over({"x": "double"}, [(value,) for value in values], f"{name}(x) OVER ()")))
        expected = of(numbers) if numbers else rest
        assert extreme in (repr(expected), repr(0.0) if expected == 0 else "", repr(-0.0) if expected == 0 else "")


@given(st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value * 2) / 2), min_size=1))
def test_a_double_is_cast_half_away_from_zero(values: list[float]) -> None:
    """Halves go away from zero when a double becomes a whole number."""
    expected = [math.floor(abs(value) + 0.5) * (-1 if value < 0 else 1) for value in values]
    assert over({"x": "double"}, [(value,) for value in values], "CAST(x AS bigint)") == expected


UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}


@pytest.mark.parametrize("unit", UNITS)
@given(rows=st.lists(st.tuples(moments, moments), min_size=1))
def test_date_diff_counts_whole_units(unit: str, rows: list[tuple[dt.datetime, dt.datetime]]) -> None:
    """A difference is the number of whole units, cut towards zero, and never of boundaries."""
    seconds = [int((b - a).total_seconds()) for a, b in rows]
    expected = [abs(span) // UNITS[unit] * (-1 if span < 0 else 1) for span in seconds]
    assert over({"a": "timestamp", "b": "timestamp"}, rows, f"date_diff('{unit}', a, b)") == expected


@given(st.lists(st.tuples(days, st.integers(-400, 400)), min_size=1))
def test_days_added_to_a_date_give_a_date(rows: list[tuple[dt.date, int]]) -> None:
    """A date and a number of days are a date, also where the number is a column."""
    expected = [day + dt.timedelta(days=count) for day, count in rows]
    assert over({"d": "date", "n": "bigint"}, rows, "date_add('day', n, d)") == expected


@given(st.lists(st.text("0123456789-: Tzeinf.", max_size=20), min_size=1))
def test_text_is_no_number_or_date_by_chance(values: list[str]) -> None:
    """Only what Athena reads in a text is read: digits with at most a sign are a whole number."""
    def number(text: str) -> int | None:
        digits = text[1:] if text[:1] in ("-", "+") else text
        return int(text) if digits.isdigit() else None

    assert over({"s": "varchar"}, [(value,) for value in values], "TRY_CAST(s AS bigint)") == list(map(number, values))


@given(moments)
def test_all_clocks_show_the_given_time(now: dt.datetime) -> None:
    """All clocks of a query show the moment that is given."""
    query = "SELECT CAST(now() AS timestamp) AS a, localtimestamp AS b, current_date AS c"
    text = to_duckdb(query, {}, {}, f"TIMESTAMPTZ '{now}+00'")
    session = duckdb.connect()
    session.execute("SET TimeZone='UTC'")
    assert session.execute(text).fetchall() == [(now, now, now.date())]


# --- names -----------------------------------------------------------------------------------------

TABLES: Tables = {"t": {"a": "bigint", "s": "varchar"}, "u": {"a": "bigint"}}


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a FROM t ORDER BY a", "SELECT a + 1 AS b FROM t ORDER BY b", "SELECT s, count(*) AS n FROM t GROUP BY 1",
        "SELECT replace(s, 'x') AS s, count(*) AS n FROM t GROUP BY s ORDER BY n", "SELECT coalesce(t.a, u.a) AS a FROM t FULL JOIN u ON t.a = u.a",
        "WITH t AS (SELECT a FROM t) SELECT a FROM t", "SELECT (SELECT max(u.a) AS m FROM u WHERE u.a = t.a) AS m FROM t",
        "SELECT a FROM t UNION ALL SELECT a FROM u", "SELECT n FROM t CROSS JOIN UNNEST(sequence(1, a)) AS w(n)",
        "SELECT T.A FROM t", "SELECT v.x FROM (VALUES (1), (2)) AS v(x)", "SELECT sum(a) FILTER (WHERE s = 'x') AS n FROM t HAVING count(*) > 1",
    ],
)
def test_sound_names(query: str) -> None:
    """Names that Athena finds are found, and DuckDB answers."""
    assert sql_rules.problems(query, TABLES) == ()
    session = duckdb.connect()
    session.execute("CREATE TABLE t (a BIGINT, s VARCHAR)")
    session.execute("CREATE TABLE u (a BIGINT)")
    ask(query, TABLES, session)


@pytest.mark.parametrize(
    ("query", "position"),
    [
        ("SELECT b FROM t", (1, 8)), ("SELECT a,\n t.b FROM t", (2, 2)), ("SELECT a FROM t JOIN u ON t.a = u.a", (1, 8)),
        ("SELECT a AS z FROM t WHERE z = 1", (1, 28)), ("SELECT a + 1 AS b, b + 1 AS c FROM t", (1, 20)),
    ],
)
def test_names_that_are_not_there(query: str, position: tuple[int, int]) -> None:
    """A column that no table has, or two have, is reported at its position; an alias is no column."""
    (problem,) = sql_rules.problems(query, TABLES)
    assert (problem.line, problem.column) == position
    assert "is in none of the tables" in problem.message


def test_a_group_is_by_the_column_not_by_the_alias() -> None:
    """An alias that hides a column groups nothing: the column does, as in Athena."""
    session = duckdb.connect()
    session.execute("CREATE TABLE t AS SELECT 1::BIGINT AS a, 'x' AS s UNION ALL SELECT 2, 'X'")
    query = "SELECT lower(s) AS s, count(*) AS n FROM t GROUP BY s"
    assert ask(query, {"t": TABLES["t"]}, session)[1] == [("x", 1), ("x", 1)]


@pytest.mark.parametrize(
    ("query", "replaced"),
    [
        ("SELECT v FROM t WHERE year || '-' || month || '-' || day >= '2026-01-02'", True),
        ("SELECT a.v FROM t AS a WHERE a.year || '-' || a.month || '-' || a.day >= '2026-01-02'", True),
        ("SELECT d.k FROM (SELECT year || '-' || month || '-' || day AS k FROM t) AS d", True),
        ("SELECT v FROM t WHERE year || '-' || month >= '2026-01'", False),
        ("SELECT v FROM t WHERE day || '-' || month || '-' || year = '02-01-2026'", False),
        ("WITH c AS (SELECT day AS year, day AS month, day FROM t) SELECT year || '-' || month || '-' || day AS k FROM c", False),
        ("WITH t AS (SELECT '1' AS year, '2' AS month, '3' AS day) SELECT year || '-' || month || '-' || day AS k FROM t", False),
        ("SELECT o.v FROM o WHERE o.year || '-' || o.month || '-' || o.day >= '2026-01-02'", False),
    ],
)
def test_the_day_of_a_partition_is_one_column(query: str, replaced: bool) -> None:
    """A query uses the one column of all keys instead of the three, only of tables that have it."""
    keys = {"year": "varchar", "month": "varchar", "day": "varchar"}
    tables = {"t": {"v": "bigint", **keys}, "o": {"v": "bigint", **keys}}
    plain = to_duckdb(query, {"t": "t", "o": "o"}, tables)
    dated = to_duckdb(query, {"t": "t", "o": "o"}, tables, dated=("t",))
    assert ("_day" in dated) is replaced and "_day" not in plain
    session = duckdb.connect()
    for name in tables:
        session.execute(
            f"CREATE TABLE {name} AS SELECT d AS v, '2026' AS year, '01' AS month, lpad(d::VARCHAR, 2, '0') AS day, "
            "year || '-' || month || '-' || day AS _day FROM range(1, 4) AS _(d)"
        )
    assert session.execute(dated).fetchall() == session.execute(plain).fetchall()
