"""What would run, and why: the graph and the ledger compared. Reads names only; changes nothing."""

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
    """One partition of an asset and what to do with it; ``scope`` is what has to be asked for."""

    asset: str
    partition: str
    action: Action
    reason: str
    scope: tuple[str, ...] = ()

    @property
    def runs(self) -> bool:
        return self.action != "skip"


@dataclass(frozen=True)
class Request:
    """What a person or a schedule asked for.

    ``days`` are the partitions of daily assets, ``today`` that of snapshots; ``selectors`` narrows the
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
    """Return a request from what people say: first and last day, or so many days up to the last (today, UTC).

    ``only`` are names of entries, by the section of the file of conf/ that has them. Raises SelectionError
    for what makes no sense.
    """
    now = today or dt.datetime.now(dt.UTC).date()
    end = last or (now if first is None or first <= now else first)
    start = first or end - dt.timedelta(days=days - 1)
    if start > end:
        raise SelectionError(f"the first day {start} is after the last day {end}. Swap them.")
    if end > now:
        raise SelectionError(f"{end} has not begun (UTC). Choose {now} or before.")
    selectors = sorted({part for section, names in only.items() for part in _parts(graph, section, names)})
    return Request(every_day(start, end), now, tuple(selectors), force)


def _parts(graph: AssetGraph, section: str, names: Sequence[str]) -> Iterator[str]:
    """Yield the parts of a scope that entries of a section name; raise SelectionError for an unknown one."""
    known = graph.selectors.get(section, {})
    for name in names:
        if name not in known:
            what = section.removesuffix("s")
            raise SelectionError(f"there is no {what} '{name}'. {nearest(name, known)}")
        yield known[name]


@dataclass
class PlanState:
    """The graph as it stands in an environment's ledger: versions, and what is stale."""

    graph: AssetGraph
    ledger: Ledger
    request: Request
    _entries: dict[str, Mapping[str, Entry]] = field(default_factory=dict)
    _versions: dict[str, str] = field(default_factory=dict)

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """The fingerprint of every asset."""
        return self.graph.fingerprints

    def entries(self, key: str) -> Mapping[str, Entry]:
        """The ledger's newest entries of an asset; read once until ``forget``."""
        if key not in self._entries:
            self._entries[key] = self.ledger.entries(key)
        return self._entries[key]

    def forget(self, key: str) -> None:
        """Read the asset's entries again next time: it has been materialized."""
        self._entries.pop(key, None)
        self._versions.clear()

    def partitions(self, asset: Asset) -> tuple[str, ...]:
        """The partitions of an asset that the request means: its days, and their neighbours where the
        asset is read with a spread."""
        if asset.partitions is None:
            return ("",)
        if asset.partitions == "snapshot":
            return (self.request.today.isoformat(),)
        readers = [self.graph[key] for key in self.graph.downstream(asset.key)]
        spread = max((self.graph.answers[one.key].spread for one in readers), default=0)
        found = {near for day in self.request.days for near in around(day, spread)}
        return tuple(sorted(day for day in found if day <= self.request.today.isoformat()))

    def version(self, key: str) -> str:
        """The version of the whole asset as it stands; '' if it was never made."""
        for asset in self._virtual_behind(key):  # upstream first: a chain of views may be long
            versions = {up: self._version(up) for up in self.graph.upstream[asset.key]}
            self._versions[asset.key] = digest([self.fingerprints[asset.key], versions])
        return self._version(key)

    def _version(self, key: str) -> str:
        if key not in self._versions:
            entries = self.entries(key).items()
            good = {name: one.version for name, one in entries if one.state != "failed"}
            snapshot = self.graph[key].partitions == "snapshot"
            newest = good[max(good)] if snapshot and good else digest(good)
            self._versions[key] = newest if good else ""
        return self._versions[key]

    def _virtual_behind(self, key: str) -> list[Asset]:
        """The views an asset's version is made of and that are not known yet, in graph order."""
        found: set[str] = set()
        ahead = [key]
        while ahead:
            one = ahead.pop()
            if self.graph[one].holds == "view" and one not in found and one not in self._versions:
                found.add(one)
                ahead += self.graph.upstream[one]
        return [asset for asset in self.graph if asset.key in found] if found else []

    def inputs(self, asset: Asset, partition: str) -> Mapping[str, str]:
        """The version of everything a partition is made from."""
        found = {}
        for key in self.graph.upstream[asset.key]:
            up = self.graph[key]
            if asset.holds == "view":
                found[key] = self.fingerprints[key]  # a view depends on what its tables are, not hold
            elif asset.partitions and up.partitions == asset.partitions:
                found[key] = self._version_around(key, partition, self.graph.answers[asset.key].spread)
            elif asset.partitions == "daily" and up.partitions == "snapshot":
                continue  # an inventory orders the work; a new one does not make old days stale
            else:
                found[key] = self.version(key)
        return found

    def _version_around(self, key: str, partition: str, spread: int) -> str:
        """The version of a partition, or of it and its neighbours; '' if there is none."""
        entries = self.entries(key)
        good = {
            day: entry.version
            for day in (around(partition, spread) if spread else (partition,))
            if (entry := entries.get(day)) and entry.state != "failed"
        }
        return digest(good) if good and spread else good.get(partition, "")

    def scope(self, asset: Asset) -> tuple[str, ...]:
        """The selectors the request asks of an asset."""
        whole = self.graph.answers[asset.key].scope
        return tuple(one for one in whole if not self.request.selectors or one in self.request.selectors)

    def steps(self, key: str, pending: frozenset[str] = frozenset()) -> tuple[Step, ...]:
        """What to do with each partition of an asset, given the assets that will run before it."""
        asset = self.graph[key]
        return tuple(self._step(asset, one, pending) for one in self.partitions(asset))

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
    """What running these assets would do, in order."""
    wanted, pending, found = set(keys), set[str](), []
    for asset in plan_state.graph:
        if asset.key not in wanted:
            continue
        steps = plan_state.steps(asset.key, frozenset(pending))
        if any(step.runs for step in steps):
            pending.add(asset.key)
        found += grouped(steps)
    return tuple(found)


def grouped(steps: Iterable[Step]) -> list[PlannedAsset]:
    """The steps of an asset, one entry per action and reason."""
    groups: dict[tuple[str, Action, str], list[str]] = {}
    for step in steps:
        groups.setdefault((step.asset, step.action, step.reason), []).append(step.partition)
    return [
        PlannedAsset(asset, action, reason, tuple(partitions))
        for (asset, action, reason), partitions in groups.items()
    ]
