"""The reference decoder: raw objects of a day become typed rows, then one Parquet file.

A row that does not fit is kept with its object, position and reason; no value silently becomes NULL.
"""

import datetime as dt
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import polars as pl

from openaq_assets.graph.columns import ColumnType
from openaq_assets.graph.operations import Recipe, RecipeColumn
from openaq_assets.graph.partitions import around
from openaq_assets.graph.raw_keys import RawKey, parse_raw_key
from openaq_assets.platforms.transform.rows import MISSING, BadRow, opened, typed_text, value_at
from openaq_assets.platforms.transform.schema_drift import NewField, note

POLARS: Mapping[ColumnType, Any] = {
    "varchar": pl.String, "bigint": pl.Int64, "integer": pl.Int32, "double": pl.Float64,
    "boolean": pl.Boolean, "timestamp": pl.Datetime("us"), "date": pl.Date,
}  # fmt: skip  # a table of many short cells


@dataclass(slots=True)
class Decoded:
    """The rows that fit, in order of retrieval, what did not fit, and the new fields by path."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    bad: list[dict[str, Any]] = field(default_factory=list)
    new: dict[str, NewField] = field(default_factory=dict)


Bodies = Iterable[tuple[str, bytes]]


def decode(recipe: Recipe, day: str, objects: Bodies, neighbours: Bodies = ()) -> Decoded:
    """Return the rows of a day, oldest retrieval first, from its own raw objects and its neighbours'.

    Objects are pairs of name and body. Rows that do not fit, and new fields, are returned only of the
    day's own objects, so that each is reported once.
    """
    decoded, near = Decoded(), Decoded()
    near.rows = decoded.rows
    named = [
        (key, name, body, into)
        for bodies, into in ((objects, decoded), (neighbours, near))
        for name, body in bodies
        if (key := parse_raw_key(name))
    ]
    for key, name, body, into in sorted(named, key=lambda entry: (entry[0].retrieved, entry[1])):
        try:
            page, rows = opened(recipe, body)
            if into is decoded:
                note(decoded.new, recipe, (name, key.retrieved.isoformat()), page, rows)
            from_key = {each.name: _from_key(each, key, name) for each in recipe.columns if each.key}
        except (ValueError, RecursionError) as error:
            into.bad.append({"object": name, "position": None, "reason": f"unreadable: {error}"})
            continue
        if into is near:  # most rows are of other days, which one cell tells
            rows = [row for row in rows if _is_near(day, recipe, row, from_key)]
        _decode_rows(recipe, day, name, rows, from_key, into)
    return decoded


def _decode_rows(
    recipe: Recipe, day: str, name: str, rows: Sequence[Any], from_key: Mapping[str, Any], decoded: Decoded
) -> None:
    name_of_time = recipe.partition_by or recipe.partition_by_end
    time = [column.name for column in recipe.columns].index(name_of_time) if name_of_time else None
    for position, row in enumerate(rows):
        try:
            values = tuple(
                from_key[column.name] if column.key else _value(recipe, column, row)
                for column in recipe.columns
            )
            if time is None or _is_of(day, recipe, values[time]):
                decoded.rows.append(values)
        except BadRow as error:
            decoded.bad.append({"object": name, "position": position, "reason": str(error), "row": row})


def _is_near(day: str, recipe: Recipe, row: Any, from_key: Mapping[str, Any]) -> bool:
    """Return whether a row of a neighbour is of the day; False if it does not fit: its own day reports it."""
    name = recipe.partition_by or recipe.partition_by_end
    for column in recipe.columns:
        if column.name == name:
            with suppress(BadRow):
                stamp = from_key[name] if column.key else _value(recipe, column, row)
                return _is_of(day, recipe, stamp)
    return False


def _is_of(day: str, recipe: Recipe, stamp: dt.datetime | None) -> bool:
    """Return whether a time is of the day; raise BadRow if it is not of a day within the spread either."""
    own_day = _start(stamp, recipe).isoformat()[:10] if stamp else ""
    if own_day != day and own_day not in _near(day, recipe.spread):
        raise BadRow(f"{recipe.partition_by or recipe.partition_by_end}: {stamp} is not of the day {day}")
    return own_day == day


@lru_cache(64)
def _near(day: str, spread: int) -> tuple[str, ...]:
    return around(day, spread) if spread else ()


def _start(stamp: dt.datetime, recipe: Recipe) -> dt.datetime:
    """Return a time inside the period of a row: its start, or a second before its end."""
    begins = bool(recipe.partition_by) or stamp == dt.datetime.min
    return stamp if begins else stamp - dt.timedelta(seconds=1)


def _value(recipe: Recipe, column: RecipeColumn, row: Any) -> Any:
    for path in column.paths:
        value = value_at(recipe, path, column.type, row)
        if value is not MISSING and value is not None:
            return typed(column, value)
    if not column.nullable:
        raise BadRow(f"{column.name}: no value at {' or '.join(column.paths)}")
    return None


def _from_key(column: RecipeColumn, key: RawKey, name: str) -> Any:
    text = key_text(column, key, name)
    if text is None:
        if not column.nullable:
            raise BadRow(f"{column.name}: no '{column.key}' in the name")
        return None
    return key_value(column, text)


def key_text(column: RecipeColumn, key: RawKey, name: str) -> str | None:
    """Return the part of an object's name that a column reads, None if there is none."""
    known = {"object": name, "digest": key.digest, "retrieved": key.retrieved.isoformat()}
    return known.get(column.key, key.values.get(column.key))


