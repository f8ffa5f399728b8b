"""The platform: objects in SQLite, rows made by Polars, SQL answered by DuckDB."""

import hashlib
import io
from typing import Any

import duckdb
import polars as pl

from openaq_assets.graph.environment import Environment
from openaq_assets.graph.partitions import key_of, segment
from openaq_assets.platforms import Progress, silent
from openaq_assets.platforms.local.catalog import Catalog, Entry
from openaq_assets.platforms.local.platform import LocalPlatform
from sqlite_lake.store import SqliteStore


class _Stream:
    """A Polars table as the Arrow stream that DuckDB reads."""

    def __init__(self, table: pl.DataFrame) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


class ParquetInSqlite:
    """Parquet bytes of a table, shown to DuckDB as one relation of a session."""

    lasting = False

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def paths(self, entry: Entry) -> list[str]:
        """Return no file: there is none that an engine could read itself."""
        return []

    def stamp(self, entry: Entry) -> str:
        """Return nothing: no table is held by a session."""
        return ""

    def scan(self, session: duckdb.DuckDBPyConnection | None, entry: Entry) -> str | None:
        """Return the FROM part of a query of the table; None if it has no object."""
        uri, partitioned, types = entry.uri, entry.partitioned, entry.types
        parts = [self._part(name, partitioned) for name in self._store.list(uri) if name.endswith(".parquet")]
        if not parts or session is None:
            return None
        name = f"scan_{hashlib.sha256(uri.encode()).hexdigest()[:16]}"
        session.register(name, _Stream(pl.concat(parts, how="diagonal_relaxed")))
        kept = ", ".join(f'CAST("{column}" AS {kind}) AS "{column}"' for column, kind in types.items())
        empty = ", ".join(f'CAST(NULL AS {kind}) AS "{column}"' for column, kind in types.items())
        return f"(SELECT {kept} FROM (SELECT * FROM {name} UNION ALL BY NAME SELECT {empty} WHERE false))"

    def _part(self, uri: str, partitioned: bool) -> pl.DataFrame:
        table = pl.read_parquet(io.BytesIO(self._store.get(uri)))
        day = key_of(uri) if partitioned else None
        keys: dict[str, Any] = dict(part.split("=") for part in segment(day).split("/")) if day else {}
        return table.with_columns(pl.lit(text).alias(name) for name, text in keys.items())


class SqlitePlatform(LocalPlatform):
    """The platform of a lake in one file."""

    name = "sqlite"


def open_sqlite(environment: Environment, progress: Progress = silent) -> SqlitePlatform:
    """Return the platform whose lake is the file that the profile names as its root."""
    store = SqliteStore(environment.root)
    catalog = Catalog(store, environment.root, ParquetInSqlite(store))
    return SqlitePlatform(environment, catalog, progress)
