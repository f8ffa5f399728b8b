"""Count the rows that a day's table must have, from its raw objects and by other code than made it.

Every row of every raw object is read by simple code, quarantined rows are left out, and the others are
counted by their distinct keys. If the table has more or fewer rows, some were lost, doubled or not
written.
"""

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from openaq_assets.graph.operations import Recipe, RecipeColumn, Transform
from openaq_assets.graph.partitions import segment
from openaq_assets.graph.raw_keys import RawKey, parse_raw_key
from openaq_assets.platforms import ObjectStore
from openaq_assets.platforms.transform.rows import MISSING, opened, value_at


def rows_in_raw(store: ObjectStore, transform: Transform, day: str, started: dt.datetime) -> tuple[int, ...]:
    """Return the numbers of rows that a bound Transform may have made for a day.

    There is one number, or two if answers arrived after ``started``: with and without their rows.
    """
    quarantined = frozenset(_quarantined(store, transform, day))
    settled: set[Any] = set()
    late: set[Any] = set()
    for uri in store.list(f"{transform.source.uri}/{segment(day)}"):
        key = parse_raw_key(uri)
        if key and key.asset == transform.source.asset:
            name = uri.rsplit("/", 1)[1]
            arrived = key.retrieved >= started.replace(microsecond=0)
            keys = _keys(transform.recipe, key, name, store.get(uri), quarantined)
            (late if arrived else settled).update(keys)
    return tuple(dict.fromkeys((len(settled | late), len(settled))))


def _quarantined(store: ObjectStore, transform: Transform, day: str) -> Iterator[tuple[str, int | None]]:
    """Yield the object and position of every quarantined row of a day; None is the whole object."""
    for uri in store.list(f"{transform.quarantine.uri}/{segment(day)}"):
        for line in store.get(uri).splitlines():
            entry = json.loads(line)
            yield entry["object"], entry.get("position")


def _keys(
    recipe: Recipe, key: RawKey, name: str, body: bytes, quarantined: frozenset[tuple[str, int | None]]
) -> Iterator[Any]:
    """Yield the key of each row of an object that is not quarantined."""
    if (name, None) in quarantined:
        return
    rows: Sequence[Any] = opened(recipe, body)[1]
    columns: Mapping[str, RecipeColumn] = {column.name: column for column in recipe.columns}
    for position, row in enumerate(rows):
        if (name, position) in quarantined:
            continue
        if recipe.unique:
            yield tuple(_plain(recipe, columns[column], key, name, row) for column in recipe.unique)
        else:
            yield name, position


def _plain(recipe: Recipe, column: RecipeColumn, key: RawKey, name: str, row: Any) -> Any:
    """Return a value of a row that is equal for two rows exactly if their column values are equal."""
    if column.key:
        parts = {"object": name, "digest": key.digest, "retrieved": key.retrieved.isoformat()}
        return parts.get(column.key, key.values.get(column.key))
    for path in column.paths:
        value = value_at(recipe, path, column.type, row)
        if value is MISSING or value is None:
            continue
        if column.type == "timestamp" and isinstance(value, str):
            return dt.datetime.fromisoformat(value)  # with its offset: equal for equal instants
        return value
    return None
