"""SQL unit tests, run in one DuckDB session without a lake: each test's rows are there only for it."""

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
class Outcome:
    """What became of a test: the rows that came out, and what is wrong with them."""

    test: UnitTest
    rows: tuple[Row, ...]
    failures: tuple[str, ...]
    seconds: float


class Bench:
    """A session with the empty tables and the views of a project; views are translated once."""

    def __init__(self, project: Project, session: "duckdb.DuckDBPyConnection") -> None:
        self.project = project
        self.session = session
        self._made: set[str] = set()
        session.execute("SET TimeZone='UTC'")

    def run(self, test: UnitTest) -> Outcome:
        """Put the rows of a test in, ask its view, compare, and forget the rows."""
        names = (*tables_behind(self.project.graph, test.view), test.view)
        for name in names:
            self._make(name)
        started = time.perf_counter()
        with self._rows(test):
            rows, failures = self._asked(test)
        return Outcome(test, rows, failures, time.perf_counter() - started)

    def _asked(self, test: UnitTest) -> tuple[tuple[Row, ...], tuple[str, ...]]:
        import duckdb

        try:
            found = self.session.execute(f'SELECT * FROM "{test.view}"')
            kinds = [(str(one[0]), trino_type(str(one[1]))) for one in found.description]
            rows = tuple(dict(zip(map(str, dict(kinds)), row)) for row in found.fetchall())
        except duckdb.Error as error:
            return (), (" ".join(str(error).split(" LINE ")[0].split()),)
        breaches = compare(pairs(self.project.graph.columns(test.view)), kinds)
        return rows, tuple(map(str, breaches)) or tuple(differences(test, rows))

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
        """A given table has the given rows and no others, also where it is a view."""
        asset = self.project.graph.assets.get(table)
        if asset and asset.holds == "view":
            self.session.execute(f'DROP VIEW "{table}"')
            self.session.execute(self._empty(table))
        else:
            self.session.execute(f'DELETE FROM "{table}"')
        rows = [self._with_keys(table, row) for row in rows]
        columns = list(self.project.graph.column_types(table))
        named = [one for one in columns if any(one in row for row in rows)]
        if named:
            marks = ", ".join("?" for _ in named)
            shown = ", ".join(f'"{one}"' for one in named)
            values = [[row.get(one) for one in named] for row in rows]
            self.session.executemany(f'INSERT INTO "{table}" ({shown}) VALUES ({marks})', values)

    def _with_keys(self, table: str, row: Row) -> Row:
        """A row with the keys of the partition it would lie in."""
        spec = getattr(self.project.graph.assets.get(table), "spec", None)
        start, end = getattr(spec, "partition_by", ""), getattr(spec, "partition_by_end", "")
        at = row.get(start) or row.get(end)
        if at is None:
            return row
        day = at if row.get(start) else at - dt.timedelta(microseconds=1)
        return {"year": f"{day:%Y}", "month": f"{day:%m}", "day": f"{day:%d}"} | dict(row)

    def _make(self, name: str) -> None:
        """A table or view, once."""
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
        shown = ", ".join(f'"{column}" {types[kind]}' for column, kind in columns)
        return f'CREATE TABLE "{name}" ({shown})'

    def _translated(self, name: str) -> str:
        from openaq_assets.sql import parse as sql
        from openaq_assets.sql.duckdb import to_duckdb

        text = self.project.graph[name].spec.sql.text
        read = [one.name for one in sql.tables(text)]
        tables = {one: self.project.graph.column_types(one) for one in read}
        return to_duckdb(text, {one: f"memory.main.{one}" for one in read}, tables, "getvariable('now')")

    def _load(self, name: str, text: str, columns: Any) -> None:
        from openaq_assets.platforms.transform.csv import read_csv

        rows = read_csv(text, columns).rows()
        marks = ", ".join("?" for _ in columns)
        self.session.executemany(f'INSERT INTO "{name}" VALUES ({marks})', [list(row) for row in rows])


def run_tests(project: Project, tests: Iterable[UnitTest]) -> Iterator[Outcome]:
    """Every test's outcome, in order."""
    import duckdb

    with duckdb.connect(":memory:", config={"threads": 1}) as session:
        bench = Bench(project, session)
        for test in tests:
            yield bench.run(test)


# --- comparing ------------------------------------------------------------------------------------


def differences(test: UnitTest, rows: Sequence[Row]) -> Iterator[str]:
    """What is expected and not there, what differs, and what is there and not expected."""
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
        yield f"and {len(left) - _SHOWN} more that were not expected."


def _first(wanted: Row, rows: Sequence[Row]) -> Row | None:
    return next((row for row in rows if _fits(wanted, row)), None)


def _fits(wanted: Row, row: Row) -> bool:
    return all(same(value, row[name]) for name, value in wanted.items())


def _agreeing(wanted: Row, row: Row) -> int:
    return sum(same(value, row[name]) for name, value in wanted.items())


def same(one: Any, other: Any) -> bool:
    """Equality of two values of one type; doubles to nine digits, NaN is NaN."""
    if isinstance(one, float) and isinstance(other, float):
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(one == other)


def _difference(n: int, wanted: Row, row: Row) -> str:
    keys = {name: value for name, value in wanted.items() if same(value, row[name])}
    told = "; ".join(
        f"{name}: expected {_text(value)}, got {_text(row[name])}"
        for name, value in wanted.items()
        if name not in keys
    )
    beside = f" ({shown(dict(list(keys.items())[:3]))[1:-1]})" if keys else ""
    return f"row {n + 1}{beside}: {told}"


def shown(row: Row) -> str:
    """A row as YAML on one line."""
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
