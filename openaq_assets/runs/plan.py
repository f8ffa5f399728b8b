"""Plan a run: compare the graph with the ledger and say what would run, and why.

Planning changes nothing. It reads the names of records, and a record itself only if its inputs changed.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from openaq_assets.errors import SelectionError, nearest
from openaq_assets.graph.assets import Asset, AssetGraph
from openaq_assets.graph.operations import digest
from openaq_assets.graph.partitions import around, summary, window
from openaq_assets.graph.partitions import days as every_day
from openaq_assets.graph.records import inputs_digest
from openaq_assets.runs.ledger import Entry, Ledger

Action = Literal["create", "rebuild", "refresh", "retry", "validate", "follow", "skip"]


@dataclass(frozen=True, slots=True)
class Step:
    """The action for one partition of an asset; ``scope`` lists the selectors that the action covers."""

    asset: str
    partition: str
    action: Action
    reason: str
    scope: tuple[str, ...] = ()

    @property
    def runs(self) -> bool:
        """Return whether the step does anything."""
        return self.action != "skip"


@dataclass(frozen=True)
class Request:
    """The request of a person or a schedule.

    ``days`` are the partitions of daily assets, ``today`` that of snapshots; ``selectors`` limits the
    scope to these parts; ``force`` makes again what is up to date.
    """

    days: tuple[str, ...]
    today: dt.date
    selectors: tuple[str, ...] = ()
    force: bool = False


def make_request(
    graph: AssetGraph,
    *,
    first: dt.date | None = None,
    last: dt.date | None = None,
    days: int = 3,
    only: Mapping[str, Sequence[str]] = MappingProxyType({}),
    force: bool = False,
    today: dt.date | None = None,
) -> Request:
    """Return a request for the days from ``first`` to ``last``, or ``days`` days up to ``last``.

    The default of ``last`` is today (UTC). ``only`` are names of entries, by the section of their file of
    conf/. Raises SelectionError for days in the wrong order or in the future, and for unknown names.
    """
    now = today or dt.datetime.now(dt.UTC).date()
    end = last or (now if first is None or first <= now else first)
    start = first or end - dt.timedelta(days=days - 1)
    if start > end:
        raise SelectionError(f"the first day {start} is after the last day {end}. Swap them.")
    if end > now:
        raise SelectionError(f"{end} has not begun yet (UTC). Choose {now} or an earlier day.")
    selectors = sorted({part for section, names in only.items() for part in _parts(graph, section, names)})
    return Request(every_day(start, end), now, tuple(selectors), force)


def _parts(graph: AssetGraph, section: str, names: Sequence[str]) -> Iterator[str]:
    """Yield the selectors of the named entries of a section; raise SelectionError for an unknown name."""
    known = graph.selectors.get(section, {})
    for name in names:
        if name not in known:
            noun = section.removesuffix("s")
            raise SelectionError(f"there is no {noun} '{name}'. {nearest(name, known)}")
        yield known[name]


@dataclass
class PlanState:
    """The state of a graph in the ledger of an environment: versions, and the steps to be done."""

    graph: AssetGraph
    ledger: Ledger
    request: Request
    _entries: dict[str, Mapping[str, Entry]] = field(default_factory=dict)
    _versions: dict[str, str] = field(default_factory=dict)

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """Return the fingerprint of every asset."""
        return self.graph.fingerprints

    def entries(self, key: str) -> Mapping[str, Entry]:
        """Return the entries of an asset in the ledger, which are read once until ``forget``."""
        if key not in self._entries:
            self._entries[key] = self.ledger.entries(key)
        return self._entries[key]

    def forget(self, key: str) -> None:
        """Forget the entries of an asset, because it was materialized."""
        self._entries.pop(key, None)
        self._versions.clear()

    def partitions(self, asset: Asset) -> tuple[str, ...]:
        """Return the partitions of an asset for the request.

        For a daily asset they are the days of the request, and their neighbours if an asset reads it
        with a spread.
        """
        if asset.partitions is None:
            return ("",)
        if asset.partitions == "snapshot":
            return (self.request.today.isoformat(),)
        readers = [self.graph[key] for key in self.graph.downstream(asset.key)]
        spread = max((self.graph.answers[reader.key].spread for reader in readers), default=0)
        days = {near for day in self.request.days for near in around(day, spread)}
        return tuple(sorted(day for day in days if day <= self.request.today.isoformat()))

    def version(self, key: str) -> str:
        """Return the current version of the whole asset; '' if it was never made."""
        for asset in self._unversioned_views(key):  # upstream first: a chain of views may be long
            versions = {up: self._version(up) for up in self.graph.upstream[asset.key]}
            self._versions[asset.key] = digest([self.fingerprints[asset.key], versions])
        return self._version(key)

    def _version(self, key: str) -> str:
        if key not in self._versions:
            entries = self.entries(key).items()
            good = {partition: entry.version for partition, entry in entries if entry.state != "failed"}
            snapshot = self.graph[key].partitions == "snapshot"
            newest = good[max(good)] if snapshot and good else digest(good)
            self._versions[key] = newest if good else ""
        return self._versions[key]

    def _unversioned_views(self, key: str) -> list[Asset]:
        """Return the views whose versions are part of an asset's and not computed yet, in graph order."""
        views: set[str] = set()
        queue = [key]
        while queue:
            name = queue.pop()
            if self.graph[name].holds == "view" and name not in views and name not in self._versions:
                views.add(name)
                queue += self.graph.upstream[name]
        return [asset for asset in self.graph if asset.key in views] if views else []

    def inputs(self, asset: Asset, partition: str) -> Mapping[str, str]:
        """Return the version of every input of a partition, by the key of the input."""
        versions = {}
        for key in self.graph.upstream[asset.key]:
            up = self.graph[key]
            if asset.holds == "view":
                versions[key] = self.fingerprints[key]  # a view depends on definitions, not on data
            elif asset.partitions and up.partitions == asset.partitions:
                versions[key] = self._version_around(key, partition, self.graph.answers[asset.key].spread)
            elif asset.partitions == "daily" and up.partitions == "snapshot":
                continue  # an inventory orders the work; a new one does not make old days stale
            else:
                versions[key] = self.version(key)
        return versions

    def _version_around(self, key: str, partition: str, spread: int) -> str:
        """Return the version of a partition, with its neighbours if there is a spread; else ''."""
        entries = self.entries(key)
        good = {
            day: entry.version
            for day in (around(partition, spread) if spread else (partition,))
            if (entry := entries.get(day)) and entry.state != "failed"
        }
        return digest(good) if good and spread else good.get(partition, "")

    def scope(self, asset: Asset) -> tuple[str, ...]:
        """Return the selectors of an asset's scope that the request includes."""
        whole = self.graph.answers[asset.key].scope
        selectors = self.request.selectors
        return tuple(selector for selector in whole if not selectors or selector in selectors)

    def steps(self, key: str, pending: frozenset[str] = frozenset()) -> tuple[Step, ...]:
        """Return the step for each partition of an asset, given the assets that will run before it."""
        asset = self.graph[key]
        return tuple(self._step(asset, partition, pending) for partition in self.partitions(asset))

    def _step(self, asset: Asset, partition: str, pending: frozenset[str]) -> Step:
        scope = self.scope(asset)
        action, reason, narrowed = self._decide(asset, partition, scope, pending)
        return Step(asset.key, partition, action, reason, narrowed)

    def _decide(
        self, asset: Asset, partition: str, scope: tuple[str, ...], pending: frozenset[str]
    ) -> tuple[Action, str, tuple[str, ...]]:
        entry = self.entries(asset.key).get(partition)
        if asset.kind.always:
            return "validate", "runs whenever it is selected", scope
        if entry is None:
            return "create", "never materialized", scope
        if entry.state == "failed" or entry.failed_since:
            return "retry", "the last attempt failed", scope
        if entry.state == "partial":
            return "retry", "some of it failed last time", scope
        if entry.fingerprint != self.fingerprints[asset.key]:
            return "rebuild", "its definition changed", scope
        if self.request.force:
            return "refresh", "forced", scope
        lookback = self.graph.answers[asset.key].lookback
        if is_open(lookback, partition, entry):
            return "refresh", f"taken within the lookback of {_days(lookback)}", scope
        return self._compare(asset, partition, entry, scope, pending)

    def _compare(
        self, asset: Asset, partition: str, entry: Entry, scope: tuple[str, ...], pending: frozenset[str]
    ) -> tuple[Action, str, tuple[str, ...]]:
        inputs = self.inputs(asset, partition)
        if entry.inputs != inputs_digest(inputs, self.graph.answers[asset.key].scope):
            record = self.ledger.read(entry)
            changed = sorted(key for key in inputs if record.inputs.get(key) != inputs[key])
            if changed:
                return "refresh", f"{_listed(changed)} changed", scope
            added = tuple(sorted(set(scope) - set(record.scope)))
            if added:
                return "refresh", f"{_listed(added)} added", added
        upstream = sorted(set(self.graph.upstream[asset.key]) & pending)
        if upstream and inputs and asset.holds != "view":
            return "follow", f"if {_listed(upstream)} changes", scope
        return "skip", "up to date", ()


