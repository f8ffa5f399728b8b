"""The local catalog: a folder of small definitions, and DuckDB sessions in memory that use them.

Readers never block writers, and there is no database file to lock. A table is read from its Parquet files;
a view is its Athena SQL, translated when it is read.

Sessions are kept, because planning a chain of views takes longer than running it. The files and columns of a
table are variables of a session: listing the files, or writing out the columns, at every mention of the table
takes DuckDB longer than a small query does. Each connection has its own variables.
"""

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Protocol

import msgspec

from openaq_assets.errors import PlatformError
from openaq_assets.graph.contracts import DUCKDB, trino_type
from openaq_assets.graph.partitions import COLUMNS, DAY
from openaq_assets.platforms import Rows
from openaq_assets.platforms.files import LocalStore
from openaq_assets.platforms.results import columns_of

if TYPE_CHECKING:  # a process that only transforms days imports no SQL engine
    from duckdb import DuckDBPyConnection as Session

_Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A table (its files) or a view (its SQL and the full names of what it reads)."""

    name: str
    columns: _Pairs
    uri: str = ""
    partitioned: bool = False
    sql: str = ""
    inputs: _Pairs = ()

    @property
    def types(self) -> dict[str, str]:
        """Return the columns with their DuckDB types."""
        return {name: DUCKDB[kind] for name, kind in self.columns}  # type: ignore[index]  # kinds are column types

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the partition keys, which are in the paths and not in the files."""
        return COLUMNS if self.partitioned else ()

    def variable(self, what: str) -> str:
        """Return the name of the session variable that holds the ``files`` or ``columns`` of a table."""
        return f"{what} of {self.name}"


class ScansParquet(Protocol):
    """A way to read the Parquet files of a table in a session.

    A scan has the columns of the entry, NULL for columns that an older file lacks. Partition keys are text
    from the path, without a cast, so that filters on them prune files. A ``lasting`` scan depends on no
    session, includes later files, and has all keys together as one ``_day``.
    """

    lasting: bool

    def stamp(self, entry: Entry) -> str:
        """Return the version of a small table, whose rows a session holds while it stays the same; or ''."""
        ...

    def paths(self, entry: Entry) -> Sequence[str]:
        """Return the paths of a table's files."""
        ...

    def scan(self, session: "Session | None", entry: Entry) -> str | None:
        """Return the FROM part of a query that reads a table; None if it has no file."""
        ...


