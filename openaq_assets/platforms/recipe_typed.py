"""The recipe, fast: only the fields that columns name are decoded, straight into their types.

``recipe_polars`` says what a raw object means; this reads the many objects that are as declared,
at a quarter of the cost, and hands every other one over. So it must never accept what the reference reads
differently: its decoder is strict about each type, and the two things it is lax about are looked for.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec
import polars as pl

from openaq_assets.operations import Recipe, RecipeColumn
from openaq_assets.partitions import window
from openaq_assets.platforms.recipe_fields import Unfit, tree_of, type_of, walk
from openaq_assets.platforms.recipe_polars import (
    POLARS,
    Decoded,
    decode,
    key_text,
    key_value,
    rows_frame,
    typed,
)
from openaq_assets.rawkey import RawKey

BATCH_BYTES = 16 * 2**20
MOST_REMEMBERED = 100_000
_EPOCH = dt.datetime(1970, 1, 1)
# 640 digits is the least that Python can be told to refuse as a whole number, and no run of 640
# digits slips between the samples: the search of all bytes is only for what they make suspicious.
_STRIDE = 80
_DIGITS, _AS_ZERO = b"0" * 8, bytes.maketrans(b"123456789", b"0" * 9)
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
    except Unfit:
        return None


class TypedRecipe:
    """A recipe made ready: the decoder of its fields, the walk to them, and readers of text."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        tree = tree_of(recipe)
        page = msgspec.defstruct(
            "Page",
            [("rows", list[type_of(tree)])],  # type: ignore[misc]
            rename={"rows": recipe.rows},
        )
        self.decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(page)
        self.walk = tuple(walk(tree))
        places = {step.path: n for n, step in enumerate(self.walk, 1)}
        self.places = {one.name: [places[path] for path in one.paths] for one in recipe.columns}
        self.readers = {one.name: Remembered(_reader(one)) for one in recipe.columns}

    def read(self, key: RawKey, name: str, body: bytes) -> "Read":
        """The columns of an object; raises ValueError for what is not surely as declared."""
        body.decode()  # text that is skipped may be none
        if _DIGITS in body[::_STRIDE].translate(_AS_ZERO) and _LONG_NUMBER.search(body):
            raise Unfit("a number that the reference may refuse")
        rows: Sequence[Any] = self.decoder.decode(body).rows
        columns = self._columns(rows)
        values = [
            self.readers[one.name][key_text(one, key, name)] if one.key else next(columns)
            for one in self.recipe.columns
        ]
        return Read(name, body, len(rows), values)

    def _columns(self, rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
        """The values of each column that has paths. One object at a time is what a cache holds."""
        found = [rows]
        for step in self.walk:
            found.append(step.down(found[step.above]))
        for column in self.recipe.columns:
            if not column.key:
                first, *others = [found[place] for place in self.places[column.name]]
                for other in others:  # where the first path has nothing, the next one counts
                    first = [two if one is None else one for one, two in zip(first, other)]
                read = self.readers[column.name].__getitem__
                yield list(map(read, first)) if column.type in ("timestamp", "date") else first

    def frame(self, day: str, objects: "Sequence[Read]") -> pl.DataFrame:
        """The rows of objects, in order; raises ValueError if any of them does not fit."""
        owner = pl.Series([n for n, one in enumerate(objects) for _ in range(one.rows)])
        columns = []
        for n, column in enumerate(self.recipe.columns):
            values = [one.values[n] for one in objects]
            if column.key:
                columns.append(_series(column, values).gather(owner.cast(pl.UInt32)))
            else:
                columns.append(_series(column, list(chain.from_iterable(values))))
        table = pl.DataFrame(columns)
        _check(self.recipe, day, table)
        return table


@dataclass(slots=True)
class Read:
    """An object with, by column, the value of its name or the values of its rows."""

    name: str
    body: bytes
    rows: int
    values: list[Any]


def _series(column: RecipeColumn, values: list[Any]) -> pl.Series:
    kind = pl.Int64 if column.type == "timestamp" else POLARS[column.type]
    series = pl.Series(column.name, values, dtype=kind)
    if not column.nullable and series.null_count():
        raise Unfit(f"{column.name}: no value")
    return series.cast(POLARS[column.type])


def table_of(
    recipe: Recipe, day: str, objects: Iterable[RawObject]
) -> tuple[pl.DataFrame, Decoded]:
    """The rows of a day's objects, which come oldest retrieval first, and what did not fit."""
    fast = compiled(recipe)
    aside = Decoded()
    tables = [rows_frame(recipe, [])]
    for batch in _batches(objects):
        tables += _frames(fast, recipe, day, batch, aside)
    return pl.concat(tables), aside


def _batches(objects: Iterable[RawObject]) -> Iterator[list[RawObject]]:
    """As many at a time as memory should hold decoded."""
    batch: list[RawObject] = []
    size = 0
    for one in objects:
        batch.append(one)
        size += len(one[2])
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    yield batch


def _frames(
    fast: TypedRecipe | None, recipe: Recipe, day: str, batch: list[RawObject], aside: Decoded
) -> Iterator[pl.DataFrame]:
    """A batch as tables in its order: the runs of objects that fit, and the others by the reference."""
    run: list[Read] = []
    for key, name, body in batch:
        try:
            if fast is None:
                raise Unfit("only the reference can")
            run.append(fast.read(key, name, body))
        except (ValueError, RecursionError):
            yield from _settled(fast, day, run, aside)
            yield _by_reference(recipe, day, name, body, aside)
            run = []
    yield from _settled(fast, day, run, aside)


def _settled(
    fast: TypedRecipe | None, day: str, run: list[Read], aside: Decoded
) -> Iterator[pl.DataFrame]:
    """A run as one table; if something in it does not fit, the halves of it, down to the object."""
    if not run or fast is None:
        return
    try:
        yield fast.frame(day, run)
    except (ValueError, TypeError, OverflowError, pl.exceptions.PolarsError):
        if len(run) == 1:
            yield _by_reference(fast.recipe, day, run[0].name, run[0].body, aside)
            return
        half = len(run) // 2
        yield from _settled(fast, day, run[:half], aside)
        yield from _settled(fast, day, run[half:], aside)


def _by_reference(recipe: Recipe, day: str, name: str, body: bytes, aside: Decoded) -> pl.DataFrame:
    decoded = decode(recipe, day, [(name, body)])
    aside.bad += decoded.bad
    return rows_frame(recipe, decoded.rows)


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
