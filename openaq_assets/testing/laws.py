"""The common part of the laws of platforms: the lake, and small tables, views and checks."""

from typing import Any

import pytest

from openaq_assets.graph.operations import CreateView, Query, Ref
from openaq_assets.platforms import Ticket
from openaq_assets.testing.lake import Lake, columns_of

NUMBERS = Ref("numbers", "reference")
EVENS = Ref("evens", "view")


class Laws:
    """Laws of a lake, for a subclass with a fixture ``lake``, an empty lake for every test."""

    @pytest.fixture
    def lake(self) -> Lake:
        """Open the platform on an empty lake."""
        raise NotImplementedError("give a fixture 'lake': return open_lake(PLATFORM, root)")

    @pytest.fixture
    def numbers(self, lake: Lake) -> Lake:
        """Load a table of numbers into the lake."""
        lake.load("numbers", "n,name\n1,one\n2,two\n3,\n", n="bigint", name="varchar")
        return lake


def failed(ticket: Ticket, *words: str) -> None:
    """Assert that a ticket failed and says why in one line that holds these words."""
    assert ticket.state == "failed"
    assert ticket.message and "\n" not in ticket.message
    for word in words:
        assert word in ticket.message


def view(name: str = "evens", sql: str = "SELECT n FROM numbers WHERE n % 2 = 0", **more: Any) -> CreateView:
    """Return a view of the table of numbers."""
    fields: dict[str, Any] = {"columns": columns_of({"n": "bigint"}), "inputs": (NUMBERS,)}
    return CreateView(Ref(name, "view"), sql, **(fields | more))


def check(sql: str, **more: Any) -> Query:
    """Return a check of the table of numbers."""
    return Query("small numbers", sql, (NUMBERS,), **({"expect": "no rows"} | more))
