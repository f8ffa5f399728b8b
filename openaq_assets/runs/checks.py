"""Run the checks of an asset, store the failing rows, and return the result of each check."""

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from openaq_assets.errors import PlatformError
from openaq_assets.graph.assets import Asset, AssetGraph
from openaq_assets.graph.check_queries import CheckQuery, CheckResult, TableCheck, check_queries
from openaq_assets.graph.environment import Environment, bind
from openaq_assets.graph.operations import Operation, Query, Ref, Register, Table, Transform
from openaq_assets.graph.partitions import COLUMNS
from openaq_assets.platforms import Platform, Rows, Ticket, Work
from openaq_assets.platforms.results import csv_of, version_of
from openaq_assets.runs.context import Run
from openaq_assets.runs.reconcile import rows_in_raw

T = TypeVar("T")
Results = Mapping[str, tuple[CheckResult, ...]]


@dataclass(frozen=True, slots=True)
class CheckRunner:
    """A runner of the checks of an asset, for the partitions that were just made.

    ``newest`` is the newest partition of the asset: only its rows can be expected to be fresh.
    ``in_raw(partition)`` returns the numbers of rows that the raw objects may give (``reconciles``).
    """

    platform: Platform
    environment: Environment
    asset: str
    partitions: tuple[str, ...] = ()
    newest: str = ""
    in_raw: Callable[[str], Sequence[int]] = field(default=lambda partition: ())
    sleep: Callable[[float], None] = time.sleep

    def run(self, queries: Sequence[CheckQuery]) -> Results:
        """Run the queries and return the result of every check, by partition ('' for a table without)."""
        results: dict[str, list[CheckResult]] = {day: [] for day in self.partitions or ("",)}
        for query in queries:
            for partition, answers in self._answers(query).items():
                # The result of a check of the whole table applies to every partition that was made.
                for day in (partition,) if partition else tuple(results):
                    results[day] += answers
        return {partition: tuple(answers) for partition, answers in results.items()}

    def _answers(self, query: CheckQuery) -> Mapping[str, list[CheckResult]]:
        try:
            if query.query.expect == "contract":
                return {"": [self._contract(query)]}
            return self._numbers(query)
        except PlatformError as error:
            return {
                partition: [_failed_query(check, error) for check in query.checks]
                for partition in query.partitions or ("",)
            }

    def _contract(self, query: CheckQuery) -> CheckResult:
        (check,) = query.checks
        ticket = self._finished(self._bound(query.query))
        differences = tuple(ticket.facts[""].failures) if "" in ticket.facts else ()
        if ticket.state == "failed" and not differences:
            raise PlatformError(ticket.message, retryable=ticket.retryable)
        text = "; ".join(line.removeprefix(f"{check.name}: ") for line in differences)
        return _result(check, len(differences), None, f"the columns are different from the contract: {text}")

    def _finished(self, operation: Operation) -> Ticket:
        return Work(self.platform, self.environment, sleep=self.sleep).finish(operation)

    def _numbers(self, query: CheckQuery) -> Mapping[str, list[CheckResult]]:
        rows = self.platform.read(self._bound(query.query)).as_dicts()
        if not query.partitions:
            return {"": self._results(query, "", rows[0] if rows else {})}
        by_key = {"-".join(str(row[name]) for name in COLUMNS): row for row in rows if "year" in row}
        # A check without ``measure`` has one query per partition, whose row has no partition keys.
        if not by_key and len(query.partitions) == 1:
            by_key = dict(zip(query.partitions, rows))
        return {day: self._results(query, day, by_key.get(day, {})) for day in query.partitions}

    def _results(self, query: CheckQuery, partition: str, row: Mapping[str, Any]) -> list[CheckResult]:
        return [
            self._result_of(check, partition, int(row.get(f"n{index}") or 0))
            for index, check in enumerate(query.checks)
            if not (check.type.newest_only and partition and partition != self.newest)
        ]

    def _result_of(self, check: TableCheck, partition: str, measured: int) -> CheckResult:
        if check.type.reconciles:
            return self._reconciled(check, partition, measured)
        try:
            return self._of_type(check, partition, measured)
        except PlatformError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the type of a check is foreign code
            text = " ".join(str(error).split())
            reason = PlatformError(f"its check type fails ({type(error).__name__}: {text})")
            return _failed_query(check, reason)

    def _of_type(self, check: TableCheck, partition: str, measured: int) -> CheckResult:
        failures = _expected(check.type.broken(check.check, measured), int, "broken")
        if not failures:
            return _result(check, 0, measured)
        rows = self._failing(check, (partition,) if partition else ())
        text = _expected(check.type.say(check.check, measured, rows.as_dicts()), str, "say")
        text = " ".join(text.split())
        kept = self._store(check, partition, rows) if check.type.keeps else ""
        return _result(check, failures, measured, text, kept)

    def _reconciled(self, check: TableCheck, partition: str, measured: int) -> CheckResult:
        expected = tuple(self.in_raw(partition))
        if not expected or measured in expected:
            return _result(check, 0, measured)
        text = f"the table has {measured:,} rows, but the raw objects give {expected[0]:,}"
        return _result(check, abs(measured - expected[0]), measured, text)

    def _failing(self, check: TableCheck, partitions: Sequence[str]) -> Rows:
        rows = self.platform.read(self._bound(check.failing(partitions)))
        # Sorted, so that the same rows make the same object.
        return Rows(rows.columns, tuple(sorted(rows.rows, key=str)))

    def _store(self, check: TableCheck, partition: str, rows: Rows) -> str:
        """Store the failing rows and return their path below the environment's folder."""
        body = csv_of(rows)
        words = "_".join(check.name.replace(",", "").replace(".", "_").split())
        path = ("checks", self.asset, partition or "all", f"{words}__{version_of(body)}.csv")
        self.platform.objects.put_new(self.environment.uri(*path), body)
        return "/".join(path)

    def _bound(self, query: Query) -> Query:
        bound = bind(query, self.environment)
        assert isinstance(bound, Query)
        return bound


