"""Define operations: frozen values that become JSON and name assets, never locations.

A kind returns *unbound* operations; ``environment.bind`` fills in the URI and table name of every
``Ref``. Fingerprints are computed from unbound operations, so they cannot depend on the environment.
"""

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Literal, Protocol

from openaq_assets.graph.columns import Column, ColumnType, Severity

VIEW = "view"  # the layer of views, which each environment has of its own
ABOVE = "*"  # the environment of assets that all environments share


class Operation(Protocol):
    """An operation: a frozen dataclass of JSON values that names assets by ``Ref``.

    A plugin adds its own together with handlers for platforms (``operation_handlers``).
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference to an asset and some of its partitions; binding fills in ``uri`` and ``table``.

    ``layer`` is the folder of its data: ``raw``, ``processed``, ``reference``, ``view``, ``export`` or one
    of a plugin. ``environment`` names a logical environment other than that of the run (as for a check
    of prod), or ``*`` for assets that all environments share.
    """

    asset: str
    layer: str
    partitions: tuple[str, ...] = ()
    environment: str = ""
    uri: str = ""
    table: str = ""


@dataclass(frozen=True, slots=True)
class RecipeColumn:
    """The source of one column of a recipe.

    ``paths`` are JSON paths (for CSV, names in the header), tried in order; ``key`` is a part of the
    object's name instead.
    """

    name: str
    type: ColumnType
    paths: tuple[str, ...] = ()
    key: str = ""
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Recipe:
    """The rules by which raw objects become columns: data that every engine interprets alike, not code.

    ``format`` is ``json`` (``rows`` is the path of the list) or ``csv`` (gzipped, with a header). A row
    belongs to the UTC day of the column ``partition_by`` or, if only the end of its period is known, to
    the day of one second before ``partition_by_end``. With ``spread`` n, the rows of a day are also in
    the raw objects of n days before and after it; rows of other days in these objects are skipped.
    ``free_text`` is the CSV column whose unquoted text may contain commas: surplus cells are part of it.
    A field that no column reads and ``known`` does not name is new: ``on_new_field`` says whether it is
    ignored, recorded once, or fails the day (``platforms/transform/schema_drift.py`` defines its path).
    """

    rows: str
    columns: tuple[RecipeColumn, ...]
    unique: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    partition_by: str = ""
    on_bad_row: Literal["quarantine", "fail"] = "quarantine"
    format: Literal["json", "csv"] = "json"
    partition_by_end: str = ""
    spread: int = 0
    free_text: str = ""
    on_new_field: Literal["ignore", "warn", "fail"] = "ignore"
    known: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Transform:
    """Rebuild each day: decode all its raw objects by the recipe into one Parquet partition."""

    source: Ref
    recipe: Recipe
    into: Ref
    quarantine: Ref


@dataclass(frozen=True, slots=True)
class Table:
    """The contract of a table: its reference, its columns, and whether it is partitioned by day."""

    at: Ref
    columns: tuple[Column, ...]
    partitioned: bool


@dataclass(frozen=True, slots=True)
class Register:
    """Make the catalog contain the tables with these columns and all their partitions.

    If the reference of a table names ``partitions``, they were just written and checks will read them
    next: only they have to be registered.
    """

    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Load:
    """Make a table from a reviewed CSV, given as text."""

    csv: str = field(repr=False)
    columns: tuple[Column, ...]
    into: Ref


@dataclass(frozen=True, slots=True)
class CreateView:
    """Make the view have exactly this SQL (Athena dialect) and these columns.

    With ``replace`` an existing view that differs is replaced.
    """

    into: Ref
    sql: str
    columns: tuple[Column, ...]
    inputs: tuple[Ref, ...]
    replace: bool = True


@dataclass(frozen=True, slots=True)
class Query:
    """Run a query in Athena SQL.

    With ``expect='no rows'`` each returned row is a failure. ``expect='contract'`` compares the names
    and types of the result with ``columns``. With ``expect='counts'`` the platform only reads the
    numbers, and the caller compares them (see ``checks``). ``into`` keeps the rows as CSV.
    """

    name: str
    sql: str
    inputs: tuple[Ref, ...]
    expect: Literal["", "no rows", "contract", "counts"] = ""
    columns: tuple[Column, ...] = ()
    severity: Severity = "error"
    remedy: str = ""
    into: Ref | None = None


