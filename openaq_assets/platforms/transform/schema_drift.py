"""New fields: what a raw object holds that no column of the recipe reads and ``known`` does not name.

A path names a field by its steps from the row (``summary.max``), ``*`` being any position of a list
and, in what is known, any field; with ``/`` before it, from the page around the rows (``/meta.new``).
What is known is known with all that it holds. For CSV a path is a column of the header.

Every object that is read is looked at, whole. What is new is recorded once, as a small object:

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
MOST_NEW = 100  # in one day: an object that maps ids to values has no end of "fields"
MOST_SAMPLE = 200

#: What is known below a step, by the next step; None is all that may be there.
Tree = dict[str, "Tree | None"]


@dataclass(frozen=True, slots=True)
class NewField:
    """A path with the object that first had it, when that was retrieved, and the value as JSON, cut."""

    path: str
    first_seen: str
    object: str
    sample: str


@lru_cache(64)
def known_to(recipe: Recipe) -> tuple[Tree, Tree]:
    """Return what is known of rows and of the page around them."""
    rows: Tree = {}
    page: Tree = {step(recipe.rows): None}
    for path in (path for column in recipe.columns for path in column.paths):
        _add(rows, [step(path)] if recipe.format == "csv" else path.split("."))
    for path in recipe.known:
        _add(page if path.startswith("/") else rows, path.removeprefix("/").split("."))
    return rows, page


def _add(tree: Tree, steps: Sequence[str]) -> None:
    *above, last = steps
    while above and last == "*":  # all that is in a field is the field
        *above, last = above
    for step in above:
        below = tree.setdefault(step, {})
        if below is None:
            return
        tree = below
    tree[last] = None


def is_known(recipe: Recipe, path: str) -> bool:
    """Return whether a path is read, or said to be known, by now."""
    rows, page = known_to(recipe)
    value: Any = path
    for each in reversed(path.removeprefix("/").split(".")):
        value = [value] if each == "*" else {each: value}
    return not any(unknown([page if path.startswith("/") else rows], value))


def step(name: str) -> str:
    """Return the name of a field as a step of a path, in which '.' and '*' say something else."""
    return "\\u002a" if name == "*" else name.replace(".", "\\u002e")


def _below(trees: Sequence[Tree | None], name: str) -> list[Tree | None]:
    return [tree[each] for tree in trees if tree for each in {name, "*"} if each in tree]


def below_list(tree: Tree) -> list[Tree | None]:
    """Return what is known of the elements of a list. What is read of one is known of all."""
    return [below for each, below in tree.items() if each == "*" or each.isdecimal()]


def _all_of(trees: Sequence[Tree | None]) -> bool:
    return any(tree is None or tree.get("*", tree) is None for tree in trees)


def unknown(trees: Sequence[Tree | None], value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the paths in a value that lead out of the trees, each where it first does, with its value."""
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
    """Add what is new in an object (``where``: its name and time of retrieval) to what is known to be new."""
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
    """Return a line for each new field that nobody recorded before; raise PlatformError if none may be."""
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
    """Return the name of the record of a path: to read, and one for each path."""
    known = hashlib.sha256(path.encode(errors="backslashreplace")).hexdigest()[:12]
    return f"{re.sub('[^A-Za-z0-9]+', '-', path)[:60].strip('-')}__{known}.json"


def _body(field: NewField) -> bytes:
    """Return the record; half surrogates as the escapes they came as."""
    text = json.dumps(asdict(field), ensure_ascii=False, indent=1)
    return text.encode(errors="backslashreplace")


def recorded(store: ObjectStore, quarantine: str) -> list[NewField]:
    """Return every record below the quarantine of an asset, the first seen first."""
    fields = [NewField(**json.loads(store.get(uri))) for uri in store.list(f"{quarantine}/{FOLDER}")]
    return sorted(fields, key=attrgetter("first_seen", "path"))
