"""The fields that a recipe's columns name, as types to decode into and as a walk to their values."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Annotated, Any

import msgspec

from openaq_assets.definitions import ColumnType
from openaq_assets.operations import Recipe

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


def type_of(node: Any) -> Any:
    """The type of a node: a leaf's own, a list where steps are positions, else a struct."""
    if not isinstance(node, dict):
        return node
    if any(step.isdecimal() for step in node):
        kind, *others = node.values()
        if not all(step.isdecimal() for step in node) or any(one is not kind for one in others):
            raise Unfit("positions of different types")
        return list[type_of(kind) | None]  # type: ignore[misc]
    fields = [(f"f{n}", type_of(child) | None, None) for n, child in enumerate(node.values())]
    names = {f"f{n}": step for n, step in enumerate(node)}
    return msgspec.defstruct("Node", fields, rename=names, gc=False)


@dataclass(frozen=True, slots=True)
class Step:
    """One step from a value already found (0: the row) to a field of it or a position in it."""

    path: str
    above: int
    get: Callable[[Any], Any]
    least: int = 0

    def down(self, above: Sequence[Any]) -> list[Any]:
        """The values below; None where there is nothing to go down from."""
        try:
            return list(map(self.get, above))
        except (AttributeError, TypeError, IndexError):
            get, least = self.get, self.least
            return [
                None if one is None or (least and len(one) < least) else get(one) for one in above
            ]


def walk(tree: dict[str, Any]) -> Iterator[Step]:
    """The steps to everything in the tree, each after the one above it."""
    waiting, made = deque([("", 0, tree)]), 0
    while waiting:
        prefix, above, node = waiting.popleft()
        for n, (name, below) in enumerate(node.items()):
            made += 1
            if name.isdecimal():
                yield Step(prefix + name, above, itemgetter(int(name)), int(name) + 1)
            else:
                yield Step(prefix + name, above, attrgetter(f"f{n}"))
            if isinstance(below, dict):
                waiting.append((f"{prefix}{name}.", made, below))
