"""The same SQL on a real Trino 435 and on DuckDB, over the very same Parquet files: same rows, same types."""

import math
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from support.portable_cases import CASES, FAIL
from support.trino_lake import Lake
from support.trino_server import Trino, TrinoError

from openaq_assets.graph.check_queries import TableCheck, check_queries, in_environment
from openaq_assets.graph.contracts import pairs, trino_type
from openaq_assets.graph.environment import bind
from openaq_assets.graph.operations import Query, Ref
from openaq_assets.platforms.aws.athena import description, full_query, view_statement
from openaq_assets.sql import parse as sql
from openaq_assets.sql.duckdb import to_duckdb

DATABASE = "openaq_dev"
DIGITS = 9  # sums of doubles depend on the order in which an engine adds


@pytest.fixture(scope="module")
def catalog(lake: Lake, trino: Trino) -> Trino:
    """Return the server with the lake's tables, all their partitions, and every view, in the order of the graph."""
    trino.ask(f"CREATE SCHEMA {DATABASE} WITH (location = 'local:///metastore/{DATABASE}')")
    for name in lake.platform.catalog.names(DATABASE):
        entry = lake.platform.catalog.get(name)
        assert entry
        if not entry.sql:
            for statement in table_statements(lake, name):
                trino.ask(statement)
    for asset in lake.project.graph:
        if asset.kind.name == "view":
            entry = lake.platform.catalog.get(f"{DATABASE}.{asset.key}")
            assert entry
            inputs = [Ref(short, "view", table=full) for short, full in entry.inputs]
            trino.ask(view_statement(entry.name, full_query(entry.sql, inputs)))
    return trino


def table_statements(lake: Lake, name: str) -> Iterator[str]:
    """Yield the table over the lake's files, and the registration of its partitions."""
    entry = lake.platform.catalog.get(name)
    assert entry
    columns = ", ".join(f'"{column}" {kind}' for column, kind in entry.columns)
    below = entry.uri.removeprefix(str(lake.root)).lstrip("/")
    (lake.root / below).mkdir(parents=True, exist_ok=True)
    keys = ", partitioned_by = ARRAY['year', 'month', 'day']" if entry.partitioned else ""
    yield f"CREATE TABLE {name} ({columns}) WITH (external_location = 'local:///{below}', format = 'PARQUET'{keys})"
    if entry.partitioned:
        table = name.partition(".")[2]
        yield f"CALL system.sync_partition_metadata('{DATABASE}', '{table}', 'ADD')"


def views(lake: Lake) -> list[str]:
    """Return every view of the project."""
    return [asset.key for asset in lake.project.graph if asset.kind.name == "view"]


