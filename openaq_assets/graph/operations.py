"""What can be done, as values: frozen, JSON-serialisable, naming assets and never places.

A kind returns *unbound* operations; ``environment.bind`` fills in the URI and table name of every
``Ref``. Fingerprints are taken before that, so they cannot depend on the environment.
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

VIEW = "view"  # the layer of what each environment has of its own
ABOVE = "*"  # the environment of what lies above all of them


class Operation(Protocol):
    """Anything that can be done: a frozen dataclass of JSON values that names assets by ``Ref``.

    A plugin brings its own together with handlers for platforms (``operation_handlers``).
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Ref:
    """An asset and some of its partitions, by name; ``uri`` and ``table`` are filled in by binding.

    ``layer`` is the folder its data lie in: ``raw``, ``processed``, ``reference``, ``view``, ``export`` or a
    plugin's own. ``environment`` names a logical environment other than the one of the run (a check of
    prod), or ``*``: above all of them.
    """

    asset: str
    layer: str
    partitions: tuple[str, ...] = ()
    environment: str = ""
    uri: str = ""
    table: str = ""


@dataclass(frozen=True, slots=True)
class RecipeColumn:
    """Where one column comes from: JSON paths (for CSV, columns of the header) tried in order, or
    a part of the object's key."""

    name: str
    type: ColumnType
    paths: tuple[str, ...] = ()
    key: str = ""
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Recipe:
    """How raw objects become columns: data that every engine interprets alike, never code.

    ``format`` is ``json`` (``rows`` names the list) or ``csv`` (gzipped, with a header). A row
    belongs to the UTC day of the column ``partition_by``, or, where only the end of its period is
    known, to that of one second before ``partition_by_end``. With ``spread`` n, a day's rows also
    lie in the raw objects of n days before and after; what lies there of other days is theirs.
    ``free_text`` is the CSV column whose unquoted text may hold commas: surplus cells are its own.
    A field that neither a column reads nor ``known`` names is new: ``on_new_field`` says whether it is
    ignored, recorded once, or fails the day (``platforms/recipe_drift.py`` says what a path is).
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
    """All raw objects of each day, rebuilt as one Parquet partition by the recipe."""

    source: Ref
    recipe: Recipe
    into: Ref
    quarantine: Ref


@dataclass(frozen=True, slots=True)
class Table:
    """The contract of a table: its place, columns and whether it is partitioned by day."""

    at: Ref
    columns: tuple[Column, ...]
    partitioned: bool


@dataclass(frozen=True, slots=True)
class Register:
    """The tables exist in the catalog with these columns and every partition there is.

    Where the reference of a table names ``partitions``, they were just written and are about to be
    asked by checks: others need not be made known.
    """

    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Load:
    """A reviewed CSV, given as text, becomes a table."""

    csv: str = field(repr=False)
    columns: tuple[Column, ...]
    into: Ref


@dataclass(frozen=True, slots=True)
class CreateView:
    """The view has exactly this SQL (Athena dialect) and these columns; ``replace`` it if it differs."""

    into: Ref
    sql: str
    columns: tuple[Column, ...]
    inputs: tuple[Ref, ...]
    replace: bool = True


@dataclass(frozen=True, slots=True)
class Query:
    """A question in Athena SQL.

    As a check (``expect='no rows'``) each returned row is a failure; ``expect='contract'`` compares the
    names and types of the result with ``columns``; ``expect='counts'`` answers with numbers that the
    caller judges (see ``checks``): a platform only reads it. ``into`` keeps the rows as CSV.
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
    """Return the operation as one line of JSON: what a Glue job or another process receives."""
    body = {"operation": type(operation).__name__, **_fields(operation)}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=_fields)


def _fields(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass, sooner than ``asdict`` does; raise TypeError if it is none."""
    return {name: getattr(value, name) for name in _names(typing.cast(Any, type(value)))}


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def is_operation(value: Any) -> bool:
    """Return whether a value can be kept, compared and sent as JSON, as an operation has to be."""
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return False
    try:
        return bool(to_json(value))
    except (TypeError, ValueError, RecursionError):
        return False


def listed(answer: Any) -> tuple[Any, ...]:
    """Return the items that a kind answers with; raise TypeError for a text or a mapping."""
    if isinstance(answer, str | bytes | Mapping):
        raise TypeError(f"{answer!r} is no list")
    return tuple(answer)


def from_json(text: str, kinds: Iterable[type] = STANDARD) -> Operation:
    """Return the operation that a line of JSON says; raise ValueError if it is none of these kinds."""
    body = json.loads(text)
    name = body.pop("operation", "") if isinstance(body, dict) else ""
    kind = next((kind for kind in kinds if kind.__name__ == name), None)
    if kind is None:
        raise ValueError(f"not an operation: {text[:60]!r}")
    operation: Operation = _decoded(body, kind)
    return operation


def _decoded(value: Any, kind: Any) -> Any:
    """A JSON value as a value of a type of this module; raises ValueError if it is none."""
    arguments = typing.get_args(kind)
    if types.NoneType in arguments:
        return None if value is None else _decoded(value, arguments[0])
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        hints = _hints(typing.cast(Any, kind))
        if value.keys() != hints.keys():
            raise ValueError(f"{kind} has other fields than {sorted(value)}")
        fields = {name: _decoded(one, hints[name]) for name, one in value.items()}
        return typing.cast(Any, kind)(**fields)
    if typing.get_origin(kind) is tuple and isinstance(value, list):
        return tuple(_decoded(one, arguments[0]) for one in value)
    if value in arguments and typing.get_origin(kind) is Literal:
        return value
    if isinstance(kind, type) and type(value) in kind.__mro__:
        return kind(value)
    raise ValueError(f"expected {kind}, got {value!r}")


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def fingerprint(operations: Iterable[Operation]) -> str:
    """Twelve hex digits of what would be done, whatever the environment and partitions."""
    return digest([to_json(_template(operation)) for operation in operations])


def digest(values: Any) -> str:
    """Twelve hex digits of a JSON value."""
    text = json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _template(operation: Operation) -> Operation:
    template: Operation = map_refs(
        operation, lambda ref: dataclasses.replace(ref, partitions=(), uri="", table="")
    )
    if isinstance(template, Transform):  # to say that a field is known changes no row
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
    """The value with every ``Ref`` inside replaced by ``change(ref)``."""
    if isinstance(value, Ref):
        return change(value)
    if isinstance(value, tuple):
        return tuple(map_refs(item, change) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {one.name: map_refs(getattr(value, one.name), change) for one in dataclasses.fields(value)}
        return dataclasses.replace(value, **changed)
    return value
