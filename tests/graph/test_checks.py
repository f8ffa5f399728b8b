"""Tests of check types and contracts; the queries run on a real DuckDB."""

import duckdb
import pytest

from openaq_assets.graph.check_rules import missing
from openaq_assets.graph.checks import BUILT_IN
from openaq_assets.graph.columns import Check, Duration
from openaq_assets.graph.contracts import Difference, compare, trino_type
from openaq_assets.sql.parse import qualified

ROWS = "(SELECT * FROM (VALUES (1, 'a', TIMESTAMP '2000-01-01'), (2, 'b', NULL), (2, 'c''d', NULL)) AS v(n, s, t))"


def failures(check: Check) -> int:
    """Return the number of rows above that fail a check."""
    assert missing(check, BUILT_IN) is None
    connection = duckdb.connect()
    connection.execute(f"CREATE VIEW rows_of_test AS {ROWS}")
    query = BUILT_IN[check.check].compile(check, "rows_of_test", ())
    return len(connection.execute(qualified(query, {}, "duckdb")).fetchall())


@pytest.mark.parametrize(
    ("check", "count"),
    [
        (Check("not_null", column="t"), 2), (Check("not_null", column="n"), 0),
        (Check("unique", columns=("n",)), 1), (Check("unique", columns=("n", "s")), 0),
        (Check("in_range", column="n", min=2), 1), (Check("in_range", column="n", min=1, max=2), 0),
        (Check("row_count"), 0), (Check("row_count", min=4), 1), (Check("row_count", max=2), 1),
        (Check("accepted_values", column="s", values=("a", "b")), 1),
        (Check("accepted_values", column="s", values=("a", "b", "c'd")), 0),
        (Check("fresh", column="t", within=Duration(days=2)), 1),
        (Check("fresh", column="t", within=Duration(days=99_999)), 0),
    ],
)
def test_failures(check: Check, count: int) -> None:
    """The query of a check returns the failing rows, and none if the check passes."""
    assert failures(check) == count


def test_differences_of_contracts() -> None:
    """Missing, retyped and reordered columns are breaking differences; new ones are not."""
    promised = [("a", "bigint"), ("b", "varchar"), ("c", "date")]
    actual = [("b", "double"), ("a", "bigint"), ("d", "date")]
    assert compare(promised, actual) == (
        Difference("c", "is missing.", True),
        Difference("b", "is double, expected varchar.", True),
        Difference("d", "is new.", False),
        Difference("a", "the order of the columns is different.", True),
    )
    assert compare(promised, promised) == ()


def test_types_of_duckdb() -> None:
    """A DuckDB type without a Trino name keeps its name, in lower case."""
    assert (trino_type("BIGINT"), trino_type("INTERVAL")) == ("bigint", "interval")
