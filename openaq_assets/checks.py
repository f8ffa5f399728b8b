"""Checks compile to one query each: the rows it answers with are the failures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from openaq_assets.definitions import Check, Column
from openaq_assets.errors import nearest
from openaq_assets.hooks import hookimpl
from openaq_assets.operations import Query, Ref


@dataclass(frozen=True, slots=True)
class CheckType:
    """A named promise: ``compile(check, table, columns)`` is SQL that selects what breaks it."""

    name: str
    description: str
    compile: Callable[[Check, str, Sequence[Column]], str]
    needs: tuple[str, ...] = ()


def _not_null(check: Check, table: str, columns: Sequence[Column]) -> str:
    return f"SELECT {check.column} FROM {table} WHERE {check.column} IS NULL"


def _unique(check: Check, table: str, columns: Sequence[Column]) -> str:
    keys = ", ".join(check.columns)
    return f"SELECT {keys}, count(*) AS times FROM {table} GROUP BY {keys} HAVING count(*) > 1"


def _in_range(check: Check, table: str, columns: Sequence[Column]) -> str:
    bounds = [f"{check.column} < {check.min}"] if check.min is not None else []
    bounds += [f"{check.column} > {check.max}"] if check.max is not None else []
    return f"SELECT {check.column} FROM {table} WHERE {' OR '.join(bounds)}"


def _row_count(check: Check, table: str, columns: Sequence[Column]) -> str:
    least = int(check.min) if check.min is not None else 1
    most = f" OR count(*) > {int(check.max)}" if check.max is not None else ""
    return f"SELECT count(*) AS row_count FROM {table} HAVING count(*) < {least}{most}"


def _fresh(check: Check, table: str, columns: Sequence[Column]) -> str:
    minutes = int(check.within.total_seconds() // 60) if check.within else 0
    limit = f"CAST(now() AS timestamp) - INTERVAL '{minutes}' MINUTE"
    return (
        f"SELECT max({check.column}) AS newest FROM {table} "
        f"HAVING max({check.column}) IS NULL OR max({check.column}) < {limit}"
    )


def _accepted_values(check: Check, table: str, columns: Sequence[Column]) -> str:
    values = ", ".join("'" + value.replace("'", "''") + "'" for value in check.values)
    return (
        f"SELECT DISTINCT {check.column} FROM {table} "
        f"WHERE {check.column} IS NOT NULL AND {check.column} NOT IN ({values})"
    )


def _contract(check: Check, table: str, columns: Sequence[Column]) -> str:
    return f"SELECT * FROM {table} LIMIT 0"


BUILT_IN = {
    one.name: one
    for one in (
        CheckType("not_null", "No row has NULL in 'column'.", _not_null, ("column",)),
        CheckType("unique", "'columns' name a row.", _unique, ("columns",)),
        CheckType("in_range", "'column' lies in min..max.", _in_range, ("column",)),
        CheckType("row_count", "There are at least 'min' rows (1) and at most 'max'.", _row_count),
        CheckType(
            "fresh", "The newest 'column' is not older than 'within'.", _fresh, ("column", "within")
        ),
        CheckType(
            "accepted_values",
            "'column' is one of 'values'.",
            _accepted_values,
            ("column", "values"),
        ),
        CheckType("contract", "Names, order and types of the columns are as promised.", _contract),
    )
}


@hookimpl
def asset_checks() -> list[CheckType]:
    """The built-in checks."""
    return list(BUILT_IN.values())


def missing(check: Check, types: Mapping[str, CheckType]) -> tuple[str, str, str] | None:
    """The field a declared check lacks, what is wrong, and the remedy; None if it can be compiled."""
    if check.check not in types:
        return "check", f"there is no check '{check.check}'.", nearest(check.check, types)
    kind = types[check.check]
    for field in kind.needs:
        if not getattr(check, field):
            return "", f"'{check.check}' needs '{field}'.", f"Add '{field}: '."
    if check.check == "in_range" and check.min is None and check.max is None:
        return "", "'in_range' needs 'min' or 'max'.", "Add 'min: ' or 'max: '."
    if check.min is not None and check.max is not None and check.min > check.max:
        return "min", f"min {check.min:g} is above max {check.max:g}.", "Swap them."
    return None


def compile_check(
    check: Check, types: Mapping[str, CheckType], table: str, columns: Sequence[Column], at: Ref
) -> Query:
    """The query whose rows are the failures of a check on a table."""
    what = check.column or ", ".join(check.columns)
    return Query(
        name=f"{check.check} {table}" + (f".{what}" if what else ""),
        sql=types[check.check].compile(check, table, columns),
        inputs=(at,),
        expect="contract" if check.check == "contract" else "no rows",
        columns=tuple(columns) if check.check == "contract" else (),
        severity=check.severity,
    )
