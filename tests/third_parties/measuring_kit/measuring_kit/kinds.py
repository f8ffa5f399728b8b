"""Two kinds: ``series`` is a table of readings, ``scale`` weighs one."""

from collections.abc import Sequence
from dataclasses import dataclass

from openaq_assets import (
    Asset,
    AssetGraph,
    Check,
    Column,
    Kind,
    Name,
    Operation,
    Query,
    Ref,
    Reference,
    table_ref,
)
from openaq_assets.operations import Load

COLUMNS = (Column(Name("n"), "bigint"), Column(Name("value"), "double"))


@dataclass(frozen=True, slots=True)
class SeriesFields:
    """The first reading, the step between readings, and their number."""

    first: float
    step: float
    count: int
    checks: tuple[Check, ...] = ()


class Series(Kind):
    """A table that is made from the fields of its YAML."""

    name = "series"
    fields = SeriesFields

    def tables(self, asset: Asset) -> Sequence[str]:
        """Return its own name."""
        return [asset.key]

    def columns(self, asset: Asset) -> Sequence[Column]:
        """Return a number and a value."""
        return COLUMNS

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """Return a Load of the readings, into a layer of this plugin's own."""
        spec = asset.spec
        lines = [f"{n},{spec.first + n * spec.step}" for n in range(spec.count)]
        return [Load("\n".join(("n,value", *lines)) + "\n", COLUMNS, Ref(asset.key, "measured"))]


@dataclass(frozen=True, slots=True)
class Weigh:
    """Sum a column up and keep the weight as a small file: an operation that no platform has."""

    readings: Query
    into: Ref


@dataclass(frozen=True, slots=True)
class ScaleFields:
    """The table, and the instrument of conf/instruments.yaml."""

    table: Name
    instrument: str


class Scale(Kind):
    """The weight of a table."""

    name = "scale"
    fields = ScaleFields

    def references(self, asset: Asset) -> Sequence[Reference]:
        """Return the table."""
        return [Reference(asset.spec.table, is_table=True, where="table")]

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """Return the weighing."""
        table = asset.spec.table
        return [
            Weigh(
                Query(asset.key, f"SELECT value FROM {table}", (table_ref(graph, table),)),
                Ref(asset.key, "weight"),
            )
        ]
