"""Statements of Athena: start them, poll them, and return rows with the same values as the local platform."""

import datetime as dt
import decimal
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from openaq_assets.errors import PlatformError
from openaq_assets.graph.columns import Column
from openaq_assets.graph.contracts import pairs
from openaq_assets.graph.operations import Ref
from openaq_assets.platforms import Rows
from openaq_assets.platforms.aws.clients import AwsHooks
from openaq_assets.platforms.aws.errors import DEPLOY, ask, asking
from openaq_assets.platforms.results import columns_of
from openaq_assets.sql.parse import in_full

PAGE = 1000  # the most rows that one request returns


def pauses() -> Iterator[float]:
    """Yield the seconds to wait between polls: short at first, as most queries take a second."""
    pause = 0.2
    while True:
        yield pause
        pause = min(pause * 1.5, 2.0)


class StaleView(PlatformError):
    """The columns of a view are no longer those of its SQL: the view must be made again."""

    def __init__(self, name: str) -> None:
        self.name = name
        remedy = f"Run '{name.rpartition('.')[2]}' again with --force."
        super().__init__(f"the view {name} is stale: a table it reads has changed. {remedy}")


@dataclass(frozen=True, slots=True)
class Athena:
    """The statements of a work group, which limits the bytes that each may scan.

    Results are never reused: no request asks for it, and a work group cannot switch it on.
    """

    hooks: AwsHooks
    database: str
    results: str

    def start(self, sql: str) -> str:
        """Start a statement; return its id. A repeated request starts no other, by botocore's token."""
        query: str = ask(
            "start an Athena query",
            self.hooks.athena.run_query,
            query=sql,
            query_context={"Database": self.database, "Catalog": "AwsDataCatalog"},
            result_configuration={"OutputLocation": self.results},
            workgroup=self.hooks.settings.workgroup,
        )
        return query

    def is_over(self, query: str) -> bool:
        """Return whether a statement has succeeded; raise PlatformError (or StaleView) if it has failed."""
        get = self.hooks.athena.get_query_info
        info = ask("ask Athena how a query stands", get, query_execution_id=query)
        status = info["QueryExecution"]["Status"]
        if status["State"] in ("FAILED", "CANCELLED"):
            raise failure(status)
        return bool(status["State"] == "SUCCEEDED")

    def wait(self, query: str) -> None:
        """Wait until a statement has succeeded; stop it if this process is interrupted."""
        waits = pauses()
        try:
            while not self.is_over(query):
                time.sleep(next(waits))
        except (KeyboardInterrupt, SystemExit):
            self.stop(query)
            raise

    def stop(self, query: str) -> None:
        """Stop a statement if it runs."""
        ask("stop an Athena query", self.hooks.athena.stop_query, query_execution_id=query)

    def rows(self, query: str, most: int | None = None) -> Rows:
        """Return the rows of a query that has succeeded, at most so many."""
        columns: tuple[Column, ...] = ()
        readers: list[Callable[[str], Any]] = []
        rows: list[tuple[Any, ...]] = []
        size = PAGE if most is None else min(PAGE, most + 1)
        with asking("read the rows of an Athena query"):
            for page in self.hooks.athena.get_query_results_paginator(query, page_size=size):
                answer = page["ResultSet"]
                if not columns:
                    infos = answer["ResultSetMetadata"]["ColumnInfo"]
                    columns = columns_of((info["Name"], _kind(info)) for info in infos)
                    readers = [_reader(column.type) for column in columns]
                    answer["Rows"] = answer["Rows"][1:]  # the header
                rows += [_values(row["Data"], readers) for row in answer["Rows"]]
                if most is not None and len(rows) >= most:
                    break
        return Rows(columns, tuple(rows[:most]))

    def columns(self, query: str) -> tuple[tuple[str, str], ...]:
        """Return the names and types of the columns of a query that has succeeded."""
        return pairs(self.rows(query, 0).columns)

    def link(self, query: str) -> str:
        """Return the page of a statement in the AWS console."""
        return self.hooks.console(f"/athena/home?region={{0}}#/query-editor/history/{query}")


