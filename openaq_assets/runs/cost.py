"""What a run would cost, asset by asset, from the operations of its plan and what the ledger knows.

Only the platform ``aws`` costs anything. What is assumed, because an asset was never made, is marked.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from typing import Any

from openaq_assets.errors import AssetsError, KindFailed, TooExpensive
from openaq_assets.graph.assets import Asset, operations_of
from openaq_assets.graph.extensions import imported
from openaq_assets.graph.operations import Operation, Register
from openaq_assets.graph.partitions import chunks
from openaq_assets.graph.partitions import days as every_day
from openaq_assets.graph.records import Facts, Materialization
from openaq_assets.platforms import Ticket
from openaq_assets.platforms.aws.prices import (
    DAYS_PER_MONTH,
    Known,
    Rates,
    Usage,
    dollars,
    keeping,
    shown,
    usage_of,
)
from openaq_assets.platforms.aws.settings import Aws, aws_of
from openaq_assets.project.project import Project
from openaq_assets.runs.checks import check_operations
from openaq_assets.runs.context import Run

AT_A_TIME = 31  # days of one operation, as the runner batches them
_GUESSED = Known()
_LATEST = 3  # records an average is taken of


def _usage_of_plugin(target: str, *arguments: Any) -> Usage:
    """Return what a plugin's function says that an operation uses; it is imported only now."""
    usage = imported(target)(*arguments)
    if not isinstance(usage, Usage):
        raise TypeError(f"'{target}' returns {usage!r}, which is not of type Usage")
    return usage


@dataclass(frozen=True, slots=True)
class Priced:
    """What an asset uses and costs; ``assumed`` if the ledger knows nothing of it yet."""

    asset: str
    usage: Usage
    dollars: float
    assumed: bool


def rates_for(run: Run) -> Rates | None:
    """The prices that hold for a run; None where it costs nothing. Raises ConfigError, TooExpensive."""
    if run.environment.profile.platform != "aws":
        return None
    return _rates(run)


def _rates(run: Run) -> Rates:
    rates: Rates | None = run.project.conf("rates")
    if rates is None:
        path = run.project.plugins.conf_files["rates"].path
        raise TooExpensive(f"nobody knows: there is no {path}. Take it from the repository.")
    return rates


def price_plan(run: Run, keys: Iterable[str], rates: Rates) -> list[Priced]:
    """What running these assets now would cost at most: what waits for others may turn out up to date."""
    wanted, pending, found = set(keys), set[str](), []
    costing = Costing(run, rates, aws_of(run.environment.profile))
    for asset in run.project.graph:
        if asset.key not in wanted:
            continue
        steps = [one for one in run.plan_state.steps(asset.key, frozenset(pending)) if one.runs]
        if steps:
            pending.add(asset.key)
            found.append(costing.price(asset, [one.partition for one in steps]))
    return found


class Costing:
    """Prices assets one after the other: what one has registered, a catalog need not register again."""

    def __init__(self, run: Run, rates: Rates, aws: Aws) -> None:
        self.run, self.rates, self.aws = run, rates, aws
        self._unregistered: set[str] = set()  # made by what was priced, and not registered yet
        self._known: dict[str, Known] = {}
        self._own = {
            entry.operation: partial(_usage_of_plugin, entry.usage)
            for entry in run.project.plugins.handlers.values()
            if entry.usage and entry.platform == "aws"
        }

    def price(self, asset: Asset, partitions: Sequence[str], known: Known | None = None) -> Priced:
        """What making these partitions costs, by what the ledger knows or what is given."""
        known, usage = known or self.known(asset), Usage()
        self._unregistered.add(asset.key)
        for days in chunks(tuple(partitions), AT_A_TIME):
            given = tuple(day for day in days if day)
            for operation in self._operations(asset, given):
                usage += self._usage(operation, len(days), known)
        return Priced(asset.key, usage, dollars(usage, self.rates), not known.measured)

    def _usage(self, operation: Operation, days: int, known: Known) -> Usage:
        """Return what an operation uses; raise TooExpensive if a plugin cannot say it of its own."""
        try:
            return usage_of(operation, days, known, self.aws, self.rates, self._own)
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__}: {error}"
            raise TooExpensive(f"nobody knows what {type(operation).__name__} costs ({reason}).") from error

    def _operations(self, asset: Asset, days: tuple[str, ...]) -> list[Operation]:
        """Return the operations of an asset and of its checks, but what registers what is registered."""
        graph = self.run.project.graph
        scope = graph.answers[asset.key].scope
        try:
            own = operations_of(graph, asset, days, scope)
            checks = check_operations(graph, asset, days)
        except KindFailed:  # the run says so
            return []
        operations = [entry for entry in own if self._does_something(entry)]
        if checks and asset.kind.from_raw:
            self._unregistered.discard(asset.key)
        return [*operations, *checks]

    def _does_something(self, operation: Operation) -> bool:
        """Whether there is work: the catalog is left alone when all days are in it."""
        if not isinstance(operation, Register):
            return True
        new = {one.at.asset for one in operation.tables} & self._unregistered
        self._unregistered -= new
        return bool(new)

    def spend(
        self, asset: Asset, partitions: Sequence[str], facts: Facts, seconds: float, crawled: bool
    ) -> float:
        """What making these partitions has cost, by what came of it."""
        if crawled:
            self._unregistered.update(self.run.project.graph.assets)
        count = max(len(partitions), 1)
        each = facts.objects / count, facts.bytes / count, seconds / count
        known = Known(*each, *self._tables_read(asset), measured=True)
        return self.price(asset, partitions, known).dollars

    def known(self, asset: Asset) -> Known:
        """What the ledger knows of an asset, and of all that it reads."""
        if asset.key not in self._known:
            self._known[asset.key] = self._look(asset)
        return self._known[asset.key]

    def _look(self, asset: Asset) -> Known:
        size, files = self._tables_read(asset)
        records = self._records(asset)
        if not records:
            return Known(table_bytes=size, table_files=files)
        return Known(
            fmean(one.facts.objects for one in records),
            fmean(one.facts.bytes for one in records),
            fmean(one.seconds if one.platform == "aws" else 0.0 for one in records),
            size, files, measured=True,
        )  # fmt: skip

    def _tables_read(self, asset: Asset) -> tuple[float, float]:
        """Bytes and files of all tables that an asset is made from."""
        read = self.run.project.graph.ancestors([asset.key])
        tables = [self._size(self.run.project.graph[key]) for key in read]
        size = sum(one[0] for one in tables) or _GUESSED.table_bytes
        return size, sum(one[1] for one in tables) or _GUESSED.table_files

    def _records(self, asset: Asset) -> list[Materialization]:
        """The newest successes."""
        entries = [one for one in self.run.plan_state.entries(asset.key).values() if one.state != "failed"]
        newest = sorted(entries, key=lambda one: one.at)[-_LATEST:]
        return [self.run.ledger.read(one) for one in newest]

    def _size(self, asset: Asset) -> tuple[float, float]:
        """Bytes and files of a table that queries read; nothing for what is no table."""
        if asset.holds != "rows":
            return 0.0, 0.0
        files = sum(one.state != "failed" for one in self.run.plan_state.entries(asset.key).values())
        records = self._records(asset)
        return files * (fmean(one.facts.bytes for one in records) if records else 0.0), float(files)


