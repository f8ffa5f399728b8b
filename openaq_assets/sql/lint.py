"""Lint of views: only SQL that has the same meaning in Athena and in DuckDB is allowed.

``ALLOWED`` are the functions whose results were compared on both engines
(``tests/support/portable_cases.py`` has a case of each, which a real Trino answers, too). Every other
function is refused when the project is checked. ``REFUSED`` and ``lint_types`` give the reasons for those
that people try.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from sqlglot import exp

from openaq_assets.errors import nearest
from openaq_assets.sql.lint_types import typed_problems
from openaq_assets.sql.parse import NO_QUALIFY, parse, parts, position_of, table_problems
from openaq_assets.sql.shapes import SqlProblem
from openaq_assets.sql.types import TEXT, Tables

ALLOWED: Mapping[str, str] = {
    "aggregates": (
        "array_agg, avg, bool_and, bool_or, count, count_if, listagg, max, max_by, min, min_by, "
        "stddev, stddev_pop, sum, var_pop, variance, arbitrary"
    ),
    "windows": (
        "cume_dist, dense_rank, first_value, lag, last_value, lead, nth_value, ntile, percent_rank, rank, "
        "row_number"
    ),
    "conditions": "case, cast, coalesce, if, nullif, try_cast",
    "numbers": (
        "abs, acos, asin, atan, atan2, cbrt, ceil, cos, degrees, exp, floor, infinity, is_finite, "
        "is_infinite, is_nan, ln, log, log10, mod, nan, pi, power, radians, round, sign, sin, sqrt, tan, "
        "truncate"
    ),
    "text": (
        "array_join, chr, concat, concat_ws, length, levenshtein_distance, lower, lpad, ltrim, position, "
        "regexp_extract, regexp_like, regexp_replace, replace, reverse, rpad, rtrim, split, split_part, "
        "starts_with, strpos, substr, translate, trim, upper"
    ),
    "time": (
        "at_timezone, current_date, current_timestamp, date, date_add, date_diff, date_format, date_parse, "
        "date_trunc, day, day_of_week, day_of_year, extract, from_iso8601_date, from_iso8601_timestamp, "
        "from_unixtime, hour, last_day_of_month, localtimestamp, minute, month, now, quarter, second, "
        "to_iso8601, to_unixtime, week, with_timezone, year, year_of_week"
    ),
    "arrays": "array, cardinality, contains, element_at, sequence, unnest",
}
"""The allowed functions by group, under the names that users write."""

FUNCTIONS = frozenset(
    """
    Abs Acos Anonymous AnyValue ArgMax ArgMin Array ArrayAgg ArrayContains ArraySize ArrayToString Asin
    Atan Atan2 Avg Bracket Case Cast Cbrt Ceil Chr Coalesce Concat ConcatWs Cos Count CountIf CumeDist
    CurrentDate CurrentTimestamp Date DateAdd DateDiff DateTrunc Day DayOfWeekIso DayOfYear Degrees
    DenseRank Exists Exp Extract FirstValue Floor FromISO8601Date FromISO8601Timestamp GenerateSeries
    GroupConcat Hour If IsNan Lag LastDay LastValue Lead Length Levenshtein Ln Localtimestamp Log
    LogicalAnd LogicalOr Lower Max Min Minute Month NthValue Ntile Nullif Pad PercentRank Pi Pow Quarter
    Radians Rank RegexpExtract RegexpLike RegexpReplace Replace Reverse Round RowNumber Second Sign Sin
    Split SplitPart Sqrt StartsWith Stddev StddevPop StrPosition StrToTime Substring Sum Tan TimeToStr
    TimeToUnix TimestampTrunc Translate Trim Trunc TryCast UnixToTime Unnest Upper Variance VariancePop
    WeekOfYear Year YearOfWeek And Or
    """.split()  # noqa: SIM905 - a table is read more easily than a list
)
ANONYMOUS = frozenset(
    {"at_timezone", "infinity", "is_finite", "is_infinite", "nan", "to_iso8601", "with_timezone"}
)
_NULLS = "if one argument is NULL, the result is NULL in Athena, but DuckDB ignores that argument."
_APPROXIMATE = "Athena and DuckDB approximate in different ways."
_ANY_DAY = "its result is different at every call."
_JSON = (
    "Athena and DuckDB read paths and numbers in JSON in different ways.",
    "Make it a column of a processed asset.",
)
REFUSED: Mapping[str, tuple[str, str]] = {
    "greatest": (_NULLS, "Use CASE."),
    "least": (_NULLS, "Use CASE."),
    "try": ("a division by zero inside it is NULL in Athena, but infinite in DuckDB.", "Use nullif."),
    "json_value": _JSON,
    "json_extract": _JSON,
    "json_extract_scalar": _JSON,
    "json_parse": _JSON,
    "approx_distinct": (_APPROXIMATE, "Use count(DISTINCT ...)."),
    "approx_percentile": (_APPROXIMATE, "Rank the rows with row_number() instead."),
    "format": ("Athena and DuckDB have different patterns.", "Use concat, lpad and date_format."),
    "format_datetime": ("DuckDB does not have its Java patterns.", "Use date_format."),
    "parse_datetime": ("DuckDB does not have its Java patterns.", "Use date_parse."),
    "typeof": ("types have different names in Athena and DuckDB.", "Leave it out."),
    "random": (_ANY_DAY, "Leave it out."),
    "uuid": (_ANY_DAY, "Leave it out."),
    "map_agg": ("maps work in different ways in Athena and DuckDB.", "Use array_agg, or one column per key."),
}
_AS_WRITTEN = {
    "jsonvalue": "json_value", "approxdistinct": "approx_distinct", "approxquantile": "approx_percentile",
    "formatdatetime": "format_datetime", "parsedatetime": "parse_datetime", "rand": "random",
    "argmax": "max_by", "argmin": "min_by", "jsonextract": "json_extract", "parsejson": "json_parse",
    "jsonextractscalar": "json_extract_scalar",
}  # fmt: skip  # a table of many short cells


def problems(sql: str, tables: Tables | None = None) -> tuple[SqlProblem, ...]:
    """Return every problem of a query, in order; those that depend on types only if the tables are given."""
    tree = parse(sql)
    if isinstance(tree, SqlProblem):
        return (tree,)
    mistakes = [*table_problems(sql), *_refused(sql)]
    if not mistakes and tables is not None:
        mistakes = list(typed_problems(sql, tables))
    return tuple(sorted(set(mistakes), key=lambda mistake: (mistake.line, mistake.column)))


def _refused(sql: str) -> Iterator[SqlProblem]:
    for node in parts(sql):
        kind: Any = type(node)
        refusal = _refusal(node) if _may_be_refused(kind) else None
        if refusal:
            yield SqlProblem(*position_of(sql, node), *refusal)


@cache
def _may_be_refused(kind: Any) -> bool:
    kinds = exp.Func, exp.JSONValue, exp.Bracket, exp.DataType, exp.Star, exp.Qualify, exp.Join
    return issubclass(kind, (*kinds, exp.TableSample))


def _refusal(node: exp.Expr) -> tuple[str, str] | None:
    """Return what is wrong with a construct of any types, and the remedy; None if nothing is."""
    if isinstance(node, exp.Func | exp.JSONValue):
        return _function(node)
    if isinstance(node, exp.Bracket) and not node.args.get("safe"):
        return "an index outside an array is an error in Athena, but NULL in DuckDB.", "Use element_at."
    if isinstance(node, exp.DataType):
        return _type(node)
    if isinstance(node, exp.Star) and isinstance(node.parent, exp.Select):
        return "SELECT * does not say which columns the view has.", "Name every column."
    if isinstance(node, exp.Qualify):
        return NO_QUALIFY
    if isinstance(node, exp.Join) and node.method.upper() not in ("", "NATURAL"):
        return f"Athena has no {node.method.upper()} JOIN.", "Write the condition after ON."
    if isinstance(node, exp.TableSample):
        return "a sample is different at every call.", "Leave it out."
    return None


def _function(node: exp.Expr) -> tuple[str, str] | None:
    name = _name_of(node)
    if name in REFUSED:
        why, remedy = REFUSED[name]
        return f"{name}: {why}", remedy
    if isinstance(node, exp.Anonymous) and name not in ANONYMOUS:
        return _unknown(name)
    if type(node).__name__ not in FUNCTIONS and not isinstance(node, exp.Connector | exp.Predicate):
        return _unknown(name)
    if (isinstance(node, exp.Max | exp.Min) and node.expressions) or node.args.get("count"):
        return (
            f"{name}: with a number as last argument it returns an array.",
            "Rank the rows with row_number().",
        )
    return None


def _name_of(node: exp.Expr) -> str:
    """Return the name of a function as users write it."""
    if isinstance(node, exp.Anonymous):
        return str(node.name).lower()
    known = _AS_WRITTEN.get(node.key) or (node.key if node.key in REFUSED else "")
    return known or str(getattr(node, "sql_name", lambda: node.key)()).lower()


def allowed_names() -> list[str]:
    """Return the names of all allowed functions, in order."""
    return sorted(name for names in ALLOWED.values() for name in names.split(", "))


def _unknown(name: str) -> tuple[str, str]:
    hint = nearest(name, allowed_names())
    if not hint.startswith("Did you mean"):
        hint = "See docs/reference/sql.md for the functions that are allowed."
    return f"{name}: this function is not known to give the same result in Athena and DuckDB.", hint


def _type(node: exp.DataType) -> tuple[str, str] | None:
    if node.this in TEXT and node.expressions:
        return "varchar(n) shortens text in Athena, but not in DuckDB.", "Use varchar and substr."
    return None
