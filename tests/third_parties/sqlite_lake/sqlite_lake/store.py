"""Objects as rows of one table of one SQLite file."""

import fcntl
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

_TABLE = "CREATE TABLE IF NOT EXISTS objects (uri TEXT PRIMARY KEY, body BLOB NOT NULL, metadata TEXT) WITHOUT ROWID"


class SqliteStore:
    """Objects in a SQLite file; a URI is the path of the file and the name of the object below it."""

    def __init__(self, path: str) -> None:
        self.path = path
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with self._connected() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(_TABLE)

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """Connect for one transaction: threads and processes share nothing but the file."""
        with closing(sqlite3.connect(self.path, timeout=60)) as connection, connection:
            yield connection

    def put_new(self, uri: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """Write if there is nothing yet; return whether it was written."""
        insert = "INSERT INTO objects VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        with self._connected() as connection:
            return connection.execute(insert, (uri, body, json.dumps(dict(metadata or {})))).rowcount == 1

    def put(self, uri: str, body: bytes) -> None:
        """Write, replacing what was there."""
        with self._connected() as connection:
            connection.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, NULL)", (uri, body))

    def get(self, uri: str) -> bytes:
        """Return the bytes; raise FileNotFoundError."""
        with self._connected() as connection:
            row = connection.execute("SELECT body FROM objects WHERE uri = ?", (uri,)).fetchone()
        if row is None:
            raise FileNotFoundError(uri)
        return bytes(row[0])

    def list(self, prefix: str) -> Iterator[str]:
        """Yield every URI below a folder, in order."""
        folder = prefix.rstrip("/")
        select = "SELECT uri FROM objects WHERE uri > ? AND uri < ? ORDER BY uri"
        with self._connected() as connection:
            rows = connection.execute(select, (f"{folder}/", f"{folder}0")).fetchall()  # 0 comes after /
        return iter([row[0] for row in rows])

    def delete(self, uri: str) -> None:
        """Remove it; do nothing if it is not there."""
        with self._connected() as connection:
            connection.execute("DELETE FROM objects WHERE uri = ?", (uri,))

    @contextmanager
    def alone(self, uri: str) -> Iterator[None]:
        """Hold a folder for this writer; others wait, in this process and in others."""
        turn = f"{self.path}.{hashlib.sha256(uri.encode()).hexdigest()[:12]}.turn"
        handle = os.open(turn, os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
