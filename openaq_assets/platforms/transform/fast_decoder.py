"""The fast decoder of raw objects: only the fields that columns name are decoded, directly to their types.

``reference_decoder`` defines the meaning of a raw object. This module reads the many objects that are as
declared, at a quarter of the cost, and leaves every other object to the reference. It must never accept what
the reference reads differently: its decoder is strict about types, and its two lax cases are tested for.
"""

import datetime as dt
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, repeat
from operator import attrgetter, itemgetter
from typing import Annotated, Any

import msgspec
import polars as pl

from openaq_assets.graph.columns import ColumnType
from openaq_assets.graph.operations import Recipe, RecipeColumn
from openaq_assets.graph.partitions import window
from openaq_assets.graph.raw_keys import RawKey
from openaq_assets.platforms.transform import reference_decoder as reference
from openaq_assets.platforms.transform.reference_decoder import POLARS, Decoded, decode, key_text, rows_frame
from openaq_assets.platforms.transform.rows import opened
from openaq_assets.platforms.transform.schema_drift import MOST_NEW, Tree, below_list, known_to, note

BATCH_BYTES = 2**20  # fits in a CPU cache together with all that is made of it
MOST_REMEMBERED = 100_000
_NEW_FIELD = "Object contains unknown field"  # how only the decoder's message about one begins
_TIMES = ("timestamp", "date")
_EPOCH = dt.datetime(1970, 1, 1)
# Python can be configured to refuse whole numbers of 640 digits and more. No run of 640 digits lies between
# the samples, so all bytes are searched only if the samples are suspicious.
_STRIDE = 40
_DIGITS, _AS_ZERO = b"0" * 16, bytes.maketrans(b"123456789", b"0" * 9)
_LONG_NUMBER = re.compile(rb"\d{640}")

RawObject = tuple[RawKey, str, bytes]


