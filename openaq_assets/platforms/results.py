"""Results of operations, the same on every platform: tickets, verdicts of checks, rows as CSV."""

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
    """Return columns from names and types; a query may have types that no contract allows."""
    return tuple(Column(Name(name), cast(ColumnType, kind)) for name, kind in names_and_types)


def view_of(at: Ref, sql: str, columns: Pairs, inputs: Pairs) -> CreateView:
    """Return the bound operation that would make a view again."""
    refs = tuple(Ref(name, "view", table=table) for name, table in inputs)
    return CreateView(at, sql, columns_of(columns), refs)


def answered(operation: Query, rows: Rows, objects: ObjectStore) -> Ticket:
    """Return the ticket of a query from its rows: a verdict, a CSV file, or only their number."""
    if operation.expect == "no rows":
        return _verdict(operation, [_shown(row, rows) for row in rows.rows[:KEPT_FAILURES]])
    if operation.into:
        body = csv_of(rows)
        objects.put(f"{operation.into.uri}/{operation.into.asset}.csv", body)
        return ticket("succeeded", {"": Facts(len(rows.rows), len(body), 1, version_of(body))})
    return ticket("succeeded", {"": Facts(len(rows.rows))})


def contract_checked(operation: Query, columns: Sequence[tuple[str, str]]) -> Ticket:
    """Return the verdict of a check that compares names and types of columns with the declared ones."""
    return _verdict(operation, [str(each) for each in compare(pairs(operation.columns), columns)])


def require_contract(operation: CreateView, columns: Sequence[tuple[str, str]]) -> None:
    """Raise PlatformError if the columns of the view's SQL differ from the declared ones."""
    if differences := compare(pairs(operation.columns), columns):
        text = f"the SQL does not return the declared columns: {' '.join(map(str, differences))}"
        remedy = "Change the columns in YAML, or add a CAST to the SQL."
        raise PlatformError(f"{operation.into.table}: {text} {remedy}")


def _verdict(operation: Query, reasons: Sequence[str]) -> Ticket:
    """Return the ticket of a check: failed for failures of severity error, else succeeded."""
    failures = tuple(f"{operation.name}: {reason}" for reason in reasons)
    facts = {"": Facts(len(failures), failures=failures)}
    if failures and operation.severity == "error":
        more = f" and {len(failures) - 1} more" if len(failures) > 1 else ""
        return ticket("failed", facts, message=f"check {failures[0]}{more}")
    return ticket("succeeded", facts)


def _shown(row: tuple[Any, ...], rows: Rows) -> str:
    return ", ".join(f"{column.name}={value}" for column, value in zip(rows.columns, row))


def version_of(body: bytes) -> str:
    """Return the version of a body: the first 12 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(body).hexdigest()[:12]


def csv_of(rows: Rows) -> bytes:
    """Return rows as CSV (RFC 4180, UTF-8); a cell that a spreadsheet would run as a formula becomes text."""
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
