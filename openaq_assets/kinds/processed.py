"""``processed``: raw JSON as typed columns, one Parquet file per day."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from openaq_assets.definitions import Asset, Column, ColumnType, Kind, Name, Reference
from openaq_assets.errors import Problem, nearest
from openaq_assets.graph import AssetGraph
from openaq_assets.operations import Operation, Recipe, RecipeColumn, Ref, Transform
from openaq_assets.partitions import COLUMNS


@dataclass(frozen=True, slots=True)
class ProcessedColumn:
    """A column and where it comes from: a JSON path, fallbacks, or a part of the object's key."""

    name: Name
    type: ColumnType
    path: str = ""
    fallbacks: tuple[str, ...] = ()
    key: str = ""
    unit: str = ""
    description: str = ""
    nullable: bool = True

    def __post_init__(self) -> None:
        if bool(self.path) == bool(self.key):
            raise ValueError(f"column '{self.name}' needs either 'path' (in the row) or 'key' (of the object).")


@dataclass(frozen=True, slots=True)
class ProcessedFields:
    """The recipe: closed, so that every engine can interpret it alike."""

    source: Name
    columns: tuple[ProcessedColumn, ...]
    rows: str = "results"
    unique: tuple[Name, ...] = ()
    sort: tuple[Name, ...] = ()
    partition_by: Name | None = None
    on_bad_row: Literal["quarantine", "fail"] = "quarantine"


class Processed(Kind):
    """A table made from raw objects by a recipe."""

    name = "processed"
    fields = ProcessedFields
    partitions = "daily"

    def references(self, asset: Asset) -> Sequence[Reference]:
        """The raw asset."""
        return [Reference(asset.spec.source, where="source")]

    def columns(self, asset: Asset) -> Sequence[Column]:
        """The declared columns, then the partition's."""
        declared = [
            Column(one.name, one.type, one.unit, one.description, one.nullable)
            for one in asset.spec.columns
        ]
        keys = [Column(Name(name), "varchar", "", "partition", False) for name in COLUMNS]
        return (*declared, *keys)

    def problems(self, asset: Asset, graph: AssetGraph) -> Sequence[Problem]:
        """Columns named twice, and columns that other fields name but nobody declares."""
        names = [one.name for one in asset.spec.columns]
        found = [
            asset.problem(f"columns[{index}].name", f"column '{name}' is declared twice.", "Rename it.")
            for index, name in enumerate(names)
            if name in names[:index] or name in COLUMNS
        ]
        used = [(f"unique[{n}]", name) for n, name in enumerate(asset.spec.unique)]
        used += [(f"sort[{n}]", name) for n, name in enumerate(asset.spec.sort)]
        used += [("partition_by", asset.spec.partition_by)] if asset.spec.partition_by else []
        return found + [
            asset.problem(where, f"there is no column '{name}'.", nearest(name, names))
            for where, name in used
            if name not in names
        ]

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """One Transform; each day is rebuilt from all its raw objects."""
        spec = asset.spec
        columns = tuple(
            RecipeColumn(
                one.name, one.type, (one.path, *one.fallbacks) if one.path else (), one.key, one.nullable
            )
            for one in spec.columns
        )
        recipe = Recipe(
            spec.rows, columns, spec.unique, spec.sort, spec.partition_by or "", spec.on_bad_row
        )
        transform = Transform(
            source=Ref(spec.source, "raw", partitions),
            recipe=recipe,
            into=Ref(asset.key, "processed", partitions),
            quarantine=Ref(asset.key, "quarantine", partitions),
        )
        return [transform]
