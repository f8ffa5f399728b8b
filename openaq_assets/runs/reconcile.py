"""How many rows a day's table must have, counted from its raw objects by other means than made it.

Every row of every raw object is read plainly, those set aside are left out, and what is left is told
apart by its key. What the table has beyond or below that number was lost, doubled or never written.
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
    """The numbers of rows a bound Transform may have made of a day: one, or two if answers arrived
    since it was started."""
    aside = frozenset(_set_aside(store, transform, day))
    settled: set[Any] = set()
    late: set[Any] = set()
    for uri in store.list(f"{transform.source.uri}/{segment(day)}"):
        key = parse_raw_key(uri)
        if key and key.asset == transform.source.asset:
            name = uri.rsplit("/", 1)[1]
            arrived = key.retrieved >= started.replace(microsecond=0)
            (late if arrived else settled).update(_keys(transform.recipe, key, name, store.get(uri), aside))
    return tuple(dict.fromkeys((len(settled | late), len(settled))))


def _set_aside(store: ObjectStore, transform: Transform, day: str) -> Iterator[tuple[str, int | None]]:
    """The object and position of every row of a day that did not fit; None is the whole object."""
    for uri in store.list(f"{transform.quarantine.uri}/{segment(day)}"):
        for line in store.get(uri).splitlines():
            found = json.loads(line)
            yield found["object"], found.get("position")


def _keys(
    recipe: Recipe, key: RawKey, name: str, body: bytes, aside: frozenset[tuple[str, int | None]]
) -> Iterator[Any]:
    """What tells each row of an object apart; an object that is set aside has none."""
    if (name, None) in aside:
        return
    rows: Sequence[Any] = opened(recipe, body)[1]
    columns: Mapping[str, RecipeColumn] = {one.name: one for one in recipe.columns}
    for position, row in enumerate(rows):
        if (name, position) in aside:
            continue
        if recipe.unique:
            yield tuple(_plain(recipe, columns[one], key, name, row) for one in recipe.unique)
        else:
            yield name, position


def _plain(recipe: Recipe, column: RecipeColumn, key: RawKey, name: str, row: Any) -> Any:
    """A value that is equal where the column's values are."""
    if column.key:
        parts = {"object": name, "digest": key.digest, "retrieved": key.retrieved.isoformat()}
        return parts.get(column.key, key.values.get(column.key))
    for path in column.paths:
        found = value_at(recipe, path, column.type, row)
        if found is MISSING or found is None:
            continue
        if column.type == "timestamp" and isinstance(found, str):
            return dt.datetime.fromisoformat(found)  # with its offset: equal if the instant is
        return found
    return None
