"""The local catalog: a folder of small definitions, and an in-memory DuckDB session made per query.

Readers never block writers, and there is no database file to lock. A table is read straight from its
Parquet files; a view is its Athena SQL, transpiled when it is asked.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, cast

from openaq_assets.errors import PlatformError
from openaq_assets.graph.columns import Column, ColumnType, Name
from openaq_assets.graph.contracts import DUCKDB, trino_type
from openaq_assets.graph.partitions import COLUMNS, DAY
from openaq_assets.platforms import ObjectStore, Rows
from openaq_assets.platforms.local.sessions import columns_variable, files_variable, lasting, opened

if TYPE_CHECKING:  # a process that only transforms days need not load engines of SQL
    import duckdb


@dataclass(frozen=True, slots=True)
class Entry:
    """A table (its files) or a view (its SQL and the full names of what it reads)."""

    name: str
    columns: tuple[tuple[str, str], ...]
    uri: str = ""
    partitioned: bool = False
    sql: str = ""
    inputs: tuple[tuple[str, str], ...] = ()


class ScansParquet(Protocol):
    """How a session sees the Parquet files below a URI: as the FROM part of a query.

    It has the columns of ``types`` (name -> DuckDB type), NULL where a file is older than the promise.
    Partition keys are text from the path, left bare, so that filters on them prune files. What is
    ``lasting`` leans on no session, finds files that come later, and has all keys as one ``_day``.
    A table with a ``stamp`` is small: a session holds its rows for as long as the stamp is the same.
    """

    lasting: bool

    def stamp(self, uri: str) -> str: ...

    def found(self, uri: str, partitioned: bool) -> Sequence[str]: ...

    def scan(
        self,
        session: "duckdb.DuckDBPyConnection | None",
        uri: str,
        partitioned: bool,
        types: Mapping[str, str],
    ) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Catalog:
    """The definitions below ``<root>/catalog``."""

    store: ObjectStore
    root: str
    files: ScansParquet

    def uri(self, name: str) -> str:
        """Where a definition lies: ``openaq_dev.measurements`` -> .../openaq_dev/measurements.json."""
        return f"{self.root}/catalog/{name.replace('.', '/')}.json"

    def put(self, entry: Entry) -> None:
        """Define or redefine a table or view; the same definition is not written again."""
        body = json.dumps(asdict(entry), indent=1).encode()
        if self._body(entry.name) != body:
            self.store.put(self.uri(entry.name), body)

    def get(self, name: str) -> Entry | None:
        """The definition, or None; raises PlatformError for a file that is no definition."""
        text = self._body(name)
        if text is None:
            return None
        try:
            body: dict[str, Any] = json.loads(text)
            body["columns"] = tuple((a, b) for a, b in body["columns"])
            body["inputs"] = tuple((a, b) for a, b in body["inputs"])
            return Entry(**body)
        except (KeyError, TypeError, ValueError):
            hint = f"Run '{name.rpartition('.')[2]}' again with --force."
            raise PlatformError(f"{self.uri(name)} is not a definition. {hint}") from None

    def _body(self, name: str) -> bytes | None:
        try:
            return self.store.get(self.uri(name))
        except FileNotFoundError:
            return None

    def delete(self, name: str) -> None:
        """Forget a table or view; its files stay."""
        self.store.delete(self.uri(name))

    def names(self, database: str) -> tuple[str, ...]:
        """The full names in a database."""
        found = self.store.list(f"{self.root}/catalog/{database}")
        return tuple(f"{database}.{uri.rsplit('/', 1)[1][:-5]}" for uri in found)

    @contextmanager
    def session(self, names: Iterable[str]) -> "Iterator[duckdb.DuckDBPyConnection]":
        """A DuckDB session in which the named tables and views (and what they read) exist."""
        entries = tuple(self._needed(names))
        if self.files.lasting:
            tables = [entry for entry in entries if not entry.sql]
            files = {files_variable(one.uri): self.files.found(one.uri, one.partitioned) for one in tables}
            known = tuple((name, found[0]) for name, found in files.items() if found)
            columns = tuple((columns_variable(one.uri), _as_map(one)) for one in tables)
            created = tuple(one for entry in entries for one in self._created(None, entry))
            with lasting(known, columns, created, os.getpid()).session(files) as session:
                yield session
            return
        with opened() as session:
            for entry in entries:
                for statement in self._created(session, entry):
                    session.execute(statement)
            yield session

    def _created(self, session: "duckdb.DuckDBPyConnection | None", entry: Entry) -> tuple[str, str]:
        """The statements after which a table or view exists."""
        schema, view = (quoted(part) for part in entry.name.split("."))
        body = self._view(entry) if entry.sql else self._table(session, entry)
        stamp = "" if entry.sql or entry.partitioned else self.files.stamp(entry.uri)
        made = f"TABLE {schema}.{view} AS {body} -- {stamp}" if stamp else f"VIEW {schema}.{view} AS {body}"
        return f"CREATE SCHEMA IF NOT EXISTS {schema}", f"CREATE {made}"

    def _needed(self, names: Iterable[str]) -> Iterable[Entry]:
        """The named tables and views and all they read, each after what it reads."""
        ordered: dict[str, Entry] = {}
        entered: set[str] = set()
        ahead = [(name, "") for name in names]
        while ahead:
            name, reader = ahead[-1]
            if name in ordered:
                ahead.pop()
                continue
            entry = self.get(name)
            if entry is None:
                who = f" that {reader} reads" if reader else ""
                raise PlatformError(f"there is no table or view '{name}'{who}. Run the assets that make it.")
            before = [(one, name) for _, one in entry.inputs if one not in ordered]
            if before and name in entered:
                raise PlatformError(f"'{name}' reads itself, by way of {reader}. Change its SQL.")
            if not before:
                ordered[name] = entry
            entered.add(name)
            ahead += before
        return ordered.values()

    def placed(self, sql: str, names: Mapping[str, str]) -> str:
        """Athena SQL as DuckDB takes it, with the full names of its tables."""
        known = {name: self.get(full) for name, full in names.items()}
        tables = tuple((name, one.columns) for name, one in known.items() if one)
        dated = tuple(name for name, one in known.items() if one and self._is_dated(one))
        return _placed(sql, tuple(names.items()), tables, dated)

    def _is_dated(self, entry: Entry) -> bool:
        return self.files.lasting and entry.partitioned

    def _view(self, entry: Entry) -> str:
        """The view's SQL; sums of whole numbers are cast to what Trino answers."""
        shown = [
            f"CAST({quoted(name)} AS BIGINT) AS {quoted(name)}" if kind == "bigint" else quoted(name)
            for name, kind in entry.columns
        ]
        sql = self.placed(entry.sql, dict(entry.inputs))
        return f"SELECT {', '.join(shown)} FROM ({sql})"

    def _table(self, session: "duckdb.DuckDBPyConnection | None", entry: Entry) -> str:
        types: Mapping[str, str] = {name: DUCKDB[kind] for name, kind in entry.columns}  # type: ignore[index]
        source = self.files.scan(session, entry.uri, entry.partitioned, types)
        if source is None:  # no file yet: an empty table, not an error
            if self._is_dated(entry):
                types = {**types, DAY: "VARCHAR"}
            empty = (f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in types.items())
            return f"SELECT {', '.join(empty)} WHERE false"
        day = [DAY] if self._is_dated(entry) else []
        return f"SELECT {', '.join(map(quoted, [*types, *day]))} FROM {source}"


