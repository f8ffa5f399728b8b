"""The local catalog: a folder of small definitions, and DuckDB sessions in memory that know them.

Readers never block writers, and there is no database file to lock. A table is read straight from its
Parquet files; a view is its Athena SQL, transpiled when it is asked.

Sessions last: planning a chain of views takes longer than asking it. Tables are described to a session by
variables: listing a table's files, or spelling its columns, at every mention of it takes DuckDB longer than a
small question does. A variable is of one connection.
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

if TYPE_CHECKING:  # a process that only transforms days need not load engines of SQL
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
        """The columns with their DuckDB types."""
        return {name: DUCKDB[kind] for name, kind in self.columns}  # type: ignore[index]  # kinds are column types

    @property
    def keys(self) -> tuple[str, ...]:
        """The partition keys, which are folders and not in the files."""
        return COLUMNS if self.partitioned else ()

    def variable(self, what: str) -> str:
        """Return the variable of a session that holds the ``files`` of a table, or its ``columns``."""
        return f"{what} of {self.name}"


class ScansParquet(Protocol):
    """How a session sees the Parquet files of a table: as the FROM part of a query.

    It has the columns of the entry, NULL where a file is older than the promise.
    Partition keys are text from the path, left bare, so that filters on them prune files. What is
    ``lasting`` leans on no session, finds files that come later, and has all keys as one ``_day``.
    A table with a ``stamp`` is small: a session holds its rows for as long as the stamp is the same.
    """

    lasting: bool

    def stamp(self, entry: Entry) -> str: ...

    def paths(self, entry: Entry) -> Sequence[str]: ...

    def scan(self, session: "Session | None", entry: Entry) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Catalog:
    """The definitions below ``<root>/catalog``."""

    store: LocalStore
    root: str
    files: ScansParquet

    def uri(self, name: str) -> str:
        """Return where a definition lies: ``openaq_dev.measurements`` -> .../openaq_dev/measurements.json."""
        return f"{self.root}/catalog/{name.replace('.', '/')}.json"

    def put(self, entry: Entry) -> None:
        """Define or redefine a table or view; the same definition is not written again."""
        body = msgspec.json.format(msgspec.json.encode(entry), indent=1)
        if self._body(entry.name) != body:
            self.store.put(self.uri(entry.name), body)

    def get(self, name: str) -> Entry | None:
        """Return the definition, or None; raise PlatformError for a file that is no definition."""
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
        """Forget a table or view; its files stay."""
        self.store.delete(self.uri(name))

    def names(self, database: str) -> tuple[str, ...]:
        """Return the full names in a database."""
        uris = self.store.list(f"{self.root}/catalog/{database}")
        return tuple(f"{database}.{uri.rsplit('/', 1)[1][:-5]}" for uri in uris)

    @contextmanager
    def session(self, names: Iterable[str]) -> "Iterator[Session]":
        """Yield a DuckDB session in which the named tables and views (and what they read) exist."""
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
        """Return the statements after which a table or view exists."""
        schema, view = (quoted(part) for part in entry.name.split("."))
        body = self._view(entry) if entry.sql else self._table(session, entry)
        stamp = "" if entry.sql or entry.partitioned else self.files.stamp(entry)
        made = f"TABLE {schema}.{view} AS {body} -- {stamp}" if stamp else f"VIEW {schema}.{view} AS {body}"
        return f"CREATE SCHEMA IF NOT EXISTS {schema}", f"CREATE {made}"

    def _needed(self, names: Iterable[str]) -> Iterator[Entry]:
        """Yield the named tables and views and all they read, each after what it reads."""
        entries: dict[str, Entry] = {}
        ahead = [(name, "") for name in names]
        for name, reader in ahead:  # which grows by what each of them reads
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

    def placed(self, sql: str, names: Mapping[str, str]) -> str:
        """Return Athena SQL as DuckDB takes it, with the full names of its tables."""
        known = {name: entry for name, full in names.items() if (entry := self.get(full))}
        tables = tuple((name, entry.columns) for name, entry in known.items())
        dated = tuple(name for name, entry in known.items() if self._is_dated(entry))
        return _placed(sql, tuple(names.items()), tables, dated)

    def _is_dated(self, entry: Entry) -> bool:
        return self.files.lasting and entry.partitioned

    def _view(self, entry: Entry) -> str:
        """Return the view's SQL; sums of whole numbers are cast to what Trino answers."""
        shown = [
            f"CAST({quoted(name)} AS BIGINT) AS {quoted(name)}" if kind == "bigint" else quoted(name)
            for name, kind in entry.columns
        ]
        sql = self.placed(entry.sql, dict(entry.inputs))
        return f"SELECT {', '.join(shown)} FROM ({sql})"

    def _table(self, session: "Session | None", entry: Entry) -> str:
        types = entry.types | ({DAY: "VARCHAR"} if self._is_dated(entry) else {})
        if source := self.files.scan(session, entry):
            return f"SELECT {', '.join(map(quoted, types))} FROM {source}"
        empty = (f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in types.items())
        return f"SELECT {', '.join(empty)} WHERE false"  # no file yet: an empty table, not an error


@lru_cache(maxsize=256)
def _placed(sql: str, names: _Pairs, tables: tuple[tuple[str, _Pairs], ...], dated: tuple[str, ...]) -> str:
    """Return the same text for the same question: reading the SQL takes longer than answering it."""
    from openaq_assets.sql.duckdb import to_duckdb

    known = {name: dict(columns) for name, columns in tables}
    return to_duckdb(sql, dict(names), known, dated=dated)


