"""The kind ``catalog``: registers processed assets as tables that SQL can read."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from openaq_assets.errors import Problem
from openaq_assets.graph.assets import Asset, AssetGraph, Kind, Reference
from openaq_assets.graph.columns import Name
from openaq_assets.graph.fields import field_doc
from openaq_assets.graph.operations import Operation, Ref, Register, Table


@dataclass(frozen=True, slots=True)
class CatalogFields:
    """The processed assets to register under their own names."""

    tables: tuple[Name, ...] = field(
        metadata=field_doc("The processed assets to register as tables.", ["locations", "measurements"])
    )


class Catalog(Kind):
    """The tables of an environment's database."""

    name = "catalog"
    holds = "nothing"
    fields = CatalogFields

    def references(self, asset: Asset) -> Sequence[Reference]:
        """Return references to the processed assets."""
        return [Reference(name, where=f"tables[{index}]") for index, name in enumerate(asset.spec.tables)]

    def tables(self, asset: Asset) -> Sequence[str]:
        """Return the names of the processed assets."""
        return tuple(asset.spec.tables)

    def problems(self, asset: Asset, graph: AssetGraph) -> Sequence[Problem]:
        """Return a problem for each asset that is not made from raw objects."""
        return [
            asset.problem(
                f"tables[{n}]",
                f"'{name}' is of kind '{graph[name].kind.name}', not a processed asset.",
                "Remove it from 'tables'.",
            )
            for n, name in enumerate(asset.spec.tables)
            if not graph[name].kind.from_raw
        ]

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """Return one Register for all tables, which is one crawl on AWS."""
        tables = tuple(
            Table(
                Ref(name, "processed"),
                tuple(graph.columns(name)),
                partitioned=graph[name].partitions is not None,
            )
            for name in sorted(asset.spec.tables)
        )
        return [Register(tables)]
