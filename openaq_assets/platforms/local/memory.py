"""A lake in a dictionary: the local platform without a file system, for tests and trials."""

import io
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import duckdb
import polars as pl

from openaq_assets.graph.environment import Environment
from openaq_assets.graph.partitions import key_of
from openaq_assets.platforms import Progress, silent
from openaq_assets.platforms.local.catalog import Catalog, Entry, quoted
from openaq_assets.platforms.local.platform import LocalPlatform


class MemoryStore:
    """Objects in a dictionary; safe for threads."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.metadata: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()
        self._folders: dict[str, threading.Lock] = {}

    def put_new(self, uri: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """Write the object if it does not exist yet; return whether it was written."""
        with self._lock:
            if uri in self.bodies:
                return False
            self.bodies[uri] = body
            self.metadata[uri] = dict(metadata or {})
            return True

    def put(self, uri: str, body: bytes) -> None:
        """Write the object, replacing an existing one."""
        with self._lock:
            self.bodies[uri] = body

    def get(self, uri: str) -> bytes:
        """Return the bytes; raise FileNotFoundError if there is no such object."""
        if uri not in self.bodies:
            raise FileNotFoundError(uri)
        return self.bodies[uri]

    def list(self, prefix: str) -> Iterator[str]:
        """Return every URI below a folder, in order."""
        with self._lock:
            return iter(sorted(uri for uri in self.bodies if uri.startswith(prefix.rstrip("/") + "/")))

    def delete(self, uri: str) -> None:
        """Remove the object; do nothing if there is none."""
        with self._lock:
            self.bodies.pop(uri, None)

    @contextmanager
    def alone(self, uri: str) -> Iterator[None]:
        """Lock a folder for this thread; others wait."""
        with self._lock:
            lock = self._folders.setdefault(uri, threading.Lock())
        with lock:
            yield


class ArrowStream:
    """A Polars table as an Arrow stream, which DuckDB reads without pyarrow."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


class ParquetInMemory:
    """Parquet files in memory, which DuckDB reads as one table."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store

    lasting = False

    def paths(self, entry: Entry) -> list[str]:
        """Return no path: there is no file that DuckDB could read."""
        return []

    def stamp(self, entry: Entry) -> str:
        """Return no stamp: a session holds no rows, because all are in memory already."""
        return ""

    def scan(self, session: duckdb.DuckDBPyConnection | None, entry: Entry) -> str | None:
        """Register the rows of a table and return the FROM part for them; None if there is no object."""
        uris = [uri for uri in self.store.list(entry.uri) if uri.endswith(".parquet")]
        if not uris:
            return None
        table = pl.concat((self._read(uri, entry) for uri in uris), how="diagonal_relaxed")
        assert session, "tables in memory are of one session"
        session.register(f"scan of {entry.name}", ArrowStream(table))
        columns = [(quoted(name), kind) for name, kind in entry.types.items()]
        kept = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in columns)
        empty = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in columns)
        whole = f'SELECT * FROM "scan of {entry.name}" UNION ALL BY NAME SELECT {empty} WHERE false'
        return f"(SELECT {kept} FROM ({whole}))"

    def _read(self, uri: str, entry: Entry) -> pl.DataFrame:
        table = pl.read_parquet(io.BytesIO(self.store.get(uri)))
        if entry.partitioned and (day := key_of(uri)):
            table = table.with_columns(
                pl.lit(text).alias(key) for key, text in zip(entry.keys, day.split("-"))
            )
        return table


STORES: dict[str, MemoryStore] = {}


def open_memory(environment: Environment, progress: Progress = silent) -> LocalPlatform:
    """Return a platform with a lake in this process's memory, shared by all that open the same root."""
    store = STORES.setdefault(environment.root, MemoryStore())
    catalog = Catalog(store, environment.root, ParquetInMemory(store))
    platform = LocalPlatform(environment, catalog, progress)
    platform.name = "memory"
    return platform