class Remembered(dict[Any, Any]):
    """A cache of the values that the reference makes of texts: a day has few distinct times."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        super().__init__({None: None})
        self.read = read

    def __missing__(self, text: Any) -> Any:
        if len(self) > MOST_REMEMBERED:
            self.clear()
            self[None] = None
        value = self[text] = self.read(text)
        return value


@lru_cache(16)
def compiled(recipe: Recipe) -> "TypedRecipe | None":
    """Return the recipe prepared for decoding, or None if only the reference can carry it out."""
    # With a spread most rows of an object are of other days, and CSV has no types of its own.
    if recipe.format != "json" or recipe.spread:
        return None
    try:
        return TypedRecipe(recipe)
    except ValueError:  # Unfit, or names that the decoder does not allow
        return None


class TypedRecipe:
    """A prepared recipe: the decoder of its fields, the steps to their values, and readers of text."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        tree = tree_of(recipe)
        known, around = (None, None) if recipe.on_new_field == "ignore" else known_to(recipe)
        page = type_of({recipe.rows: list[type_of(tree, known)]}, around)  # type: ignore[misc]  # types are made at run time
        self.decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(page)
        leaves = list(leaves_of(tree))
        self.walk, self.at_once, self.paths = tuple(walk(tree)), at_once(leaves), [path for path, _ in leaves]
        if not self.paths:
            raise Unfit("nothing but names")
        self.readers = {column.name: Remembered(_reader(column)) for column in recipe.columns}
        self.named = [column for column in recipe.columns if column.key]

    def read(self, key: RawKey, name: str, body: bytes) -> "Read":
        """Return the values of an object of UTF-8 text; raise ValueError unless it is as declared."""
        if _DIGITS in body[::_STRIDE].translate(_AS_ZERO) and _LONG_NUMBER.search(body):
            raise Unfit("a number that the reference may refuse")
        rows: Sequence[Any] | None = self.decoder.decode(body).f0
        if rows is None:
            raise Unfit("no rows")
        named = {each.name: self.readers[each.name][key_text(each, key, name)] for each in self.named}
        return Read(name, body, named, self._values(rows))

    def _values(self, rows: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return, by row, the values at the paths, of one object at a time, which fits in a CPU cache."""
        if self.at_once:
            try:
                return list(map(self.at_once, rows))
            except AttributeError:  # a part above a value is missing
                pass
        values: dict[str, Sequence[Any]] = {"": rows}
        for step in self.walk:
            values[step.path] = step.down(values[step.above])
        return list(zip(*[values[path] for path in self.paths]))

    def frame(self, day: str, objects: "Sequence[Read]") -> pl.DataFrame:
        """Return the rows of objects as a table, in order; raise ValueError if a row does not fit."""
        by_path = dict(zip(self.paths, zip(*chain.from_iterable(each.rows for each in objects))))
        counts = [len(each.rows) for each in objects]
        columns = []
        for column in self.recipe.columns:
            if column.key:
                once = (each.named[column.name] for each in objects)
                values: Iterable[Any] = chain.from_iterable(map(repeat, once, counts))
            else:
                values = self._column(column, [by_path.get(path, ()) for path in column.paths])
            columns.append(_series(column, list(values)))
        table = pl.DataFrame(columns)
        _check(self.recipe, day, table)
        return table

    def _column(self, column: RecipeColumn, choices: list[Sequence[Any]]) -> Iterable[Any]:
        """Return the values of a column, each at its first path that has one."""
        values, *others = choices
        for other in others:
            values = [next_value if value is None else value for value, next_value in zip(values, other)]
        return map(self.readers[column.name].__getitem__, values) if column.type in _TIMES else values


@dataclass(slots=True)
class Read:
    """An object that was read: the values from its name, by column, and those of its rows."""

    name: str
    body: bytes
    named: dict[str, Any]
    rows: list[tuple[Any, ...]]


def _series(column: RecipeColumn, values: list[Any]) -> pl.Series:
    kind = pl.Int64 if column.type == "timestamp" else POLARS[column.type]
    series = pl.Series(column.name, values, dtype=kind)
    if not column.nullable and series.null_count():
        raise Unfit(f"{column.name}: no value")
    return series.cast(POLARS[column.type])


def table_of(recipe: Recipe, day: str, objects: Iterable[RawObject]) -> tuple[pl.DataFrame, Decoded]:
    """Return the rows of a day's objects, given oldest retrieval first, and what does not fit."""
    reading = _Day(recipe, day)
    tables = chain.from_iterable(map(reading.frames, _batches(objects)))
    return pl.concat([rows_frame(recipe, []), *tables]), reading.quarantined


def _batches(objects: Iterable[RawObject]) -> Iterator[list[RawObject]]:
    """Yield lists of objects that are decoded together, by their size."""
    batch: list[RawObject] = []
    size = 0
    for each in objects:
        batch.append(each)
        size += len(each[2])
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    yield batch


def _are_text(bodies: list[bytes]) -> bool:
    """Return whether all bodies are UTF-8, at a tenth of the cost of decoding each."""
    try:
        pl.Series(bodies, dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.PolarsError:
        return False
    return True


class _Day:
    """The state of reading a day: objects that fit are read fast, all others by the reference."""

    def __init__(self, recipe: Recipe, day: str) -> None:
        self.recipe, self.day = recipe, day
        self.declared = self.fast = compiled(recipe)
        self.quarantined = Decoded()

    def frames(self, batch: list[RawObject]) -> Iterator[pl.DataFrame]:
        """Yield a batch as tables, in order: one for each run of objects that fit, and each other object."""
        run: list[Read] = []
        are_text = _are_text([body for _, _, body in batch])
        for key, name, body in batch:
            try:
                if not are_text:
                    body.decode()  # also fields that are skipped must be UTF-8
                run.append(self._read(key, name, body))
            except (ValueError, RecursionError):
                yield from self._settled(run)
                yield self._by_reference(name, body)
                run = []
        yield from self._settled(run)

    def _read(self, key: RawKey, name: str, body: bytes) -> Read:
        """Read an object fast; raise ValueError or RecursionError if only the reference can read it."""
        if self.fast is None:
            raise Unfit("only the reference can")
        try:
            return self.fast.read(key, name, body)
        except msgspec.ValidationError as error:
            if not str(error).startswith(_NEW_FIELD):
                raise
        self._learn(key, name, body)
        return self.fast.read(key, name, body)

    def _learn(self, key: RawKey, name: str, body: bytes) -> None:
        """Record new fields, and accept them from now on: the next objects have them, too, and stay fast."""
        new = self.quarantined.new
        note(new, self.recipe, (name, key.retrieved.isoformat()), *opened(self.recipe, body))
        full = len(new) >= MOST_NEW
        known = replace(self.recipe, known=(*self.recipe.known, *new))
        self.fast = compiled(replace(self.recipe, on_new_field="ignore") if full else known)
        if self.fast is None:
            raise Unfit("only the reference can")

    def _settled(self, run: list[Read]) -> Iterator[pl.DataFrame]:
        """Yield a run as one table; if a row does not fit, its halves, down to one object."""
        if not run or self.declared is None:
            return
        try:
            yield self.declared.frame(self.day, run)
        except (ValueError, TypeError, OverflowError, pl.exceptions.PolarsError):
            if len(run) == 1:
                yield self._by_reference(run[0].name, run[0].body)
                return
            half = len(run) // 2
            yield from self._settled(run[:half])
            yield from self._settled(run[half:])

    def _by_reference(self, name: str, body: bytes) -> pl.DataFrame:
        decoded = decode(self.recipe, self.day, [(name, body)])
        self.quarantined.bad += decoded.bad
        for path, field in decoded.new.items():
            if len(self.quarantined.new) < MOST_NEW:
                self.quarantined.new.setdefault(path, field)
        return rows_frame(self.recipe, decoded.rows)


def _check(recipe: Recipe, day: str, table: pl.DataFrame) -> None:
    """Raise Unfit unless every row is of the day."""
    name = recipe.partition_by or recipe.partition_by_end
    if not name or not table.height:
        return
    start, end = (moment.replace(tzinfo=None) for moment in window(day))
    inside = dt.timedelta(seconds=0 if recipe.partition_by else 1)
    stamps = table[name]
    if stamps.dtype != POLARS["timestamp"] or stamps.null_count():
        raise Unfit("a row of no day")
    if not stamps.is_between(start + inside, end + inside, closed="left").all():
        raise Unfit("a row of another day")


def _reader(column: RecipeColumn) -> Callable[[Any], Any]:
    """Return the reader of the reference, with times as microseconds since 1970."""

    def read(text: Any) -> Any:
        value = reference.key_value(column, text) if column.key else reference.typed(column, text)
        if column.type != "timestamp":
            return value
        return (value - _EPOCH) // dt.timedelta(microseconds=1)

    return read


# --- the fields that columns name: types to decode to, and the steps to their values -----------------

_LEAVES: Mapping[ColumnType, Any] = {
    "varchar": str, "timestamp": str, "date": str, "double": float, "boolean": bool,
    "bigint": Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)],
    "integer": Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)],
}  # fmt: skip  # a table of many short cells


