"""Mistakes that authors of plugins make: each marked line must be refused by both type checkers.

A mark names what mypy and pyright call the mistake. A line without a mark must be accepted, so that a checker which
refuses everything does not pass either.
"""

from collections.abc import Sequence

import openaq_assets
from openaq_assets import (
    Asset,
    AssetGraph,
    CheckType,
    Column,
    Command,
    Facts,
    Kind,
    Name,
    Operation,
    OperationHandler,
    PlatformType,
    Query,
    Ref,
    Ticket,
    hookimpl,
    load,
)
from openaq_assets.graph.alerts import Alert
from openaq_assets.testing import memory_lake

missing: object = openaq_assets.nothing_of_this_name  # error: attr-defined / reportAttributeAccessIssue
name: Name = "measurements"  # error: assignment / reportAssignmentType
column = Column(Name("n"), "number")  # error: arg-type / reportArgumentType
ref = Ref("measurements")  # error: call-arg / reportCallIssue
ref.uri = "s3://lake"  # error: misc / reportAttributeAccessIssue
ticket = Ticket("1", "done")  # error: arg-type / reportArgumentType
facts = Facts(rows="3")  # error: arg-type / reportArgumentType
query = Query("q", "SELECT 1", ref)  # error: arg-type / reportArgumentType
command = Command("letters")  # error: call-arg / reportCallIssue
handler = OperationHandler("Letter", "local", "letters:write")  # error: arg-type / reportArgumentType
platform = PlatformType("duck", "a platform")  # error: call-arg / reportCallIssue
project = load("conf", lenient=True)  # error: call-arg / reportCallIssue
level = load("conf").graph["a"].level  # error: attr-defined / reportAttributeAccessIssue


def two_arguments(check: str, table: str) -> str:
    """Return SQL, but without the columns."""
    return f"SELECT 1 FROM {table} -- {check}"


check = CheckType("even", "Only even.", two_arguments)  # error: arg-type / reportArgumentType


class Wrong(Kind):
    """A kind whose methods are not those of a kind."""

    name = "wrong"
    fields = Facts
    holds = "table"  # error: assignment / reportAssignmentType

    def tables(self, asset: Asset) -> int:  # error: override / reportIncompatibleMethodOverride
        return len(asset.key)

    def operations(self, asset: Asset, graph: AssetGraph) -> Sequence[Operation]:  # error: override / reportIncompatibleMethodOverride
        return ["SELECT 1"]  # error: list-item / reportReturnType


@hookimpl
def notify(alert: Alert) -> None:
    """Read an attribute that an alert does not have."""
    print(alert.message)  # error: attr-defined / reportAttributeAccessIssue


with memory_lake() as lake:
    lake.load("numbers", ["n", "1"])  # error: arg-type / reportArgumentType
    number: int = lake.ask("SELECT 1")  # error: assignment / reportAssignmentType
