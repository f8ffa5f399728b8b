"""The types of every part of a query, as Athena sees them, once the columns of its tables are known."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.annotate_types import TypeAnnotator, annotate_types

from openaq_assets.sql.facts import SqlProblem
from openaq_assets.sql.parse import DIALECT, parse, place_of

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
    """The query with every column under its table's name and every part under its type.

    Names are looked up as Athena does it: an alias is no column of the same SELECT.
    """
    tree = parse(sql)
    if isinstance(tree, SqlProblem):
        return tree
    from sqlglot.optimizer.qualify import qualify  # which few queries need

    schema: dict[str, object] = {name: dict(columns) for name, columns in tables.items() if columns}
    try:
        found = qualify(
            tree.copy(), dialect=DIALECT, schema=schema, expand_alias_refs=False,
            quote_identifiers=False, identify=False,
        )  # fmt: skip
    except OptimizeError as error:
        return _unresolved(sql, tree, str(error))
    return annotate_types(
        found, schema=schema, dialect=DIALECT, expression_metadata=metadata(), overwrite_types=True
    )


def _unresolved(sql: str, tree: exp.Query, told: str) -> SqlProblem:
    """A column no table in reach has, or more than one, at the place where it is named."""
    name = re.search(r"[Cc]olumn:? '?(\w+)'?", told)
    table = re.search(r"for table: '(\w+)'", told)
    if not name:
        return SqlProblem(1, 1, f"not to be resolved: {told.splitlines()[0]}.", "Check the names.")
    line = re.search(r"Line: (\d+), Col: (\d+)", told)
    named = [one for one in tree.find_all(exp.Column) if one.name.lower() == name[1].lower()]
    at = place_of(sql, named[0]) if named else (1, 1)
    if line and not (named and len(named) == 1):
        at = int(line[1]), int(line[2])
    what = f"column '{table[1]}.{name[1]}'" if table else f"column '{name[1]}'"
    hint = "Name a column of the tables in FROM, with its table where two have it."
    return SqlProblem(*at, f"{what} is in no table here, or in two.", hint)


_BIGINT = (
    exp.DateDiff, exp.Length, exp.StrPosition, exp.Year, exp.Month, exp.Day, exp.Hour, exp.Minute,
    exp.Second, exp.Quarter, exp.WeekOfYear, exp.DayOfWeekIso, exp.DayOfYear, exp.Extract, exp.YearOfWeek,
    exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile, exp.CountIf, exp.Count, exp.ArraySize, exp.Levenshtein,
)  # fmt: skip
_VARCHAR = (
    exp.Replace, exp.SplitPart, exp.RegexpReplace, exp.RegexpExtract, exp.Reverse,
    exp.Translate, exp.Pad, exp.ConcatWs, exp.ArrayToString, exp.GroupConcat, exp.DPipe, exp.Substring,
    exp.Lower, exp.Upper, exp.Trim, exp.TimeToStr, exp.Chr,
)  # fmt: skip
_DOUBLE = (
    exp.Pow, exp.Sqrt, exp.Exp, exp.Ln, exp.Log, exp.Cbrt, exp.Radians, exp.Degrees, exp.Sin, exp.Cos,
    exp.Tan, exp.Asin, exp.Acos, exp.Atan, exp.Atan2, exp.Pi, exp.Stddev, exp.StddevPop, exp.StddevSamp,
    exp.Variance, exp.VariancePop, exp.TimeToUnix, exp.Rand,
)  # fmt: skip
_SAME = (
    exp.Round,
    exp.Trunc,
    exp.Floor,
    exp.Ceil,
    exp.Abs,
    exp.Sign,
    exp.AnyValue,
    exp.Nullif,
    exp.Max,
    exp.Min,
)
_SAME_AS = (*_SAME, exp.ArgMax, exp.ArgMin, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue)
_ARITHMETIC = (exp.Div, exp.Mul, exp.Mod, exp.Add, exp.Sub)
_NAMED = {
    "nan": exp.DType.DOUBLE, "infinity": exp.DType.DOUBLE, "to_iso8601": exp.DType.VARCHAR,
    "is_finite": exp.DType.BOOLEAN, "is_infinite": exp.DType.BOOLEAN,
    "with_timezone": exp.DType.TIMESTAMPTZ, "at_timezone": exp.DType.TIMESTAMPTZ,
}  # fmt: skip


@cache
def metadata() -> dict[Any, Any]:
    """What sqlglot knows of Athena's types, and what it lacks."""
    known: dict[Any, Any] = dict(Dialect.get_or_raise(DIALECT).EXPRESSION_METADATA)
    known |= {kind: {"returns": exp.DType.BIGINT} for kind in _BIGINT}
    known |= {kind: {"returns": exp.DType.VARCHAR} for kind in _VARCHAR}
    known |= {kind: {"returns": exp.DType.DOUBLE} for kind in _DOUBLE}
    known |= {kind: {"annotator": _like("this")} for kind in _SAME_AS}
    known |= {kind: {"annotator": _arithmetic} for kind in _ARITHMETIC}
    known |= {
        exp.DateAdd: {"annotator": _like("this")},
        exp.TimestampTrunc: {"annotator": _like("this")},
        exp.DateTrunc: {"annotator": _like("this")},
        exp.StrToTime: {"returns": exp.DType.TIMESTAMP},
        exp.AtTimeZone: {"returns": exp.DType.TIMESTAMPTZ},
        exp.CurrentTimestamp: {"returns": exp.DType.TIMESTAMPTZ},
        exp.Localtimestamp: {"returns": exp.DType.TIMESTAMP},
        exp.UnixToTime: {"returns": exp.DType.TIMESTAMPTZ},
        exp.FromISO8601Timestamp: {"returns": exp.DType.TIMESTAMPTZ},
        exp.LastDay: {"returns": exp.DType.DATE},
        exp.Sum: {"annotator": _sum},
        exp.Avg: {"annotator": _avg},
        exp.Anonymous: {"annotator": _named},
        exp.Bracket: {"annotator": _item},
        exp.Literal: {"annotator": _literal},
        exp.Cast: {"annotator": _to},
        exp.TryCast: {"annotator": _to},
        exp.FromISO8601Date: {"returns": exp.DType.DATE},
    }
    return known