class Unfit(ValueError):
    """Something that only the reference can read."""


def tree_of(recipe: Recipe) -> dict[str, Any]:
    """Return the steps of all paths as nested dictionaries, whose leaves are types."""
    tree: dict[str, Any] = {}
    for column in recipe.columns:
        for path in column.paths:
            *above, last = path.split(".")
            node = tree
            for step in above:
                node = node.setdefault(step, {})
                if not isinstance(node, dict):
                    raise Unfit(f"{path}: both a value and what holds one")
            leaf = _LEAVES[column.type]
            if node.setdefault(last, leaf) is not leaf:
                raise Unfit(f"{path}: two types")
    return tree


def type_of(node: Any, known: Tree | None = None) -> Any:
    """Return the type of a node: that of a leaf, a list if steps are positions, else a struct.

    It refuses fields that are not ``known`` (None: every field is known). Known fields that no column reads
    are skipped.
    """
    if not isinstance(node, dict):
        return node
    if known and known.get("*", known) is None:
        known = None
    if any(step.isdecimal() for step in node):
        kind, *others = node.values()
        if not all(step.isdecimal() for step in node) or any(other is not kind for other in others):
            raise Unfit("positions of different types")
        return list[type_of(kind, _elements(known)) | None]  # type: ignore[misc]  # types are made at run time
    kinds = {step: type_of(child, known.get(step) if known else known) | None for step, child in node.items()}
    for step, below in (known or {}).items():
        kinds.setdefault(step, _skipped(below))
    if any(step == "*" or step.isdecimal() for step in kinds):
        raise Unfit("both positions and fields, or any field")
    names = {f"f{n}": step for n, step in enumerate(kinds)}
    fields = [(name, kinds[step], None) for name, step in names.items()]
    return msgspec.defstruct("Node", fields, rename=names, forbid_unknown_fields=known is not None, gc=False)


