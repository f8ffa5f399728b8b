"""Run SQL unit tests of views in one DuckDB session without a lake.

The rows of a test are in the tables only while it runs.
"""

import datetime as dt
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openaq_assets.graph.contracts import DUCKDB, compare, pairs, trino_type
from openaq_assets.graph.operations import Load
from openaq_assets.project.project import Project
from openaq_assets.runs.view_tests import Row, UnitTest, tables_behind

if TYPE_CHECKING:
    import duckdb

TOLERANCE = 1e-9
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class TestResult:
    """The result of a test: the rows of the view, and the differences from the expected rows."""

    test: UnitTest
    rows: tuple[Row, ...]
    failures: tuple[str, ...]
    seconds: float


class ViewTestSession:
    """A session with the empty tables and the views of a project; each view is translated once."""

    def __init__(self, project: Project, session: "duckdb.DuckDBPyConnection") -> None:
        self.project = project
        self.session = session
        self._made: set[str] = set()
        session.execute("SET TimeZone='UTC'")

    def run(self, test: UnitTest) -> TestResult:
        """Run a test: insert its rows, query its view, compare, and remove the rows."""
        names = (*tables_behind(self.project.graph, test.view), test.view)
        for name in names:
            self._make(name)
        started = time.perf_counter()
        with self._rows(test):
            rows, failures = self._query(test)
        return TestResult(test, rows, failures, time.perf_counter() - started)

    def _query(self, test: UnitTest) -> tuple[tuple[Row, ...], tuple[str, ...]]:
        import duckdb

        try:
            cursor = self.session.execute(f'SELECT * FROM "{test.view}"')
            columns = [(str(entry[0]), trino_type(str(entry[1]))) for entry in cursor.description]
            rows = tuple(dict(zip(map(str, dict(columns)), row)) for row in cursor.fetchall())
        except duckdb.Error as error:
            return (), (" ".join(str(error).split(" LINE ")[0].split()),)
        changes = compare(pairs(self.project.graph.columns(test.view)), columns)
        return rows, tuple(map(str, changes)) or tuple(differences(test, rows))

    @contextmanager
    def _rows(self, test: UnitTest) -> Iterator[None]:
        self.session.execute("BEGIN")
        try:
            self.session.execute("SET VARIABLE now = CAST(? AS TIMESTAMPTZ)", [f"{test.now}+00"])
            for table, rows in test.given.items():
                self._fill(table, rows)
            yield
        finally:
            self.session.execute("ROLLBACK")

    def _fill(self, table: str, rows: Sequence[Row]) -> None:
        """Give a table exactly these rows, also if it is a view."""
        asset = self.project.graph.assets.get(table)
        if asset and asset.holds == "view":
            self.session.execute(f'DROP VIEW "{table}"')
            self.session.execute(self._empty(table))
        else:
            self.session.execute(f'DELETE FROM "{table}"')
        rows = [self._with_keys(table, row) for row in rows]
        columns = list(self.project.graph.column_types(table))
        given = [column for column in columns if any(column in row for row in rows)]
        if given:
            marks = ", ".join("?" for _ in given)
            names = ", ".join(f'"{column}"' for column in given)
            values = [[row.get(column) for column in given] for row in rows]
            self.session.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', values)

    def _with_keys(self, table: str, row: Row) -> Row:
        """Return a row with the keys of its partition, if its table has days."""
        spec = getattr(self.project.graph.assets.get(table), "spec", None)
        start, end = getattr(spec, "partition_by", ""), getattr(spec, "partition_by_end", "")
        at = row.get(start) or row.get(end)
        if at is None:
            return row
        day = at if row.get(start) else at - dt.timedelta(microseconds=1)
        return {"year": f"{day:%Y}", "month": f"{day:%m}", "day": f"{day:%d}"} | dict(row)

    def _make(self, name: str) -> None:
        """Make a table or view, unless it exists."""
        if name in self._made:
            return
        self._made.add(name)
        asset = self.project.graph.assets.get(name)
        if asset and asset.holds == "view":
            self.session.execute(f'CREATE VIEW "{name}" AS {self._translated(name)}')
            return
        self.session.execute(self._empty(name))
        operations = self.project.graph.answers[name].operations if asset else ()
        for operation in operations:
            if isinstance(operation, Load):
                self._load(name, operation.csv, operation.columns)

    def _empty(self, name: str) -> str:
        types: Mapping[str, str] = {str(kind): name for kind, name in DUCKDB.items()}
        columns = self.project.graph.column_types(name).items()
        declarations = ", ".join(f'"{column}" {types[kind]}' for column, kind in columns)
        return f'CREATE TABLE "{name}" ({declarations})'

    def _translated(self, name: str) -> str:
        from openaq_assets.sql import parse as sql
        from openaq_assets.sql.duckdb import to_duckdb

        text = self.project.graph[name].spec.sql.text
        names = [use.name for use in sql.tables(text)]
        types = {table: self.project.graph.column_types(table) for table in names}
        locations = {table: f"memory.main.{table}" for table in names}
        return to_duckdb(text, locations, types, "getvariable('now')")

    def _load(self, name: str, text: str, columns: Any) -> None:
        from openaq_assets.platforms.transform.csv import read_csv

        rows = read_csv(text, columns).rows()
        marks = ", ".join("?" for _ in columns)
        self.session.executemany(f'INSERT INTO "{name}" VALUES ({marks})', [list(row) for row in rows])


