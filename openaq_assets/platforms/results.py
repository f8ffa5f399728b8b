"""What every platform makes of an operation's outcome: tickets, verdicts of checks, rows as CSV."""

import csv
import datetime as dt
import hashlib
import io
from typing import Any

from openaq_assets.graph.operations import Query
from openaq_assets.graph.records import Facts
from openaq_assets.platforms import Rows, Ticket, ticket

KEPT_FAILURES = 100


def checked(operation: Query, rows: Rows) -> Ticket:
    """The verdict of a check that expects no rows: each row it gave is a failure."""
    shown = (_shown(row, rows) for row in rows.rows[:KEPT_FAILURES])
    return verdict(operation, tuple(f"{operation.name}: {one}" for one in shown))


def verdict(operation: Query, failures: tuple[str, ...]) -> Ticket:
    """Failures make an error fail and a warning succeed."""
    facts = {"": Facts(len(failures), failures=failures)}
    if failures and operation.severity == "error":
        more = f" and {len(failures) - 1} more" if len(failures) > 1 else ""
        return ticket("failed", facts, message=f"check {failures[0]}{more}")
    return ticket("succeeded", facts)


def _shown(row: tuple[Any, ...], rows: Rows) -> str:
    return ", ".join(f"{column.name}={value}" for column, value in zip(rows.columns, row))


def version_of(body: bytes) -> str:
    """What a body is called where only its digest matters."""
    return hashlib.sha256(body).hexdigest()[:12]


def csv_of(rows: Rows) -> bytes:
    """RFC 4180 in UTF-8; cells a spreadsheet would run as a formula are made text."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([str(column.name) for column in rows.columns])
    writer.writerows([_cell(value) for value in row] for row in rows.rows)
    return buffer.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r", "\n"):
        return "'" + value
    return value
