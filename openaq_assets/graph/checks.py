"""Define the types of checks: each compiles to SQL that measures a number or selects failing rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openaq_assets.graph.columns import Check, Column


def _as_measured(check: Check, measured: int) -> int:
    return measured


def _say_rows(check: Check, measured: int, rows: Sequence[Mapping[str, Any]]) -> str:
    first = ", ".join(f"{name}={value}" for name, value in (rows[0] if rows else {}).items())
    text = f"{measured:,} row{'' if measured == 1 else 's'}"
    return f"{text}, first {first}" if first else text


@dataclass(frozen=True, slots=True)
class CheckType:
    """A named type of check: ``compile(check, table, columns)`` returns SQL that selects failing rows.

    ``measure(check, columns)`` returns an SQL aggregate of a whole number, so that the checks of one
    table share a scan. ``broken(check, measured)`` returns the number of failures that this number
    means, and ``say(check, measured, rows)`` the message about them. Without ``measure`` the failing
    rows are counted. ``types`` are the column types that it applies to. ``keeps`` says whether failing
    rows are stored; rows that show only a number are not. ``needs`` are the required fields, and of
    ``needs_one_of`` at least one is required. ``contract`` compares the columns, ``newest_only`` applies
    to the newest partition alone, and ``reconciles`` compares the rows with those of the raw objects.
    """

    name: str
    description: str
    compile: Callable[[Check, str, Sequence[Column]], str]
    needs: tuple[str, ...] = ()
    measure: Callable[[Check, Sequence[Column]], str] | None = None
    broken: Callable[[Check, int], int] = _as_measured
    say: Callable[[Check, int, Sequence[Mapping[str, Any]]], str] = _say_rows
    types: tuple[str, ...] = ()
    keeps: bool = True
    needs_one_of: tuple[str, ...] = ()
    contract: bool = False
    newest_only: bool = False
    reconciles: bool = False


# --- checks of rows -------------------------------------------------------------------------------


def _quoted(name: str) -> str:
    return f'"{name}"'


def _rows_where(condition: Callable[[Check, Sequence[Column]], str]) -> dict[str, Any]:
    """Return ``compile`` and ``measure`` of a check whose failing rows meet a condition."""

    def compile_(check: Check, table: str, columns: Sequence[Column]) -> str:
        shown = ", ".join(_quoted(column.name) for column in columns) or "*"
        return f"SELECT {shown} FROM {table} WHERE {condition(check, columns)}"

    def measure(check: Check, columns: Sequence[Column]) -> str:
        return f"count(CASE WHEN {condition(check, columns)} THEN 1 END)"

    return {"compile": compile_, "measure": measure}


def _is_null(check: Check, columns: Sequence[Column]) -> str:
    return f"{_quoted(check.column)} IS NULL"


def _is_out_of_range(check: Check, columns: Sequence[Column]) -> str:
    """Return the condition of values out of range; NaN is named, because engines order it differently."""
    name = _quoted(check.column)
    bounds = [f"{name} < {check.min}"] if check.min is not None else []
    bounds += [f"{name} > {check.max}"] if check.max is not None else []
    if any(column.name == check.column and column.type == "double" for column in columns):
        bounds.append(f"is_nan({name})")
    return " OR ".join(bounds)


def _is_not_accepted(check: Check, columns: Sequence[Column]) -> str:
    operand = _quoted(check.column)
    if any(column.name == check.column and column.type != "varchar" for column in columns):
        operand = f"CAST({operand} AS varchar)"
    values = ", ".join("'" + value.replace("'", "''") + "'" for value in check.values)
    return f"{operand} NOT IN ({values})"


def _unique(check: Check, table: str, columns: Sequence[Column]) -> str:
    keys = ", ".join(map(_quoted, check.columns))
    return f"SELECT {keys}, count(*) AS times FROM {table} GROUP BY {keys} HAVING count(*) > 1"


def _surplus(check: Check, columns: Sequence[Column]) -> str:
    keys = ", ".join(map(_quoted, check.columns))
    return f"count(*) - count(DISTINCT ROW({keys}))"


# --- checks of a whole table ----------------------------------------------------------------------


def _count(check: Check, table: str, columns: Sequence[Column]) -> str:
    return f"SELECT count(*) AS row_count FROM {table} HAVING {_count_condition(check)}"


def _count_condition(check: Check) -> str:
    least, most = _bounds(check)
    return f"count(*) < {least}" + (f" OR count(*) > {most}" if most is not None else "")


def _bounds(check: Check) -> tuple[int, int | None]:
    least = int(check.min) if check.min is not None else 0 if check.max is not None else 1
    return least, int(check.max) if check.max is not None else None


def _miscounted(check: Check, measured: int) -> int:
    least, most = _bounds(check)
    return int(measured < least or (most is not None and measured > most))


def _say_count(check: Check, measured: int, rows: Sequence[Mapping[str, Any]]) -> str:
    least, most = _bounds(check)
    if measured < least:
        return "it is empty" if measured == 0 else f"{measured:,} rows, expected at least {least:,}"
    return f"{measured:,} rows, expected at most {most:,}"


def _limit(check: Check) -> str:
    minutes = int(check.within.total_seconds() // 60) if check.within else 0
    return f"CAST(now() AS timestamp) - INTERVAL '{minutes}' MINUTE"


def _newest(check: Check, table: str, columns: Sequence[Column]) -> str:
    newest = f"max({_quoted(check.column)})"
    return f"SELECT {newest} AS newest FROM {table} HAVING {newest} IS NULL OR {newest} < {_limit(check)}"


def _fresh_rows(check: Check, columns: Sequence[Column]) -> str:
    return f"count(CASE WHEN {_quoted(check.column)} >= {_limit(check)} THEN 1 END)"


def _say_stale(check: Check, measured: int, rows: Sequence[Mapping[str, Any]]) -> str:
    newest = rows[0].get("newest") if rows else None
    if newest is None:
        return f"it is stale: no row has a value in {check.column}"
    return f"it is stale: the newest {check.column} is {newest}, more than {_length(check)} ago"


def _length(check: Check) -> str:
    minutes = int(check.within.total_seconds() // 60) if check.within else 0
    for size, name in ((1440, "day"), (60, "hour")):
        if minutes and minutes % size == 0:
            return f"{minutes // size} {name}" + ("s" if minutes != size else "")
    return f"{minutes} minutes"


def _everything(check: Check, table: str, columns: Sequence[Column]) -> str:
    return f"SELECT * FROM {table} LIMIT 0"


_NUMBERS = ("bigint", "integer", "double")
BUILT_IN = {
    check_type.name: check_type
    for check_type in (
        CheckType("not_null", "No row has NULL in 'column'.", needs=("column",), **_rows_where(_is_null)),
        CheckType(
            "unique", "No two rows have the same values in 'columns'.", _unique, ("columns",), _surplus
        ),
        CheckType(
            "in_range",
            "'column' lies in min..max.",
            needs=("column",),
            types=_NUMBERS,
            needs_one_of=("min", "max"),
            **_rows_where(_is_out_of_range),
        ),
        CheckType(
            "row_count",
            "There are at least 'min' rows (1) and at most 'max'.",
            _count,
            measure=lambda check, columns: "count(*)",
            broken=_miscounted,
            say=_say_count,
            keeps=False,
        ),
        CheckType(
            "fresh",
            "The newest 'column' is not older than 'within'.",
            _newest,
            ("column", "within"),
            _fresh_rows,
            lambda check, measured: int(measured == 0),
            _say_stale,
            ("timestamp", "date"),
            keeps=False,
            newest_only=True,
        ),
        CheckType(
            "accepted_values",
            "'column' is one of 'values'.",
            needs=("column", "values"),
            types=("varchar", "bigint", "integer", "boolean"),
            **_rows_where(_is_not_accepted),
        ),
        CheckType(
            "contract",
            "Names, order and types of the columns are those of the contract.",
            _everything,
            contract=True,
        ),
        CheckType(
            "reconciles",
            "Every row of the raw objects is in the table or quarantined.",
            _everything,
            measure=lambda check, columns: "count(*)",
            reconciles=True,
        ),
    )
}
