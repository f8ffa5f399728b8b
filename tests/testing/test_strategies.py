"""Tests of the strategies: the values that they draw have the documented properties."""

from hypothesis import given, settings

from openaq_assets.graph.operations import Operation, Ref, from_json, to_json
from openaq_assets.testing import Lake, memory_lake
from openaq_assets.testing.strategies import SmallTable, operations, refs, small_tables, unbound_refs


def answer(lake: Lake, table: SmallTable) -> list[tuple[object, ...]]:
    """Load a table and return its rows."""
    at = lake.load("drawn", table.csv, **table.types)
    listed = ", ".join(f'"{name}"' for name in table.types)
    return lake.ask(f"SELECT {listed} FROM drawn", at)


@given(table=small_tables())
@settings(max_examples=15)
def test_small_tables_are_their_rows(table: SmallTable) -> None:
    """A table that is loaded from the CSV has exactly the rows that were drawn."""
    with memory_lake() as lake:
        assert sorted(map(repr, answer(lake, table))) == sorted(map(repr, table.rows))


@given(operation=operations)
def test_operations_are_json(operation: Operation) -> None:
    """Every drawn operation is equal after it was written as JSON and read."""
    assert from_json(to_json(operation)) == operation


@given(ref=refs, unbound=unbound_refs)
def test_unbound_references_have_no_location(ref: Ref, unbound: Ref) -> None:
    """Unbound references name no location and no environment."""
    assert (unbound.uri, unbound.table, unbound.environment) == ("", "", "")


def test_a_lake_in_memory_is_gone_afterwards() -> None:
    """Each lake in memory begins empty, and nothing of it is left after its end."""
    for _ in range(2):
        with memory_lake() as lake:
            assert lake.bodies() == {}
            lake.load("numbers", "n\n1\n", n="bigint")
            assert lake.bodies()
    assert lake.bodies() != {} and lake.home.root not in _stores()


def _stores() -> dict[str, object]:
    from openaq_assets.platforms.local.memory import STORES

    return dict(STORES)
