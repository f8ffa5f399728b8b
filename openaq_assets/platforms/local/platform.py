"""Everything on one machine: files, Polars and DuckDB. ``submit`` does the work and returns it finished."""

import dataclasses
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from openaq_assets.errors import AssetsError, PlatformError
from openaq_assets.graph.columns import Column, Name
from openaq_assets.graph.contracts import compare, pairs
from openaq_assets.graph.environment import Environment
from openaq_assets.graph.operations import CreateView, Load, Operation, Query, Ref, Register, Transform
from openaq_assets.graph.partitions import COLUMNS, DAY
from openaq_assets.graph.records import Facts
from openaq_assets.platforms import Progress, Rows, Ticket, carry_out, failed_ticket, silent, ticket
from openaq_assets.platforms.local.catalog import Catalog, Entry, describe, rows_of
from openaq_assets.platforms.local.files import FileStore, LocalStore
from openaq_assets.platforms.local.sessions import columns_variable, files_variable
from openaq_assets.platforms.results import checked, csv_of, verdict, version_of
from openaq_assets.platforms.transform.polars_loading import loading_polars

if TYPE_CHECKING:  # each engine is loaded by the operations that need it
    import duckdb

# Reference tables: a view mentions them dozens of times, and each mention of a file is planned.
_SMALL_BYTES = 2**18
_PATTERN = re.compile(r"[*?\[]")


class ParquetFiles:
    """Parquet files where DuckDB reads them itself."""

    lasting = True

    def found(self, uri: str, partitioned: bool) -> list[str]:
        """The files of a table, listed once: an engine would do it for every mention of the table."""
        files = sorted(_below(os.path.normpath(uri), COLUMNS if partitioned else ()))
        if not _PATTERN.search("\n".join(files)):
            return files
        # A root may hold any character: those of patterns stand for themselves.
        return [_PATTERN.sub(r"[\g<0>]", one) for one in files]

    def stamp(self, uri: str) -> str:
        """What a small table of one file is known by; '' for any other."""
        files = self.found(uri, False)
        try:
            found = os.stat(files[0]) if len(files) == 1 else None
        except OSError:  # a pattern, or gone
            return ""
        if found is None or found.st_size > _SMALL_BYTES:
            return ""
        return f"{found.st_ino} {found.st_mtime_ns} {found.st_size}"

    def scan(
        self,
        session: "duckdb.DuckDBPyConnection | None",
        uri: str,
        partitioned: bool,
        types: Mapping[str, str],
    ) -> str | None:
        """A scan that opens only the files a filter on partition keys leaves, or None if there is no file.

        The columns are told, not read from the files: with years of days that is most of the time, and a
        file that is older than a column has NULL. The keys come from the file's name, as text.
        """
        uri = os.path.normpath(uri)  # as the engine tells the names of files
        if next(_below(uri, COLUMNS if partitioned else ()), None) is None:
            return None
        schema = f"schema=getvariable('{columns_variable(uri)}')"
        read = f"read_parquet(getvariable('{files_variable(uri)}'), {schema}"
        if not partitioned:
            return f"{read})"
        first = len(uri) + len("/year=") + 1
        places = ((first, 4), (first + len("2026/month="), 2), (first + len("2026/month=01/day="), 2))
        keys = ", ".join(f"substr(_file, {at}, {wide}) AS {key}" for key, (at, wide) in zip(COLUMNS, places))
        path = f"substr(_file, {first}, {len('2026/month=01/day=31')})"
        day = f"translate({path}, '/monthday=', '-') AS {DAY}"  # the letters go: few steps, for every file
        return f"(SELECT * EXCLUDE (_file), {keys}, {day} FROM {read}, filename='_file'))"


def _below(folder: str, keys: Sequence[str]) -> Iterator[str]:
    """The Parquet files of a table, from the folders of its partition keys."""
    if not keys:
        yield from _files_in(folder)
        return
    for name in _names_in(folder):
        if name.startswith(f"{keys[0]}="):
            yield from _below(f"{folder}/{name}", keys[1:])


_SEEN: dict[str, tuple[int, tuple[str, ...]]] = {}
_SETTLED_NS = 2_000_000_000  # a folder's clock has ticks: what changed just now may change unseen


def _files_in(folder: str) -> Sequence[str]:
    """The files of a folder; one that did not change is not listed again, as there are years of days."""
    try:
        changed = os.stat(folder).st_mtime_ns
    except OSError:
        return ()
    known = _SEEN.get(folder)
    if known and known[0] == changed:
        return known[1]
    found = tuple(f"{folder}/{one}" for one in _names_in(folder) if one.endswith(".parquet"))
    if changed < time.time_ns() - _SETTLED_NS:
        _SEEN[folder] = (changed, found)
    return found


