"""``reference``: a CSV of conf/reference, reviewed like code, as a table."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from openaq_assets.definitions import Asset, Column, Kind, TextFile
from openaq_assets.errors import Problem, nearest
from openaq_assets.graph import AssetGraph
from openaq_assets.operations import Load, Operation, Ref


@dataclass(frozen=True, slots=True)
class ReferenceFields:
    """The file and its columns."""

    file: TextFile
    columns: tuple[Column, ...]


class ReferenceTable(Kind):
    """A small table that people edit."""

    name = "reference"
    fields = ReferenceFields

    def tables(self, asset: Asset) -> Sequence[str]:
        """Its own name."""
        return [asset.key]

    def problems(self, asset: Asset, graph: AssetGraph) -> Sequence[Problem]:
        """A header that differs from the declared columns."""
        header = next(csv.reader(io.StringIO(asset.spec.file.text)), [])
        names = [column.name for column in asset.spec.columns]
        found = [
            asset.problem(f"columns[{n}].name", f"the file has no column '{name}'.", nearest(name, header))
            for n, name in enumerate(names)
            if name not in header
        ]
        return found + [
            Problem(asset.spec.file.path, 1, 1, name, f"column '{name}' is not declared.",
                    f"Declare it at {asset.at.path}:{asset.at.line}.")
            for name in header if name not in names
        ]  # fmt: skip

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """One Load that carries the text."""
        return [Load(asset.spec.file.text, asset.spec.columns, Ref(asset.key, "reference"))]
