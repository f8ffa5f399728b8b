"""The kind ``reference``: a CSV of conf/reference, reviewed like code, as a table."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from openaq_assets.errors import Problem, nearest
from openaq_assets.graph.assets import Asset, AssetGraph, Kind, TextFile
from openaq_assets.graph.columns import Check, Column
from openaq_assets.graph.fields import field_doc
from openaq_assets.graph.operations import Load, Operation, Ref


@dataclass(frozen=True, slots=True)
class ReferenceFields:
    """The file and its columns."""

    file: TextFile = field(metadata=field_doc("The CSV file with the rows.", "conf/reference/cities.csv"))
    columns: tuple[Column, ...] = field(metadata=field_doc("The columns of the file, in order."))
    checks: tuple[Check, ...] = field(
        default=(), metadata=field_doc("The checks of the rows, run whenever the table is made.")
    )


class ReferenceTable(Kind):
    """A small table that people edit."""

    name = "reference"
    holds = "rows"
    fields = ReferenceFields

    def tables(self, asset: Asset) -> Sequence[str]:
        """Return its own name."""
        return [asset.key]

    def problems(self, asset: Asset, graph: AssetGraph) -> Sequence[Problem]:
        """Return the differences between the header and the declared columns, else rows of another length."""
        declared = [str(column.name) for column in asset.spec.columns]
        try:
            rows = list(csv.reader(io.StringIO(asset.spec.file.text, newline=""), strict=True))
        except csv.Error as error:
            message = f"the file is not valid CSV: {error}."
            return [Problem(asset.spec.file.path, 1, 1, "", message, "Check quotes and separators.")]
        header = rows[0] if rows else []
        problems = [
            asset.problem(f"columns[{n}].name", f"the file has no column '{name}'.", nearest(name, header))
            for n, name in enumerate(declared)
            if name not in header
        ]
        hint = f"Declare it at {asset.at.path}:{asset.at.line}."
        problems += [
            Problem(asset.spec.file.path, 1, 1, name, f"column '{name}' is not declared.", hint)
            for name in header
            if name not in declared
        ]
        return problems or list(_uneven(asset, rows))

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """Return one Load, which carries the text of the file."""
        return [Load(asset.spec.file.text, asset.spec.columns, Ref(asset.key, "reference"))]


def _uneven(asset: Asset, rows: Sequence[Sequence[str]]) -> Iterator[Problem]:
    """Yield a problem for each row with more or fewer cells than the header, usually a missing quote."""
    width = len(rows[0])
    for line, row in enumerate(rows, 1):
        if row and len(row) != width:
            message = f"row {line} has {len(row)} cells, but the header has {width}."
            yield Problem(
                asset.spec.file.path, line, 1, "", message, "Put quotes around cells that contain a comma."
            )
