"""Columns promised and found: the names of types on each engine, and the difference between contracts."""

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
    """The Trino name of a DuckDB type, or the DuckDB name in lower case where none is promised."""
    return _FROM_DUCKDB.get(duckdb_type, duckdb_type.lower())


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between two contracts; ``breaking`` ones can break a reader."""

    column: str
    message: str
    breaking: bool

    def __str__(self) -> str:
        return f"{self.column}: {self.message}"


def compare(promised: Sequence[tuple[str, str]], found: Sequence[tuple[str, str]]) -> tuple[Difference, ...]:
    """What ``found`` (name, type) has that ``promised`` has not, and the reverse, in column order."""
    before, after = dict(promised), dict(found)
    dropped = [Difference(name, "is missing.", True) for name in before if name not in after]
    retyped = [
        Difference(name, f"is {after[name]}, promised {before[name]}.", True)
        for name in before
        if name in after and after[name] != before[name]
    ]
    added = [Difference(name, "is new.", False) for name in after if name not in before]
    order = [name for name, _ in promised if name in after]
    moved = [name for name, _ in found if name in before]
    shuffled = [Difference(order[0], "the order of columns differs.", True)] if order != moved else []
    return (*dropped, *retyped, *added, *shuffled)


def pairs(columns: Sequence[Column]) -> tuple[tuple[str, str], ...]:
    """A contract as (name, type) pairs."""
    return tuple((str(column.name), str(column.type)) for column in columns)
