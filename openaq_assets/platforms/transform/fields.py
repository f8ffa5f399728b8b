"""The fields that a recipe's columns name, as types to decode into and as a walk to their values."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Annotated, Any

import msgspec

from openaq_assets.graph.columns import ColumnType
from openaq_assets.graph.operations import Recipe
from openaq_assets.platforms.transform.schema_drift import Tree, below_list

_LEAVES: Mapping[ColumnType, Any] = {
    "varchar": str,
    "timestamp": str,
    "date": str,
    "double": float,
    "boolean": bool,
    "bigint": Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)],
    "integer": Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)],
}


class Unfit(ValueError):
    """Something the reference must read."""


def tree_of(recipe: Recipe) -> dict[str, Any]:
    """The steps of all paths as nested dictionaries with the leaves' types."""
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
    """The type of a node: a leaf's own, a list where steps are positions, else a struct.

    It refuses fields that are not ``known``; None is everything. What is known and not read is only skipped.
    """
    if not isinstance(node, dict):
        return node
    if known and known.get("*", known) is None:
        known = None
    if any(step.isdecimal() for step in node):
        kind, *others = node.values()
        if not all(step.isdecimal() for step in node) or any(one is not kind for one in others):
            raise Unfit("positions of different types")
        return list[type_of(kind, _elements(known)) | None]  # type: ignore[misc]
    kinds = {step: type_of(child, known.get(step) if known else known) | None for step, child in node.items()}
    for step, below in (known or {}).items():
        kinds.setdefault(step, _skipped(below))
    if any(step == "*" or step.isdecimal() for step in kinds):
        raise Unfit("both positions and fields, or any field")
    return msgspec.defstruct(
        "Node",
        [(f"f{n}", kind, None) for n, kind in enumerate(kinds.values())],
        rename={f"f{n}": step for n, step in enumerate(kinds)},
        forbid_unknown_fields=known is not None,
        gc=False,
    )


def _elements(known: Tree | None) -> Tree | None:
    """What is known of every element of a list."""
    if known is None:
        return None
    below = below_list(known)
    if len(below) < len(known):
        raise Unfit("both positions and fields")
    return _merged(below)


def _merged(trees: Sequence[Tree | None]) -> Tree | None:
    """What any of them knows."""
    merged: Tree = {}
    for tree in trees:
        if tree is None:
            return None
        for step, below in tree.items():
            merged[step] = _merged([merged[step], below]) if step in merged else below
    return merged


def _skipped(known: Tree | None) -> Any:
    """The type of what no column reads: as it stands where all is known, else what is known of it."""
    if known is None or known.get("*", known) is None:
        return msgspec.Raw
    if any(step == "*" or step.isdecimal() for step in known):
        below = _skipped(_elements(known))
        return list[below] | None  # type: ignore[valid-type]
    return type_of({}, known) | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step from a value already found (at path '': the row) to a field or a position in it."""

    path: str
    above: str
    get: Callable[[Any], Any]
    least: int = 0

    def down(self, above: Sequence[Any]) -> list[Any]:
        """The values below; None where there is nothing to go down from."""
        try:
            return list(map(self.get, above))
        except (AttributeError, TypeError, IndexError):
            get, least = self.get, self.least
            return [None if one is None or (least and len(one) < least) else get(one) for one in above]


def walk(tree: dict[str, Any]) -> Iterator[Step]:
    """The steps to everything in the tree, each after the one above it."""
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


def paths_of(tree: dict[str, Any]) -> tuple[str, ...]:
    """The paths to the leaves."""
    return tuple(path for path, _ in _leaves(tree))


def at_once(tree: dict[str, Any]) -> Callable[[Any], tuple[Any, ...]] | None:
    """A call that gets all leaves from a row that has every part: in half the time of the walk.

    None for trees with positions, of which there may be too few.
    """
    places = list(_leaves(tree))
    if len(places) < 2 or any(step.isdecimal() for path, _ in places for step in path.split(".")):
        return None
    return attrgetter(*(field for _, field in places))


def _leaves(tree: dict[str, Any], path: str = "", field: str = "") -> Iterator[tuple[str, str]]:
    """Each path with the same path by the names that fields have in structs."""
    for n, (name, below) in enumerate(tree.items()):
        if isinstance(below, dict):
            yield from _leaves(below, f"{path}{name}.", f"{field}f{n}.")
        else:
            yield path + name, f"{field}f{n}"