def run_tests(project: Project, tests: Iterable[UnitTest]) -> Iterator[TestResult]:
    """Run tests and yield the outcome of each, in order."""
    import duckdb

    with duckdb.connect(":memory:", config={"threads": 1}) as session:
        test_session = ViewTestSession(project, session)
        for test in tests:
            yield test_session.run(test)


# --- comparing ------------------------------------------------------------------------------------


def differences(test: UnitTest, rows: Sequence[Row]) -> Iterator[str]:
    """Yield a line for each missing row, each differing row, and the first rows that are not expected."""
    left = list(rows)
    missing: list[tuple[int, Row]] = []
    for n, wanted in enumerate(test.expect):
        match = left[0] if test.ordered and left else _first(wanted, left)
        if match is None or not _fits(wanted, match):
            missing.append((n, wanted))
            if not test.ordered or match is None:
                continue
            yield _difference(n, wanted, match)
            missing.pop()
        left.remove(match)
    for n, wanted in missing:
        near = max(left, key=lambda row: _agreeing(wanted, row), default=None)
        if near is None or (_agreeing(wanted, near) == 0 and len(wanted) > 1):
            yield f"missing: {shown(wanted)}"
            continue
        left.remove(near)
        yield _difference(n, wanted, near)
    names = [name for wanted in test.expect for name in wanted]
    for extra in left[:_SHOWN]:
        yield f"not expected: {shown({name: extra[name] for name in dict.fromkeys(names)} or extra)}"
    if len(left) > _SHOWN:
        yield f"and {len(left) - _SHOWN} more rows that were not expected."


def _first(wanted: Row, rows: Sequence[Row]) -> Row | None:
    return next((row for row in rows if _fits(wanted, row)), None)


def _fits(wanted: Row, row: Row) -> bool:
    return all(same(value, row[name]) for name, value in wanted.items())


def _agreeing(wanted: Row, row: Row) -> int:
    return sum(same(value, row[name]) for name, value in wanted.items())


def same(left: Any, right: Any) -> bool:
    """Return whether two values of one type are equal; doubles to nine digits, and NaN equals NaN."""
    if isinstance(left, float) and isinstance(right, float):
        if math.isnan(left) or math.isnan(right):
            return math.isnan(left) and math.isnan(right)
        return math.isclose(left, right, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(left == right)


def _difference(n: int, wanted: Row, row: Row) -> str:
    keys = {name: value for name, value in wanted.items() if same(value, row[name])}
    differing = "; ".join(
        f"{name}: expected {_text(value)}, got {_text(row[name])}"
        for name, value in wanted.items()
        if name not in keys
    )
    equal = f" ({shown(dict(list(keys.items())[:3]))[1:-1]})" if keys else ""
    return f"row {n + 1}{equal}: {differing}"


def shown(row: Row) -> str:
    """Return a row as YAML on one line."""
    return "{" + ", ".join(f"{name}: {_text(value)}" for name, value in row.items()) + "}"


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}.get(repr(value), repr(value))
    if isinstance(value, str) and (not value or not value.replace("_", "").isalnum()):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
