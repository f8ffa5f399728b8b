"""The types of every part of a query, as Athena sees them, and what means something else for these types.

The types are known once the columns of its tables are.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.annotate_types import TypeAnnotator, annotate_types
from sqlglot.optimizer.qualify import qualify

from openaq_assets.sql.parse import DIALECT, SqlProblem, parse, place_of

Tables = Mapping[str, Mapping[str, str]]
"""Of each table the types of its columns, in order: ``{"measurements": {"value": "double"}}``."""

WHOLE = frozenset(exp.DataType.INTEGER_TYPES)
DECIMAL = frozenset({exp.DType.DECIMAL})
TEXT = frozenset({exp.DType.VARCHAR, exp.DType.CHAR, exp.DType.TEXT})
FLOAT = frozenset({exp.DType.DOUBLE, exp.DType.FLOAT})
INSTANT = frozenset({exp.DType.TIMESTAMPTZ})
MOMENT = frozenset({exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ, exp.DType.TIMESTAMPNTZ})
DATE = frozenset({exp.DType.DATE})
_NUMBERS = WHOLE | DECIMAL | FLOAT


def typed(sql: str, tables: Tables) -> exp.Query | SqlProblem:
    """Return the query with every column under its table's name and every part under its type.

    Names are looked up as Athena does it: an alias is no column of the same SELECT.
    """
    tree = parse(sql)
    if isinstance(tree, SqlProblem):
        return tree
    schema: dict[str, object] = {name: dict(columns) for name, columns in tables.items() if columns}
    try:
        qualified = qualify(
            tree.copy(), dialect=DIALECT, schema=schema, expand_alias_refs=False,
            quote_identifiers=False, identify=False,
        )  # fmt: skip
    except OptimizeError as error:
        return _unresolved(sql, tree, str(error))
    return annotate_types(
        qualified, schema=schema, dialect=DIALECT, expression_metadata=_metadata(), overwrite_types=True
    )


def _unresolved(sql: str, tree: exp.Query, message: str) -> SqlProblem:
    """Return a column no table in reach has, or more than one, at the place where it is named."""
    name = re.search(r"[Cc]olumn:? '?(\w+)'?", message)
    table = re.search(r"for table: '(\w+)'", message)
    if not name:
        return SqlProblem(1, 1, f"not to be resolved: {message.splitlines()[0]}.", "Check the names.")
    line = re.search(r"Line: (\d+), Col: (\d+)", message)
    named = [column for column in tree.find_all(exp.Column) if column.name.lower() == name[1].lower()]
    at = place_of(sql, named[0]) if named else (1, 1)
    if line and len(named) != 1:
        at = int(line[1]), int(line[2])
    what = f"column '{table[1]}.{name[1]}'" if table else f"column '{name[1]}'"
    hint = "Name a column of the tables in FROM, with its table where two have it."
    return SqlProblem(*at, f"{what} is in no table here, or in two.", hint)


@cache
def _metadata() -> dict[Any, Any]:
    """Return what sqlglot knows of Athena's types, and what it lacks."""
    known: dict[Any, Any] = dict(Dialect.get_or_raise(DIALECT).EXPRESSION_METADATA)
    known |= {part: {"returns": kind} for kind, parts in _RETURNS.items() for part in parts}
    return known | {part: {"annotator": _by(rule)} for rule, parts in _RULES.items() for part in parts}


def _by(rule: Callable[[Any], Any]) -> Callable[[TypeAnnotator, Any], Any]:
    return lambda annotator, node: annotator._set_type(node, rule(node))


def _to(node: Any) -> Any:
    """All decimals are one type here: with their digits they would hide the double beside them."""
    return exp.DType.DECIMAL if node.to.this in DECIMAL else node.to


def _literal(node: Any) -> Any:
    """``1.5`` is a decimal, ``1.5e0`` a double."""
    text = node.name.lower()
    if node.is_string:
        return exp.DType.VARCHAR
    if "e" in text:
        return exp.DType.DOUBLE
    if "." in text:
        return exp.DType.DECIMAL
    return exp.DType.INT if int(text) < 2**31 else exp.DType.BIGINT


def _arithmetic(node: Any) -> Any:
    """The wider of two numbers, double before decimal; of a time and an interval the time."""
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
}  # fmt: skip
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
}  # fmt: skip
_NAMED = {
    "nan": exp.DType.DOUBLE, "infinity": exp.DType.DOUBLE, "to_iso8601": exp.DType.VARCHAR,
    "is_finite": exp.DType.BOOLEAN, "is_infinite": exp.DType.BOOLEAN,
    "with_timezone": exp.DType.TIMESTAMPTZ, "at_timezone": exp.DType.TIMESTAMPTZ,
}  # fmt: skip


def _kind(node: exp.Expr | None) -> exp.DType | str:
    return exp.DType.UNKNOWN if node is None or node.type is None else node.type.this


def is_a(node: exp.Expr | None, *kinds: frozenset[exp.DType]) -> bool:
    """Return whether a part of a typed query is known to be of one of these types."""
    return any(_kind(node) in each for each in kinds)