def is_open(lookback: dt.timedelta, partition: str, entry: Entry) -> bool:
    """Return whether rows may have arrived after the partition was taken."""
    return bool(lookback and partition and entry.at < window(partition)[1] + lookback)


def _days(lookback: dt.timedelta) -> str:
    return f"{lookback.days} day" + ("s" if lookback.days != 1 else "")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


@dataclass(frozen=True, slots=True)
class PlannedAsset:
    """The steps of one asset that have the same action and reason."""

    asset: str
    action: Action
    reason: str
    partitions: tuple[str, ...]

    def __str__(self) -> str:
        days = summary(self.partitions)
        return f"{self.action:9} {self.asset}" + (f" {days}" if days else "") + f": {self.reason}"


def plan(plan_state: PlanState, keys: Iterable[str]) -> tuple[PlannedAsset, ...]:
    """Return what a run of these assets would do, in graph order."""
    wanted, pending, planned = set(keys), set[str](), []
    for asset in plan_state.graph:
        if asset.key not in wanted:
            continue
        steps = plan_state.steps(asset.key, frozenset(pending))
        if any(step.runs for step in steps):
            pending.add(asset.key)
        planned += grouped(steps)
    return tuple(planned)


def grouped(steps: Iterable[Step]) -> list[PlannedAsset]:
    """Return the steps of an asset, grouped by action and reason."""
    groups: dict[tuple[str, Action, str], list[str]] = {}
    for step in steps:
        groups.setdefault((step.asset, step.action, step.reason), []).append(step.partition)
    return [
        PlannedAsset(asset, action, reason, tuple(partitions))
        for (asset, action, reason), partitions in groups.items()
    ]
