"""The kind ``processed``: raw objects decoded to typed columns, one Parquet file per day."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from openaq_assets.errors import FieldError, Problem, nearest
from openaq_assets.graph.assets import Asset, AssetGraph, Kind, Reference
from openaq_assets.graph.columns import Check, Column, ColumnType, Name
from openaq_assets.graph.fields import field_doc
from openaq_assets.graph.operations import Operation, Recipe, RecipeColumn, Ref, Transform
from openaq_assets.graph.partitions import COLUMNS

MOST_SPREAD = 7


@dataclass(frozen=True, slots=True)
class ProcessedColumn:
    """A column and its source: a JSON path with fallbacks, or a part of the object's key."""

    name: Name = field(metadata=field_doc("The name of the column.", "location_id"))
    type: ColumnType = field(
        metadata=field_doc("The type of the column, as Trino names it; a timestamp is in UTC.")
    )
    path: str = field(
        default="",
        metadata=field_doc(
            "The path of the value in a row of JSON, or the name of a column of CSV.",
            "period.datetimeFrom.utc",
        ),
    )
    fallbacks: tuple[str, ...] = field(
        default=(),
        metadata=field_doc("Paths that are read when the one before them has no value.", ["summary.avg"]),
    )
    key: str = field(
        default="",
        metadata=field_doc(
            "The part of the raw object's key that holds the value, instead of `path`.", "retrieved"
        ),
    )
    unit: str = field(default="", metadata=field_doc("The unit of the values.", "µg/m³"))
    description: str = field(
        default="", metadata=field_doc("The meaning of the column.", "OpenAQ location id")
    )
    nullable: bool = field(default=True, metadata=field_doc("False if the column never holds NULL."))

    def __post_init__(self) -> None:
        if bool(self.path) == bool(self.key):
            given = "both 'path' and 'key'" if self.path else "neither 'path' nor 'key'"
            hint = "Give one of them: 'path' (of a value in the row) or 'key' (a part of the object's name)."
            raise FieldError("", f"column '{self.name}' has {given}.", hint)


@dataclass(frozen=True, slots=True)
class ProcessedFields:
    """The recipe for the rows, a closed set of fields, so that every engine decodes alike."""

    source: Name = field(metadata=field_doc("The raw asset whose objects are read.", "measurements_raw"))
    columns: tuple[ProcessedColumn, ...] = field(metadata=field_doc("The columns of the table, in order."))
    rows: str = field(
        default="results",
        metadata=field_doc("The field of a raw object that holds the list of its rows.", "results"),
    )
    unique: tuple[Name, ...] = field(
        default=(),
        metadata=field_doc(
            "The columns that identify a row; the row retrieved last replaces earlier ones.",
            ["sensor_id", "period_from"],
        ),
    )
    sort: tuple[Name, ...] = field(
        default=(),
        metadata=field_doc(
            "The columns that the rows of a file are sorted by.", ["location_id", "period_from"]
        ),
    )
    partition_by: Name | None = field(
        default=None,
        metadata=field_doc("The timestamp column whose UTC day a row belongs to.", "period_from"),
    )
    on_bad_row: Literal["quarantine", "fail"] = field(
        default="quarantine",
        metadata=field_doc(
            "The treatment of a row that does not fit: it is quarantined, or it fails the day."
        ),
    )
    format: Literal["json", "csv"] = field(
        default="json",
        metadata=field_doc("The format of the raw objects; `csv` is gzipped and has a header."),
    )
    partition_by_end: Name | None = field(
        default=None,
        metadata=field_doc(
            "The timestamp column that ends a row's period; the row belongs to the day of the second before.",
            "period_to",
        ),
    )
    spread: int = field(
        default=0,
        metadata=field_doc(
            "The number of days before and after a day whose raw objects it also reads, from 0 to 7.", 1
        ),
    )
    free_text: str = field(
        default="",
        metadata=field_doc("The column of a CSV whose text may hold commas without quotes.", "name"),
    )
    on_new_field: Literal["ignore", "warn", "fail"] = field(
        default="warn",
        metadata=field_doc(
            "The result of a field that no column reads: nothing, a warning, or a failed day."
        ),
    )
    known: tuple[str, ...] = field(
        default=(),
        metadata=field_doc(
            "Paths of fields that no column reads and that are not reported as new; `*` matches any step.",
            ["coverage.datetimeTo", "/meta.found"],
        ),
    )
    checks: tuple[Check, ...] = field(
        default=(), metadata=field_doc("The checks of the rows, run whenever the table is made.")
    )

    def __post_init__(self) -> None:
        for index, path in enumerate(self.known):
            if not all(path.removeprefix("/").split(".")):
                message = f"'{path}' is not a valid path."
                hint = "Write a path like 'summary.max', 'licenses.*.url' or '/meta.found'."
                raise FieldError(f"known[{index}]", message, hint)
        if not 0 <= self.spread <= MOST_SPREAD:
            message = f"expected a number of days, got {self.spread}."
            raise FieldError("spread", message, f"Write a number from 0 to {MOST_SPREAD}.")
        if self.partition_by and self.partition_by_end:
            message = "both 'partition_by' and 'partition_by_end' are given."
            raise FieldError("partition_by_end", message, "Keep one of them.")
        if self.spread and not (self.partition_by or self.partition_by_end):
            message = "'spread' needs a column that gives the day of a row."
            raise FieldError("spread", message, "Add 'partition_by' or 'partition_by_end'.")


