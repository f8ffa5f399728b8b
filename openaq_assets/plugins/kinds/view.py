"""The kind ``view``: a query in Athena SQL with declared columns; its inputs are read from the SQL."""

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
    """The SQL file and the columns of its result."""

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
    """A view, which holds no rows: it is made again when its SQL, columns or tables change."""

    name = "view"
    fields = ViewFields
    holds = "view"

    def tables(self, asset: Asset) -> Sequence[str]:
        """Return its own name."""
        return [asset.key]

    def references(self, asset: Asset) -> Sequence[Reference]:
        """Return references to the tables that the SQL names, each with its position in the SQL file."""
        path = asset.spec.sql.path
        return [
            Reference(use.name, is_table=True, mark=Mark(path, use.line, use.column))
            for use in facts.shape(asset.spec.sql.text).tables
        ]

    def problems(self, asset: Asset, graph: AssetGraph) -> Sequence[Problem]:
        """Return problems of the SQL; if it has none, columns that differ from the declared ones."""
        path, text = asset.spec.sql.path, asset.spec.sql.text
        shape = facts.shape(text)
        known = {use.name: graph.column_types(use.name) for use in shape.tables}
        problems = [
            Problem(path, entry.line, entry.column, f"assets.{asset.key}", entry.message, entry.hint)
            for entry in facts.problems(text, known if all(known.values()) else None)
        ]
        return problems or list(_differences(asset, shape.outputs))

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """Return one CreateView."""
        names = sorted(entry.name for entry in asset.kind.references(asset))
        inputs = tuple(table_ref(graph, name) for name in names)
        at, text = Ref(asset.key, "view"), asset.spec.sql.text
        return [CreateView(at, text, asset.spec.columns, inputs)]


def _differences(asset: Asset, outputs: Sequence[Output]) -> Iterator[Problem]:
    """Yield where the columns of the SQL and the declared ones differ: by name first, then by order."""
    declared = [str(column.name) for column in asset.spec.columns]
    names = [output.name for output in outputs]
    for n, name in enumerate(declared):
        if name in declared[:n]:
            yield asset.problem(f"columns[{n}].name", f"column '{name}' is declared twice.", "Keep one.")
        elif name not in names and "*" not in names:
            message = f"the SQL returns no column '{name}'."
            yield asset.problem(f"columns[{n}].name", message, nearest(name, filter(None, names)))
    for n, output in enumerate(outputs):
        mark = Mark(asset.spec.sql.path, output.line, output.column)
        path = f"assets.{asset.key}"
        if not output.name:
            yield mark.problem(path, f"column {n + 1} has no name.", "Add 'AS name'.")
        elif output.name == "*":
            yield mark.problem(path, "'*' does not say which columns the view has.", "Name every column.")
        elif output.name in names[:n]:
            yield mark.problem(path, f"the SQL returns column '{output.name}' twice.", "Rename one with AS.")
        elif output.name not in declared:
            hint = f"Declare it at {asset.mark('columns').path}:{asset.mark('columns').line}."
            yield mark.problem(path, f"column '{output.name}' is not declared.", hint)
    if sorted(names) == sorted(declared) and names != declared:
        n = next(n for n, name in enumerate(declared) if name != names[n])
        message = f"column {n + 1} is '{names[n]}' in the SQL, but '{declared[n]}' here."
        yield asset.problem(f"columns[{n}].name", message, "Write the columns in the same order.")
