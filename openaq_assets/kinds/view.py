"""``view``: a question in Athena SQL with a promised answer; inputs are read from the SQL."""

from collections.abc import Sequence
from dataclasses import dataclass

from openaq_assets.definitions import Asset, Column, Kind, Reference, TextFile
from openaq_assets.errors import Problem
from openaq_assets.graph import AssetGraph
from openaq_assets.operations import CreateView, Operation, Ref
from openaq_assets.source import Mark


@dataclass(frozen=True, slots=True)
class ViewFields:
    """The SQL file and the contract of its answer."""

    sql: TextFile
    columns: tuple[Column, ...]


def view_inputs(asset: Asset, graph: AssetGraph, environment: str = "") -> tuple[Ref, ...]:
    """The tables a view reads, as references that ``bind`` can place."""
    names = sorted(one.name for one in asset.kind.references(asset))
    return tuple(table_ref(graph, name, environment) for name in names)


def table_ref(graph: AssetGraph, table: str, environment: str = "") -> Ref:
    """The reference of a table by the name SQL uses."""
    owner = graph.table_owner(table)
    layer = owner.kind.name if owner else "view"
    if layer == "reference":
        return Ref(table, "reference", environment=environment)
    return Ref(table, "processed" if layer == "catalog" else "view", environment=environment)


class View(Kind):
    """A view holds no rows: it is made again when its SQL, contract or tables change."""

    name = "view"
    fields = ViewFields
    virtual = True

    def tables(self, asset: Asset) -> Sequence[str]:
        """Its own name."""
        return [asset.key]

    def references(self, asset: Asset) -> Sequence[Reference]:
        """The tables the SQL names, each with its place in the SQL file."""
        from openaq_assets import sql

        path = asset.spec.sql.path
        return [
            Reference(use.name, is_table=True, mark=Mark(path, use.line, use.column))
            for use in sql.tables(asset.spec.sql.text)
        ]

    def problems(self, asset: Asset, graph: AssetGraph) -> Sequence[Problem]:
        """SQL that cannot be read or trusted, and columns other than promised."""
        from openaq_assets import sql

        path, text = asset.spec.sql.path, asset.spec.sql.text
        found = [
            Problem(path, one.line, one.column, f"assets.{asset.key}", one.message, one.hint)
            for one in sql.problems(text)
        ]
        promised = tuple(str(column.name) for column in asset.spec.columns)
        answered = sql.output_columns(text)
        if not found and answered != promised:
            differing = [name for name in answered if name not in promised] or list(answered)
            message = f"the SQL answers ({', '.join(answered)}), not as promised: {differing[0]}."
            found.append(asset.problem("columns", message, "Make names and order the same."))
        return found

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """One CreateView."""
        return [create_view(asset, graph)]


def create_view(asset: Asset, graph: AssetGraph, environment: str = "", replace: bool = True) -> CreateView:
    """The operation that makes a view, in the run's environment or a named one."""
    return CreateView(
        into=Ref(asset.key, "view", environment=environment),
        sql=asset.spec.sql.text,
        columns=asset.spec.columns,
        inputs=view_inputs(asset, graph, environment),
        replace=replace,
    )