class Processed(Kind):
    """A table made from raw objects by a recipe."""

    name = "processed"
    fields = ProcessedFields
    partitions = "daily"
    holds = "rows"
    from_raw = True

    def references(self, asset: Asset) -> Sequence[Reference]:
        """Return a reference to the raw asset."""
        return [Reference(asset.spec.source, where="source")]

    def columns(self, asset: Asset) -> Sequence[Column]:
        """Return the declared columns, then those of the partition."""
        declared = [
            Column(column.name, column.type, column.unit, column.description, column.nullable)
            for column in asset.spec.columns
        ]
        keys = [Column(Name(name), "varchar", "", "partition", False) for name in COLUMNS]
        return (*declared, *keys)

    def problems(self, asset: Asset, graph: AssetGraph) -> Sequence[Problem]:
        """Return problems of columns declared twice, and of undeclared columns that other fields name."""
        names = [column.name for column in asset.spec.columns]
        problems = [
            asset.problem(f"columns[{index}].name", f"column '{name}' is declared twice.", "Rename it.")
            for index, name in enumerate(names)
            if name in names[:index] or name in COLUMNS
        ]
        used = [(f"unique[{n}]", name) for n, name in enumerate(asset.spec.unique)]
        used += [(f"sort[{n}]", name) for n, name in enumerate(asset.spec.sort)]
        days = {name: getattr(asset.spec, name) for name in ("partition_by", "partition_by_end")}
        used += [(where, name) for where, name in days.items() if name]
        problems += [
            asset.problem(where, f"there is no column '{name}'.", nearest(name, names))
            for where, name in used
            if name not in names
        ]
        return problems

    def spread(self, asset: Asset) -> int:
        """Return how many neighbouring days' raw objects a day needs: a local day spans two UTC days."""
        days: int = asset.spec.spread
        return days

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """Return one Transform, which rebuilds each day from all its raw objects."""
        spec = asset.spec
        columns = tuple(
            RecipeColumn(
                column.name,
                column.type,
                (column.path, *column.fallbacks) if column.path else (),
                column.key,
                column.nullable,
            )
            for column in spec.columns
        )
        recipe = Recipe(
            spec.rows,
            columns,
            spec.unique,
            spec.sort,
            spec.partition_by or "",
            spec.on_bad_row,
            spec.format,
            spec.partition_by_end or "",
            spec.spread,
            spec.free_text,
            spec.on_new_field,
            spec.known,
        )
        transform = Transform(
            source=Ref(spec.source, "raw", partitions),
            recipe=recipe,
            into=Ref(asset.key, "processed", partitions),
            quarantine=Ref(asset.key, "quarantine", partitions),
        )
        return [transform]
