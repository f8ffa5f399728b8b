"""A whole lake in a dictionary: the local platform with no file system, for tests and trials."""

import hashlib
import io
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import duckdb
import polars as pl

from openaq_assets.graph.environment import Environment
from openaq_assets.graph.partitions import key_of, segment
from openaq_assets.platforms import Progress, silent
from openaq_assets.platforms.local.catalog import Catalog
from openaq_assets.platforms.local.platform import LocalPlatform


class MemoryStore:
    """Objects in a dictionary; safe for threads."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.metadata: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}

    def put_new(self, uri: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """Write if there is nothing yet; False if there is."""
        with self._lock:
            if uri in self.bodies:
                return False
            self.bodies[uri] = body
            self.metadata[uri] = dict(metadata or {})
            return True

    def put(self, uri: str, body: bytes) -> None:
        """Write, replacing what was there."""
        with self._lock:
            self.bodies[uri] = body

    def get(self, uri: str) -> bytes:
        """The bytes; raises FileNotFoundError."""
        if uri not in self.bodies:
            raise FileNotFoundError(uri)
        return self.bodies[uri]

    def list(self, prefix: str) -> Iterator[str]:
        """Every URI below a folder, in order."""
        with self._lock:
            found = sorted(uri for uri in self.bodies if uri.startswith(prefix.rstrip("/") + "/"))
        return iter(found)

    def delete(self, uri: str) -> None:
        """Remove it; nothing happens if it is not there."""
        with self._lock:
            self.bodies.pop(uri, None)

    @contextmanager
    def alone(self, uri: str) -> Iterator[None]:
        """Hold a folder for this thread; others wait."""
        with self._lock:
            turn = self._turns.setdefault(uri, threading.Lock())
        with turn:
            yield


class ArrowStream:
    """A Polars table as the Arrow stream DuckDB reads without pyarrow."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


class ParquetInMemory:
    """Parquet bytes, shown to DuckDB as one table."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store

    lasting = False

    def found(self, uri: str, partitioned: bool) -> list[str]:
        """None that an engine could read itself."""
        return []

    def stamp(self, uri: str) -> str:
        """Nothing is held: all is in memory already."""
        return ""

    def scan(
        self, session: duckdb.DuckDBPyConnection | None, uri: str, partitioned: bool, types: Mapping[str, str]
    ) -> str | None:
        """A registered table with its partition columns, or None if there is no object."""
        tables = []
        for one in self.store.list(uri):
            if not one.endswith(".parquet"):
                continue
            table = pl.read_parquet(io.BytesIO(self.store.get(one)))
            if partitioned and (day := key_of(one)):
                keys = dict(part.split("=") for part in segment(day).split("/"))
                table = table.with_columns(pl.lit(text).alias(name) for name, text in keys.items())
            tables.append(table)
        if not tables:
            return None
        name = f"scan_{hashlib.sha256(uri.encode()).hexdigest()[:16]}"
        assert session, "tables in memory are of one session"
        session.register(name, ArrowStream(pl.concat(tables, how="diagonal_relaxed")))
        kept = ", ".join(f'CAST("{one}" AS {kind}) AS "{one}"' for one, kind in types.items())
        empty = ", ".join(f'CAST(NULL AS {kind}) AS "{one}"' for one, kind in types.items())
        whole = f"SELECT * FROM {name} UNION ALL BY NAME SELECT {empty} WHERE false"
        return f"(SELECT {kept} FROM ({whole}))"


STORES: dict[str, MemoryStore] = {}


def open_memory(environment: Environment, progress: Progress = silent) -> LocalPlatform:
    """A platform whose lake is this process's memory, shared by all who name the same root."""
    store = STORES.setdefault(environment.root, MemoryStore())
    platform = LocalPlatform(
        environment, store, Catalog(store, environment.root, ParquetInMemory(store)), progress
    )
    platform.name = "memory"
    return platform
