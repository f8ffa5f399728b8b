"""A drop-in kind: ``export`` keeps the rows of a table or view as a CSV file.

It is a plugin like anyone's: it implements one hook and composes an operation every platform has.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from openaq_assets import (
    Asset,
    AssetGraph,
    Kind,
    Name,
    Operation,
    Problem,
    Query,
    Ref,
    Reference,
    hookimpl,
    nearest,
    table_ref,
)


@dataclass(frozen=True, slots=True)
class ExportFields:
    """The table, and the order of its rows."""

    table: Name
    order_by: tuple[Name, ...]


class Export(Kind):
    """Rows as a file that a spreadsheet opens."""

    name = "export"
    fields = ExportFields

    def references(self, asset: Asset) -> Sequence[Reference]:
        """Return the table."""
        return [Reference(asset.spec.table, is_table=True, where="table")]

    def problems(self, asset: Asset, graph: AssetGraph) -> Sequence[Problem]:
        """Return an order by columns that are not there."""
        names = [str(column.name) for column in graph.columns(asset.spec.table)]
        return [
            asset.problem(f"order_by[{n}]", f"there is no column '{name}'.", nearest(name, names))
            for n, name in enumerate(asset.spec.order_by)
            if names and name not in names
        ]

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """Return one Query whose rows are kept."""
        columns = ", ".join(str(column.name) for column in graph.columns(asset.spec.table))
        order = ", ".join(asset.spec.order_by)
        query = Query(
            name=asset.key,
            sql=f"SELECT {columns} FROM {asset.spec.table} ORDER BY {order}",
            inputs=(table_ref(graph, asset.spec.table),),
            into=Ref(asset.key, "export"),
        )
        return [query]


@hookimpl
def asset_kinds() -> Sequence[Kind]:
    """Return the kind of this file."""
    return [Export()]
