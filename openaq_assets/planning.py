"""What would run, and why: the graph and the ledger compared. Reads names only; changes nothing."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from openaq_assets.definitions import Asset
from openaq_assets.errors import SelectionError, nearest
from openaq_assets.graph import AssetGraph
from openaq_assets.ledger import Entry, Ledger, inputs_digest
from openaq_assets.operations import digest, fingerprint
from openaq_assets.partitions import around, summary, window
from openaq_assets.partitions import days as every_day

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

    ``days`` are the partitions of daily assets, ``today`` that of snapshots; ``locations`` narrows the
    scope to these selectors; ``force`` makes again what is up to date.
    """

    days: tuple[str, ...]
    today: dt.date
    locations: tuple[str, ...] = ()
    force: bool = False


def make_request(
    graph: AssetGraph,
    *,
    first: dt.date | None = None,
    last: dt.date | None = None,
    days: int = 3,
    locations: Sequence[str] = (),
    force: bool = False,
    today: dt.date | None = None,
) -> Request:
    """A request from what people say: a first and last day, or so many days up to the last (today, UTC).

    ``locations`` are names of conf/locations.yaml. Raises SelectionError for what makes no sense.
    """
    now = today or dt.datetime.now(dt.UTC).date()
    end = last or (now if first is None or first <= now else first)
    start = first or end - dt.timedelta(days=days - 1)
    if start > end:
        raise SelectionError(f"the first day {start} is after the last day {end}. Swap them.")
    if end > now:
        raise SelectionError(f"{end} has not begun (UTC). Choose {now} or before.")
    for name in locations:
        if name not in graph.locations:
            raise SelectionError(f"there is no location '{name}'. {nearest(name, graph.locations)}")
    selectors = tuple(sorted({graph.locations[name].selector for name in locations}))
    return Request(every_day(start, end), now, selectors, force)


@dataclass
class Situation:
    """The graph as it stands in an environment's ledger: versions, and what is stale."""

    graph: AssetGraph
    ledger: Ledger
    request: Request
    _entries: dict[str, Mapping[str, Entry]] = field(default_factory=dict)
    _versions: dict[str, str] = field(default_factory=dict)

    @cached_property
    def fingerprints(self) -> Mapping[str, str]:
        """The fingerprint of every asset."""
        return {
            asset.key: fingerprint(tuple(asset.kind.operations(asset, self.graph, (), ())))
            for asset in self.graph
        }

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
        spread = max((one.kind.spread(one) for one in readers), default=0)
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
            if self.graph[one].kind.virtual and one not in found and one not in self._versions:
                found.add(one)
                ahead += self.graph.upstream[one]
        return [asset for asset in self.graph if asset.key in found] if found else []

    def inputs(self, asset: Asset, partition: str) -> Mapping[str, str]:
        """The version of everything a partition is made from."""
        found = {}
        for key in self.graph.upstream[asset.key]:
            up = self.graph[key]
            if asset.kind.virtual:
                found[key] = self.fingerprints[
                    key
                ]  # a view depends on what its tables are, not hold
            elif asset.partitions and up.partitions == asset.partitions:
                found[key] = self._version_around(key, partition, asset.kind.spread(asset))
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
        whole = asset.kind.scope(asset, self.graph)
        return tuple(
            one for one in whole if not self.request.locations or one in self.request.locations
        )

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
        if is_open(asset, partition, entry):
            return "refresh", f"taken within the lookback of {_days(asset)}", scope
        return self._compare(asset, partition, entry, scope, pending)

    def _compare(
        self,
        asset: Asset,
        partition: str,
        entry: Entry,
        scope: tuple[str, ...],
        pending: frozenset[str],
    ) -> tuple[Action, str, tuple[str, ...]]:
        inputs = self.inputs(asset, partition)
        if entry.inputs != inputs_digest(inputs, asset.kind.scope(asset, self.graph)):
            record = self.ledger.read(entry)
            changed = sorted(key for key in inputs if record.inputs.get(key) != inputs[key])
            if changed:
                return "refresh", f"{_listed(changed)} changed", scope
            added = tuple(sorted(set(scope) - set(record.scope)))
            if added:
                return "refresh", f"{_listed(added)} added", added
        upstream = sorted(set(self.graph.upstream[asset.key]) & pending)
        if upstream and inputs and not asset.kind.virtual:
            return "follow", f"if {_listed(upstream)} changes", scope
        return "skip", "up to date", ()


def is_open(asset: Asset, partition: str, entry: Entry) -> bool:
    """Whether rows may have arrived after the partition was taken."""
    lookback = asset.kind.lookback(asset)
    return bool(lookback and partition and entry.at < window(partition)[1] + lookback)


def _days(asset: Asset) -> str:
    days = asset.kind.lookback(asset).days
    return f"{days} day" + ("s" if days != 1 else "")


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


def plan(situation: Situation, keys: Iterable[str]) -> tuple[PlannedAsset, ...]:
    """What running these assets would do, in order."""
    wanted, pending, found = set(keys), set[str](), []
    for asset in situation.graph:
        if asset.key not in wanted:
            continue
        steps = situation.steps(asset.key, frozenset(pending))
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
