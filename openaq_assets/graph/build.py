"""Build the asset graph: resolve references, order assets, call every kind once, locate mistakes."""

import datetime as dt
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeVar

from openaq_assets.errors import Mark, Problem, nearest
from openaq_assets.graph.assets import Answers, Asset, AssetGraph, Kind, Reference
from openaq_assets.graph.check_queries import TableCheck, compile_error
from openaq_assets.graph.check_rules import own_problems
from openaq_assets.graph.checks import CheckType
from openaq_assets.graph.columns import Column
from openaq_assets.graph.operations import Operation, is_operation, listed

T = TypeVar("T")


@dataclass
class _Building:
    """A graph under construction: the values known so far, and the problems found so far."""

    assets: Mapping[str, Asset]
    lost: frozenset[str]
    problems: list[Problem] = field(default_factory=list)
    wrong: set[str] = field(default_factory=set)
    edges: dict[str, tuple[str, ...]] = field(default_factory=dict)
    marks: dict[tuple[str, str], Mark] = field(default_factory=dict)
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    contracts: dict[str, tuple[Column, ...]] = field(default_factory=dict)
    answers: dict[str, Answers] = field(default_factory=dict)

    def add(self, asset: Asset, problem: Problem) -> None:
        """Add a problem of an asset and mark the asset as invalid."""
        self.problems.append(problem)
        self.wrong.add(asset.key)

    def collect(self, asset: Asset, name: str, kind: type[T], *more: object) -> tuple[T, ...]:
        """Return the values of one type that a method of a kind returns for an asset.

        A kind is foreign code: an exception or a value of another type is a problem of the asset.
        """
        return self._typed(asset, name, kind, lambda: listed(getattr(asset.kind, name)(asset, *more)))

    def collect_operations(self, asset: Asset, graph: AssetGraph) -> tuple[Operation, ...]:
        """Return the template operations of an asset: those without partitions and scope."""
        protocol: Any = Operation
        return self._typed(
            asset, "operations", protocol, lambda: listed(asset.kind.operations(asset, graph, (), ()))
        )

    def collect_value(self, asset: Asset, name: str, kind: type[T], default: T) -> T:
        """Return the single value that a method of a kind returns for an asset; ``default`` if it fails."""
        values = self._typed(asset, name, kind, lambda: (getattr(asset.kind, name)(asset),))
        return values[0] if values else default

    def _typed(
        self, asset: Asset, name: str, kind: type[T], call: Callable[[], tuple[Any, ...]]
    ) -> tuple[T, ...]:
        try:
            values = call()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a kind is foreign code
            self._add_failure(asset, f"{type(error).__name__}: {_first_line(error)}")
            return ()
        for value in values:
            if not _is_a(value, kind):
                self._add_failure(
                    asset, f"'{name}' returns {shortened_repr(value)}, which is not of type {kind.__name__}"
                )
                return ()
        return values

    def _add_failure(self, asset: Asset, what: str) -> None:
        message = f"its kind fails for this asset ({what.rstrip('.')})."
        self.add(asset, asset.problem("kind", message, "Fix the plugin that provides the kind."))


def shortened_repr(value: object) -> str:
    """Return the ``repr`` of a value on one line of at most 60 characters."""
    text = " ".join(repr(value).split())
    return text if len(text) < 60 else f"{text[:57]}..."


def _is_a(value: object, kind: type) -> bool:
    if kind is Operation:
        return is_operation(value)
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]


