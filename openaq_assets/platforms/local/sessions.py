"""DuckDB sessions that last: planning a chain of views takes longer than asking it.

Tables are described to a session by variables: listing a table's files, or spelling its columns, at every
mention of it takes DuckDB longer than a small question does. A variable is of one connection.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a process that only transforms days need not load engines of SQL
    import duckdb

# Joins are carried out as they are written, the right side held, as Athena does: how many rows a file has
# is not known here, and the guess of one row turns every join with a small table around.
_SETTINGS = ("SET TimeZone='UTC'", "SET disabled_optimizers='join_order,build_side_probe_side'")


def opened() -> "duckdb.DuckDBPyConnection":
    """A new session in memory, in which all times are UTC."""
    import duckdb

    threads = int(os.environ.get("OPENAQ_DUCKDB_THREADS") or 2)  # each has buffers of its own
    session = duckdb.connect(":memory:", config={"threads": threads})
    for statement in _SETTINGS:
        session.execute(statement)
    return session


def files_variable(uri: str) -> str:
    """The variable of a session that holds the files of a table."""
    return f"files_{_mark(uri)}"


def columns_variable(uri: str) -> str:
    """The variable of a session that holds the columns of a table, as ``read_parquet`` takes them."""
    return f"columns_{_mark(uri)}"


def _mark(uri: str) -> str:
    return hashlib.sha256(os.path.normpath(uri).encode()).hexdigest()[:16]


class Lasting:
    """One database of this process: its tables and views are defined once, and its connections kept."""

    def __init__(
        self, files: Mapping[str, Sequence[str]], columns: Sequence[tuple[str, str]], created: Sequence[str]
    ) -> None:
        self._setup = [*_SETTINGS, *(f"SET VARIABLE {name} = {text}" for name, text in columns)]
        self._session = opened()
        self._prepare(self._session)
        _tell(self._session, files)
        for statement in created:
            self._session.execute(statement)
        self._idle: list[tuple[duckdb.DuckDBPyConnection, dict[str, Sequence[str]]]] = []

    def _prepare(self, session: "duckdb.DuckDBPyConnection") -> None:
        for statement in self._setup:
            session.execute(statement)

    @contextmanager
    def session(self, files: Mapping[str, Sequence[str]]) -> "Iterator[duckdb.DuckDBPyConnection]":
        """A connection of its own for who asks, with the files there are now."""
        try:
            session, known = self._idle.pop()  # two threads never get the same
        except IndexError:
            session, known = self._session.cursor(), {}
            self._prepare(session)
        try:
            _tell(session, {name: found for name, found in files.items() if known.get(name) != found})
            yield session
        except BaseException:
            session.close()
            raise
        self._idle.append((session, dict(files)))


def _tell(session: "duckdb.DuckDBPyConnection", files: Mapping[str, Sequence[str]]) -> None:
    for name, found in files.items():
        session.execute(f"SET VARIABLE {name} = $1", [list(found)])


@lru_cache(maxsize=4)
def lasting(
    files: tuple[tuple[str, str], ...],
    columns: tuple[tuple[str, str], ...],
    created: tuple[str, ...],
    process: int,
) -> Lasting:
    """The database of these very definitions, with one file per table; a forked ``process`` has its own."""
    return Lasting({name: [one] for name, one in files}, columns, created)
