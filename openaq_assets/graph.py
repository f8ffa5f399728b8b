"""The asset graph: references resolved, order known, cycles and unknown names told with their place."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, TypeVar

from openaq_assets.definitions import Asset, Column, Reference
from openaq_assets.errors import LeftOut, Mark, Problem, SelectionError, nearest
from openaq_assets.locations import Location

if TYPE_CHECKING:
    from openaq_assets.checks import CheckType

T = TypeVar("T")


@dataclass(frozen=True)
class AssetGraph:
    """Assets and the edges between them, in an order that depends on nothing but their keys.

    ``left_out`` names what is declared but wrong, or made from something that is.
    """

    assets: Mapping[str, Asset]
    upstream: Mapping[str, tuple[str, ...]]
    locations: Mapping[str, Location] = field(default_factory=dict)
    checks: "Mapping[str, CheckType]" = field(default_factory=dict)
    environments: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[Asset]:
        """The assets, each after everything it reads; equals are in order of their keys."""
        return iter(self.assets.values())

    def __getitem__(self, key: str) -> Asset:
        if key not in self.assets:
            raise self.unknown(key)
        return self.assets[key]

    def unknown(self, key: str) -> SelectionError:
        """Why there is no such asset, and the remedy."""
        if key in self.left_out:
            return LeftOut(
                f"'{key}' is left out until mistakes are mended. Run 'openaq-assets check'."
            )
        return SelectionError(f"there is no asset '{key}'. {nearest(key, self.assets)}")

    @property
    def edges(self) -> frozenset[tuple[str, str]]:
        """Every (upstream, downstream) pair."""
        return frozenset((up, key) for key, ups in self.upstream.items() for up in ups)

    def downstream(self, key: str) -> tuple[str, ...]:
        """The assets that read this one."""
        return tuple(self._downstream.get(key, ()))

    @cached_property
    def _downstream(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for key, ups in self.upstream.items():
            for up in ups:
                found.setdefault(up, []).append(key)
        return found

    def ancestors(self, keys: Iterable[str], depth: int | None = None) -> frozenset[str]:
        """Everything the keys are made from, up to ``depth`` steps away."""
        return _reach(keys, self.upstream.__getitem__, depth)

    def descendants(self, keys: Iterable[str], depth: int | None = None) -> frozenset[str]:
        """Everything made from the keys, up to ``depth`` steps away."""
        return _reach(keys, self.downstream, depth)

    def table_owner(self, table: str) -> Asset | None:
        """The asset that makes a table readable in SQL."""
        return self._owners.get(table)

    @cached_property
    def _owners(self) -> Mapping[str, Asset]:
        return {table: asset for asset in self for table in asset.kind.tables(asset)}

    def columns(self, table: str) -> Sequence[Column]:
        """The promised columns of a table."""
        asset = self.assets.get(table)
        return asset.kind.columns(asset) if asset else ()


def _reach(
    keys: Iterable[str], step: Callable[[str], Iterable[str]], depth: int | None
) -> frozenset[str]:
    found: set[str] = set()
    frontier = set(keys)
    while frontier and (depth is None or depth > 0):
        frontier = {one for key in frontier for one in step(key)} - found
        found |= frontier
        depth = None if depth is None else depth - 1
    return frozenset(found)


@dataclass
class _Building:
    """A graph under construction: what is known so far, and what turned out to be wrong."""

    assets: Mapping[str, Asset]
    lost: frozenset[str]
    problems: list[Problem] = field(default_factory=list)
    wrong: set[str] = field(default_factory=set)
    edges: dict[str, tuple[str, ...]] = field(default_factory=dict)
    marks: dict[tuple[str, str], Mark] = field(default_factory=dict)

    def tell(self, asset: Asset, problem: Problem) -> None:
        self.problems.append(problem)
        self.wrong.add(asset.key)

    def ask(self, asset: Asset, question: Callable[[Asset], Iterable[T]]) -> tuple[T, ...]:
        """What a kind answers about an asset; a kind is foreign code, and may fail."""
        try:
            return tuple(question(asset))
        except Exception as error:
            what = (str(error).splitlines() or [""])[0]
            message = f"its kind fails on it ({type(error).__name__}: {what})."
            self.tell(asset, asset.problem("kind", message, "Mend the plugin of the kind."))
            return ()


def build_graph(
    declared: Iterable[Asset],
    locations: Mapping[str, Location] | None = None,
    checks: "Mapping[str, CheckType] | None" = None,
    environments: Iterable[str] = (),
    lost: Iterable[str] = (),
) -> tuple[AssetGraph, list[Problem]]:
    """The graph of every asset that is sound down to its last input, and the problems of the others.

    ``lost`` are names that something unreadable may have declared: what refers to one is left out, but
    is no mistake itself.
    """
    assets = {asset.key: asset for asset in sorted(declared, key=lambda one: one.key)}
    building = _Building(assets, frozenset(lost))
    owners = _table_owners(building)
    for asset in assets.values():
        building.edges[asset.key] = tuple(sorted(set(_inputs(asset, owners, building))))
    _cut_cycles(building)
    known = {key: tuple(up for up in ups if up in assets) for key, ups in building.edges.items()}
    order = _ordered(known)
    graph = AssetGraph(
        {key: assets[key] for key in order},
        known,
        locations or {},
        checks or {},
        frozenset(environments),
        left_out=building.lost,
    )
    for asset in graph:  # also what is made from something wrong may have mistakes of its own
        if asset.key not in building.wrong and known[asset.key] == building.edges[asset.key]:
            for problem in building.ask(asset, lambda one: one.kind.problems(one, graph)):
                building.tell(asset, problem)
    return _sound(building, graph), building.problems


def _sound(building: _Building, whole: AssetGraph) -> AssetGraph:
    """The graph without what is wrong and whatever reads it."""
    edges = building.edges
    good: dict[str, Asset] = {}
    for key in whole.assets:
        if key not in building.wrong and all(up in good for up in edges[key]):
            good[key] = building.assets[key]
    return replace(
        whole,
        assets=good,
        upstream={key: edges[key] for key in good},
        left_out=(building.lost | building.assets.keys()) - good.keys(),
    )


def _table_owners(building: _Building) -> Mapping[str, str]:
    owners: dict[str, str] = {}
    for asset in building.assets.values():
        for table in building.ask(asset, asset.kind.tables):
            if table in owners:
                named = [one.where for one in asset.kind.references(asset) if one.name == table]
                message = f"table '{table}' is already made by '{owners[table]}'."
                problem = asset.problem(
                    named[0] if named else "", message, "Leave it to one of them."
                )
                building.tell(asset, problem)
            owners.setdefault(table, asset.key)
    return owners


def _inputs(asset: Asset, owners: Mapping[str, str], building: _Building) -> Iterator[str]:
    declared = [
        Reference(name, where=f"inputs[{index}]") for index, name in enumerate(asset.common.inputs)
    ]
    for one in (*declared, *building.ask(asset, asset.kind.references)):
        known = owners if one.is_table else building.assets
        up = owners.get(one.name, one.name) if one.is_table else one.name
        building.marks.setdefault((asset.key, up), one.mark or asset.mark(one.where))
        yield up  # even if it leads nowhere, so that the asset is left out
        if one.name not in known and not _may_be_lost(one, building):
            message, hint = _unknown(one, known, building)
            building.tell(
                asset,
                one.mark.problem(f"assets.{asset.key}", message, hint)
                if one.mark
                else asset.problem(one.where, message, hint),
            )


def _may_be_lost(one: Reference, building: _Building) -> bool:
    """Whether something unreadable may have declared it, or made the asset a table."""
    return one.name in building.lost or bool(
        one.is_table and building.lost and one.name in building.assets
    )


def _unknown(one: Reference, known: Iterable[str], building: _Building) -> tuple[str, str]:
    if one.is_table and one.name in building.assets:
        return f"asset '{one.name}' is no table.", "Add it to the tables of a catalog asset."
    message = f"there is no {'table' if one.is_table else 'asset'} '{one.name}'."
    return message, nearest(one.name, known)


def _cut_cycles(building: _Building) -> None:
    """Take the assets of every cycle out of the edges, and tell the cycle once, edge by edge."""
    while True:
        try:
            TopologicalSorter(building.edges).prepare()
            return
        except CycleError as error:
            ring = _canonical(list(reversed(error.args[1][:-1])))
        steps = list(zip(ring, (*ring[1:], ring[0]), strict=True))
        marks = [building.marks[step] for step in steps]
        path = ", ".join(
            f"{key} reads {up} ({mark.path}:{mark.line})"
            for (key, up), mark in zip(steps, marks, strict=True)
        )
        field_path = f"assets.{ring[0]}"
        hint = "Remove one of these inputs."
        building.problems.append(marks[0].problem(field_path, f"cycle: {path}.", hint))
        for key in ring:
            building.wrong.add(key)
            building.edges[key] = ()


def _canonical(ring: list[str]) -> list[str]:
    start = ring.index(min(ring))
    return ring[start:] + ring[:start]


def _ordered(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """A topological order with ties broken by key, so that file order cannot matter."""
    sorter = TopologicalSorter(edges)
    sorter.prepare()
    order: list[str] = []
    ready: list[str] = []
    while sorter.is_active():
        for key in sorter.get_ready():
            heapq.heappush(ready, key)
        order.append(heapq.heappop(ready))
        sorter.done(order[-1])
    return order
