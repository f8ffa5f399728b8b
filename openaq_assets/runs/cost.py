"""Estimate the cost of a run, by asset, from the operations of its plan and the records of the ledger.

Only the platform ``aws`` has costs. The cost of an asset that was never made is marked as assumed.
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
_LATEST = 3  # the number of records in an average


def _usage_of_plugin(target: str, *arguments: Any) -> Usage:
    """Import a plugin's function and return the usage of an operation that it computes."""
    usage = imported(target)(*arguments)
    if not isinstance(usage, Usage):
        raise TypeError(f"'{target}' returns {usage!r}, which is not of type Usage")
    return usage


@dataclass(frozen=True, slots=True)
class AssetCost:
    """The usage and cost of an asset; ``assumed`` if the ledger has no record of it."""

    asset: str
    usage: Usage
    dollars: float
    assumed: bool


def rates_for(run: Run) -> Rates | None:
    """Return the prices for a run; None if its platform has no costs.

    Raises ConfigError for mistakes in the file of prices, TooExpensive if there is no such file.
    """
    if run.environment.profile.platform != "aws":
        return None
    return _rates(run)


def _rates(run: Run) -> Rates:
    rates: Rates | None = run.project.conf("rates")
    if rates is None:
        path = run.project.plugins.conf_files["rates"].path
        raise TooExpensive(
            f"the cost is not known, because {path} does not exist. Copy it from the repository."
        )
    return rates


def price_plan(run: Run, keys: Iterable[str], rates: Rates) -> list[AssetCost]:
    """Return the highest cost of running these assets now, for each asset that would run.

    An asset that waits for another may turn out to be up to date and then costs nothing.
    """
    wanted, pending, priced = set(keys), set[str](), []
    estimator = CostEstimator(run, rates, aws_of(run.environment.profile))
    for asset in run.project.graph:
        if asset.key not in wanted:
            continue
        steps = [step for step in run.plan_state.steps(asset.key, frozenset(pending)) if step.runs]
        if steps:
            pending.add(asset.key)
            priced.append(estimator.price(asset, [step.partition for step in steps]))
    return priced


class CostEstimator:
    """A computation of prices, one asset after the other; a table that is registered costs nothing again."""

    def __init__(self, run: Run, rates: Rates, aws: Aws) -> None:
        self.run, self.rates, self.aws = run, rates, aws
        self._unregistered: set[str] = set()  # priced assets whose tables are not registered yet
        self._known: dict[str, Known] = {}
        self._own = {
            entry.operation: partial(_usage_of_plugin, entry.usage)
            for entry in run.project.plugins.handlers.values()
            if entry.usage and entry.platform == "aws"
        }

    def price(self, asset: Asset, partitions: Sequence[str], known: Known | None = None) -> AssetCost:
        """Return the price of making these partitions, from ``known`` or from the ledger."""
        known, usage = known or self.known(asset), Usage()
        self._unregistered.add(asset.key)
        for days in chunks(tuple(partitions), AT_A_TIME):
            given = tuple(day for day in days if day)
            for operation in self._operations(asset, given):
                usage += self._usage(operation, len(days), known)
        return AssetCost(asset.key, usage, dollars(usage, self.rates), not known.measured)

    def _usage(self, operation: Operation, days: int, known: Known) -> Usage:
        """Return the usage of an operation; raise TooExpensive if a plugin cannot compute it."""
        try:
            return usage_of(operation, days, known, self.aws, self.rates, self._own)
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__}: {error}"
            raise TooExpensive(f"the cost of {type(operation).__name__} is not known ({reason}).") from error

    def _operations(self, asset: Asset, days: tuple[str, ...]) -> list[Operation]:
        """Return the operations of an asset and its checks, without repeated registrations."""
        graph = self.run.project.graph
        scope = graph.answers[asset.key].scope
        try:
            own = operations_of(graph, asset, days, scope)
            checks = check_operations(graph, asset, days)
        except KindFailed:  # the run reports it
            return []
        operations = [entry for entry in own if self._has_work(entry)]
        if checks and asset.kind.from_raw:
            self._unregistered.discard(asset.key)
        return [*operations, *checks]

    def _has_work(self, operation: Operation) -> bool:
        """Return whether an operation has work; registering has none if all days are in the catalog."""
        if not isinstance(operation, Register):
            return True
        new = {table.at.asset for table in operation.tables} & self._unregistered
        self._unregistered -= new
        return bool(new)

    def spend(
        self, asset: Asset, partitions: Sequence[str], facts: Facts, seconds: float, crawled: bool
    ) -> float:
        """Return the cost of the partitions that were made, from their facts and the time they took."""
        if crawled:
            self._unregistered.update(self.run.project.graph.assets)
        count = max(len(partitions), 1)
        each = facts.objects / count, facts.bytes / count, seconds / count
        known = Known(*each, *self._tables_read(asset), measured=True)
        return self.price(asset, partitions, known).dollars

    def known(self, asset: Asset) -> Known:
        """Return the measured sizes of an asset and of everything that it reads, from the ledger."""
        if asset.key not in self._known:
            self._known[asset.key] = self._measure(asset)
        return self._known[asset.key]

    def _measure(self, asset: Asset) -> Known:
        size, files = self._tables_read(asset)
        records = self._records(asset)
        if not records:
            return Known(table_bytes=size, table_files=files)
        return Known(
            fmean(record.facts.objects for record in records),
            fmean(record.facts.bytes for record in records),
            fmean(record.seconds if record.platform == "aws" else 0.0 for record in records),
            size,
            files,
            measured=True,
        )

    def _tables_read(self, asset: Asset) -> tuple[float, float]:
        """Return the bytes and files of all tables that an asset is made from."""
        read = self.run.project.graph.ancestors([asset.key])
        sizes = [self._size(self.run.project.graph[key]) for key in read]
        total_bytes = sum(size for size, _ in sizes) or _GUESSED.table_bytes
        return total_bytes, sum(files for _, files in sizes) or _GUESSED.table_files

    def _records(self, asset: Asset) -> list[Materialization]:
        """Return the newest records of an asset that did not fail."""
        entries = self.run.plan_state.entries(asset.key).values()
        good = sorted((entry for entry in entries if entry.state != "failed"), key=lambda entry: entry.at)
        return [self.run.ledger.read(entry) for entry in good[-_LATEST:]]

    def _size(self, asset: Asset) -> tuple[float, float]:
        """Return the bytes and files of a table that queries read; zeros for an asset that is no table."""
        if asset.holds != "rows":
            return 0.0, 0.0
        files = sum(entry.state != "failed" for entry in self.run.plan_state.entries(asset.key).values())
        records = self._records(asset)
        return files * (fmean(record.facts.bytes for record in records) if records else 0.0), float(files)


