"""A kind in the project's own folder: ``export`` keeps the rows of a table or view as a CSV file.

It is a plugin like any other: it implements one hook and uses an operation that every platform has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

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
    field_doc,
    hookimpl,
    nearest,
    table_ref,
)


@dataclass(frozen=True, slots=True)
class ExportFields:
    """The table to export, and the order of its rows."""

    table: Name = field(metadata=field_doc("The table or view whose rows are exported.", "view_latest_aqi"))
    order_by: tuple[Name, ...] = field(
        metadata=field_doc("The columns that the rows are sorted by.", ["location_id"])
    )


class Export(Kind):
    """A kind whose assets are rows in a file that a spreadsheet opens."""

    name = "export"
    fields = ExportFields

    def references(self, asset: Asset) -> Sequence[Reference]:
        """Return the table."""
        return [Reference(asset.spec.table, is_table=True, where="table")]

    def problems(self, asset: Asset, graph: AssetGraph) -> Sequence[Problem]:
        """Return columns of the order that the table does not have."""
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