def is_known(node: exp.Expr | None) -> bool:
    """Return whether the type of a part is known."""
    return _kind(node) != exp.DType.UNKNOWN


# --- what means something else in Athena and DuckDB for the types it is given -------------------------


def typed_problems(sql: str, tables: Tables) -> Iterator[SqlProblem]:
    """Yield names no table has, and operations that mean something else for the types they are given."""
    tree = typed(sql, tables)
    if isinstance(tree, SqlProblem):
        yield tree
        return
    for node in tree.walk():
        rule = _TYPED.get(type(node))
        if rule and (problem := rule(node)):
            yield SqlProblem(*place_of(sql, node), *problem)


_Problem = tuple[str, str] | None
_OF_DAY = frozenset({"HOUR", "MINUTE", "SECOND", "MILLISECOND"})


def _division(node: exp.Binary) -> _Problem:
    sides = (node.left, node.right)
    if any(is_a(side, DECIMAL) for side in sides) and not any(is_a(side, FLOAT) for side in sides):
        return _decimal("a division")
    if not all(map(is_known, sides)):
        unclear = "a division of what has no known type: of whole numbers it would be cut."
        return unclear, "Cast both sides."
    return None


def _decimal(what: str) -> tuple[str, str]:
    return (f"{what} of decimals rounds in Athena and not in DuckDB.", "Cast to double, or write 0.5e0.")


def _average(node: exp.Avg) -> _Problem:
    return _decimal("the mean") if is_a(node.this, DECIMAL) else None


def _rounding(node: exp.Expr) -> _Problem:
    if is_a(node.this, DECIMAL) and node.args.get("decimals"):
        return _decimal("rounding to digits")
    return None


def _cast(node: exp.Cast) -> _Problem:
    if not is_a(node, TEXT):
        return None
    if is_a(node.this, FLOAT):
        message = "a double as text is '1.0E0' in Athena, '1.0' in DuckDB."
        return message, "Cast it to decimal(p, s) first."
    if is_a(node.this, MOMENT):
        return "a timestamp as text has milliseconds in Athena only.", "Use date_format."
    return None


def _joined(node: exp.Expr) -> _Problem:
    parts = node.flatten() if isinstance(node, exp.DPipe) else node.expressions
    if any(is_known(part) and not is_a(part, TEXT, frozenset({exp.DType.NULL})) for part in parts):
        return "Athena joins text with text only.", "Cast the other part to varchar."
    return None


def _hours(time: exp.Expr, step: exp.Expr) -> _Problem:
    if is_a(time, DATE) and step.text("unit").upper() in _OF_DAY:
        return "Athena adds no hours to a date.", "Cast it to timestamp first."
    return None


def _step(node: exp.DateAdd) -> _Problem:
    return _hours(node.this, node)


def _added(node: exp.Binary) -> _Problem:
    if isinstance(node, exp.Sub) and is_a(node.left, DATE, MOMENT) and is_a(node.right, DATE, MOMENT):
        return "a difference of days is an interval in Athena, a number in DuckDB.", "Use date_diff."
    return _hours(node.left, node.right) if isinstance(node.right, exp.Interval) else None


def _zone(node: exp.Expr) -> _Problem:
    """A time in a zone is kept with its zone by Athena only: it must become a plain one at once."""
    above = node.parent
    while isinstance(above, exp.Paren):
        above = above.parent
    if isinstance(above, exp.Cast) and is_a(above, DATE, MOMENT - INSTANT):
        return None
    if isinstance(above, exp.AtTimeZone) or _is_zoned(above):
        return None
    return "a time with its zone is kept by Athena only.", "Wrap it: CAST(... AS timestamp)."


def _is_zoned(node: exp.Expr | None) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() in ("at_timezone", "with_timezone")


def _called(node: exp.Anonymous) -> _Problem:
    if _is_zoned(node):
        return _zone(node)
    if node.name.lower() == "to_iso8601" and is_a(node.expressions[0], INSTANT):
        return "to_iso8601: Athena writes the zone.", "Cast to timestamp first."
    return None


def _among(node: exp.In) -> _Problem:
    literal = all(isinstance(item.unnest(), exp.Literal | exp.Neg) for item in node.expressions)
    if is_a(node.this, FLOAT) and not literal:
        return ("IN with doubles that are no literals: NaN equals NaN in DuckDB only.", "Use = and OR.")
    return None


_TYPED: Mapping[type[exp.Expr], Callable[[Any], _Problem]] = {
    exp.Div: _division, exp.Avg: _average, exp.Round: _rounding, exp.Trunc: _rounding, exp.Cast: _cast,
    exp.TryCast: _cast, exp.DPipe: _joined, exp.Concat: _joined, exp.Sub: _added, exp.Add: _added,
    exp.DateAdd: _step, exp.AtTimeZone: _zone, exp.Anonymous: _called, exp.In: _among,
}  # fmt: skip
