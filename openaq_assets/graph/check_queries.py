"""Compile checks to the fewest queries: the checks of one table share one scan.

Partitions that were just made are selected by a filter on the partition keys alone, so that an engine
reads no others.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from openaq_assets.errors import KindFailed
from openaq_assets.graph.checks import CheckType
from openaq_assets.graph.columns import Check, Column, Severity
from openaq_assets.graph.operations import Query, Ref
from openaq_assets.graph.partitions import COLUMNS, parse_day

KEPT_ROWS = 100
CheckState = Literal["passed", "failed", "error"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check: its state, the number of ``failures`` and the message about them.

    The state is ``error`` if the query could not run. ``measured`` is the number that was compared;
    ``kept`` is the path of the object with the failing rows, below the environment's folder.
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
        """Return whether assets that read the checked table must not be made."""
        return self.state != "passed" and self.severity == "error"

    def __str__(self) -> str:
        kept = f" (rows kept: {self.kept})" if self.kept else ""
        return f"{self.check}: {self.message}{kept}" if self.message else self.check


@dataclass(frozen=True, slots=True)
class TableCheck:
    """A check of one table: the declared check, its type, and the columns of the table."""

    check: Check
    type: CheckType
    table: str
    at: Ref
    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        """Return the name in messages and records: ``not_null measurements.value``."""
        columns = self.check.column or ", ".join(self.check.columns)
        return f"{self.check.check} {self.table}" + (f".{columns}" if columns else "")

    def compile(self, partitions: Sequence[str] = ()) -> str:
        """Return the SQL that selects the failing rows; raise ValueError if its type returns no text."""
        return _sql(self.type.compile(self.check, rows_of(self, partitions), self.columns))

    def measure(self) -> str:
        """Return the SQL aggregate whose number is compared; '' if failing rows are counted instead."""
        if self.type.measure is None:
            return ""
        return _sql(self.type.measure(self.check, self.columns))

    def failing(self, partitions: Sequence[str]) -> Query:
        """Return the query for the failing rows, at most ``KEPT_ROWS`` of them."""
        sql = f"SELECT * FROM ({self.compile(partitions)}) LIMIT {KEPT_ROWS}"
        return Query(self.name, sql, (self.at,))


def _sql(text: object) -> str:
    if not isinstance(text, str):
        raise ValueError(f"it returns {text!r}, which is not SQL")
    return text


def compile_error(check: TableCheck, partitions: Sequence[str] = ()) -> str:
    """Return why a check cannot be compiled, or ''; the type of a check may be foreign code."""
    try:
        check.compile(partitions)
        check.measure()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a check's type is foreign code
        return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    return ""


@dataclass(frozen=True, slots=True)
class CheckQuery:
    """One query and the checks it answers: column ``n<i>`` is the number of the i-th check.

    With ``partitions`` it returns one row for each partition that has rows, with the partition keys.
    """

    query: Query
    checks: tuple[TableCheck, ...]
    partitions: tuple[str, ...] = ()


def check_queries(checks: Iterable[TableCheck], partitions: tuple[str, ...] = ()) -> tuple[CheckQuery, ...]:
    """Return the fewest queries that answer the checks, ordered by table.

    Raises KindFailed for a check that cannot be compiled.
    """
    queries: list[CheckQuery] = []
    ordered = sorted(checks, key=lambda check: check.table)
    for check in ordered:
        if reason := compile_error(check, partitions):
            raise KindFailed(f"the check '{check.name}' fails ({reason}).")
    for table, group in groupby(ordered, lambda check: check.table):
        of_table = tuple(group)
        for check in of_table:
            if check.type.contract:
                queries.append(CheckQuery(_contract(check), (check,)))
            elif not check.type.measure:
                queries += _separate(check, partitions)
        if counted := tuple(check for check in of_table if check.type.measure):
            queries.append(_shared(table, counted, partitions))
    return tuple(queries)


def rows_of(check: TableCheck, partitions: Sequence[str]) -> str:
    """Return the FROM item of a check: the table, or these partitions of it."""
    if not partitions or not _is_partitioned(check):
        return check.table
    return f"(SELECT * FROM {check.table} WHERE {days_filter(partitions)})"


def _is_partitioned(check: TableCheck) -> bool:
    return {str(column.name) for column in check.columns}.issuperset(COLUMNS)


def days_filter(partitions: Sequence[str]) -> str:
    """Return the SQL condition that selects these days by partition keys alone, so that engines prune."""
    parsed = [parse_day(day) for day in sorted(partitions)]
    months = []
    for (year, month), days in groupby(parsed, lambda day: (day.year, day.month)):
        listed = ", ".join(f"'{day.day:02d}'" for day in days)
        months.append(f"year = '{year:04d}' AND month = '{month:02d}' AND day IN ({listed})")
    if len(months) == 1:
        return months[0]
    years = ", ".join(f"'{year:04d}'" for year in dict.fromkeys(day.year for day in parsed))
    return f"year IN ({years}) AND ({' OR '.join(f'({month})' for month in months)})"


def _shared(table: str, counted: tuple[TableCheck, ...], partitions: tuple[str, ...]) -> CheckQuery:
    first = counted[0]
    keys = COLUMNS if partitions and _is_partitioned(first) else ()
    numbers = [f"{check.measure()} AS n{index}" for index, check in enumerate(counted)]
    sql = f"SELECT {', '.join((*keys, *numbers))} FROM {rows_of(first, partitions)}"
    if keys:
        sql += f" GROUP BY {', '.join(keys)}"
    query = Query(f"checks of {table}", sql, (first.at,), expect="counts")
    return CheckQuery(query, counted, partitions if keys else ())


def _separate(check: TableCheck, partitions: tuple[str, ...]) -> Iterator[CheckQuery]:
    """Yield a query per partition that counts the failing rows of a check without ``measure``."""
    for partition in partitions if _is_partitioned(check) and partitions else ("",):
        selected = (partition,) if partition else ()
        sql = f"SELECT count(*) AS n0 FROM ({check.compile(selected)})"
        query = Query(check.name, sql, (check.at,), expect="counts")
        yield CheckQuery(query, (check,), selected)


def _contract(check: TableCheck) -> Query:
    severity = check.check.severity
    return Query(check.name, check.compile(), (check.at,), "contract", check.columns, severity)


def in_environment(checks: Iterable[TableCheck], environment: str) -> tuple[TableCheck, ...]:
    """Return the same checks, run against another environment."""
    return tuple(replace(check, at=replace(check.at, environment=environment)) for check in checks)