def build_graph(
    declared: Iterable[Asset],
    check_types: Mapping[str, CheckType] | None = None,
    environments: Iterable[str] = (),
    lost: Iterable[str] = (),
    conf: Mapping[str, Any] | None = None,
    selectors: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[AssetGraph, list[Problem]]:
    """Return the graph of every asset that is valid with all its inputs, and the problems of the others.

    ``lost`` are names that an unreadable entry may have declared: an asset that refers to one is left
    out, but the reference is no mistake. ``conf`` and ``selectors`` are those of ``AssetGraph``.
    """
    assets = {asset.key: asset for asset in sorted(declared, key=lambda asset: asset.key)}
    building = _Building(assets, frozenset(lost))
    owners = _table_owners(building)
    for asset in assets.values():
        building.contracts[asset.key] = building.collect(asset, "columns", Column)
        building.edges[asset.key] = tuple(sorted(set(_inputs(asset, owners, building))))
    _cut_cycles(building)
    known = {key: tuple(up for up in ups if up in assets) for key, ups in building.edges.items()}
    graph = AssetGraph(
        {key: assets[key] for key in _ordered(known)},
        known,
        check_types or {},
        frozenset(environments),
        building.lost,
        conf or {},
        selectors or {},
        building.contracts,
        building.tables,
        building.answers,
    )
    for asset in graph:  # an asset whose input is invalid may have mistakes of its own
        if asset.key not in building.wrong and known[asset.key] == building.edges[asset.key]:
            _examine(asset, graph, building)
    return _sound(building, graph), building.problems


def _examine(asset: Asset, graph: AssetGraph, building: _Building) -> None:
    """Collect the problems of an asset and, if there are none, the answers of its kind."""
    for problem in (
        *building.collect(asset, "problems", Problem, graph),
        *(own_problems(asset, graph) if getattr(type(asset.kind), "checks", None) is Kind.checks else ()),
    ):
        building.add(asset, problem)
    if asset.key in building.wrong or not building.answers.keys() >= set(graph.upstream[asset.key]):
        return
    answers = Answers(building.collect_operations(asset, graph))
    building.answers[asset.key] = answers  # the checks refer to tables as the operations do
    building.answers[asset.key] = replace(
        answers,
        checks=tuple(_sound_checks(asset, graph, building)),
        scope=building.collect(asset, "scope", str, graph),
        lookback=building.collect_value(asset, "lookback", dt.timedelta, answers.lookback),
        spread=building.collect_value(asset, "spread", int, answers.spread),
        source=building.collect_value(asset, "source", str, answers.source),
    )
    if asset.key in building.wrong:
        del building.answers[asset.key]


def _sound_checks(asset: Asset, graph: AssetGraph, building: _Building) -> Iterator[TableCheck]:
    """Yield the checks of an asset that compile; the type of a check may be foreign code."""
    declared = getattr(asset.spec, "checks", ())
    for check in building.collect(asset, "checks", TableCheck, graph):
        reason = compile_error(check)
        if not reason:
            yield check
            continue
        where = f"checks[{declared.index(check.check)}]" if check.check in declared else ""
        message = f"the check '{check.check.check}' fails for table '{check.table}' ({reason})."
        building.add(asset, asset.problem(where, message, "Fix the plugin that provides the check."))


def _sound(building: _Building, whole: AssetGraph) -> AssetGraph:
    """Return the graph without the invalid assets and everything that reads them."""
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
        building.tables[asset.key] = building.collect(asset, "tables", str)
        for table in building.tables[asset.key]:
            if table in owners:
                where = _where_named(asset, table, building)
                message = f"table '{table}' is already made by asset '{owners[table]}'."
                building.add(asset, asset.problem(where, message, "Remove it from one of the two assets."))
            owners.setdefault(table, asset.key)
    return owners


def _where_named(asset: Asset, table: str, building: _Building) -> str:
    references: Sequence[Reference] = building.collect(asset, "references", Reference)
    return next((entry.where for entry in references if entry.name == table), "")


def _inputs(asset: Asset, owners: Mapping[str, str], building: _Building) -> Iterator[str]:
    declared = [Reference(name, where=f"inputs[{index}]") for index, name in enumerate(asset.common.inputs)]
    for reference in (*declared, *building.collect(asset, "references", Reference)):
        name = reference.name
        known = owners if reference.is_table else building.assets
        up = owners.get(name, name) if reference.is_table else name
        building.marks.setdefault((asset.key, up), reference.mark or asset.mark(reference.where))
        yield up  # also if it does not exist, so that the asset is left out
        if name not in known and not _may_be_lost(reference, building):
            message, hint = _unknown(reference, known, building)
            building.add(
                asset,
                reference.mark.problem(f"assets.{asset.key}", message, hint)
                if reference.mark
                else asset.problem(reference.where, message, hint),
            )


def _may_be_lost(reference: Reference, building: _Building) -> bool:
    """Return whether an unreadable entry may have declared the reference, or made the asset a table."""
    return reference.name in building.lost or bool(
        reference.is_table and building.lost and reference.name in building.assets
    )


def _unknown(reference: Reference, known: Iterable[str], building: _Building) -> tuple[str, str]:
    if reference.is_table and reference.name in building.assets:
        message = f"asset '{reference.name}' is not a table."
        return message, "Add it to 'tables' of a catalog asset."
    message = f"there is no {'table' if reference.is_table else 'asset'} '{reference.name}'."
    return message, nearest(reference.name, known)


def _cut_cycles(building: _Building) -> None:
    """Remove the edges of all assets in cycles, and add one problem per cycle that lists its edges."""
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
        building.problems.append(marks[0].problem(field_path, f"the inputs form a cycle: {path}.", hint))
        for key in ring:
            building.wrong.add(key)
            building.edges[key] = ()


def _canonical(ring: list[str]) -> list[str]:
    start = ring.index(min(ring))
    return ring[start:] + ring[:start]


def _ordered(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """Return a topological order with ties broken by key, so that file order cannot matter."""
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
