"""The asset graph: references resolved, order known, cycles and unknown names told with their place."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from openaq_assets.definitions import Asset, Column, Location, Reference
from openaq_assets.errors import Problem, SelectionError, nearest

if TYPE_CHECKING:
    from openaq_assets.checks import CheckType


@dataclass(frozen=True)
class AssetGraph:
    """Assets and the edges between them, in an order that depends on nothing but their keys."""

    assets: Mapping[str, Asset]
    upstream: Mapping[str, tuple[str, ...]]
    locations: Mapping[str, Location] = field(default_factory=dict)
    checks: "Mapping[str, CheckType]" = field(default_factory=dict)

    def __iter__(self) -> Iterator[Asset]:
        """The assets, each after everything it reads; equals are in order of their keys."""
        return iter(self.assets.values())

    def __getitem__(self, key: str) -> Asset:
        if key not in self.assets:
            raise SelectionError(f"there is no asset '{key}'. {nearest(key, self.assets)}")
        return self.assets[key]

    @property
    def edges(self) -> frozenset[tuple[str, str]]:
        """Every (upstream, downstream) pair."""
        return frozenset((up, key) for key, ups in self.upstream.items() for up in ups)

    def downstream(self, key: str) -> tuple[str, ...]:
        """The assets that read this one."""
        return tuple(one for one, ups in self.upstream.items() if key in ups)

    def ancestors(self, keys: Iterable[str], depth: int | None = None) -> frozenset[str]:
        """Everything the keys are made from, up to ``depth`` steps away."""
        return _reach(keys, self.upstream.__getitem__, depth)

    def descendants(self, keys: Iterable[str], depth: int | None = None) -> frozenset[str]:
        """Everything made from the keys, up to ``depth`` steps away."""
        return _reach(keys, self.downstream, depth)

    def table_owner(self, table: str) -> Asset | None:
        """The asset that makes a table readable in SQL."""
        return next((asset for asset in self if table in asset.kind.tables(asset)), None)

    def columns(self, table: str) -> Sequence[Column]:
        """The promised columns of a table."""
        asset = self.assets.get(table)
        return asset.kind.columns(asset) if asset else ()


def _reach(keys: Iterable[str], step: object, depth: int | None) -> frozenset[str]:
    found: set[str] = set()
    frontier = set(keys)
    while frontier and (depth is None or depth > 0):
        frontier = {one for key in frontier for one in step(key)} - found  # type: ignore[operator]
        found |= frontier
        depth = None if depth is None else depth - 1
    return frozenset(found)


def build_graph(
    declared: Iterable[Asset],
    locations: Mapping[str, Location] | None = None,
    checks: "Mapping[str, CheckType] | None" = None,
) -> tuple[AssetGraph, list[Problem]]:
    """The graph of every asset whose inputs exist, and a problem for every one that had to be left out."""
    assets = {asset.key: asset for asset in sorted(declared, key=lambda one: one.key)}
    problems: list[Problem] = []
    edges: dict[str, tuple[str, ...]] = {}
    owners = _table_owners(assets.values(), problems)
    for asset in assets.values():
        edges[asset.key] = tuple(sorted(set(_inputs(asset, assets, owners, problems))))
    _cut_cycles(assets, edges, problems)
    broken = {key for key in assets if key not in edges}
    while broken:  # what reads a broken asset cannot run either
        assets = {key: asset for key, asset in assets.items() if key not in broken}
        broken = {key for key in assets if any(up not in assets for up in edges[key])}
        problems += [
            assets[key].problem("", f"reads '{up}', which is broken.", f"Mend '{up}'.")
            for key in sorted(broken) for up in edges[key] if up not in assets
        ]  # fmt: skip
    edges = {key: edges[key] for key in assets}
    order = _ordered(edges)
    graph = AssetGraph(
        {key: assets[key] for key in order},
        {key: edges[key] for key in order},
        locations or {},
        checks or {},
    )
    for asset in graph:
        problems += asset.kind.problems(asset, graph)
    return graph, problems


def _table_owners(assets: Iterable[Asset], problems: list[Problem]) -> Mapping[str, str]:
    owners: dict[str, str] = {}
    for asset in assets:
        for table in asset.kind.tables(asset):
            if table in owners:
                message = f"table '{table}' is already made by '{owners[table]}'."
                problems.append(asset.problem("", message, "Leave it to one of them."))
            owners.setdefault(table, asset.key)
    return owners


def _inputs(
    asset: Asset, assets: Mapping[str, Asset], owners: Mapping[str, str], problems: list[Problem]
) -> Iterator[str]:
    declared = [
        Reference(name, where=f"inputs[{index}]") for index, name in enumerate(asset.common.inputs)
    ]
    for one in (*declared, *asset.kind.references(asset)):
        known = owners if one.is_table else assets
        if one.name in known:
            yield owners[one.name] if one.is_table else one.name
            continue
        what = "table" if one.is_table else "asset"
        hint = nearest(one.name, known)
        message = f"there is no {what} '{one.name}'."
        problems.append(
            one.mark.problem(f"assets.{asset.key}", message, hint)
            if one.mark
            else asset.problem(one.where, message, hint)
        )
        yield one.name  # an edge to nowhere, so that the asset is left out


def _cut_cycles(
    assets: Mapping[str, Asset], edges: dict[str, tuple[str, ...]], problems: list[Problem]
) -> None:
    while True:
        try:
            TopologicalSorter({key: sorted(ups) for key, ups in edges.items()}).prepare()
            return
        except CycleError as error:
            ring = _canonical(list(reversed(error.args[1][:-1])))
            path = " -> ".join((*ring, ring[0]))
            where = "; ".join(f"{key} at {assets[key].at.path}:{assets[key].at.line}" for key in ring)
            message = f"cycle: {path} ({where})."
            problems.append(assets[ring[0]].problem("", message, "Remove one of these inputs."))
            for key in ring:
                del edges[key]


def _canonical(ring: list[str]) -> list[str]:
    start = ring.index(min(ring))
    return ring[start:] + ring[:start]


def _ordered(edges: Mapping[str, tuple[str, ...]]) -> list[str]:
    """A topological order with ties broken by key, so that file order cannot matter."""
    sorter = TopologicalSorter(edges)
    sorter.prepare()
    order: list[str] = []
    ready: list[str] = []
    while sorter.is_active():
        ready = sorted((*ready, *sorter.get_ready()))
        key = ready.pop(0)
        order.append(key)
        sorter.done(key)
    return order