# --- statements ------------------------------------------------------------------------------------


def full_query(sql: str, inputs: Sequence[Ref]) -> str:
    """Return the SQL as its author wrote it, with every table named in full."""
    return in_full(sql, {ref.asset: ref.table for ref in inputs})


def description(text: str) -> str:
    """Return a query that has the columns of another one and no rows."""
    return f"SELECT * FROM (\n{text}\n) AS described LIMIT 0"


def view_statement(table: str, text: str) -> str:
    """Return the statement that makes a view."""
    name = ".".join(f'"{part}"' for part in table.split("."))
    return f"CREATE OR REPLACE VIEW {name} AS\n{text}"


# --- results ---------------------------------------------------------------------------------------


def _zoned(text: str) -> dt.datetime:
    """Return a time with its zone, which Athena writes after it: ``2026-01-10 00:00:00.000 UTC``."""
    moment, _, zone = text.rpartition(" ")
    return dt.datetime.fromisoformat(moment + zone.replace("UTC", "+00:00"))


_READERS: Mapping[str, Callable[[str], Any]] = {
    "tinyint": int, "smallint": int, "integer": int, "bigint": int, "float": float, "real": float,
    "double": float, "boolean": lambda text: text == "true", "date": dt.date.fromisoformat,
    "timestamp": dt.datetime.fromisoformat, "timestamp with time zone": _zoned,
}  # fmt: skip  # a table of many short cells


def _kind(column: Mapping[str, Any]) -> str:
    """Return the Trino type of a column of a result."""
    kind = str(column["Type"]).lower()
    return f"decimal({column['Precision']},{column['Scale']})" if kind == "decimal" else kind


def _reader(kind: str) -> Callable[[str], Any]:
    return decimal.Decimal if kind.startswith("decimal") else _READERS.get(kind, str)


def _values(cells: Sequence[Mapping[str, str]], readers: Sequence[Callable[[str], Any]]) -> tuple[Any, ...]:
    """Return the values of a row; a cell without a value is NULL, an empty value is empty text."""
    return tuple(
        _read(cell["VarCharValue"], reader) if "VarCharValue" in cell else None
        for cell, reader in zip(cells, readers)
    )


def _read(text: str, reader: Callable[[str], Any]) -> Any:
    with suppress(ValueError, decimal.InvalidOperation):
        return reader(text)
    return text  # a year outside of Python's dates


# --- errors ----------------------------------------------------------------------------------------

_NAME = r"'?\"?(?:awsdatacatalog\.)?\"?([\w]+)\"?\.\"?([\w]+)"
_MISSING = re.compile(rf"(?:Table|View) {_NAME}\"?'? does not exist", re.IGNORECASE)
_STALE = re.compile(rf"View {_NAME}\"?'? is stale", re.IGNORECASE)
_SYSTEM = 1  # the category of errors of AWS, not of the query
_REMEDIES = {"INVALID_VIEW": "Run the views it reads again with --force.", "SCHEMA_NOT_FOUND": DEPLOY}


def failure(status: Mapping[str, Any]) -> PlatformError:
    """Return the error of a failed query, with the remedy."""
    text = " ".join(str(status.get("StateChangeReason", "no reason is given")).split())
    if match := _STALE.search(text):
        return StaleView(".".join(match.groups()))
    if match := _MISSING.search(text):
        name = ".".join(match.groups())
        return PlatformError(f"there is no table or view '{name}'. Run the assets that make it.")
    for word, remedy in _REMEDIES.items():
        if word in text:
            return PlatformError(f"Athena: {text} {remedy}")
    if "Bytes scanned limit" in text:
        remedy = "Filter by day, or raise the limit of the work group."
        return PlatformError(f"Athena: the query would scan more than its work group allows. {remedy}")
    if status["State"] == "CANCELLED":
        return PlatformError("Athena: the query was cancelled. Run it again.")
    error = status.get("AthenaError", {})
    retryable = bool(error.get("Retryable")) or error.get("ErrorCategory") == _SYSTEM
    return PlatformError(f"Athena: {text}", retryable=retryable)
