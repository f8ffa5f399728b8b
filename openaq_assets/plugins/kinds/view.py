"""``view``: a question in Athena SQL with a promised answer; inputs are read from the SQL."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from openaq_assets.errors import Mark, Problem, nearest
from openaq_assets.graph.assets import Asset, AssetGraph, Kind, Reference, TextFile, table_ref
from openaq_assets.graph.columns import Check, Column
from openaq_assets.graph.fields import field_doc
from openaq_assets.graph.operations import CreateView, Operation, Ref
from openaq_assets.sql import facts
from openaq_assets.sql.shapes import Output


@dataclass(frozen=True, slots=True)
class ViewFields:
    """The SQL file and the contract of its answer."""

    sql: TextFile = field(
        metadata=field_doc("The file with the SELECT in Athena SQL.", "views/view_latest_aqi.sql")
    )
    columns: tuple[Column, ...] = field(
        metadata=field_doc(
            "The columns that the SQL returns, in order: a contract with the readers of the view."
        )
    )
    checks: tuple[Check, ...] = field(
        default=(), metadata=field_doc("The checks of the rows, run whenever the table is made.")
    )


class View(Kind):
    """A view holds no rows: it is made again when its SQL, contract or tables change."""

    name = "view"
    fields = ViewFields
    holds = "view"

    def tables(self, asset: Asset) -> Sequence[str]:
        """Its own name."""
        return [asset.key]

    def references(self, asset: Asset) -> Sequence[Reference]:
        """The tables the SQL names, each with its place in the SQL file."""
        path = asset.spec.sql.path
        return [
            Reference(use.name, is_table=True, mark=Mark(path, use.line, use.column))
            for use in facts.shape(asset.spec.sql.text).tables
        ]

    def problems(self, asset: Asset, graph: AssetGraph) -> Sequence[Problem]:
        """SQL that cannot be read or trusted, and columns other than promised."""
        path, text = asset.spec.sql.path, asset.spec.sql.text
        shape = facts.shape(text)
        known = {use.name: graph.column_types(use.name) for use in shape.tables}
        found = [
            Problem(path, one.line, one.column, f"assets.{asset.key}", one.message, one.hint)
            for one in facts.problems(text, known if all(known.values()) else None)
        ]
        return found or list(_breaches(asset, shape.outputs))

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """Return one CreateView."""
        names = sorted(entry.name for entry in asset.kind.references(asset))
        inputs = tuple(table_ref(graph, name) for name in names)
        at, text = Ref(asset.key, "view"), asset.spec.sql.text
        return [CreateView(at, text, asset.spec.columns, inputs)]


def _breaches(asset: Asset, answered: Sequence[Output]) -> Iterator[Problem]:
    """Where the SQL and the promised columns differ: by name first, then by order."""
    promised = [str(column.name) for column in asset.spec.columns]
    names = [one.name for one in answered]
    for n, name in enumerate(promised):
        if name in promised[:n]:
            yield asset.problem(f"columns[{n}].name", f"column '{name}' is declared twice.", "Keep one.")
        elif name not in names and "*" not in names:
            message = f"the SQL returns no column '{name}'."
            yield asset.problem(f"columns[{n}].name", message, nearest(name, filter(None, names)))
    for n, one in enumerate(answered):
        mark = Mark(asset.spec.sql.path, one.line, one.column)
        path = f"assets.{asset.key}"
        if not one.name:
            yield mark.problem(path, f"column {n + 1} has no name.", "Add 'AS name'.")
        elif one.name == "*":
            yield mark.problem(path, "'*' does not say which columns the view has.", "Name every column.")
        elif one.name in names[:n]:
            yield mark.problem(path, f"the SQL returns column '{one.name}' twice.", "Rename one with AS.")
        elif one.name not in promised:
            hint = f"Declare it at {asset.mark('columns').path}:{asset.mark('columns').line}."
            yield mark.problem(path, f"column '{one.name}' is not declared.", hint)
    if sorted(names) == sorted(promised) and names != promised:
        n = next(n for n, name in enumerate(promised) if name != names[n])
        message = f"column {n + 1} is '{names[n]}' in the SQL, but '{promised[n]}' here."
        yield asset.problem(f"columns[{n}].name", message, "Write the columns in the same order.")