def plain(value: Any) -> Any:
    """Return a value to compare and sort by; doubles to so many digits."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else float(f"{value:.{DIGITS}g}") + 0.0
    return value


def sorted_rows(rows: Any) -> list[tuple[Any, ...]]:
    """Return rows without their order."""
    return sorted((tuple(map(plain, row)) for row in rows), key=repr)


def test_every_case_is_what_trino_answers(trino: Trino) -> None:
    """The cases that DuckDB is held to are the answers of a real Trino, in value and type."""
    alone = [case for case in CASES if " FROM (" in case[0] or " FROM UNNEST" in case[0]]
    together = [case for case in CASES if case not in alone]
    for start in range(0, len(together), 40):
        some = together[start : start + 40]
        columns, (row,) = trino.ask("SELECT " + ", ".join(f"({expression}) AS c{n}" for n, (expression, _, _) in enumerate(some)))
        values = [(plain(value), kind) for value, (_, kind) in zip(row, columns, strict=True)]
        assert values == [(plain(value), kind) for _, kind, value in some]
    for expression, kind, value in alone:
        columns, rows = trino.ask(f"SELECT {expression}")
        assert (expression, columns[0][1], plain(rows[0][0])) == (expression, kind, plain(value))


def test_every_failing_case_fails(trino: Trino) -> None:
    """A case that is an error in DuckDB is an error in Trino."""
    for expression in FAIL:
        with pytest.raises(TrinoError):
            trino.ask(f"SELECT {expression}")


PAIRS = """
WITH d(x, n) AS (VALUES (0e0, 0), (-0.5e0, 1), (2.5e0, 2), (9.1e0, -3), (1e15, 7), (nan(), -7), (infinity(), 24), (-infinity(), -24), (NULL, NULL)),
t(x) AS (VALUES timestamp '2024-02-29 00:00:00', timestamp '2025-02-28 23:59:59', timestamp '2026-03-31 12:30:00', timestamp '1999-12-31 00:00:01', NULL)
"""
BOTH = [
    PAIRS + "SELECT a.x AS ax, b.x AS bx, a.x < b.x AS lt, a.x <= b.x AS le, a.x > b.x AS gt, a.x >= b.x AS ge, a.x = b.x AS eq, "
    "a.x <> b.x AS ne, a.x BETWEEN b.x AND b.x AS bt, NOT (a.x > b.x) AS ngt, a.x + b.x AS s, a.x * b.x AS p, a.x / b.x AS q FROM d AS a CROSS JOIN d AS b",
    PAIRS + "SELECT a.n AS an, b.n AS bn, a.n / nullif(b.n, 0) AS q, a.n % nullif(b.n, 0) AS r, a.n * b.n AS p, a.n / 2e0 AS h FROM d AS a CROSS JOIN d AS b",
    PAIRS + "SELECT x, TRY_CAST(x AS bigint) AS w, round(x) AS r, floor(x) AS f, abs(x) AS a, sign(x) AS g, round(x, 1) AS one, "
    "is_nan(x) AS i, is_finite(x) AS fin FROM d WHERE x BETWEEN -1e16 AND 1e16 OR x IS NULL",
    PAIRS + "SELECT max(x) AS a, min(x) AS i, count(x) AS c, max_by(n, x) AS m, min_by(n, x) AS l, count_if(x > 0) AS p, sum(n) AS s FROM d",
    PAIRS + "SELECT n % 2 AS k, max(x) AS a, min(x) AS i, count(DISTINCT x) AS c FROM d GROUP BY n % 2",
    PAIRS + "SELECT n, max(x) OVER (ORDER BY n ROWS 1 PRECEDING) AS a, lag(x) OVER (ORDER BY n) AS b, row_number() OVER (ORDER BY x DESC, n) AS r FROM d",
    PAIRS + "SELECT a.x AS ax, b.x AS bx, " + ", ".join(
        f"date_diff('{unit}', a.x, b.x) AS {unit}s, date_diff('{unit}', CAST(a.x AS date), CAST(b.x AS date)) AS {unit}d"
        for unit in ("day", "week", "month", "quarter", "year")
    ) + ", date_diff('hour', a.x, b.x) AS hours, date_diff('minute', a.x, b.x) AS minutes FROM t AS a CROSS JOIN t AS b",
    PAIRS + "SELECT x, " + ", ".join(
        f"date_trunc('{unit}', x) AS {unit}t, date_trunc('{unit}', CAST(x AS date)) AS {unit}d, date_add('{unit}', -3, x) AS {unit}a, "
        f"date_add('{unit}', 13, CAST(x AS date)) AS {unit}b" for unit in ("day", "week", "month", "quarter", "year")
    ) + ", date_trunc('hour', x) AS h, CAST(x AT TIME ZONE 'Europe/Oslo' AS timestamp) AS o, CAST(with_timezone(x, 'Asia/Ho_Chi_Minh') "
    "AT TIME ZONE 'UTC' AS timestamp) AS u, week(x) AS w, day_of_week(x) AS dow, year_of_week(x) AS yow, date_format(x, '%Y%m%d%H%i%s') AS f FROM t",
    "SELECT CAST(floor(CAST(v.x AS decimal(18, 6)) * 10) AS bigint) AS c, v.x AS x FROM (SELECT n / 1000e0 AS x FROM UNNEST(sequence(-500, 9499)) AS u(n)) AS v",
    "SELECT round(v.x, 1) AS r, CAST(v.x AS bigint) AS w, v.x AS x FROM (SELECT n / 20e0 AS x FROM UNNEST(sequence(-500, 9499)) AS u(n)) AS v",
]


@pytest.mark.parametrize("query", BOTH)
def test_both_engines_agree_over_many_values(trino: Trino, query: str) -> None:
    """Comparisons, arithmetic, aggregates, windows and dates give equal rows and types for many values."""
    columns, rows = trino.ask(query)
    session = duckdb.connect()
    session.execute("SET TimeZone='UTC'")
    result = session.execute(to_duckdb(query, {}, {}))
    assert [kind for _, kind in columns] == [trino_type(str(column[1])) for column in result.description]
    local_rows = result.fetchall()
    for row, other in zip(sorted_rows(rows), sorted_rows(local_rows), strict=True):
        assert row == other


def test_every_view_has_the_declared_columns(catalog: Trino, lake: Lake) -> None:
    """Athena's engine makes every view from its author's text, with the declared names and types."""
    for name in views(lake):
        declared = pairs(lake.project.graph.columns(name))
        columns, _ = catalog.ask(description(f"SELECT * FROM {name}"), DATABASE)
        assert (name, tuple(columns)) == (name, declared)


def test_every_view_has_the_rows_of_duckdb(catalog: Trino, lake: Lake) -> None:
    """Every view has the same rows on both engines, over days of the simulator and rows with every defect."""
    for name in views(lake):
        for attempt in (1, 2, 3):  # the clock goes on between two queries: only 'age_minutes' may differ
            columns = [str(column.name) for column in lake.project.graph.columns(name) if str(column.name) != "age_minutes"]
            query = f"SELECT {', '.join(columns)} FROM {name}"
            _, theirs = catalog.ask(query, DATABASE)
            ours = lake.platform.read(bound(lake, query, name)).rows
            if sorted_rows(ours) == sorted_rows(theirs) or attempt == 3:
                break
        assert len(ours) > 0, name
        for row, other in zip(sorted_rows(ours), sorted_rows(theirs), strict=True):
            assert (name, row) == (name, other)


def test_the_largest_view_has_fewer_stages_than_athena_allows(catalog: Trino) -> None:
    """Athena refuses a query of more than 150 stages: what the dashboards read stays well below."""
    _, ((plan,),) = catalog.ask("EXPLAIN (TYPE DISTRIBUTED) SELECT location_id FROM view_air_quality_overview", DATABASE)
    assert 10 < plan.count("Fragment ") <= 100


def bound(lake: Lake, query: str, *names: str) -> Query:
    """Return a query with the full names of its tables."""
    located = bind(Query("q", query, tuple(Ref(name, "view") for name in names)), lake.run.environment)
    assert isinstance(located, Query)
    return located


def project_checks(lake: Lake) -> list[TableCheck]:
    """Return every check of the project, in dev."""
    graph = lake.project.graph
    return list(dict.fromkeys(check for asset in graph for check in in_environment(graph.answers[asset.key].checks, "dev")))


def test_every_check_has_equal_results_on_both(catalog: Trino, lake: Lake) -> None:
    """The queries of checks, and those for failing rows, have equal rows on both engines."""
    checks = project_checks(lake)
    days = tuple(str(day) for day in lake.run.request.days)
    queries = [query.query for query in (*check_queries(checks), *check_queries(checks, days))]
    rows = {check.check.check: check for check in sorted(checks, key=lambda check: check.table.startswith("view_"), reverse=True)}
    queries += [check.failing(days) for kind, check in rows.items() if kind != "contract"]  # one of each kind
    assert len(queries) > 10
    for query in dict.fromkeys(queries):
        located = bind(query, lake.run.environment)
        assert isinstance(located, Query)
        theirs = catalog.ask(full_query(located.sql, located.inputs), DATABASE)[1]
        ours = lake.platform.read(located).rows
        if "LIMIT" in query.sql and len(ours) == 100:
            assert len(theirs) == 100
        else:
            assert (query.name, sorted_rows(theirs)) == (query.name, sorted_rows(ours))


def test_tables_are_read_alike(catalog: Trino, lake: Lake) -> None:
    """Every table has equal rows on both: times are naive UTC, text keys stay text, NaN stays NaN."""
    for asset in lake.project.graph:
        for name in asset.kind.tables(asset) if asset.kind.name != "view" else ():
            columns = ", ".join(f'"{column.name}"' for column in lake.project.graph.columns(name))
            query = f"SELECT {columns} FROM {name}"
            layer = "reference" if asset.kind.name == "reference" else "processed"
            located = bind(Query("q", query, (Ref(name, layer),)), lake.run.environment)
            assert isinstance(located, Query)
            assert (name, sorted_rows(catalog.ask(query, DATABASE)[1])) == (name, sorted_rows(lake.platform.read(located).rows))


def test_the_athena_text_is_the_authors(lake: Lake) -> None:
    """Trino gets the view's own text: only names of tables are added."""
    for asset in lake.project.graph:
        if asset.kind.name == "view":
            names = {table.name: f"db.{table.name}" for table in sql.tables(asset.spec.sql.text)}
            full_text = sql.in_full(asset.spec.sql.text, names)
            for name in names:
                full_text = full_text.replace(f'"db"."{name}" AS "{name}"', name).replace(f'"db"."{name}"', name)
            assert full_text == asset.spec.sql.text.rstrip()
