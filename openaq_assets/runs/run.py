"""Carry out a plan.

The command line and Airflow both call ``materialize``; there is no other way to make an asset.
"""

import dataclasses
import datetime as dt
import itertools
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from openaq_assets.errors import AssetsError, KindFailed, SelectionError
from openaq_assets.graph.assets import Asset, operations_of
from openaq_assets.graph.check_queries import CheckQuery, CheckResult
from openaq_assets.graph.environment import bind
from openaq_assets.graph.operations import CreateView, Operation, Query, digest, to_json
from openaq_assets.graph.partitions import chunks
from openaq_assets.graph.records import Facts, Materialization, Outcome
from openaq_assets.platforms import NO_HANDLER, Ticket, cannot_make, failed_ticket
from openaq_assets.runs.alerts import send_run_alert
from openaq_assets.runs.checks import Results, checked, queries_of, registering
from openaq_assets.runs.context import Result, Run, summary_of
from openaq_assets.runs.cost import batch_cost
from openaq_assets.runs.ledger import Entry
from openaq_assets.runs.plan import Step, is_open
from openaq_assets.runs.supported import unsupported_operation

CHUNK_DAYS = 31


def run_all(
    run: Run, keys: Iterable[str], on_result: Callable[[Result], None] = lambda result: None
) -> tuple[Result, ...]:
    """Materialize assets in graph order and return their results; skip those that read a failed asset.

    ``on_result`` receives each result as soon as there is one.
    """
    wanted = set(keys)
    results: dict[str, Result] = {}
    for asset in run.project.graph:
        if asset.key not in wanted:
            continue
        failed_inputs = [
            up
            for up in run.project.graph.upstream[asset.key]
            if up in results and results[up].state in ("failed", "blocked")
        ]
        if failed_inputs:
            result = Result(asset.key, "blocked", message=f"not run: {', '.join(failed_inputs)} failed")
        else:
            result = materialize(run, asset.key)
        results[asset.key] = result
        on_result(result)
    send_run_alert(run, tuple(results.values()))
    return tuple(results.values())


def materialize(run: Run, key: str) -> Result:
    """Make the missing and stale partitions of an asset, and record them.

    A second call does nothing if nothing has changed. Raises SelectionError if the run's environment does
    not own the asset.
    """
    asset = run.project.graph[key]
    owner = run.environment.siblings[run.environment.name].tables_from
    if owner and not asset.per_environment:
        raise SelectionError(
            f"asset '{key}' belongs to environment '{owner}': '{run.environment.name}' has only views. "
            f"Run it with --env {owner}."
        )
    platform = run.environment.profile.platform
    if name := unsupported_operation(run.project, key, platform):
        return Result(key, "failed", message=f"{cannot_make(platform, name)} {NO_HANDLER}")
    steps = [step for step in run.plan_state.steps(key) if step.runs]
    if not steps:
        return Result(key, "skipped", message="up to date")
    records: list[Materialization] = []
    failed: list[Ticket] = []
    for batch in _batches(steps):
        try:
            scope = batch[0].scope
            operations = operations_of(run.project.graph, asset, _partitions(batch), scope)
            made, tickets = _carry_out(run, asset, batch, operations)
        except KindFailed as error:
            return Result(key, "failed", tuple(records), str(error))
        records += made
        failed += _failed(tickets)
        if failed:
            break
    run.plan_state.forget(key)
    blocking = [check for record in records for check in record.checks if check.blocks]
    retryable = [ticket.retryable for ticket in failed] + [check.retryable for check in blocking]
    return _result(key, records, bool(retryable) and all(retryable))


def _batches(steps: Sequence[Step]) -> Iterable[tuple[Step, ...]]:
    """Yield steps of equal scope together, at most a month of them; steps to rebuild are separate."""

    def group_key(step: Step) -> tuple[tuple[str, ...], bool]:
        return step.scope, step.action == "rebuild"

    ordered = sorted(steps, key=lambda step: (*group_key(step), step.partition))
    for _, group in itertools.groupby(ordered, group_key):
        by_partition = {step.partition: step for step in group}
        for keys in chunks(tuple(by_partition), CHUNK_DAYS):
            yield tuple(by_partition[key] for key in keys)


def _partitions(batch: tuple[Step, ...]) -> tuple[str, ...]:
    return tuple(step.partition for step in batch if step.partition)


