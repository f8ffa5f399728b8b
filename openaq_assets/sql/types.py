"""The types of every part of a query, as in Athena, computed from the columns of its tables."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.annotate_types import TypeAnnotator, annotate_types

from openaq_assets.sql.parse import DIALECT, parse, position_of
from openaq_assets.sql.shapes import SqlProblem

Tables = Mapping[str, Mapping[str, str]]
"""The types of the columns of each table, in order: ``{"measurements": {"value": "double"}}``."""

WHOLE = frozenset(exp.DataType.INTEGER_TYPES)
DECIMAL = frozenset({exp.DType.DECIMAL})
TEXT = frozenset({exp.DType.VARCHAR, exp.DType.CHAR, exp.DType.TEXT})
FLOAT = frozenset({exp.DType.DOUBLE, exp.DType.FLOAT})
INSTANT = frozenset({exp.DType.TIMESTAMPTZ})
MOMENT = frozenset({exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ, exp.DType.TIMESTAMPNTZ})
DATE = frozenset({exp.DType.DATE})
_NUMBERS = WHOLE | DECIMAL | FLOAT


def typed(sql: str, tables: Tables) -> exp.Query | SqlProblem:
    """Return the query with its columns named with their tables and its parts typed, or its problem.

    Names are resolved as in Athena: an alias is no column of the same SELECT.
    """
    tree = parse(sql)
    if isinstance(tree, SqlProblem):
        return tree
    from sqlglot.optimizer.qualify import qualify  # which few queries need

    schema: dict[str, object] = {name: dict(columns) for name, columns in tables.items() if columns}
    try:
        qualified = qualify(
            tree.copy(),
            dialect=DIALECT,
            schema=schema,
            expand_alias_refs=False,
            quote_identifiers=False,
            identify=False,
        )
    except OptimizeError as error:
        return _unresolved(sql, tree, str(error))
    return annotate_types(
        qualified, schema=schema, dialect=DIALECT, expression_metadata=metadata(), overwrite_types=True
    )


def _unresolved(sql: str, tree: exp.Query, message: str) -> SqlProblem:
    """Return the problem of a column that no table in FROM has, or more than one has, at its position."""
    name = re.search(r"[Cc]olumn:? '?(\w+)'?", message)
    table = re.search(r"for table: '(\w+)'", message)
    if not name:
        return SqlProblem(
            1,
            1,
            f"a name in the SQL cannot be resolved: {message.splitlines()[0]}.",
            "Check the names of tables and columns.",
        )
    line = re.search(r"Line: (\d+), Col: (\d+)", message)
    named = [column for column in tree.find_all(exp.Column) if column.name.lower() == name[1].lower()]
    at = position_of(sql, named[0]) if named else (1, 1)
    if line and len(named) != 1:
        at = int(line[1]), int(line[2])
    what = f"column '{table[1]}.{name[1]}'" if table else f"column '{name[1]}'"
    hint = "Write a column of a table in FROM; if two tables have it, write 'table.column'."
    return SqlProblem(*at, f"{what} is in none of the tables, or in two of them.", hint)


@cache
def metadata() -> dict[Any, Any]:
    """Return the typing rules of sqlglot for Athena, with those that it lacks."""
    known: dict[Any, Any] = dict(Dialect.get_or_raise(DIALECT).EXPRESSION_METADATA)
    known |= {part: {"returns": kind} for kind, parts in _RETURNS.items() for part in parts}
    return known | {part: {"annotator": _by(rule)} for rule, parts in _RULES.items() for part in parts}


def _by(rule: Callable[[Any], Any]) -> Callable[[TypeAnnotator, Any], Any]:
    return lambda annotator, node: annotator._set_type(node, rule(node))


def _to(node: Any) -> Any:
    """Return the type of a cast; all decimals are one type, which never hides a double beside it."""
    return exp.DType.DECIMAL if node.to.this in DECIMAL else node.to


def _literal(node: Any) -> Any:
    """Return the type of a literal: ``1.5`` is a decimal, ``1.5e0`` a double."""
    text = node.name.lower()
    if node.is_string:
        return exp.DType.VARCHAR
    if "e" in text:
        return exp.DType.DOUBLE
    if "." in text:
        return exp.DType.DECIMAL
    return exp.DType.INT if int(text) < 2**31 else exp.DType.BIGINT


def _arithmetic(node: Any) -> Any:
    """Return the wider type of two numbers, double before decimal; of a time and an interval the time's."""
    sides = [kind for kind in (node.left.type, node.right.type) if kind and kind.this != exp.DType.NULL]
    if all(kind.this in _NUMBERS for kind in sides):
        for wide in (FLOAT, DECIMAL, WHOLE - {exp.DType.INT}, WHOLE):
            for kind in sides:
                if kind.this in wide:
                    return kind
    times = [kind for kind in sides if kind.this in DATE | MOMENT]
    return times[0] if len(times) == 1 else exp.DType.UNKNOWN


