"""``view``: a question in Athena SQL with a promised answer; inputs are read from the SQL."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openaq_assets.definitions import Asset, Check, Column, Kind, Reference, TextFile
from openaq_assets.errors import Mark, Problem, nearest
from openaq_assets.graph import AssetGraph
from openaq_assets.operations import CreateView, Operation, Ref
from openaq_assets.promises import own_mistakes

if TYPE_CHECKING:
    from openaq_assets.sql import Output


@dataclass(frozen=True, slots=True)
class ViewFields:
    """The SQL file and the contract of its answer."""

    sql: TextFile
    columns: tuple[Column, ...]
    checks: tuple[Check, ...] = ()


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


def column_types(graph: AssetGraph, table: str) -> dict[str, str]:
    """The columns of a table with their types; empty for a table that nobody makes."""
    return {str(column.name): str(column.type) for column in graph.columns(table)}


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
        from openaq_assets import sql, sql_rules

        path, text = asset.spec.sql.path, asset.spec.sql.text
        known = {one.name: column_types(graph, one.name) for one in sql.tables(text)}
        found = [
            Problem(path, one.line, one.column, f"assets.{asset.key}", one.message, one.hint)
            for one in sql_rules.problems(text, known if all(known.values()) else None)
        ]
        return [*(found or _breaches(asset, sql.outputs(text))), *own_mistakes(asset, graph)]

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """One CreateView."""
        return [create_view(asset, graph)]


def _breaches(asset: Asset, answered: "Sequence[Output]") -> Iterator[Problem]:
    """Where the SQL and the promised columns differ: by name first, then by order."""
    promised = [str(column.name) for column in asset.spec.columns]
    names = [one.name for one in answered]
    for n, name in enumerate(promised):
        if name in promised[:n]:
            yield asset.problem(
                f"columns[{n}].name", f"column '{name}' is declared twice.", "Keep one."
            )
        elif name not in names and "*" not in names:
            message = f"the SQL does not answer with '{name}'."
            yield asset.problem(f"columns[{n}].name", message, nearest(name, filter(None, names)))
    for n, one in enumerate(answered):
        mark = Mark(asset.spec.sql.path, one.line, one.column)
        path = f"assets.{asset.key}"
        if not one.name:
            yield mark.problem(path, f"column {n + 1} has no name.", "Add 'AS name'.")
        elif one.name == "*":
            yield mark.problem(path, "a star hides the columns.", "Name every column.")
        elif one.name in names[:n]:
            yield mark.problem(
                path, f"column '{one.name}' is answered twice.", "Rename one with AS."
            )
        elif one.name not in promised:
            hint = f"Declare it at {asset.mark('columns').path}:{asset.mark('columns').line}."
            yield mark.problem(path, f"column '{one.name}' is not declared.", hint)
    if sorted(names) == sorted(promised) and names != promised:
        n = next(n for n, name in enumerate(promised) if name != names[n])
        message = f"column {n + 1} is '{names[n]}' in the SQL, and '{promised[n]}' here."
        yield asset.problem(f"columns[{n}].name", message, "Give both the same order.")


def create_view(
    asset: Asset, graph: AssetGraph, environment: str = "", replace: bool = True
) -> CreateView:
    """The operation that makes a view, in the run's environment or a named one."""
    return CreateView(
        into=Ref(asset.key, "view", environment=environment),
        sql=asset.spec.sql.text,
        columns=asset.spec.columns,
        inputs=view_inputs(asset, graph, environment),
        replace=replace,
    )