def _carry_out(
    run: Run, asset: Asset, batch: tuple[Step, ...], operations: Sequence[Operation]
) -> tuple[list[Materialization], list[Ticket]]:
    """Submit the operations of a batch and record every partition of it."""
    # Before the operations read anything: what another run adds meanwhile must be new for the next plan.
    read = {step.partition: run.plan_state.inputs(asset, step.partition) for step in batch}
    started = time.monotonic()
    if run.request.force or batch[0].action == "rebuild":
        operations = [_again(operation) for operation in operations]
    tickets, results = _submit_and_check(run, asset, _partitions(batch), operations)
    seconds = time.monotonic() - started
    dollars = batch_cost(run, asset, [step.partition for step in batch], tickets, seconds)
    records = []
    for step in batch:
        checks = results.get(step.partition, ())
        record = _record(run, asset, step, tickets, checks, read[step.partition])
        record = replace(
            record, seconds=round(seconds / len(batch), 3), dollars=round(dollars / len(batch), 6)
        )
        run.ledger.append(record)
        run.project.plugins.manager.hook.materialized(record=record)
        records.append(record)
    return records, tickets


def _submit_and_check(
    run: Run, asset: Asset, partitions: tuple[str, ...], operations: Sequence[Operation]
) -> tuple[list[Ticket], Results]:
    """Submit operations; return their tickets and, if none failed, the results of the asset's checks."""
    started = dt.datetime.now(dt.UTC)
    missing = [
        operation for operation in operations if isinstance(operation, CreateView) and not operation.replace
    ]
    rest = [operation for operation in operations if operation not in missing]
    queries: tuple[CheckQuery, ...] = queries_of(run, asset, partitions)
    if queries and asset.kind.from_raw:
        rest.append(registering(run.project.graph, asset, partitions))
    tickets = run.gate.make_missing(run.work, missing) if missing else []
    if not _failed(tickets):
        tickets += _submit_all(run, rest)
    if _failed(tickets):
        return tickets, {}
    return tickets, checked(run, asset, partitions, queries, started)


def _failed(tickets: Sequence[Ticket]) -> list[Ticket]:
    return [ticket for ticket in tickets if ticket.state == "failed"]


def _again(operation: Operation) -> Operation:
    """Return the operation with ``again`` set, if it has that field: final work is done again, too."""
    changeable: Any = operation
    return replace(changeable, again=True) if hasattr(operation, "again") else operation


def _submit_all(run: Run, operations: Sequence[Operation]) -> list[Ticket]:
    tickets = []
    for operation in operations:
        try:
            bound = bind(operation, run.environment)
        except (AssetsError, TypeError, ValueError) as error:  # the operation may be of foreign code
            tickets.append(failed_ticket(error))
            break
        tickets.append(_submit(run, bound))
        if tickets[-1].state == "failed" and not isinstance(operation, Query):
            break  # all checks run; other operations depend on those before them
    return tickets


def _submit(run: Run, operation: Operation) -> Ticket:
    """Return the finished ticket of an operation, and resume the one that an earlier attempt started."""
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
    facts = {key: Facts.of(values) for key, values in body.pop("facts").items()}
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
    failed += [f"check {message}"] if (message := summary_of(checks)) else []
    state: Outcome = "failed" if failed else "partial" if facts.failures and not asset.kind.always else "ok"
    fingerprint = run.plan_state.fingerprints[asset.key]
    return Materialization(
        asset=asset.key,
        kind=asset.kind.name,
        partition=step.partition,
        state=state,
        fingerprint=fingerprint,
        version="" if failed else facts.version or digest([fingerprint, dict(inputs)]),
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
    """Return the scope of a partition after this step: that of the step, and the settled scope before it.

    What was covered before but failed, or may still get late rows, is left out: the next plan includes it.
    """
    entry = run.plan_state.entries(asset.key).get(step.partition)
    if not step.scope or entry is None or not _settled(run, asset, step, entry):
        return step.scope
    declared = run.project.graph.answers[asset.key].scope
    return tuple(sorted(set(step.scope) | (set(run.ledger.read(entry).scope) & set(declared))))


def _settled(run: Run, asset: Asset, step: Step, entry: Entry) -> bool:
    same = entry.fingerprint == run.plan_state.fingerprints[asset.key]
    good = entry.state == "ok" and not entry.failed_since
    lookback = run.project.graph.answers[asset.key].lookback
    return same and good and not is_open(lookback, step.partition, entry)


def _result(key: str, records: Sequence[Materialization], retryable: bool) -> Result:
    states = {record.state for record in records}
    state = "failed" if "failed" in states else "partial" if "partial" in states else "ok"
    lines = dict.fromkeys(record.message for record in records if record.message)
    lines |= dict.fromkeys(line for record in records for line in record.facts.failures if not lines)
    return Result(key, state, tuple(records), "; ".join(lines), retryable)