def _same(node: Any) -> Any:
    return node.this.type


def _sum(node: Any) -> Any:
    return exp.DType.BIGINT if is_a(node.this, WHOLE) else node.this.type


def _avg(node: Any) -> Any:
    return node.this.type if is_a(node.this, DECIMAL) else exp.DType.DOUBLE


def _named(node: Any) -> Any:
    return _NAMED.get(node.name.lower(), exp.DType.UNKNOWN)


def _item(node: Any) -> Any:
    kind = node.this.type
    return kind.expressions[0] if kind and kind.is_type("array") and kind.expressions else exp.DType.UNKNOWN


_RETURNS: Mapping[exp.DType, tuple[type[exp.Expr], ...]] = {
    exp.DType.BIGINT: (
        exp.DateDiff, exp.Length, exp.StrPosition, exp.Year, exp.Month, exp.Day, exp.Hour, exp.Minute,
        exp.Second, exp.Quarter, exp.WeekOfYear, exp.DayOfWeekIso, exp.DayOfYear, exp.Extract,
        exp.YearOfWeek, exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile, exp.CountIf, exp.Count,
        exp.ArraySize, exp.Levenshtein,
    ),
    exp.DType.VARCHAR: (
        exp.Replace, exp.SplitPart, exp.RegexpReplace, exp.RegexpExtract, exp.Reverse, exp.Translate,
        exp.Pad, exp.ConcatWs, exp.ArrayToString, exp.GroupConcat, exp.DPipe, exp.Substring, exp.Lower,
        exp.Upper, exp.Trim, exp.TimeToStr, exp.Chr,
    ),
    exp.DType.DOUBLE: (
        exp.Pow, exp.Sqrt, exp.Exp, exp.Ln, exp.Log, exp.Cbrt, exp.Radians, exp.Degrees, exp.Sin, exp.Cos,
        exp.Tan, exp.Asin, exp.Acos, exp.Atan, exp.Atan2, exp.Pi, exp.Stddev, exp.StddevPop, exp.StddevSamp,
        exp.Variance, exp.VariancePop, exp.TimeToUnix, exp.Rand,
    ),
    exp.DType.DATE: (exp.LastDay, exp.FromISO8601Date),
    exp.DType.TIMESTAMP: (exp.StrToTime, exp.Localtimestamp),
    exp.DType.TIMESTAMPTZ: (
        exp.AtTimeZone, exp.CurrentTimestamp, exp.UnixToTime, exp.FromISO8601Timestamp,
    ),
}  # fmt: skip  # a table of many short cells
_RULES: Mapping[Callable[[Any], Any], tuple[type[exp.Expr], ...]] = {
    _same: (
        exp.Round, exp.Trunc, exp.Floor, exp.Ceil, exp.Abs, exp.Sign, exp.AnyValue, exp.Nullif, exp.Max,
        exp.Min, exp.ArgMax, exp.ArgMin, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue,
        exp.DateAdd, exp.TimestampTrunc, exp.DateTrunc,
    ),
    _arithmetic: (exp.Div, exp.Mul, exp.Mod, exp.Add, exp.Sub),
    _sum: (exp.Sum,),
    _avg: (exp.Avg,),
    _named: (exp.Anonymous,),
    _item: (exp.Bracket,),
    _literal: (exp.Literal,),
    _to: (exp.Cast, exp.TryCast),
}  # fmt: skip  # a table of many short cells
_NAMED = {
    "nan": exp.DType.DOUBLE, "infinity": exp.DType.DOUBLE, "to_iso8601": exp.DType.VARCHAR,
    "is_finite": exp.DType.BOOLEAN, "is_infinite": exp.DType.BOOLEAN,
    "with_timezone": exp.DType.TIMESTAMPTZ, "at_timezone": exp.DType.TIMESTAMPTZ,
}  # fmt: skip  # a table of many short cells


def _kind(node: exp.Expr | None) -> exp.DType | str:
    return exp.DType.UNKNOWN if node is None or node.type is None else node.type.this


def is_a(node: exp.Expr | None, *kinds: frozenset[exp.DType]) -> bool:
    """Return whether a part of a typed query is known to be of one of these types."""
    return any(_kind(node) in each for each in kinds)


def is_known(node: exp.Expr | None) -> bool:
    """Return whether the type of a part is known."""
    return _kind(node) != exp.DType.UNKNOWN