def _to(annotator: TypeAnnotator, node: Any) -> Any:
    """All decimals are one type here: with their digits they would hide the double beside them."""
    decimal = node.to.this in DECIMAL
    return annotator._set_type(node, exp.DType.DECIMAL if decimal else node.to)


def _literal(annotator: TypeAnnotator, node: Any) -> Any:
    """``1.5`` is a decimal, ``1.5e0`` a double."""
    text = node.name.lower()
    if node.is_string:
        return annotator._set_type(node, exp.DType.VARCHAR)
    if "e" in text:
        return annotator._set_type(node, exp.DType.DOUBLE)
    if "." in text:
        return annotator._set_type(node, exp.DType.DECIMAL)
    return annotator._set_type(node, exp.DType.INT if int(text) < 2**31 else exp.DType.BIGINT)


def _arithmetic(annotator: TypeAnnotator, node: Any) -> Any:
    """The wider of two numbers, double before decimal; of a time and an interval the time."""
    sides = [one for one in (node.left.type, node.right.type) if one and one.this != exp.DType.NULL]
    if all(one.this in _NUMBERS for one in sides):
        for kinds in (FLOAT, DECIMAL, WHOLE - {exp.DType.INT}, WHOLE):
            for one in sides:
                if one.this in kinds:
                    return annotator._set_type(node, one)
    times = [one for one in sides if one.this in DATE | MOMENT]
    return annotator._set_type(node, times[0] if len(times) == 1 else exp.DType.UNKNOWN)


def _like(part: str) -> Callable[[TypeAnnotator, Any], Any]:
    def annotate(annotator: TypeAnnotator, node: Any) -> Any:
        return annotator._set_type(node, node.args[part].type)

    return annotate


def _sum(annotator: TypeAnnotator, node: Any) -> Any:
    kind = node.this.type
    return annotator._set_type(node, exp.DType.BIGINT if kind and kind.this in WHOLE else kind)


def _avg(annotator: TypeAnnotator, node: Any) -> Any:
    kind = node.this.type
    return annotator._set_type(node, kind if kind and kind.this in DECIMAL else exp.DType.DOUBLE)


def _named(annotator: TypeAnnotator, node: Any) -> Any:
    return annotator._set_type(node, _NAMED.get(node.name.lower(), exp.DType.UNKNOWN))


def _item(annotator: TypeAnnotator, node: Any) -> Any:
    kind = node.this.type
    inner = kind.expressions[0] if kind and kind.is_type("array") and kind.expressions else None
    return annotator._set_type(node, inner or exp.DType.UNKNOWN)


def is_a(node: exp.Expr | None, *kinds: frozenset[exp.DType]) -> bool:
    """Whether a part of a typed query is known to be of one of these types."""
    kind = node.type if node is not None else None
    return kind is not None and any(kind.this in one for one in kinds)


def is_known(node: exp.Expr | None) -> bool:
    """Whether the type of a part is known."""
    kind = node.type if node is not None else None
    return kind is not None and kind.this != exp.DType.UNKNOWN
