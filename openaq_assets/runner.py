"""Carries out a plan.

``materialize`` is the one way an asset is made: the command line and Airflow both call it.
"""

import dataclasses
import datetime as dt
import itertools
import json
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace

from openaq_assets.checking import Results, summary_of
from openaq_assets.costing import spent
from openaq_assets.definitions import Asset
from openaq_assets.environment import Environment, bind
from openaq_assets.errors import SelectionError, nearest
from openaq_assets.journal import utc_now
from openaq_assets.ledger import Entry, Ledger, Materialization
from openaq_assets.notifications import tell_of_run
from openaq_assets.operations import Fetch, Operation, Query, digest, to_json
from openaq_assets.partitions import chunks
from openaq_assets.planning import Request, Situation, Step, is_open
from openaq_assets.platforms import Facts, Platform, Progress, Ticket, silent
from openaq_assets.project import Project
from openaq_assets.questions import CheckResult
from openaq_assets.validation import checked, make_first, split

CHUNK_DAYS = 31
log = logging.getLogger(__name__)


@dataclass
class Run:
    """One run: a project in an environment on a platform, and what was asked."""

    project: Project
    environment: Environment
    platform: Platform
    request: Request
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    tickets: MutableMapping[str, str] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], dt.datetime] = utc_now
    link: str = ""  # where a person sees what was started last

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.platform.objects, self.environment)
        self.situation = Situation(self.project.graph, self.ledger, self.request)


def open_platform(
    project: Project, environment: str, profile: str | None = None, progress: Progress = silent
) -> tuple[Environment, Platform]:
    """An environment and the platform that carries it; raises SelectionError if there is none."""
    place = project.environment(environment, profile)
    kind = project.plugins.platforms.get(place.profile.platform)
    if kind is None:
        hint = nearest(place.profile.platform, project.plugins.platforms)
        raise SelectionError(f"there is no platform '{place.profile.platform}'. {hint}")
    return place, kind.open(place, progress)


def open_run(
    project: Project,
    request: Request,
    environment: str = "dev",
    profile: str | None = None,
    progress: Progress = silent,
) -> Run:
    """A run of a project in an environment; raises SelectionError if there is no such platform."""
    return Run(project, *open_platform(project, environment, profile, progress), request)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one asset in a run."""

    asset: str
    state: str  # ok, partial, failed, skipped, blocked
    records: tuple[Materialization, ...] = ()
    message: str = ""
    retryable: bool = False

    @property
    def facts(self) -> Facts:
        """All partitions together."""
        return sum((record.facts for record in self.records), Facts())

    @property
    def warning(self) -> str:
        """The checks of severity ``warn`` that failed, as one message; '' if none did."""
        found = [one for record in self.records for one in record.checks]
        return summary_of(found, blocking=False)


def run_all(
    run: Run, keys: Iterable[str], told: Callable[[Result], None] = lambda result: None
) -> tuple[Result, ...]:
    """Every asset in graph order; what reads a failed asset is not run."""
    wanted = set(keys)
    results: dict[str, Result] = {}
    for asset in run.project.graph:
        if asset.key not in wanted:
            continue
        stopped = [
            up for up in run.project.graph.upstream[asset.key]
            if up in results and results[up].state in ("failed", "blocked")
        ]  # fmt: skip
        if stopped:
            result = Result(asset.key, "blocked", message=f"not run: {', '.join(stopped)} failed")
        else:
            result = materialize(run, asset.key)
        results[asset.key] = result
        told(result)
    tell_of_run(run, tuple(results.values()))
    return tuple(results.values())


def materialize(run: Run, key: str) -> Result:
    """Make what is missing or stale of an asset, and record it. Doing it twice is doing it once."""
    asset = run.project.graph[key]
    owner = run.environment.siblings[run.environment.name].tables_from
    if owner and asset.kind.name not in ("view", "check"):
        raise SelectionError(
            f"'{key}' lives in environment '{owner}'; '{run.environment.name}' owns views only. "
            f"Run it with --env {owner}."
        )
    steps = [step for step in run.situation.steps(key) if step.runs]
    if not steps:
        return Result(key, "skipped", message="up to date")
    records: list[Materialization] = []
    failed: list[Ticket] = []
    for batch in _batches(steps):
        made, tickets = _carry_out(run, asset, batch)
        records += made
        failed += _failed(tickets)
        if failed:
            break
    run.situation.forget(key)
    blocking = [one for record in records for one in record.checks if one.blocks]
    told = [one.retryable for one in failed] + [one.retryable for one in blocking]
    return _result(key, records, bool(told) and all(told))


def _batches(steps: Sequence[Step]) -> Iterable[tuple[Step, ...]]:
    """Steps of equal scope (and those to be rebuilt apart) together, a month at a time."""

    def alike(step: Step) -> tuple[tuple[str, ...], bool]:
        return step.scope, step.action == "rebuild"

    ordered = sorted(steps, key=lambda one: (*alike(one), one.partition))
    for _, group in itertools.groupby(ordered, alike):
        same = {step.partition: step for step in group}
        for keys in chunks(tuple(same), CHUNK_DAYS):
            yield tuple(same[key] for key in keys)


def _carry_out(
    run: Run, asset: Asset, batch: tuple[Step, ...]
) -> tuple[list[Materialization], list[Ticket]]:
    """Submit the operations of a batch and record every partition of it."""
    partitions = tuple(step.partition for step in batch if step.partition)
    # Before anything is read: what another run adds meanwhile must look new to the next plan.
    read = {step.partition: run.situation.inputs(asset, step.partition) for step in batch}
    started = time.monotonic()
    operations = asset.kind.operations(asset, run.project.graph, partitions, batch[0].scope)
    if run.request.force or batch[0].action == "rebuild":
        operations = [_again(operation) for operation in operations]
    tickets, results = _done_and_checked(run, asset, partitions, operations)
    seconds = time.monotonic() - started
    dollars = spent(run, asset, [one.partition for one in batch], tickets, seconds)
    records = []
    for step in batch:
        checks = results.get(step.partition, ())
        record = _record(run, asset, step, tickets, checks, read[step.partition])
        record = replace(
            record,
            seconds=round(seconds / len(batch), 3),
            dollars=round(dollars / len(batch), 6),
        )
        run.ledger.append(record)
        _tell(run, record)
        records.append(record)
    return records, tickets


def _done_and_checked(
    run: Run, asset: Asset, partitions: tuple[str, ...], operations: Sequence[Operation]
) -> tuple[list[Ticket], Results]:
    """The tickets of what was done, and if all of it was, what came of the asset's checks."""
    started = dt.datetime.now(dt.UTC)
    first, rest, asked = split(run, asset, operations, partitions)
    tickets = make_first(run, first)
    if not _failed(tickets):
        tickets += _submit_all(run, rest)
    return tickets, {} if _failed(tickets) else checked(run, asset, partitions, asked, started)


