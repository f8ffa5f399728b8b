"""``processed``: raw JSON as typed columns, one Parquet file per day."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from openaq_assets.errors import FieldError, Problem, nearest
from openaq_assets.graph.assets import Asset, AssetGraph, Kind, Reference
from openaq_assets.graph.columns import Check, Column, ColumnType, Name
from openaq_assets.graph.operations import Operation, Recipe, RecipeColumn, Ref, Transform
from openaq_assets.graph.partitions import COLUMNS

MOST_SPREAD = 7


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
            message = f"column '{self.name}' says {'both' if self.path else 'neither'} 'path' and 'key'."
            raise FieldError("", message, "Give 'path' (in the row) or 'key' (of the object).")


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
    format: Literal["json", "csv"] = "json"
    partition_by_end: Name | None = None
    spread: int = 0
    free_text: str = ""
    on_new_field: Literal["ignore", "warn", "fail"] = "warn"
    known: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()

    def __post_init__(self) -> None:
        for index, path in enumerate(self.known):
            if not all(path.removeprefix("/").split(".")):
                message = f"'{path}' is no path."
                hint = "Write steps like 'summary.max', 'licenses.*.url' or '/meta.found'."
                raise FieldError(f"known[{index}]", message, hint)
        if not 0 <= self.spread <= MOST_SPREAD:
            message = f"expected a number of days, got {self.spread}."
            raise FieldError("spread", message, f"Write a number from 0 to {MOST_SPREAD}.")
        if self.partition_by and self.partition_by_end:
            message = "'partition_by' says the day already."
            raise FieldError("partition_by_end", message, "Keep one of them.")
        if self.spread and not (self.partition_by or self.partition_by_end):
            message = "nothing says which day a row is of."
            raise FieldError("spread", message, "Add 'partition_by' or 'partition_by_end'.")


class Processed(Kind):
    """A table made from raw objects by a recipe."""

    name = "processed"
    fields = ProcessedFields
    partitions = "daily"
    holds = "rows"
    from_raw = True

    def references(self, asset: Asset) -> Sequence[Reference]:
        """The raw asset."""
        return [Reference(asset.spec.source, where="source")]

    def columns(self, asset: Asset) -> Sequence[Column]:
        """The declared columns, then the partition's."""
        declared = [
            Column(one.name, one.type, one.unit, one.description, one.nullable) for one in asset.spec.columns
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
        days = {field: getattr(asset.spec, field) for field in ("partition_by", "partition_by_end")}
        used += [(field, name) for field, name in days.items() if name]
        found += [
            asset.problem(where, f"there is no column '{name}'.", nearest(name, names))
            for where, name in used
            if name not in names
        ]
        return found

    def spread(self, asset: Asset) -> int:
        """A local day is in two UTC days, so a day may need its neighbours' raw objects."""
        days: int = asset.spec.spread
        return days

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
            spec.rows, columns, spec.unique, spec.sort, spec.partition_by or "", spec.on_bad_row,
            spec.format, spec.partition_by_end or "", spec.spread, spec.free_text,
            spec.on_new_field, spec.known,
        )  # fmt: skip
        transform = Transform(
            source=Ref(spec.source, "raw", partitions),
            recipe=recipe,
            into=Ref(asset.key, "processed", partitions),
            quarantine=Ref(asset.key, "quarantine", partitions),
        )
        return [transform]