def _names_in(folder: str) -> Sequence[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return ()


class LocalPlatform:
    """Carries out bound operations in this process."""

    name = "local"

    def __init__(
        self, environment: Environment, store: LocalStore, catalog: Catalog, progress: Progress
    ) -> None:
        self.environment = environment
        self.objects: LocalStore = store
        self.catalog = catalog
        self.progress = progress

    def submit(self, operation: Operation) -> Ticket:
        """The finished ticket of an operation; a user's or the world's mistake is a failed one."""
        carry: Mapping[type, Callable[[Any], Ticket]] = {
            Transform: self._transform, Register: self._register, Load: self._load,
            CreateView: self._create_view, Query: self._query,
        }  # fmt: skip
        try:
            return carry_out(self.name, carry, operation)
        except Exception as error:  # whatever it is, the run goes on and says so in one line
            return failed_ticket(error, text=told(error))

    def poll(self, ticket: Ticket) -> Ticket:
        """The same ticket: nothing is left running here."""
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        """Nothing to stop."""

    def _transform(self, operation: Transform) -> Ticket:
        with loading_polars():
            from openaq_assets.platforms.transform.days import transformed

        return ticket("succeeded", transformed(self.objects, operation, self.progress))

    def _register(self, operation: Register) -> Ticket:
        for table in operation.tables:
            self.catalog.put(Entry(table.at.table, pairs(table.columns), table.at.uri, table.partitioned))
        return ticket("succeeded", {"": Facts(objects=len(operation.tables))})

    def _load(self, operation: Load) -> Ticket:
        from openaq_assets.platforms.transform.csv import read_csv
        from openaq_assets.platforms.transform.reference_decoder import parquet

        try:
            table = read_csv(operation.csv, operation.columns)
        except ValueError as error:
            raise PlatformError(f"the CSV of {operation.into.asset}, {error}") from None
        body = parquet(table)
        self.objects.put(f"{operation.into.uri}/part-0.parquet", body)
        self.catalog.put(Entry(operation.into.table, pairs(operation.columns), operation.into.uri))
        return ticket("succeeded", {"": Facts(table.height, len(body), 1, version_of(body))})

    def _create_view(self, operation: CreateView) -> Ticket:
        name = operation.into.table
        if not operation.replace and self.catalog.get(name):
            return ticket("succeeded", {"": Facts()}, message=f"{name} is there already")
        inputs = tuple((ref.asset, ref.table) for ref in operation.inputs)
        with self.catalog.session(table for _, table in inputs) as session:
            found = describe(session, self.catalog.placed(operation.sql, dict(inputs)))
        differences = compare(pairs(operation.columns), found)
        if differences:
            raise PlatformError(
                f"{name}: the SQL does not keep its contract: {' '.join(map(str, differences))} "
                "Change the columns in YAML, or cast in the SQL."
            )
        self.catalog.put(Entry(name, found, sql=operation.sql, inputs=inputs))
        return ticket("succeeded", {"": Facts(objects=1)})

    def _query(self, operation: Query) -> Ticket:
        if operation.expect == "contract":
            return self._contract(operation)
        rows = self.read(operation)
        if operation.expect == "no rows":
            return checked(operation, rows)
        if operation.into:
            body = csv_of(rows)
            self.objects.put(f"{operation.into.uri}/{operation.into.asset}.csv", body)
            return ticket("succeeded", {"": Facts(len(rows.rows), len(body), 1, version_of(body))})
        return ticket("succeeded", {"": Facts(len(rows.rows))})

    def _contract(self, operation: Query) -> Ticket:
        with self._session(operation) as (session, text):
            found = describe(session, text)
        differences = compare(pairs(operation.columns), found)
        return verdict(operation, tuple(f"{operation.name}: {one}" for one in differences))

    def read(self, query: Query) -> Rows:
        """The rows of a bound query; raises PlatformError with the engine's own words."""
        import duckdb

        try:
            with self._session(query) as (session, text):
                return rows_of(session, text)
        except (duckdb.Error, ValueError) as error:
            raise PlatformError(told(error)) from None

    def view(self, at: Ref) -> CreateView | None:
        """What a view is now; None if it is not there."""
        entry = self.catalog.get(at.table)
        if entry is None or not entry.sql:
            return None
        columns = tuple(Column(Name(name), kind) for name, kind in entry.columns)  # type: ignore[arg-type]
        inputs = tuple(Ref(name, "view", table=table) for name, table in entry.inputs)
        return CreateView(at, entry.sql, columns, inputs)

    def drop_view(self, at: Ref) -> None:
        """Forget a view; nothing happens if it is not there."""
        self.catalog.delete(at.table)

    def views(self, database: str) -> tuple[str, ...]:
        """The names of the views in a database, in order."""
        found = self.catalog.names(database)
        return tuple(name.rpartition(".")[2] for name in found if self._is_view(name))

    def _is_view(self, name: str) -> bool:
        entry = self.catalog.get(name)
        return bool(entry and entry.sql)

    def _session(self, query: Query) -> "_Session":
        return _Session(self.catalog, query.sql, query.inputs)


@dataclasses.dataclass
class _Session:
    """A DuckDB session with a query's tables, and the query for it."""

    catalog: Catalog
    sql: str
    inputs: tuple[Ref, ...]

    def __enter__(self) -> "tuple[duckdb.DuckDBPyConnection, str]":
        names = {ref.asset: ref.table for ref in self.inputs}
        self._context = self.catalog.session(names.values())
        session = self._context.__enter__()
        return session, self.catalog.placed(self.sql, names)

    def __exit__(self, *error: Any) -> None:
        self._context.__exit__(*error)


def told(error: Exception) -> str:
    """An error as one line: ours as it is, an engine's without its picture of the SQL, a bug by its type."""
    import duckdb
    from polars.exceptions import PolarsError

    text = " ".join(str(error).split())
    if isinstance(error, duckdb.Error):
        text = text.split(" LINE 1: ")[0].rstrip()
    known = isinstance(error, AssetsError | OSError | duckdb.Error | PolarsError | ValueError)
    return text if text and known else f"{type(error).__name__}: {text}".removesuffix(": ")


def open_local(environment: Environment, progress: Progress = silent) -> LocalPlatform:
    """The platform of the ``local`` profile."""
    store = FileStore()
    catalog = Catalog(store, environment.root, ParquetFiles())
    return LocalPlatform(environment, store, catalog, progress)
