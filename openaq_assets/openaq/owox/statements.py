"""The very SQL statements that OWOX Data Marts 0.31 sends to Athena, in its order.

Observed at the wire (``StartQueryExecution`` carries the text and an output location, and neither a
workgroup nor a database: so it is the workgroup ``primary``, and names must be qualified).
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, the step of OWOX that sends it, and the prefix of its output location."""

    step: str
    prefix: str
    sql: str


def statements(database: str, view: str) -> Sequence[Statement]:
    """What OWOX asks from the first test of access to the rows of a report."""
    name = f'"{database}"."{view}"'
    return (
        Statement("access", "athena-check-access/", "SELECT 1"),
        Statement("definition", "athena-dry-run/", f"EXPLAIN SELECT * FROM {name}"),
        Statement("schema", "athena-schema-fetch/", f"SELECT * FROM {name} LIMIT 0"),
        Statement(
            "comments",
            "athena-schema-fetch/",
            "SELECT column_name, comment FROM information_schema.columns "
            f"WHERE table_schema='{database}' AND table_name='{view}' AND comment IS NOT NULL",
        ),
        Statement("rows", "owox-data-marts/", f"SELECT * FROM {name}"),
    )


#: What Data Studio receives for an Athena type: data type, concept, default aggregation.
RECEIVED = {
    "double": ("NUMBER", "METRIC", "SUM"),
    "bigint": ("NUMBER", "METRIC", "SUM"),
    "integer": ("NUMBER", "METRIC", "SUM"),
    "boolean": ("BOOLEAN", "DIMENSION", ""),
    "varchar": ("STRING", "DIMENSION", ""),
    "date": ("STRING", "DIMENSION", ""),
    "timestamp": ("STRING", "DIMENSION", ""),
}