STANDARD: tuple[type, ...] = (Transform, Register, Load, CreateView, Query)


def to_json(operation: Operation) -> str:
    """Return the operation as one line of JSON, as a Glue job or another process receives it."""
    body = {"operation": type(operation).__name__, **_fields(operation)}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=_fields)


def _fields(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass, faster than ``asdict``; raise TypeError for another value."""
    return {name: getattr(value, name) for name in _names(typing.cast(Any, type(value)))}


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def is_operation(value: Any) -> bool:
    """Return whether a value is an operation: a dataclass that can be written as JSON."""
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return False
    try:
        return bool(to_json(value))
    except (TypeError, ValueError, RecursionError):
        return False


def listed(answer: Any) -> tuple[Any, ...]:
    """Return the items of a list that foreign code returned; raise TypeError for a text or a mapping."""
    if isinstance(answer, str | bytes | Mapping):
        raise TypeError(f"{answer!r} is not a list")
    return tuple(answer)


def from_json(text: str, kinds: Iterable[type] = STANDARD) -> Operation:
    """Return the operation in a line of JSON; raise ValueError if it is none of these types."""
    body = json.loads(text)
    name = body.pop("operation", "") if isinstance(body, dict) else ""
    kind = next((kind for kind in kinds if kind.__name__ == name), None)
    if kind is None:
        raise ValueError(f"not an operation: {text[:60]!r}")
    operation: Operation = _decoded(body, kind)
    return operation


def _decoded(value: Any, kind: Any) -> Any:
    """Return a JSON value as a value of a type of this module; raise ValueError if it does not fit."""
    arguments = typing.get_args(kind)
    if types.NoneType in arguments:
        return None if value is None else _decoded(value, arguments[0])
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        hints = _hints(typing.cast(Any, kind))
        if value.keys() != hints.keys():
            raise ValueError(f"{kind} does not have the fields {sorted(value)}")
        fields = {name: _decoded(item, hints[name]) for name, item in value.items()}
        return typing.cast(Any, kind)(**fields)
    if typing.get_origin(kind) is tuple and isinstance(value, list):
        return tuple(_decoded(item, arguments[0]) for item in value)
    if value in arguments and typing.get_origin(kind) is Literal:
        return value
    if isinstance(kind, type) and type(value) in kind.__mro__:
        return kind(value)
    raise ValueError(f"expected {kind}, got {value!r}")


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def fingerprint(operations: Iterable[Operation]) -> str:
    """Return twelve hex digits that identify operations, independent of environment and partitions."""
    return digest([to_json(_template(operation)) for operation in operations])


def digest(values: Any) -> str:
    """Return twelve hex digits that identify a JSON value."""
    text = json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _template(operation: Operation) -> Operation:
    template: Operation = map_refs(
        operation, lambda ref: dataclasses.replace(ref, partitions=(), uri="", table="")
    )
    if isinstance(template, Transform):  # declaring a field as known changes no row
        recipe = dataclasses.replace(template.recipe, on_new_field="ignore", known=())
        return dataclasses.replace(template, recipe=recipe)
    return template


def refs_of(value: Any) -> Iterator[Ref]:
    """Yield every ``Ref`` inside a value, in the order of its fields."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from refs_of(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for entry in dataclasses.fields(value):
            yield from refs_of(getattr(value, entry.name))


def map_refs(value: Any, change: Callable[[Ref], Ref]) -> Any:
    """Return the value with every ``Ref`` inside replaced by ``change(ref)``."""
    if isinstance(value, Ref):
        return change(value)
    if isinstance(value, tuple):
        return tuple(map_refs(item, change) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {
            entry.name: map_refs(getattr(value, entry.name), change) for entry in dataclasses.fields(value)
        }
        return dataclasses.replace(value, **changed)
    return value
