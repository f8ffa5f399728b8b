"""Compare contracts, and translate the names of column types between engines."""

from collections.abc import Sequence
from dataclasses import dataclass

from openaq_assets.graph.columns import Column, ColumnType

# The DuckDB spelling of each type; Trino's is the one users write.
DUCKDB: dict[ColumnType, str] = {
    "varchar": "VARCHAR",
    "bigint": "BIGINT",
    "integer": "INTEGER",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP",
    "date": "DATE",
}
# DuckDB's sum of whole numbers is wider than Trino's; a view casts it back.
_FROM_DUCKDB = {name: kind for kind, name in DUCKDB.items()} | {"HUGEINT": "bigint"}


def trino_type(duckdb_type: str) -> str:
    """Return the Trino name of a DuckDB type; the DuckDB name in lower case if it has none."""
    return _FROM_DUCKDB.get(duckdb_type, duckdb_type.lower())


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between two contracts; a ``breaking`` one can break a reader."""

    column: str
    message: str
    breaking: bool

    def __str__(self) -> str:
        return f"{self.column}: {self.message}"


def compare(promised: Sequence[tuple[str, str]], actual: Sequence[tuple[str, str]]) -> tuple[Difference, ...]:
    """Return the differences between two lists of (name, type): missing, retyped, new, reordered columns."""
    before, after = dict(promised), dict(actual)
    dropped = [Difference(name, "is missing.", True) for name in before if name not in after]
    retyped = [
        Difference(name, f"is {after[name]}, expected {before[name]}.", True)
        for name in before
        if name in after and after[name] != before[name]
    ]
    added = [Difference(name, "is new.", False) for name in after if name not in before]
    order = [name for name, _ in promised if name in after]
    moved = [name for name, _ in actual if name in before]
    shuffled = (
        [Difference(order[0], "the order of the columns is different.", True)] if order != moved else []
    )
    return (*dropped, *retyped, *added, *shuffled)


def pairs(columns: Sequence[Column]) -> tuple[tuple[str, str], ...]:
    """Return a contract as (name, type) pairs."""
    return tuple((str(column.name), str(column.type)) for column in columns)