def batch_cost(
    run: Run, asset: Asset, partitions: Sequence[str], tickets: Sequence[Ticket], seconds: float
) -> float:
    """Return the cost of a batch in US dollars; 0 without costs or without known prices."""
    try:
        rates = rates_for(run)
    except AssetsError:
        return 0.0
    if rates is None:
        return 0.0
    facts = sum((facts for ticket in tickets for facts in ticket.facts.values()), Facts())
    crawled = any("/crawlers/" in ticket.link for ticket in tickets)
    estimator = CostEstimator(run, rates, aws_of(run.environment.profile))
    try:
        return estimator.spend(asset, partitions, facts, seconds, crawled)
    except AssetsError:
        return 0.0


def limit_of(project: Project, job: str | None, given: float | None) -> float | None:
    """Return the limit of a run's cost: the given one, else that of its job, else that of the project."""
    if given is not None:
        return given
    of_job = project.job(job).max_cost if job else None
    return project.max_cost if of_job is None else of_job


def enforce_max_cost(run: Run, keys: Iterable[str], limit: float | None) -> None:
    """Raise TooExpensive, with the estimate and the remedy, if a run would cost more than the limit."""
    if limit is None or (rates := rates_for(run)) is None:
        return
    priced = price_plan(run, keys, rates)
    total = sum(price.dollars for price in priced)
    if total > limit:
        most = max(priced, key=lambda price: price.dollars)
        raise TooExpensive(
            f"it would cost about {shown(total)} ({most.asset} {shown(most.dollars)}), but the limit is "
            f"{shown(limit)}. Select less, or raise max_cost."
        )


def cost_line(run: Run, keys: Iterable[str]) -> str:
    """Return one line about the cost of a run."""
    rates = rates_for(run)
    if rates is None:
        return "Cost: $0, all of it runs on this machine."
    priced = price_plan(run, keys, rates)
    parts = [f"{price.asset} {shown(price.dollars)}" for price in priced if price.dollars >= 0.01]
    total = shown(sum(price.dollars for price in priced))
    return (
        f"Cost: about {total}" + (f" ({', '.join(parts)})" if parts else "") + f", prices of {rates.as_of}."
    )


@dataclass(frozen=True, slots=True)
class Estimate:
    """The prices of every asset: for a daily run, for a month of daily runs, and for days of history."""

    rates: Rates
    day: tuple[AssetCost, ...]
    month: tuple[AssetCost, ...]
    history: tuple[AssetCost, ...]


def estimate(run: Run, keys: Iterable[str], days: int, backfill: int) -> Estimate:
    """Return the cost of the pipeline on AWS, from the sizes in the ledger of the run's environment.

    A daily run makes the last ``days`` again; a month includes the storage of thirty new days. Raises
    ConfigError or TooExpensive if there are no prices.
    """
    graph, rates = run.project.graph, _rates(run)
    profile = run.environment.profile
    if profile.platform != "aws":
        profile = run.project.profiles.get("aws", profile)
    aws = aws_of(profile)
    assets = [asset for asset in graph if asset.key in set(keys)]

    def priced(number: int) -> tuple[AssetCost, ...]:
        estimator = CostEstimator(run, rates, aws)
        return tuple(estimator.price(asset, _last_partitions(asset, number)) for asset in assets)

    daily = priced(days)
    month = (
        replace(price, dollars=_month(price, asset, days, rates))
        for price, asset in zip(daily, assets, strict=True)
    )
    return Estimate(rates, daily, tuple(month), priced(backfill))


def _last_partitions(asset: Asset, number: int) -> tuple[str, ...]:
    """Return the last ``number`` days of a daily asset; the single partition of another."""
    if asset.partitions != "daily":
        return ("",)
    today = dt.datetime.now(dt.UTC).date()
    return every_day(today - dt.timedelta(days=number - 1), today)


def _month(price: AssetCost, asset: Asset, days: int, rates: Rates) -> float:
    """Return the cost of thirty daily runs and of storing their new data; each run makes old days again."""
    new = price.usage.times(1 / days if asset.partitions == "daily" else 1)
    return price.dollars * DAYS_PER_MONTH + keeping(new.times(DAYS_PER_MONTH), rates)