@dataclass(frozen=True, slots=True)
class Catalog:
    """The definitions below ``<root>/catalog``."""

    store: LocalStore
    root: str
    files: ScansParquet

    def uri(self, name: str) -> str:
        """Return the URI of a definition: ``openaq_dev.sums`` -> ``.../openaq_dev/sums.json``."""
        return f"{self.root}/catalog/{name.replace('.', '/')}.json"

    def put(self, entry: Entry) -> None:
        """Define or redefine a table or view; an unchanged definition is not written again."""
        body = msgspec.json.format(msgspec.json.encode(entry), indent=1)
        if self._body(entry.name) != body:
            self.store.put(self.uri(entry.name), body)

    def get(self, name: str) -> Entry | None:
        """Return the definition of a table or view, or None; raise PlatformError for an invalid file."""
        body = self._body(name)
        try:
            return None if body is None else msgspec.json.decode(body, type=Entry)
        except ValueError:
            hint = f"Run '{name.rpartition('.')[2]}' again with --force."
            raise PlatformError(f"{self.uri(name)} is not a valid definition of a view. {hint}") from None

    def _body(self, name: str) -> bytes | None:
        try:
            return self.store.get(self.uri(name))
        except FileNotFoundError:
            return None

    def delete(self, name: str) -> None:
        """Remove the definition of a table or view; its files stay."""
        self.store.delete(self.uri(name))

    def names(self, database: str) -> tuple[str, ...]:
        """Return the full names in a database."""
        uris = self.store.list(f"{self.root}/catalog/{database}")
        return tuple(f"{database}.{uri.rsplit('/', 1)[1][:-5]}" for uri in uris)

    @contextmanager
    def session(self, names: Iterable[str]) -> "Iterator[Session]":
        """Yield a DuckDB session with the named tables and views, and all that they read."""
        entries = tuple(self._needed(names))
        if self.files.lasting:
            tables = [entry for entry in entries if not entry.sql]
            files = {table.variable("files"): self.files.paths(table) for table in tables}
            known = tuple((name, paths[0]) for name, paths in files.items() if paths)
            columns = tuple((table.variable("columns"), _as_map(table)) for table in tables)
            created = tuple(statement for entry in entries for statement in self._created(None, entry))
            with _lasting(known, columns, created, os.getpid()).session(files) as session:
                yield session
            return
        with opened() as session:
            for entry in entries:
                _execute(session, self._created(session, entry))
            yield session

    def _created(self, session: "Session | None", entry: Entry) -> tuple[str, str]:
        """Return the statements that create a table or view."""
        schema, view = (quoted(part) for part in entry.name.split("."))
        body = self._view(entry) if entry.sql else self._table(session, entry)
        stamp = "" if entry.sql or entry.partitioned else self.files.stamp(entry)
        made = f"TABLE {schema}.{view} AS {body} -- {stamp}" if stamp else f"VIEW {schema}.{view} AS {body}"
        return f"CREATE SCHEMA IF NOT EXISTS {schema}", f"CREATE {made}"

    def _needed(self, names: Iterable[str]) -> Iterator[Entry]:
        """Yield the named tables and views and all that they read, each after what it reads."""
        entries: dict[str, Entry] = {}
        ahead = [(name, "") for name in names]
        for name, reader in ahead:  # grows by what each entry reads
            if name not in entries:
                entries[name] = self._defined(name, reader)
                ahead += [(table, name) for _, table in entries[name].inputs]
        graph = {name: [table for _, table in entry.inputs] for name, entry in entries.items()}
        try:
            yield from map(entries.__getitem__, TopologicalSorter(graph).static_order())
        except CycleError as error:
            name, reader, *_ = error.args[1]
            raise PlatformError(f"view '{name}' reads itself through {reader}. Change its SQL.") from None

    def _defined(self, name: str, reader: str) -> Entry:
        entry = self.get(name)
        if entry is None:
            who = f" that {reader} reads" if reader else ""
            raise PlatformError(f"there is no table or view '{name}'{who}. Run the assets that make it.")
        return entry

    def translated(self, sql: str, names: Mapping[str, str]) -> str:
        """Return Athena SQL translated for DuckDB, with the full names of its tables."""
        known = {name: entry for name, full in names.items() if (entry := self.get(full))}
        tables = tuple((name, entry.columns) for name, entry in known.items())
        dated = tuple(name for name, entry in known.items() if self._is_dated(entry))
        return _translated(sql, tuple(names.items()), tables, dated)

    def _is_dated(self, entry: Entry) -> bool:
        return self.files.lasting and entry.partitioned

    def _view(self, entry: Entry) -> str:
        """Return the SQL of a view; bigint columns are cast, because sums are wider in DuckDB."""
        shown = [
            f"CAST({quoted(name)} AS BIGINT) AS {quoted(name)}" if kind == "bigint" else quoted(name)
            for name, kind in entry.columns
        ]
        sql = self.translated(entry.sql, dict(entry.inputs))
        return f"SELECT {', '.join(shown)} FROM ({sql})"

    def _table(self, session: "Session | None", entry: Entry) -> str:
        types = entry.types | ({DAY: "VARCHAR"} if self._is_dated(entry) else {})
        if source := self.files.scan(session, entry):
            return f"SELECT {', '.join(map(quoted, types))} FROM {source}"
        empty = (f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in types.items())
        return f"SELECT {', '.join(empty)} WHERE false"  # no file yet: an empty table, not an error


@lru_cache(maxsize=256)
def _translated(
    sql: str, names: _Pairs, tables: tuple[tuple[str, _Pairs], ...], dated: tuple[str, ...]
) -> str:
    """Return SQL translated for DuckDB, cached: parsing takes longer than running it."""
    from openaq_assets.sql.duckdb import to_duckdb

    known = {name: dict(columns) for name, columns in tables}
    return to_duckdb(sql, dict(names), known, dated=dated)


def _as_map(entry: Entry) -> str:
    """Return the columns in the files of a table, in the form of DuckDB's ``read_parquet``."""
    return (
        "MAP {"
        + ", ".join(
            f"'{name}': {{name: '{name}', type: '{kind}', default_value: NULL}}"
            for name, kind in entry.types.items()
            if name not in entry.keys
        )
        + "}"
    )


