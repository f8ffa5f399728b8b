"""The recipe, fast: only the fields that columns name are decoded, straight into their types.

``recipe_polars`` says what a raw object means; this reads the many objects that are as declared,
at a quarter of the cost, and hands every other one over. So it must never accept what the reference reads
differently: its decoder is strict about each type, and the two things it is lax about are looked for.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, repeat
from typing import Any

import msgspec
import polars as pl

from openaq_assets.graph.operations import Recipe, RecipeColumn
from openaq_assets.graph.partitions import window
from openaq_assets.graph.raw_keys import RawKey
from openaq_assets.platforms.transform.fields import Unfit, at_once, paths_of, tree_of, type_of, walk
from openaq_assets.platforms.transform.reference_decoder import (
    POLARS,
    Decoded,
    decode,
    key_text,
    key_value,
    rows_frame,
    typed,
)
from openaq_assets.platforms.transform.rows import opened
from openaq_assets.platforms.transform.schema_drift import MOST_NEW, known_to, note

BATCH_BYTES = 2**20  # what a cache holds with all that is made of it
MOST_REMEMBERED = 100_000
_NEW_FIELD = "Object contains unknown field"  # what the decoder says of one; no other words do
_TIMES = ("timestamp", "date")
_EPOCH = dt.datetime(1970, 1, 1)
# 640 digits is the least that Python can be told to refuse as a whole number, and no run of 640
# digits slips between the samples: the search of all bytes is only for what they make suspicious.
_STRIDE = 40
_DIGITS, _AS_ZERO = b"0" * 16, bytes.maketrans(b"123456789", b"0" * 9)
_LONG_NUMBER = re.compile(rb"\d{640}")

RawObject = tuple[RawKey, str, bytes]


class Remembered(dict[Any, Any]):
    """What the reference makes of a text, worked out once: a day has few distinct times."""

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
    """The recipe for decoding, or None where only the reference can carry it out."""
    # With a spread most rows of an object are of other days, and CSV has no types of its own.
    if recipe.format != "json" or recipe.spread:
        return None
    try:
        return TypedRecipe(recipe)
    except ValueError:  # Unfit, or names the decoder cannot have
        return None


class TypedRecipe:
    """A recipe made ready: the decoder of its fields, the walk to them, and readers of text."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        tree = tree_of(recipe)
        known, around = (None, None) if recipe.on_new_field == "ignore" else known_to(recipe)
        page = type_of({recipe.rows: list[type_of(tree, known)]}, around)  # type: ignore[misc]
        self.decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(page)
        self.walk, self.at_once, self.paths = tuple(walk(tree)), at_once(tree), paths_of(tree)
        if not self.paths:
            raise Unfit("nothing but names")
        self.readers = {one.name: Remembered(_reader(one)) for one in recipe.columns}
        self.named = [one for one in recipe.columns if one.key]

    def read(self, key: RawKey, name: str, body: bytes) -> "Read":
        """What an object, which is text, holds; raises ValueError for what is not surely as declared."""
        if _DIGITS in body[::_STRIDE].translate(_AS_ZERO) and _LONG_NUMBER.search(body):
            raise Unfit("a number that the reference may refuse")
        rows: Sequence[Any] | None = self.decoder.decode(body).f0
        if rows is None:
            raise Unfit("no rows")
        named = {one.name: self.readers[one.name][key_text(one, key, name)] for one in self.named}
        return Read(name, body, named, self._values(rows))

    def _values(self, rows: Sequence[Any]) -> list[tuple[Any, ...]]:
        """By row, the values at the paths. One object at a time is what a cache holds."""
        if self.at_once:
            try:
                return list(map(self.at_once, rows))
            except AttributeError:  # nothing to go down from
                pass
        found: dict[str, Sequence[Any]] = {"": rows}
        for step in self.walk:
            found[step.path] = step.down(found[step.above])
        return list(zip(*[found[path] for path in self.paths]))

    def frame(self, day: str, objects: "Sequence[Read]") -> pl.DataFrame:
        """The rows of objects, in order; raises ValueError if any of them does not fit."""
        found = dict(zip(self.paths, zip(*chain.from_iterable(one.rows for one in objects))))
        counts = [len(one.rows) for one in objects]
        columns = []
        for column in self.recipe.columns:
            if column.key:
                once = (one.named[column.name] for one in objects)
                values: Iterable[Any] = chain.from_iterable(map(repeat, once, counts))
            else:
                values = self._column(column, [found.get(path, ()) for path in column.paths])
            columns.append(_series(column, list(values)))
        table = pl.DataFrame(columns)
        _check(self.recipe, day, table)
        return table

    def _column(self, column: RecipeColumn, found: list[Sequence[Any]]) -> Iterable[Any]:
        """Where the first path has nothing, the next one counts."""
        values, *others = found
        for other in others:
            values = [two if one is None else one for one, two in zip(values, other)]
        return map(self.readers[column.name].__getitem__, values) if column.type in _TIMES else values


