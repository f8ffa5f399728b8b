"""Promises as the fewest questions: checks of one table share one scan.

A partition that was just built is asked by a filter on the partition keys alone, so that an engine
reads nothing else.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from openaq_assets.checks import CheckType
from openaq_assets.definitions import Check, Column, Severity
from openaq_assets.operations import Query, Ref
from openaq_assets.partitions import COLUMNS, parse_day

KEPT_ROWS = 100
CheckState = Literal["passed", "failed", "error"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of one check: ``failures`` and the words for them; ``error`` is what cannot be asked.

    ``measured`` is the number it judged; ``kept`` names the object with failing rows, below the
    environment's folder.
    """

    check: str
    state: CheckState
    severity: Severity = "error"
    failures: int = 0
    measured: int | None = None
    kept: str = ""
    message: str = ""
    retryable: bool = False

    @property
    def blocks(self) -> bool:
        """Whether nothing may be built on what was checked."""
        return self.state != "passed" and self.severity == "error"

    def __str__(self) -> str:
        kept = f" (rows kept: {self.kept})" if self.kept else ""
        return f"{self.check}: {self.message}{kept}" if self.message else self.check


@dataclass(frozen=True, slots=True)
class Promise:
    """A check of one table."""

    check: Check
    type: CheckType
    table: str
    at: Ref
    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        what = self.check.column or ", ".join(self.check.columns)
        return f"{self.check.check} {self.table}" + (f".{what}" if what else "")

    def failing(self, partitions: Sequence[str]) -> Query:
        """The query for the rows that break it, not too many."""
        sql = self.type.compile(self.check, rows_of(self, partitions), self.columns)
        return Query(self.name, f"SELECT * FROM ({sql}) LIMIT {KEPT_ROWS}", (self.at,))


@dataclass(frozen=True, slots=True)
class Question:
    """One query and the promises it answers: column ``n<i>`` is the number of the i-th.

    With ``partitions`` it answers one row for each that has rows, with its keys.
    """

    query: Query
    promises: tuple[Promise, ...]
    partitions: tuple[str, ...] = ()


def questions(
    promises: Iterable[Promise], partitions: tuple[str, ...] = ()
) -> tuple[Question, ...]:
    """The fewest queries that answer the promises, in order of the tables."""
    found: list[Question] = []
    for table, group in groupby(sorted(promises, key=lambda one: one.table), lambda one: one.table):
        same = tuple(group)
        counted = tuple(one for one in same if one.type.measure)
        for one in same:
            if one.check.check == "contract":
                found.append(Question(_contract(one), (one,)))
            elif not one.type.measure:
                found += _one_by_one(one, partitions)
        if counted:
            found.append(_together(table, counted, partitions))
    return tuple(found)


def rows_of(promise: Promise, partitions: Sequence[str]) -> str:
    """What a check selects from: the table, or these partitions of it."""
    if not partitions or not _is_partitioned(promise):
        return promise.table
    return f"(SELECT * FROM {promise.table} WHERE {days_filter(partitions)})"


def _is_partitioned(promise: Promise) -> bool:
    return {str(one.name) for one in promise.columns}.issuperset(COLUMNS)


def days_filter(partitions: Sequence[str]) -> str:
    """The days as a condition on partition keys alone, which engines prune by."""
    parsed = [parse_day(day) for day in sorted(partitions)]
    months = []
    for (year, month), days in groupby(parsed, lambda one: (one.year, one.month)):
        listed = ", ".join(f"'{day.day:02d}'" for day in days)
        months.append(f"year = '{year:04d}' AND month = '{month:02d}' AND day IN ({listed})")
    if len(months) == 1:
        return months[0]
    years = ", ".join(f"'{year:04d}'" for year in dict.fromkeys(one.year for one in parsed))
    return f"year IN ({years}) AND ({' OR '.join(f'({one})' for one in months)})"


def _together(table: str, counted: tuple[Promise, ...], partitions: tuple[str, ...]) -> Question:
    first = counted[0]
    keys = COLUMNS if partitions and _is_partitioned(first) else ()
    numbers = [
        f"{one.type.measure(one.check, one.columns)} AS n{index}"
        for index, one in enumerate(counted)
        if one.type.measure
    ]
    sql = f"SELECT {', '.join((*keys, *numbers))} FROM {rows_of(first, partitions)}"
    if keys:
        sql += f" GROUP BY {', '.join(keys)}"
    query = Query(f"checks of {table}", sql, (first.at,), expect="counts")
    return Question(query, counted, partitions if keys else ())


def _one_by_one(promise: Promise, partitions: tuple[str, ...]) -> Iterator[Question]:
    """A check of a plugin that says only which rows break it: they are counted, partition by partition."""
    for one in partitions if _is_partitioned(promise) and partitions else ("",):
        inside = (one,) if one else ()
        failing = promise.type.compile(promise.check, rows_of(promise, inside), promise.columns)
        query = Query(
            promise.name, f"SELECT count(*) AS n0 FROM ({failing})", (promise.at,), expect="counts"
        )
        yield Question(query, (promise,), inside)


def _contract(promise: Promise) -> Query:
    sql = promise.type.compile(promise.check, promise.table, promise.columns)
    return Query(
        promise.name, sql, (promise.at,), "contract", promise.columns, promise.check.severity
    )


def in_environment(promises: Iterable[Promise], environment: str) -> tuple[Promise, ...]:
    """The same promises, asked of another environment."""
    return tuple(replace(one, at=replace(one.at, environment=environment)) for one in promises)