@lru_cache(maxsize=256)
def _placed(
    sql: str,
    names: tuple[tuple[str, str], ...],
    tables: tuple[tuple[str, tuple[tuple[str, str], ...]], ...],
    dated: tuple[str, ...],
) -> str:
    """The same text for the same question: reading the SQL takes longer than answering it."""
    from openaq_assets.sql.duckdb import to_duckdb

    known = {name: dict(columns) for name, columns in tables}
    return to_duckdb(sql, dict(names), known, dated=dated)


def _as_map(entry: Entry) -> str:
    """The columns that a table's files have, as DuckDB's ``read_parquet`` takes them."""
    return "MAP {" + ", ".join(
        f"'{name}': {{name: '{name}', type: '{DUCKDB[kind]}', default_value: NULL}}"  # type: ignore[index]
        for name, kind in entry.columns
        if not (entry.partitioned and name in COLUMNS)
    ) + "}"  # fmt: skip


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever it is."""
    return '"' + name.replace('"', '""') + '"'


def describe(session: "duckdb.DuckDBPyConnection", query: str) -> tuple[tuple[str, str], ...]:
    """The names and Trino types of a query's answer."""
    rows = session.execute(f"DESCRIBE {query}").fetchall()
    return tuple((str(row[0]), trino_type(str(row[1]))) for row in rows)


def rows_of(session: "duckdb.DuckDBPyConnection", query: str, most: int | None = None) -> Rows:
    """The answer to a DuckDB query."""
    session.execute(query)
    columns = tuple(  # an ad-hoc answer may have types no contract knows
        Column(Name(one[0]), cast(ColumnType, trino_type(str(one[1])))) for one in session.description or ()
    )
    found: Sequence[tuple[Any, ...]] = session.fetchall() if most is None else session.fetchmany(most)
    return Rows(columns, tuple(found))