def _failed(tickets: Sequence[Ticket]) -> list[Ticket]:
    return [ticket for ticket in tickets if ticket.state == "failed"]


def _again(operation: Operation) -> Operation:
    """A fetch that also asks for what is stored and final; anything else as it is."""
    return replace(operation, again=True) if isinstance(operation, Fetch) else operation


def _tell(run: Run, record: Materialization) -> None:
    """Tell every plugin that listens; one that fails keeps neither the others nor the run."""
    for listener in run.project.plugins.manager.hook.materialized.get_hookimpls():
        try:
            listener.function(**dict.fromkeys(listener.argnames, record))
        except Exception:
            log.exception("%s: the plugin %s failed", record.asset, listener.plugin_name)


def _submit_all(run: Run, operations: Sequence[Operation]) -> list[Ticket]:
    tickets = []
    for operation in operations:
        tickets.append(_submit(run, bind(operation, run.environment)))
        if tickets[-1].state == "failed" and not isinstance(operation, Query):
            break  # checks all have their say; anything else builds on what came before
    return tickets


def _submit(run: Run, operation: Operation) -> Ticket:
    """The finished ticket of an operation; one that an earlier attempt started is taken up again."""
    name = digest(to_json(operation))
    kept = run.tickets.get(name)
    ticket = _ticket_from(kept) if kept else run.platform.submit(operation)
    wait = 1.0
    while ticket.state == "running":
        run.link = ticket.link
        run.tickets[name] = json.dumps(dataclasses.asdict(ticket))
        try:
            run.sleep(wait)
            ticket = run.platform.poll(ticket)
        except KeyboardInterrupt:
            run.platform.cancel(ticket)
            raise
        wait = min(wait * 1.5, 15.0)
    run.link = ticket.link or run.link
    run.tickets.pop(name, None)
    return ticket


def _ticket_from(text: str) -> Ticket:
    body = json.loads(text)
    facts = {key: Facts.of(one) for key, one in body.pop("facts").items()}
    return Ticket(**body, facts=facts)


def _record(
    run: Run,
    asset: Asset,
    step: Step,
    tickets: Sequence[Ticket],
    checks: tuple[CheckResult, ...],
    inputs: Mapping[str, str],
) -> Materialization:
    facts = sum((_facts_of(ticket, step.partition) for ticket in tickets), Facts())
    failed = [ticket.message for ticket in _failed(tickets)]
    failed += [f"check {said}"] if (said := summary_of(checks)) else []
    state = "failed" if failed else "partial" if facts.failures and not asset.kind.always else "ok"
    print_of = run.situation.fingerprints[asset.key]
    return Materialization(
        asset=asset.key,
        kind=asset.kind.name,
        partition=step.partition,
        state=state,  # type: ignore[arg-type]
        fingerprint=print_of,
        version="" if failed else facts.version or digest([print_of, dict(inputs)]),
        inputs=inputs,
        scope=_covered(run, asset, step),
        facts=facts,
        environment=run.environment.name,
        platform=run.platform.name,
        run=run.id,
        reason=f"{step.action}: {step.reason}",
        message="; ".join(failed),
        at=dt.datetime.now(dt.UTC).isoformat(),
        checks=checks,
    )


def _facts_of(ticket: Ticket, partition: str) -> Facts:
    return ticket.facts.get(partition, Facts())


def _covered(run: Run, asset: Asset, step: Step) -> tuple[str, ...]:
    """The scope of a partition after this step: what it asked for, and what was covered and settled.

    What was covered but failed, or may still get late rows, is left out: the next plan asks for it.
    """
    entry = run.situation.entries(asset.key).get(step.partition)
    if not step.scope or entry is None or not _settled(run, asset, step, entry):
        return step.scope
    declared = asset.kind.scope(asset, run.project.graph)
    return tuple(sorted(set(step.scope) | (set(run.ledger.read(entry).scope) & set(declared))))


def _settled(run: Run, asset: Asset, step: Step, entry: Entry) -> bool:
    same = entry.fingerprint == run.situation.fingerprints[asset.key]
    good = entry.state == "ok" and not entry.failed_since
    return same and good and not is_open(asset, step.partition, entry)


def _result(key: str, records: Sequence[Materialization], retryable: bool) -> Result:
    states = {record.state for record in records}
    state = "failed" if "failed" in states else "partial" if "partial" in states else "ok"
    lines = dict.fromkeys(record.message for record in records if record.message)
    lines |= dict.fromkeys(
        line for record in records for line in record.facts.failures if not lines
    )
    return Result(key, state, tuple(records), "; ".join(lines), retryable)