@dataclass(slots=True)
class Read:
    """An object with the values of its name, by column, and those of its rows."""

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
    """The rows of a day's objects, which come oldest retrieval first, and what did not fit."""
    reading = _Day(recipe, day)
    tables = [rows_frame(recipe, [])]
    for batch in _batches(objects):
        tables += reading.frames(batch)
    return pl.concat(tables), reading.aside


def _batches(objects: Iterable[RawObject]) -> Iterator[list[RawObject]]:
    """As many at a time as should be decoded together."""
    batch: list[RawObject] = []
    size = 0
    for one in objects:
        batch.append(one)
        size += len(one[2])
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    yield batch


def _are_text(bodies: list[bytes]) -> bool:
    """Whether all of it is UTF-8; told at a tenth of the cost of decoding each."""
    try:
        pl.Series(bodies, dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.PolarsError:
        return False
    return True


class _Day:
    """A day being read: the objects that fit, fast, and all others by the reference."""

    def __init__(self, recipe: Recipe, day: str) -> None:
        self.recipe, self.day = recipe, day
        self.declared = self.fast = compiled(recipe)
        self.aside = Decoded()

    def frames(self, batch: list[RawObject]) -> Iterator[pl.DataFrame]:
        """A batch as tables in its order: the runs of objects that fit, and the others."""
        run: list[Read] = []
        are_text = _are_text([body for _, _, body in batch])
        for key, name, body in batch:
            try:
                if not are_text:
                    body.decode()  # also of what is skipped
                run.append(self._read(key, name, body))
            except (ValueError, RecursionError):
                yield from self._settled(run)
                yield self._by_reference(name, body)
                run = []
        yield from self._settled(run)

    def _read(self, key: RawKey, name: str, body: bytes) -> Read:
        """An object, fast; raises ValueError or RecursionError where only the reference can."""
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
        """Note what is new, and know it from now on: the next objects have it too, and are as fast."""
        new = self.aside.new
        note(new, self.recipe, (name, key.retrieved.isoformat()), *opened(self.recipe, body))
        full = len(new) >= MOST_NEW
        known = replace(self.recipe, known=(*self.recipe.known, *new))
        self.fast = compiled(replace(self.recipe, on_new_field="ignore") if full else known)
        if self.fast is None:
            raise Unfit("only the reference can")

    def _settled(self, run: list[Read]) -> Iterator[pl.DataFrame]:
        """A run as one table; if something in it does not fit, the halves of it, down to the object."""
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
        self.aside.bad += decoded.bad
        for path, field in decoded.new.items():
            if len(self.aside.new) < MOST_NEW:
                self.aside.new.setdefault(path, field)
        return rows_frame(self.recipe, decoded.rows)


def _check(recipe: Recipe, day: str, table: pl.DataFrame) -> None:
    """Every row is of the day; raises Unfit."""
    name = recipe.partition_by or recipe.partition_by_end
    if not name or not table.height:
        return
    start, end = (one.replace(tzinfo=None) for one in window(day))
    inside = dt.timedelta(seconds=0 if recipe.partition_by else 1)
    stamps = table[name]
    first, last = stamps.min(), stamps.max()
    fits = isinstance(first, dt.datetime) and isinstance(last, dt.datetime)
    if not fits or stamps.null_count() or first < start + inside or last >= end + inside:  # type: ignore[operator]
        raise Unfit("a row of another day")


def _reader(column: RecipeColumn) -> Callable[[Any], Any]:
    """The reference's own reader, its times as microseconds."""

    def read(text: Any) -> Any:
        value = key_value(column, text) if column.key else typed(column, text)
        if column.type != "timestamp":
            return value
        return (value - _EPOCH) // dt.timedelta(microseconds=1)

    return read