def _expected(answer: Any, kind: type[T], name: str) -> T:
    """Return the value that a function of a check's type returned; raise TypeError for another type."""
    if not isinstance(answer, kind):
        raise TypeError(f"'{name}' returns {answer!r}, which is not of type {kind.__name__}")
    return answer


def _result(
    check: TableCheck, failures: int, measured: int | None, text: str = "", kept: str = ""
) -> CheckResult:
    severity, message = check.check.severity, text if failures else ""
    state: Literal["failed", "passed"] = "failed" if failures else "passed"
    return CheckResult(check.name, state, severity, failures, measured, kept, message)


def _failed_query(check: TableCheck, error: PlatformError) -> CheckResult:
    severity = check.check.severity
    return CheckResult(check.name, "error", severity, message=str(error), retryable=error.retryable)


# --- the checks of an asset that was just made -----------------------------------------------------


def check_operations(graph: AssetGraph, asset: Asset, partitions: tuple[str, ...]) -> list[Operation]:
    """Return the operations of an asset's checks: registering its table if needed, then their queries."""
    queries = check_queries(graph.answers[asset.key].checks, partitions)
    before = [registering(graph, asset, partitions)] if queries and asset.kind.from_raw else []
    return [*before, *(entry.query for entry in queries)]


def registering(graph: AssetGraph, asset: Asset, partitions: tuple[str, ...]) -> Register:
    """Return the operation that registers the files that were just written, so that checks can read them."""
    at, columns = Ref(asset.key, "processed", partitions), tuple(graph.columns(asset.key))
    return Register((Table(at, columns, partitioned=asset.partitions is not None),))


def queries_of(run: Run, asset: Asset, partitions: tuple[str, ...]) -> tuple[CheckQuery, ...]:
    """Return the queries of the checks to run after an asset was made.

    In another environment the published columns of a view are its contract, not the edited ones. Checks
    of columns that are not published yet wait for the promotion.
    """
    checks: Sequence[TableCheck] = run.project.graph.answers[asset.key].checks
    environment = checked_environment(run, asset)
    if environment:
        published = run.gate.published(run.work, environment)
        checks = [
            replace(check, columns=published[check.table].columns) if check.table in published else check
            for check in checks
        ]
        checks = [check for check in checks if _columns_of(check) <= _known_columns(check)]
    return check_queries(checks, partitions)


def _columns_of(check: TableCheck) -> set[str]:
    return {*check.check.columns, *filter(None, [check.check.column])}


def _known_columns(check: TableCheck) -> set[str]:
    return {str(column.name) for column in check.columns}


def checked_environment(run: Run, asset: Asset) -> str:
    """Return the environment whose tables an asset's checks read; '' if it is that of the run."""
    checks = run.project.graph.answers[asset.key].checks
    named = (check.at.environment for check in checks)
    return next((name for name in named if name not in ("", run.environment.name)), "")


def checked(
    run: Run, asset: Asset, partitions: tuple[str, ...], queries: Sequence[CheckQuery], started: dt.datetime
) -> Results:
    """Run the queries and return the result of every check of an asset, by partition."""
    if not queries:
        return {}
    environment, graph = checked_environment(run, asset), run.project.graph
    known = graph.assets.keys() | graph.left_out
    views = tuple(run.gate.findings(run.work, environment, known)) if environment else ()
    if any(result.blocks for result in views):  # checks of their data would fail for the same reason
        return dict.fromkeys(partitions or ("",), views)
    runner = CheckRunner(
        run.platform,
        run.environment,
        asset.key,
        partitions,
        newest=max((*run.plan_state.entries(asset.key), *partitions), default=""),
        in_raw=lambda day: _in_raw(run, asset, day, started),
        sleep=run.sleep,
    )
    return {partition: results + views for partition, results in runner.run(queries).items()}


def _in_raw(run: Run, asset: Asset, day: str, started: dt.datetime) -> tuple[int, ...]:
    for operation in run.project.graph.answers[asset.key].operations:
        if isinstance(operation, Transform):
            bound = bind(operation, run.environment)
            assert isinstance(bound, Transform)
            return rows_in_raw(run.platform.objects, bound, day, started)
    return ()