def _elements(known: Tree | None) -> Tree | None:
    """Return the known fields of every element of a list."""
    if known is None:
        return None
    below = below_list(known)
    if len(below) < len(known):
        raise Unfit("both positions and fields")
    return _merged(below)


def _merged(trees: Sequence[Tree | None]) -> Tree | None:
    """Return the fields that are known to any of the trees."""
    merged: Tree = {}
    for tree in trees:
        if tree is None:
            return None
        for step, below in tree.items():
            merged[step] = _merged([merged[step], below]) if step in merged else below
    return merged


def _skipped(known: Tree | None) -> Any:
    """Return the type of a field that no column reads: raw if all in it is known, else a struct."""
    if known is None or known.get("*", known) is None:
        return msgspec.Raw
    if any(step == "*" or step.isdecimal() for step in known):
        below = _skipped(_elements(known))
        return list[below] | None  # type: ignore[valid-type]  # the same
    return type_of({}, known) | None


@dataclass(frozen=True, slots=True)
class Step:
    """A step from a value (at path '': the row) to a field or position in it."""

    path: str
    above: str
    get: Callable[[Any], Any]
    least: int = 0

    def down(self, above: Sequence[Any]) -> list[Any]:
        """Return the values one step below; None where there is none."""
        try:
            return list(map(self.get, above))
        except (AttributeError, TypeError, IndexError):
            get, least = self.get, self.least
            return [None if v is None or (least and len(v) < least) else get(v) for v in above]


def walk(tree: dict[str, Any]) -> Iterator[Step]:
    """Yield the steps to every part of a tree, each after the step above it."""
    waiting = deque([("", tree)])
    while waiting:
        above, node = waiting.popleft()
        for n, (name, below) in enumerate(node.items()):
            path = f"{above}.{name}" if above else name
            if name.isdecimal():
                yield Step(path, above, itemgetter(int(name)), int(name) + 1)
            else:
                yield Step(path, above, attrgetter(f"f{n}"))
            if isinstance(below, dict):
                waiting.append((path, below))


def at_once(leaves: Sequence[tuple[str, str]]) -> Callable[[Any], tuple[Any, ...]] | None:
    """Return a function that gets all leaves of a row at once, in half the time of the steps.

    It raises AttributeError for a row that lacks a part. None for trees with positions, which may be missing.
    """
    if len(leaves) < 2 or any(step.isdecimal() for path, _ in leaves for step in path.split(".")):
        return None
    return attrgetter(*(field for _, field in leaves))


def leaves_of(tree: dict[str, Any], path: str = "", field: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path to each leaf, with the same path in the names of struct fields."""
    for n, (name, below) in enumerate(tree.items()):
        if isinstance(below, dict):
            yield from leaves_of(below, f"{path}{name}.", f"{field}f{n}.")
        else:
            yield path + name, f"{field}f{n}"
