"""Asks what an asset promised, keeps the rows that break it, and says what came of each check."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from openaq_assets.environment import Environment, bind
from openaq_assets.errors import PlatformError
from openaq_assets.operations import Operation, Query
from openaq_assets.partitions import COLUMNS
from openaq_assets.platforms import Platform, Rows, Ticket
from openaq_assets.platforms.answers import csv_of, version_of
from openaq_assets.questions import CheckResult, Promise, Question

Results = Mapping[str, tuple[CheckResult, ...]]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checking:
    """What is needed to ask: where, for which asset, and the partitions that were just built.

    ``newest`` is the newest partition of the asset: only there can rows be expected to be fresh.
    ``in_raw(partition)`` are the numbers of rows that raw objects may give (``reconciles``).
    """

    platform: Platform
    place: Environment
    asset: str
    partitions: tuple[str, ...] = ()
    newest: str = ""
    in_raw: Callable[[str], Sequence[int]] = field(default=lambda partition: ())
    sleep: Callable[[float], None] = time.sleep

    def ask(self, asked: Sequence[Question]) -> Results:
        """What came of every check, by partition ('' for a table that has none)."""
        found: dict[str, list[CheckResult]] = {one: [] for one in self.partitions or ("",)}
        for question in asked:
            for partition, results in self._answers(question).items():
                # What is asked of a whole table is true of every partition that was built.
                for one in (partition,) if partition else tuple(found):
                    found[one] += results
        return {partition: tuple(results) for partition, results in found.items()}

    def _answers(self, question: Question) -> Mapping[str, list[CheckResult]]:
        try:
            if question.query.expect == "contract":
                return {"": [self._contract(question)]}
            return self._numbers(question)
        except PlatformError as error:
            return {
                partition: [_unanswered(one, error) for one in question.promises]
                for partition in question.partitions or ("",)
            }

    def _contract(self, question: Question) -> CheckResult:
        (promise,) = question.promises
        ticket = self._finished(self._bound(question.query))
        differences = tuple(ticket.facts[""].failures) if "" in ticket.facts else ()
        if ticket.state == "failed" and not differences:
            raise PlatformError(ticket.message, retryable=ticket.retryable)
        said = "; ".join(one.removeprefix(f"{promise.name}: ") for one in differences)
        return _result(promise, len(differences), None, f"another contract: {said}")

    def _finished(self, operation: Operation) -> Ticket:
        ticket = self.platform.submit(operation)
        while ticket.state == "running":
            self.sleep(1.0)
            ticket = self.platform.poll(ticket)
        return ticket

    def _numbers(self, question: Question) -> Mapping[str, list[CheckResult]]:
        rows = self.platform.read(self._bound(question.query)).as_dicts()
        if not question.partitions:
            row = rows[0] if rows else {}
            return {"": self._judged(question, "", row)}
        by_key = {
            "-".join(str(row[name]) for name in COLUMNS): row for row in rows if "year" in row
        }
        if not by_key and len(question.partitions) == 1:  # a check of a plugin, asked one by one
            by_key = dict(zip(question.partitions, rows))
        return {
            one: self._judged(question, one, by_key.get(one, {})) for one in question.partitions
        }

    def _judged(
        self, question: Question, partition: str, row: Mapping[str, Any]
    ) -> list[CheckResult]:
        return [
            self._verdict(promise, partition, int(row.get(f"n{index}") or 0))
            for index, promise in enumerate(question.promises)
            if not (promise.check.check == "fresh" and partition and partition != self.newest)
        ]

    def _verdict(self, promise: Promise, partition: str, measured: int) -> CheckResult:
        if promise.check.check == "reconciles":
            return self._reconciled(promise, partition, measured)
        failures = promise.type.broken(promise.check, measured)
        if not failures:
            return _result(promise, 0, measured)
        rows = self._failing(promise, (partition,) if partition else ())
        said = promise.type.say(promise.check, measured, rows.as_dicts())
        kept = self._kept(promise, partition, rows) if promise.type.keeps else ""
        return _result(promise, failures, measured, said, kept)

    def _reconciled(self, promise: Promise, partition: str, measured: int) -> CheckResult:
        expected = tuple(self.in_raw(partition))
        if not expected or measured in expected:
            return _result(promise, 0, measured)
        said = f"the table has {measured:,} rows, raw objects give {expected[0]:,}"
        return _result(promise, abs(measured - expected[0]), measured, said)

    def _failing(self, promise: Promise, partitions: Sequence[str]) -> Rows:
        query = self._bound(promise.failing(partitions))
        rows = self.platform.read(query)
        return Rows(
            rows.columns, tuple(sorted(rows.rows, key=str))
        )  # the same rows, the same object

    def _kept(self, promise: Promise, partition: str, rows: Rows) -> str:
        """Where the failing rows lie, below the environment's folder."""
        body = csv_of(rows)
        words = "_".join(promise.name.replace(",", "").replace(".", "_").split())
        path = ("checks", self.asset, partition or "all", f"{words}__{version_of(body)}.csv")
        self.platform.objects.put_new(self.place.uri(*path), body)
        return "/".join(path)

    def _bound(self, query: Query) -> Query:
        bound = bind(query, self.place)
        assert isinstance(bound, Query)
        return bound


def _result(
    promise: Promise, failures: int, measured: int | None, said: str = "", kept: str = ""
) -> CheckResult:
    state = "failed" if failures else "passed"
    return CheckResult(
        promise.name, state, promise.check.severity, failures, measured, kept,  # type: ignore[arg-type]
        said if failures else "",
    )  # fmt: skip


def _unanswered(promise: Promise, error: PlatformError) -> CheckResult:
    return CheckResult(
        promise.name, "error", promise.check.severity, message=str(error), retryable=error.retryable
    )


def summary_of(results: Sequence[CheckResult], blocking: bool = True) -> str:
    """The checks that failed as one message; what cannot be asked for one reason is said once."""
    lines: dict[str, list[str]] = {}
    for one in results:
        if one.state == "failed" and one.blocks == blocking:
            lines[str(one)] = []
        elif one.state == "error" and one.blocks == blocking:
            lines.setdefault(one.message, []).append(one.check)
    return "; ".join(
        f"{', '.join(names[:3])}{' ...' if len(names) > 3 else ''}: {text}" if names else text
        for text, names in lines.items()
    )