def spent(
    run: Run, asset: Asset, partitions: Sequence[str], tickets: Sequence[Ticket], seconds: float
) -> float:
    """What a batch has cost in US dollars; 0 where nothing costs, or nobody knows the prices."""
    try:
        rates = rates_for(run)
    except AssetsError:
        return 0.0
    if rates is None:
        return 0.0
    facts = sum((one for ticket in tickets for one in ticket.facts.values()), Facts())
    crawled = any("/crawlers/" in ticket.link for ticket in tickets)
    costing = Costing(run, rates, aws_of(run.environment.profile))
    try:
        return costing.spend(asset, partitions, facts, seconds, crawled)
    except AssetsError:
        return 0.0


def limit_of(project: Project, job: str | None, given: float | None) -> float | None:
    """What a run may cost: what was said for it, else what its job says, else the project."""
    if given is not None:
        return given
    of_job = project.job(job).max_cost if job else None
    return project.max_cost if of_job is None else of_job


def refuse_beyond(run: Run, keys: Iterable[str], limit: float | None) -> None:
    """Raise TooExpensive, with what it would cost and the remedy, if a run may not cost that much."""
    if limit is None or (rates := rates_for(run)) is None:
        return
    priced = price_plan(run, keys, rates)
    total = sum(one.dollars for one in priced)
    if total > limit:
        most = max(priced, key=lambda one: one.dollars)
        raise TooExpensive(
            f"it would cost about {shown(total)} ({most.asset} {shown(most.dollars)}), and may cost "
            f"{shown(limit)}. Run less of it, or raise max_cost."
        )


def cost_line(run: Run, keys: Iterable[str]) -> str:
    """What a run would cost, in one line."""
    rates = rates_for(run)
    if rates is None:
        return "Cost: $0, all of it runs on this machine."
    priced = price_plan(run, keys, rates)
    parts = [f"{one.asset} {shown(one.dollars)}" for one in priced if one.dollars >= 0.01]
    total = shown(sum(one.dollars for one in priced))
    return (
        f"Cost: about {total}" + (f" ({', '.join(parts)})" if parts else "") + f", prices of {rates.as_of}."
    )


@dataclass(frozen=True, slots=True)
class Estimate:
    """Every asset's price for a daily run, for a month of them, and for days of history."""

    rates: Rates
    day: tuple[Priced, ...]
    month: tuple[Priced, ...]
    history: tuple[Priced, ...]


def estimate(run: Run, keys: Iterable[str], days: int, backfill: int) -> Estimate:
    """What the pipeline costs on AWS, by the sizes that the ledger of a run's environment knows.

    A daily run makes the last ``days`` again; a month keeps what thirty new days add. Raises ConfigError
    or TooExpensive if there are no prices.
    """
    graph, rates = run.project.graph, _rates(run)
    here = run.environment.profile
    if here.platform != "aws":
        here = run.project.profiles.get("aws", here)
    aws = aws_of(here)
    assets = [one for one in graph if one.key in set(keys)]

    def priced(number: int) -> tuple[Priced, ...]:
        costing = Costing(run, rates, aws)
        return tuple(costing.price(one, _so_many(one, number)) for one in assets)

    daily = priced(days)
    month = (replace(one, dollars=_month(one, assets[n], days, rates)) for n, one in enumerate(daily))
    return Estimate(rates, daily, tuple(month), priced(backfill))


def _so_many(asset: Asset, number: int) -> tuple[str, ...]:
    """The last days of an asset that has days; else the one partition it has."""
    if asset.partitions != "daily":
        return ("",)
    today = dt.datetime.now(dt.UTC).date()
    return every_day(today - dt.timedelta(days=number - 1), today)


def _month(one: Priced, asset: Asset, days: int, rates: Rates) -> float:
    """Thirty daily runs, and keeping what is new of them: a daily run makes some days again."""
    new = one.usage.times(1 / days if asset.partitions == "daily" else 1)
    return one.dollars * DAYS_PER_MONTH + keeping(new.times(DAYS_PER_MONTH), rates)
