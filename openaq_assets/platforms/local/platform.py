"""The platform of one machine: files, Polars and DuckDB. ``submit`` returns finished tickets."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from openaq_assets.errors import PlatformError
from openaq_assets.graph.contracts import pairs
from openaq_assets.graph.environment import Environment
from openaq_assets.graph.operations import CreateView, Query, Ref, Table
from openaq_assets.graph.records import Facts
from openaq_assets.platforms import Progress, Rows, Ticket, error_line, failed_ticket, silent, ticket
from openaq_assets.platforms.base import BasePlatform
from openaq_assets.platforms.files import FileStore
from openaq_assets.platforms.local.catalog import Catalog, Entry, ParquetFiles, describe, rows_of
from openaq_assets.platforms.results import answered, contract_checked, require_contract, view_of

if TYPE_CHECKING:  # each engine is imported by the operations that need it
    import duckdb


class LocalPlatform(BasePlatform):
    """The platform ``local``: carries out bound operations in this process."""

    name = "local"

    def __init__(self, environment: Environment, catalog: Catalog, progress: Progress) -> None:
        super().__init__(environment, catalog.store, progress)
        self.catalog = catalog

    def _failed(self, error: Exception) -> Ticket:
        return failed_ticket(error, text=error_text(error))

    def poll(self, ticket: Ticket) -> Ticket:
        """Return the same ticket: every operation ends in ``submit``."""
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        """Do nothing: every operation ends in ``submit``."""

    def _conform(self, table: Table) -> None:
        self.catalog.put(Entry(table.at.table, pairs(table.columns), table.at.uri, table.partitioned))

    def _create_view(self, operation: CreateView) -> Ticket:
        name = operation.into.table
        if not operation.replace and self.catalog.get(name):
            return ticket("succeeded", {"": Facts()}, message=f"{name} already exists")
        with self._session(operation) as (session, text):
            columns = describe(session, text)
        require_contract(operation, columns)
        inputs = tuple((ref.asset, ref.table) for ref in operation.inputs)
        self.catalog.put(Entry(name, columns, sql=operation.sql, inputs=inputs))
        return ticket("succeeded", {"": Facts(objects=1)})

    def _query(self, operation: Query) -> Ticket:
        if operation.expect != "contract":
            return answered(operation, self.read(operation), self.objects)
        with self._session(operation) as (session, text):
            return contract_checked(operation, describe(session, text))

    def read(self, query: Query) -> Rows:
        """Return the rows of a bound query; raise PlatformError with the engine's message."""
        import duckdb

        try:
            with self._session(query) as (session, text):
                return rows_of(session, text)
        except (duckdb.Error, ValueError) as error:
            raise PlatformError(error_text(error)) from None

    def view(self, at: Ref) -> CreateView | None:
        """Return the operation that would make a view as it is now; None if there is no such view."""
        entry = self.catalog.get(at.table)
        return view_of(at, entry.sql, entry.columns, entry.inputs) if entry and entry.sql else None

    def drop_view(self, at: Ref) -> None:
        """Drop a view; do nothing if there is none."""
        self.catalog.delete(at.table)

    def views(self, database: str) -> tuple[str, ...]:
        """Return the names of the views in a database, in order."""
        entries = map(self.catalog.get, self.catalog.names(database))
        return tuple(entry.name.rpartition(".")[2] for entry in entries if entry and entry.sql)

    @contextmanager
    def _session(self, query: Query | CreateView) -> "Iterator[tuple[duckdb.DuckDBPyConnection, str]]":
        """Yield a DuckDB session with the tables of a query, and the query translated for it."""
        names = {ref.asset: ref.table for ref in query.inputs}
        with self.catalog.session(names.values()) as session:
            yield session, self.catalog.translated(query.sql, names)


def error_text(error: Exception) -> str:
    """Return an error as one line, without the excerpt of SQL that DuckDB adds."""
    import duckdb
    from polars.exceptions import PolarsError

    text = error_line(error, duckdb.Error, PolarsError)
    return text.split(" LINE 1: ")[0].rstrip() if isinstance(error, duckdb.Error) else text


def open_local(environment: Environment, progress: Progress = silent) -> LocalPlatform:
    """Return the platform of the ``local`` profile."""
    return LocalPlatform(environment, Catalog(FileStore(), environment.root, ParquetFiles()), progress)