def quoted(name: str) -> str:
    """Return any name quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def describe(session: "Session", query: str) -> _Pairs:
    """Return the names and Trino types of the columns of a query."""
    rows = session.execute(f"DESCRIBE {query}").fetchall()
    return tuple((str(row[0]), trino_type(str(row[1]))) for row in rows)


def rows_of(session: "Session", query: str) -> Rows:
    """Return the rows of a DuckDB query."""
    session.execute(query)
    columns = columns_of((name, trino_type(str(kind))) for name, kind, *_ in session.description or ())
    return Rows(columns, tuple(session.fetchall()))


# --- Parquet files ----------------------------------------------------------------------------------

# Reference tables: a view mentions them dozens of times, and DuckDB plans each mention of a file.
_SMALL_BYTES = 2**18
_PATTERN = re.compile(r"[*?\[]")


class ParquetFiles:
    """Parquet files in the file system, which DuckDB reads."""

    lasting = True

    def paths(self, entry: Entry) -> list[str]:
        """Return the files of a table, listed once: DuckDB would list them at every mention of the table."""
        files = sorted(_below(os.path.normpath(entry.uri), entry.keys))
        if not _PATTERN.search("\n".join(files)):
            return files
        # A root may contain any character; those of glob patterns are escaped.
        return [_PATTERN.sub(r"[\g<0>]", path) for path in files]

    def stamp(self, entry: Entry) -> str:
        """Return the version of a small table of one file, from its status; '' for any other table."""
        files = self.paths(entry)
        try:
            status = os.stat(files[0]) if len(files) == 1 else None
        except OSError:  # a pattern, or gone
            return ""
        if status is None or status.st_size > _SMALL_BYTES:
            return ""
        return f"{status.st_ino} {status.st_mtime_ns} {status.st_size}"

    def scan(self, session: "Session | None", entry: Entry) -> str | None:
        """Return a scan that opens only the files that filters on partition keys leave; None without files.

        The columns are given, not read from the files, which would take most of the time with years of
        days; a file that lacks a column has NULL. The keys are text from the file's path.
        """
        uri = os.path.normpath(entry.uri)  # as DuckDB writes the paths of files
        if next(_below(uri, entry.keys), None) is None:
            return None
        schema = f"schema=getvariable('{entry.variable('columns')}')"
        read = f"read_parquet(getvariable('{entry.variable('files')}'), {schema}"
        if not entry.partitioned:
            return f"{read})"
        first = len(uri) + len("/year=") + 1
        spans = ((first, 4), (first + len("2026/month="), 2), (first + len("2026/month=01/day="), 2))
        keys = ", ".join(f"substr(_file, {at}, {wide}) AS {key}" for key, (at, wide) in zip(COLUMNS, spans))
        path = f"substr(_file, {first}, {len('2026/month=01/day=31')})"
        day = f"translate({path}, '/monthday=', '-') AS {DAY}"  # removes the letters in one step per file
        return f"(SELECT * EXCLUDE (_file), {keys}, {day} FROM {read}, filename='_file'))"


def _below(folder: str, keys: Sequence[str]) -> Iterator[str]:
    """Yield the Parquet files of a table below the folders of its partition keys."""
    if not keys:
        yield from _files_in(folder)
        return
    for name in _names_in(folder):
        if name.startswith(f"{keys[0]}="):
            yield from _below(f"{folder}/{name}", keys[1:])


_SEEN: dict[str, tuple[int, tuple[str, ...]]] = {}
_SETTLED_NS = 2_000_000_000  # the clock of a file system is coarse: a second change may have the same time


def _files_in(folder: str) -> Sequence[str]:
    """Return the files of a folder; an unchanged folder is not listed again, as there are years of days."""
    try:
        changed = os.stat(folder).st_mtime_ns
    except OSError:
        return ()
    known = _SEEN.get(folder)
    if known and known[0] == changed:
        return known[1]
    files = tuple(f"{folder}/{name}" for name in _names_in(folder) if name.endswith(".parquet"))
    if changed < time.time_ns() - _SETTLED_NS:
        _SEEN[folder] = (changed, files)
    return files


def _names_in(folder: str) -> Sequence[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return ()


# --- sessions ---------------------------------------------------------------------------------------

# Joins run in the written order, with the right side in memory, as in Athena. The number of rows of a file is
# not known here, and the estimate of one row would reverse every join with a small table.
_SETTINGS = ("SET TimeZone='UTC'", "SET disabled_optimizers='join_order,build_side_probe_side'")


def opened() -> "Session":
    """Return a new session in memory, in which all times are UTC."""
    import duckdb

    threads = int(os.environ.get("OPENAQ_DUCKDB_THREADS") or 2)  # each thread has buffers of its own
    session = duckdb.connect(":memory:", config={"threads": threads})
    _execute(session, _SETTINGS)
    return session


def _execute(session: "Session", statements: Iterable[str]) -> None:
    for statement in statements:
        session.execute(statement)


class Lasting:
    """A database of this process that is kept: its tables and views are defined once."""

    def __init__(self, files: _Pairs, columns: _Pairs, created: Sequence[str]) -> None:
        self._setup = [*_SETTINGS, *(f"SET VARIABLE {quoted(name)} = {text}" for name, text in columns)]
        self._session = opened()
        _execute(self._session, self._setup)
        _set_files(self._session, {name: [path] for name, path in files})
        _execute(self._session, created)
        self._idle: list[tuple[Session, dict[str, Sequence[str]]]] = []

    @contextmanager
    def session(self, files: Mapping[str, Sequence[str]]) -> "Iterator[Session]":
        """Yield a connection that no other caller has, with the present files."""
        try:
            session, known = self._idle.pop()  # two threads never get the same
        except IndexError:
            session, known = self._session.cursor(), {}
            _execute(session, self._setup)
        try:
            _set_files(session, {name: paths for name, paths in files.items() if known.get(name) != paths})
            yield session
        except BaseException:
            session.close()
            raise
        self._idle.append((session, dict(files)))


def _set_files(session: "Session", files: Mapping[str, Sequence[str]]) -> None:
    for name, paths in files.items():
        session.execute(f"SET VARIABLE {quoted(name)} = $1", [list(paths)])


@lru_cache(maxsize=4)
def _lasting(files: _Pairs, columns: _Pairs, created: tuple[str, ...], process: int) -> Lasting:
    """Return the database with exactly these definitions, one file per table.

    ``process`` is an id, so that a forked process makes its own.
    """
    return Lasting(files, columns, created)
