"""Plain queries: their problems, found on the parsed tree, are those of the rewritten query."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.portable_cases import CASES, FAIL, REFUSED
from support.projects import REPOSITORY

from openaq_assets.sql import lint_types, parse
from openaq_assets.sql.plain import NotPlain, Plain
from openaq_assets.sql.shapes import SqlProblem

TYPES = {"a": "bigint", "s": "varchar", "x": "double", "d": "date", "w": "timestamp", "b": "boolean", "i": "integer"}
TABLES = {"t": TYPES, "u": {name: TYPES[name] for name in "axd"}, "v": {"k": "double"}}
LEAVES = (
    *TYPES, "t.a", "t.x", "u.x", "u.d", "c.n", "n", "z", "k", "1", "2.5", "1e0", "'q'", "NULL", "true", "current_timestamp",
    "date '2026-01-01'", "timestamp '2026-01-01 00:00:00'", "count(*)", "nan()", "from_iso8601_timestamp('2026-01-01T00:00:00Z')",
)
FORMS = (
    "{} / {}", "{} + {}", "{} - {}", "{} * {}", "({})", "-{}", "avg({})", "sum({})", "round({}, 2)", "truncate({})", "{} || {}",
    "concat({}, {})", "CAST({} AS varchar)", "CAST({} AS double)", "CAST({} AS decimal(9, 2))", "TRY_CAST({} AS date)",
    "CAST({} AS timestamp)", "{} IN ({}, 1e0)", "date_add('hour', 1, {})", "date_diff('day', {}, {})", "{} - INTERVAL '1' HOUR",
    "{} + INTERVAL '2' DAY", "at_timezone({}, 'UTC')", "{} AT TIME ZONE 'UTC'", "with_timezone({}, 'UTC')", "to_iso8601({})",
    "coalesce({}, {})", "nullif({}, {})", "CASE WHEN {} > {} THEN {} ELSE {} END", "if({}, {}, {})", "max({})", "max_by({}, {})",
    "lag({}) OVER (PARTITION BY {} ORDER BY {})", "avg({}) OVER (ORDER BY {} ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)",
    "sum({}) FILTER (WHERE {} > {})", "element_at(array_agg({}), 1)", "date_trunc('day', {})", "{} BETWEEN {} AND {}", "{} IS NULL",
    "floor({})", "length({})", "extract(year FROM {})", "(SELECT max(k) FROM v WHERE k > {})", "upper({})", "lower({}) LIKE {}",
)


def _grown(inner: st.SearchStrategy[str], forms: Sequence[str] = FORMS) -> st.SearchStrategy[str]:
    return st.sampled_from(forms).flatmap(
        lambda form: st.tuples(*[inner] * form.count("{}")).map(lambda parts: form.format(*parts))
    )


expressions = st.recursive(st.sampled_from(LEAVES), _grown, max_leaves=4)
FROMS = (
    "t", "t AS t", "u", "t JOIN u ON t.a = u.a", "t LEFT JOIN u ON t.x = u.x AND {} = 1", "t CROSS JOIN v", "c", "c JOIN t ON c.n = t.x",
    "t JOIN u USING (a)", "T", "t, u", "t AS u", "t JOIN t AS o ON {} = o.a", "(SELECT a FROM t) AS t", '"t"', "t NATURAL JOIN u",
)


@st.composite
def queries(draw: st.DrawFn) -> str:
    """Return a query over the tables, perhaps with a WITH, perhaps wrong."""
    def some(text: str) -> str:
        return text.replace("{}", draw(expressions))

    def select(froms: tuple[str, ...]) -> str:
        items = [f"{draw(expressions)}{draw(st.sampled_from((' AS n', ' AS m', ' AS a', '')))}" for _ in range(draw(st.integers(1, 3)))]
        text = f"SELECT {draw(st.sampled_from(('', 'DISTINCT ')))}{', '.join(items)}\nFROM {some(draw(st.sampled_from(froms)))}"
        for ending in ("\nWHERE {} > 1", "\nGROUP BY {}", "\nHAVING {} > 1", "\nORDER BY {}"):
            if draw(st.integers(0, 3)) == 0:
                text += some(ending)
        return text

    with_ = draw(st.sampled_from(("", "", "WITH c AS ({})\n", "WITH c(n) AS ({})\n", "WITH t AS ({}), c AS (SELECT x AS n FROM t)\n")))
    return with_.replace("{}", select(FROMS[:6])) + select(FROMS)


def _sound(*tables: str) -> st.SearchStrategy[str]:
    """Return expressions over columns that these tables have."""
    columns = [f"{table}.{name}" for table in tables for name in {"t": TYPES, "u": "axd", "c": "nm"}[table]]
    others = [leaf for leaf in LEAVES if not leaf.isidentifier() and leaf[1:2] != "."]
    forms = [form for form in FORMS if "SELECT" not in form and "FILTER" not in form]
    return st.recursive(st.sampled_from(columns * 2 + others), lambda inner: _grown(inner, forms), max_leaves=6)


@st.composite
def sound_queries(draw: st.DrawFn) -> str:
    """Return a query in plain form whose names are all there."""
    inner, outer = _sound("t", "u"), _sound("t", "u", "c")
    with_ = f"WITH c AS (SELECT t.a AS n, {draw(inner)} AS m\nFROM t JOIN u ON t.a = u.a WHERE {draw(inner)} = 1)"
    select = f"SELECT {draw(outer)} AS a, {draw(outer)} AS b\nFROM t LEFT JOIN u ON t.a = u.a CROSS JOIN c"
    return f"{with_}\n{select} WHERE {draw(outer)} > 1 GROUP BY t.x, s"


def compare(sql: str) -> bool:
    """Return whether a query is plain; assert that both ways find the same, and leave its tree unchanged."""
    tree = parse.parse(sql)
    if isinstance(tree, SqlProblem):
        return False
    try:
        Plain(tree, TABLES, lint_types._TYPED.keys())
    except NotPlain:
        return False
    before = tree.copy()
    wanted = sorted(set(lint_types._rewritten_problems(sql, TABLES)))
    assert sorted(set(lint_types.typed_problems(sql, TABLES))) == wanted
    assert tree == before and all(node._type is None for node in tree.walk())
    return True


@settings(max_examples=300)
@given(sql=queries() | sound_queries())
def test_plain_queries_are_judged_as_rewritten_ones(sql: str) -> None:
    """For any query both ways find the same problems."""
    compare(sql)


@pytest.mark.parametrize("sql", [f"SELECT {case[0]}" for case in (*CASES, *REFUSED)] + [f"SELECT {case}" for case in FAIL])
def test_cases_are_judged_alike(sql: str) -> None:
    """For the cases of portable SQL both ways find the same problems, too."""
    compare(sql)


def test_views_are_plain() -> None:
    """Nearly all views are plain."""
    from benchmarks import view_graph

    columns = dict.fromkeys((*view_graph.TABLES, *(view.name for view in view_graph.chained_views(40))), view_graph.COLUMNS)
    for view in view_graph.chained_views(40):
        tree = parse.parse(view.sql())
        assert not isinstance(tree, SqlProblem) and Plain(tree, columns, ()).wanted == []


def test_own_views_are_judged_alike() -> None:
    """For views whose tables are unknown, both ways report the missing names."""
    assert [compare(path.read_text(encoding="utf-8")) for path in sorted(Path(REPOSITORY, "views").glob("*.sql"))]
