"""New fields: fields of a raw object that no column of the recipe reads and ``known`` does not name.

A path names a field by its steps from the row (``summary.max``); with ``/`` before it, from the page around
the rows (``/meta.new``). A step ``*`` is any position of a list and, in known paths, any field. A known
field is known with all that it holds. For CSV a path is a column of the header.

Every object is searched completely. A new field is recorded once, as a small object:

    <env>/quarantine/<asset>/new_fields/<path>__<digest>.json
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any

from openaq_assets.errors import PlatformError
from openaq_assets.graph.operations import Recipe, Transform
from openaq_assets.platforms import ObjectStore

FOLDER = "new_fields"
MOST_NEW = 100  # in one day: an object that maps ids to values has a new "field" for each id
MOST_SAMPLE = 200

#: The known fields below a step, by the next step; None if all fields there are known.
Tree = dict[str, "Tree | None"]


@dataclass(frozen=True, slots=True)
class NewField:
    """A new field: its path, the first object that has it, its retrieval, and a sample of its JSON."""

    path: str
    first_seen: str
    object: str
    sample: str


@lru_cache(64)
def known_to(recipe: Recipe) -> tuple[Tree, Tree]:
    """Return the known fields of rows and of the page around them."""
    rows: Tree = {}
    page: Tree = {step(recipe.rows): None}
    for path in (path for column in recipe.columns for path in column.paths):
        _add(rows, [step(path)] if recipe.format == "csv" else path.split("."))
    for path in recipe.known:
        _add(page if path.startswith("/") else rows, path.removeprefix("/").split("."))
    return rows, page


def _add(tree: Tree, steps: Sequence[str]) -> None:
    *above, last = steps
    while above and last == "*":  # a field with all that it holds is the field
        *above, last = above
    for step in above:
        below = tree.setdefault(step, {})
        if below is None:
            return
        tree = below
    tree[last] = None


def is_known(recipe: Recipe, path: str) -> bool:
    """Return whether the recipe reads a path or declares it as known."""
    rows, page = known_to(recipe)
    value: Any = path
    for each in reversed(path.removeprefix("/").split(".")):
        value = [value] if each == "*" else {each: value}
    return not any(unknown([page if path.startswith("/") else rows], value))


def step(name: str) -> str:
    """Return the name of a field as a step of a path, with '.' and '*' escaped."""
    return "\\u002a" if name == "*" else name.replace(".", "\\u002e")


def _below(trees: Sequence[Tree | None], name: str) -> list[Tree | None]:
    return [tree[each] for tree in trees if tree for each in {name, "*"} if each in tree]


def below_list(tree: Tree) -> list[Tree | None]:
    """Return the known fields of the elements of a list: what is read of one is known of all."""
    return [below for each, below in tree.items() if each == "*" or each.isdecimal()]


def _all_of(trees: Sequence[Tree | None]) -> bool:
    return any(tree is None or tree.get("*", tree) is None for tree in trees)


def unknown(trees: Sequence[Tree | None], value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the shortest paths in a value that are in none of the trees, each with its value."""
    if value is None or _all_of(trees):
        return
    if isinstance(value, dict):
        for name, child in value.items():
            if below := _below(trees, step(name)):
                yield from unknown(below, child, f"{path}{step(name)}.")
            else:
                yield path + step(name), child
    elif isinstance(value, list) and (below := [each for tree in trees for each in below_list(tree or {})]):
        for element in value:
            yield from unknown(below, element, f"{path}*.")
    else:  # a value where there should be fields below
        yield path.removesuffix("."), value


def note(
    new: dict[str, NewField], recipe: Recipe, where: tuple[str, str], page: Any, rows: Iterable[Any]
) -> None:
    """Add the new fields of an object to ``new``; ``where`` is its name and time of retrieval."""
    if recipe.on_new_field == "ignore":
        return
    for path, value in _new(recipe, page, rows):
        if path not in new and len(new) < MOST_NEW:
            sample = json.dumps(value, ensure_ascii=False)[:MOST_SAMPLE]
            new[path] = NewField(path, where[1], where[0], sample)


def _new(recipe: Recipe, page: Any, rows: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    known, around = known_to(recipe)
    yield from ((f"/{path}", value) for path, value in unknown([around], page))
    for row in rows:
        if isinstance(row, dict):
            yield from unknown([known], row)
            if recipe.format == "csv":  # all rows have the fields of the header
                return


def record(
    store: ObjectStore, operation: Transform, day: str, new: Mapping[str, NewField]
) -> tuple[str, ...]:
    """Record new fields; return a line for each first record. Raise PlatformError if none is allowed."""
    if not new:
        return ()
    folder = f"{operation.quarantine.uri}/{FOLDER}"
    there = set(store.list(folder))
    uris = {f"{folder}/{_name(field.path)}": field for field in new.values()}
    missing = {uri: field for uri, field in uris.items() if uri not in there}
    lines = tuple(_line(field) for uri, field in missing.items() if store.put_new(uri, _body(field)))
    if operation.recipe.on_new_field == "fail":
        first, *others = new.values()
        more = f" and {len(others)} more (openaq-assets status)" if others else ""
        hint = "Add a column that reads it, or add its path to 'known'."
        raise PlatformError(f"{operation.into.asset} {day}: {_line(first)}{more}. {hint}")
    return lines


def _line(field: NewField) -> str:
    """Return a new field as one line."""
    sample = field.sample if len(field.sample) <= 60 else f"{field.sample[:57]}..."
    return f"new field {json.dumps(field.path)} in {field.object}: {sample}"


def _name(path: str) -> str:
    """Return the name of the record of a path, readable and unique."""
    known = hashlib.sha256(path.encode(errors="backslashreplace")).hexdigest()[:12]
    return f"{re.sub('[^A-Za-z0-9]+', '-', path)[:60].strip('-')}__{known}.json"


def _body(field: NewField) -> bytes:
    """Return the record as JSON; half surrogates stay escaped."""
    text = json.dumps(asdict(field), ensure_ascii=False, indent=1)
    return text.encode(errors="backslashreplace")


def recorded(store: ObjectStore, quarantine: str) -> list[NewField]:
    """Return every record in the quarantine of an asset, in order of first retrieval."""
    fields = [NewField(**json.loads(store.get(uri))) for uri in store.list(f"{quarantine}/{FOLDER}")]
    return sorted(fields, key=attrgetter("first_seen", "path"))