def key_value(column: RecipeColumn, text: str) -> Any:
    """Return that part as a value of the column; raise BadRow if it does not fit."""
    return typed(column, typed_text(column.type, text))


def typed(column: RecipeColumn, value: Any) -> Any:
    """Return a JSON value as a value of the column; raise BadRow if it does not fit."""
    try:
        return _READERS[column.type](value)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadRow(f"{column.name}: {value!r:.80} is not {column.type} ({error})") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    value.encode()  # raises for half of a surrogate pair
    return value


def _whole(bits: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError("not a whole number")
        if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
            raise OverflowError(f"more than {bits} bits")
        return value

    return read


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a number")
    return float(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("not true or false")
    return value


def _timestamp(value: Any) -> dt.datetime:
    stamp = dt.datetime.fromisoformat(_text(value))
    if stamp.tzinfo is None:
        raise ValueError("no offset from UTC")
    return stamp.astimezone(dt.UTC).replace(tzinfo=None)


_READERS: Mapping[ColumnType, Callable[[Any], Any]] = {
    "varchar": _text, "bigint": _whole(64), "integer": _whole(32), "double": _number, "boolean": _truth,
    "timestamp": _timestamp, "date": lambda text: dt.date.fromisoformat(_text(text)),
}  # fmt: skip  # a table of many short cells


def rows_frame(recipe: Recipe, rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """Return the rows as a table, unchanged."""
    schema = {column.name: POLARS[column.type] for column in recipe.columns}
    return pl.DataFrame(rows, schema=schema, orient="row")


def settled(recipe: Recipe, table: pl.DataFrame) -> pl.DataFrame:
    """Return the last row of each key (the latest retrieval), in the declared order."""
    keys = table.select(recipe.unique)
    if recipe.unique and keys.unique().height < table.height:  # avoids a copy of all rows
        table = table.unique(subset=list(recipe.unique), keep="last", maintain_order=True)
    order = [*recipe.sort, *(name for name in recipe.unique if name not in recipe.sort)]
    if not order:
        return table
    ranks = table.select(pl.arg_sort_by(order, nulls_last=True, maintain_order=True)).to_series()
    return table if ranks.is_sorted() else table[ranks]


def parquet(table: pl.DataFrame) -> bytes:
    """Return the table as Snappy Parquet with statistics; the same rows give the same bytes."""
    buffer = io.BytesIO()
    table.write_parquet(buffer, compression="snappy", statistics=True)
    return buffer.getvalue()


def quarantine(decoded: Decoded) -> bytes:
    """Return what did not fit as JSON lines; half surrogates stay escaped."""
    lines = (json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in decoded.bad)
    return "".join(lines).encode(errors="backslashreplace")
