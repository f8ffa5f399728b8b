"""What every platform makes of an operation's outcome: tickets, verdicts of checks, rows as CSV."""

import csv
import datetime as dt
import hashlib
import io
from collections.abc import Iterable, Sequence
from typing import Any, cast

from openaq_assets.errors import PlatformError
from openaq_assets.graph.columns import Column, ColumnType, Name
from openaq_assets.graph.contracts import compare, pairs
from openaq_assets.graph.operations import CreateView, Query, Ref
from openaq_assets.graph.records import Facts
from openaq_assets.platforms import ObjectStore, Rows, Ticket, ticket

KEPT_FAILURES = 100
Pairs = Iterable[tuple[str, str]]


def columns_of(names_and_types: Pairs) -> tuple[Column, ...]:
    """Return what an engine answers with as columns; an ad-hoc answer may have types no contract knows."""
    return tuple(Column(Name(name), cast(ColumnType, kind)) for name, kind in names_and_types)


def view_of(at: Ref, sql: str, columns: Pairs, inputs: Pairs) -> CreateView:
    """Return the bound operation that would make a view again."""
    refs = tuple(Ref(name, "view", table=table) for name, table in inputs)
    return CreateView(at, sql, columns_of(columns), refs)


def answered(operation: Query, rows: Rows, objects: ObjectStore) -> Ticket:
    """Return what becomes of rows: failures of a check that expects none, a CSV, or their number."""
    if operation.expect == "no rows":
        return _verdict(operation, [_shown(row, rows) for row in rows.rows[:KEPT_FAILURES]])
    if operation.into:
        body = csv_of(rows)
        objects.put(f"{operation.into.uri}/{operation.into.asset}.csv", body)
        return ticket("succeeded", {"": Facts(len(rows.rows), len(body), 1, version_of(body))})
    return ticket("succeeded", {"": Facts(len(rows.rows))})


def contract_checked(operation: Query, columns: Sequence[tuple[str, str]]) -> Ticket:
    """Return the verdict of a check that compares names and types of columns with those promised."""
    return _verdict(operation, [str(each) for each in compare(pairs(operation.columns), columns)])


def require_contract(operation: CreateView, columns: Sequence[tuple[str, str]]) -> None:
    """Raise PlatformError if the view's SQL answers with other columns than it promises."""
    if differences := compare(pairs(operation.columns), columns):
        text = f"the SQL does not return the declared columns: {' '.join(map(str, differences))}"
        remedy = "Change the columns in YAML, or add a CAST to the SQL."
        raise PlatformError(f"{operation.into.table}: {text} {remedy}")


def _verdict(operation: Query, reasons: Sequence[str]) -> Ticket:
    """Failures make an error fail and a warning succeed."""
    failures = tuple(f"{operation.name}: {reason}" for reason in reasons)
    facts = {"": Facts(len(failures), failures=failures)}
    if failures and operation.severity == "error":
        more = f" and {len(failures) - 1} more" if len(failures) > 1 else ""
        return ticket("failed", facts, message=f"check {failures[0]}{more}")
    return ticket("succeeded", facts)


def _shown(row: tuple[Any, ...], rows: Rows) -> str:
    return ", ".join(f"{column.name}={value}" for column, value in zip(rows.columns, row))


def version_of(body: bytes) -> str:
    """Return what a body is called where only its digest matters."""
    return hashlib.sha256(body).hexdigest()[:12]


def csv_of(rows: Rows) -> bytes:
    """Return RFC 4180 in UTF-8; cells a spreadsheet would run as a formula are made text."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([str(column.name) for column in rows.columns])
    writer.writerows([_cell(value) for value in row] for row in rows.rows)
    return buffer.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        return "'" + value
    return value