def _as_map(entry: Entry) -> str:
    """Return the columns that a table's files have, as DuckDB's ``read_parquet`` takes them."""
    return "MAP {" + ", ".join(
        f"'{name}': {{name: '{name}', type: '{kind}', default_value: NULL}}"
        for name, kind in entry.types.items()
        if name not in entry.keys
    ) + "}"  # fmt: skip


def quoted(name: str) -> str:
    """Return a name as SQL takes it, whatever it is."""
    return '"' + name.replace('"', '""') + '"'


def describe(session: "Session", query: str) -> _Pairs:
    """Return the names and Trino types of a query's answer."""
    rows = session.execute(f"DESCRIBE {query}").fetchall()
    return tuple((str(row[0]), trino_type(str(row[1]))) for row in rows)


def rows_of(session: "Session", query: str) -> Rows:
    """Return the answer to a DuckDB query."""
    session.execute(query)
    columns = columns_of((name, trino_type(str(kind))) for name, kind, *_ in session.description or ())
    return Rows(columns, tuple(session.fetchall()))


# --- Parquet files ----------------------------------------------------------------------------------

# Reference tables: a view mentions them dozens of times, and each mention of a file is planned.
_SMALL_BYTES = 2**18
_PATTERN = re.compile(r"[*?\[]")


class ParquetFiles:
    """Parquet files where DuckDB reads them itself."""

    lasting = True

    def paths(self, entry: Entry) -> list[str]:
        """Return the files of a table, listed once: an engine would do it for every mention of the table."""
        files = sorted(_below(os.path.normpath(entry.uri), entry.keys))
        if not _PATTERN.search("\n".join(files)):
            return files
        # A root may hold any character: those of patterns stand for themselves.
        return [_PATTERN.sub(r"[\g<0>]", path) for path in files]

    def stamp(self, entry: Entry) -> str:
        """Return what a small table of one file is known by; '' for any other."""
        files = self.paths(entry)
        try:
            status = os.stat(files[0]) if len(files) == 1 else None
        except OSError:  # a pattern, or gone
            return ""
        if status is None or status.st_size > _SMALL_BYTES:
            return ""
        return f"{status.st_ino} {status.st_mtime_ns} {status.st_size}"

    def scan(self, session: "Session | None", entry: Entry) -> str | None:
        """Return a scan that opens only the files a filter on partition keys leaves; None without any file.

        The columns are told, not read from the files: with years of days that is most of the time, and a
        file that is older than a column has NULL. The keys come from the file's name, as text.
        """
        uri = os.path.normpath(entry.uri)  # as the engine tells the names of files
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
        day = f"translate({path}, '/monthday=', '-') AS {DAY}"  # the letters go: few steps, for every file
        return f"(SELECT * EXCLUDE (_file), {keys}, {day} FROM {read}, filename='_file'))"


def _below(folder: str, keys: Sequence[str]) -> Iterator[str]:
    """Yield the Parquet files of a table, from the folders of its partition keys."""
    if not keys:
        yield from _files_in(folder)
        return
    for name in _names_in(folder):
        if name.startswith(f"{keys[0]}="):
            yield from _below(f"{folder}/{name}", keys[1:])


_SEEN: dict[str, tuple[int, tuple[str, ...]]] = {}
_SETTLED_NS = 2_000_000_000  # a folder's clock has ticks: what changed just now may change unseen


def _files_in(folder: str) -> Sequence[str]:
    """Return the files of a folder; one that did not change is not listed again: there are years of days."""
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

# Joins are carried out as they are written, the right side held, as Athena does: how many rows a file has
# is not known here, and the guess of one row turns every join with a small table around.
_SETTINGS = ("SET TimeZone='UTC'", "SET disabled_optimizers='join_order,build_side_probe_side'")


def opened() -> "Session":
    """Return a new session in memory, in which all times are UTC."""
    import duckdb

    threads = int(os.environ.get("OPENAQ_DUCKDB_THREADS") or 2)  # each has buffers of its own
    session = duckdb.connect(":memory:", config={"threads": threads})
    _execute(session, _SETTINGS)
    return session


def _execute(session: "Session", statements: Iterable[str]) -> None:
    for statement in statements:
        session.execute(statement)


class Lasting:
    """One database of this process: its tables and views are defined once, and its connections kept."""

    def __init__(self, files: _Pairs, columns: _Pairs, created: Sequence[str]) -> None:
        self._setup = [*_SETTINGS, *(f"SET VARIABLE {quoted(name)} = {text}" for name, text in columns)]
        self._session = opened()
        _execute(self._session, self._setup)
        _tell(self._session, {name: [path] for name, path in files})
        _execute(self._session, created)
        self._idle: list[tuple[Session, dict[str, Sequence[str]]]] = []

    @contextmanager
    def session(self, files: Mapping[str, Sequence[str]]) -> "Iterator[Session]":
        """Yield a connection of its own for who asks, with the files there are now."""
        try:
            session, known = self._idle.pop()  # two threads never get the same
        except IndexError:
            session, known = self._session.cursor(), {}
            _execute(session, self._setup)
        try:
            _tell(session, {name: paths for name, paths in files.items() if known.get(name) != paths})
            yield session
        except BaseException:
            session.close()
            raise
        self._idle.append((session, dict(files)))


def _tell(session: "Session", files: Mapping[str, Sequence[str]]) -> None:
    for name, paths in files.items():
        session.execute(f"SET VARIABLE {quoted(name)} = $1", [list(paths)])


@lru_cache(maxsize=4)
def _lasting(files: _Pairs, columns: _Pairs, created: tuple[str, ...], process: int) -> Lasting:
    """Return the database of these very definitions, with one file per table.

    A forked ``process`` has its own.
    """
    return Lasting(files, columns, created)
