"""Translation of a query in Athena SQL for DuckDB, so that both engines give the same rows and types.

``lint`` refuses what cannot be translated; everything else is translated here. The docstrings say what
Athena does. ``docs/explanation/sql.md`` lists the differences; ``tests/support/portable_cases.py`` has a
case of each, which a real Trino answers, too.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import sqlglot
from sqlglot import exp

from openaq_assets.graph.partitions import COLUMNS, DAY
from openaq_assets.sql.parse import DIALECT, is_cte, with_full_names
from openaq_assets.sql.shapes import SqlProblem
from openaq_assets.sql.types import DATE, FLOAT, INSTANT, MOMENT, TEXT, WHOLE, Tables, is_a, typed

_DIGITS = "0123456789"


def to_duckdb(
    sql: str, names: Mapping[str, str], tables: Tables, now: str | None = None, dated: Collection[str] = ()
) -> str:
    """Return the query for DuckDB, with its tables named in full.

    ``now``, if given, is the DuckDB expression that replaces every clock. Tables that are ``dated`` have a
    column ``_day`` beside their partition keys, which the query then uses. Raises ValueError for SQL that
    cannot be read.
    """
    tree = typed(sql, {name: tables[name] for name in names if name in tables})
    if isinstance(tree, SqlProblem):
        raise ValueError(f"line {tree.line}, column {tree.column}: {tree.message} {tree.hint}")
    _by_day(tree, dated)
    return with_full_names(_translated(tree, now), names).sql(
        dialect="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE
    )


def _by_day(tree: exp.Query, dated: Collection[str]) -> None:
    """Replace year, month and day joined as text by the one column ``_day``.

    A filter on it is computed for every file: with years of days the three columns took a tenth of the time.
    """
    for node in list(tree.find_all(exp.DPipe)):
        last = node.expression
        if not isinstance(last, exp.Column):
            continue
        whole = " || '-' || ".join(f"{last.table}.{key}" for key in COLUMNS)
        if node.sql(DIALECT) == whole and _source(node, last.table) in dated:
            day = exp.column(DAY, table=last.table)
            day.type = node.type
            node.replace(day)


def _source(node: exp.Expr, alias: str) -> str:
    """Return the name of the table that a SELECT reads under an alias; '' if it reads none."""
    select = node.find_ancestor(exp.Select)
    for table in select.find_all(exp.Table) if select else ():
        if table.alias_or_name == alias and table.find_ancestor(exp.Select) is select and not is_cte(table):
            return table.name
    return ""


def _translated(tree: exp.Query, now: str | None) -> exp.Expr:
    """Return a typed query with every construct replaced that has another meaning in DuckDB."""
    root: exp.Expr = exp.Subquery(this=tree)  # so that the query itself can be replaced, too
    for node in reversed(list(tree.walk(bfs=False))):  # inner parts before outer ones
        if now is not None and isinstance(node, _CLOCKS):
            node.replace(_stopped(node, now))
            continue
        rule = _RULES.get(type(node))
        instead = rule(node) if rule else None
        if instead is not None:
            instead.type = node.type
            node.replace(instead)
    translated: exp.Expr = root.this.pop()
    return translated


_CLOCKS = (exp.CurrentTimestamp, exp.CurrentDate, exp.Localtimestamp)


def _stopped(node: exp.Expr, now: str) -> exp.Expr:
    instant = _cast(sqlglot.parse_one(now, dialect="duckdb"), "TIMESTAMPTZ")
    if isinstance(node, exp.CurrentDate):
        return _cast(instant, "DATE")
    return _cast(instant, "TIMESTAMP") if isinstance(node, exp.Localtimestamp) else instant


def _cast(node: exp.Expr, kind: str) -> exp.Cast:
    return exp.Cast(this=node.copy(), to=exp.DataType.build(kind, dialect="duckdb"))


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


_text = exp.Literal.string


# --- numbers --------------------------------------------------------------------------------------


def _division(node: exp.Div) -> exp.Expr | None:
    """Divide whole numbers to a whole number, cut towards zero."""
    if is_a(node.left, WHOLE) and is_a(node.right, WHOLE):
        return exp.paren(exp.IntDiv(this=node.left.copy(), expression=node.right.copy()), copy=False)
    return None


def _whole(node: exp.Expr) -> exp.Expr | None:
    """Cast sums and counts of whole numbers to bigint, which is not wider in Athena."""
    if is_a(node, WHOLE):
        top = _top(node)
        cast = _cast(top, "BIGINT")
        cast.type = node.type
        top.replace(cast)
    return None


def _top(node: exp.Expr) -> exp.Expr:
    """Return the outermost expression of an aggregate, with its FILTER and OVER."""
    while isinstance(node.parent, exp.Filter | exp.Window) and node.parent.this is node:
        node = node.parent
    return node


def _sign(node: exp.Sign) -> exp.Expr | None:
    """Cast the sign to the type of its argument."""
    kind = node.this.type
    return _cast(node, kind.sql("duckdb")) if kind and is_a(node.this, WHOLE, FLOAT) else None


def _size(node: exp.Expr) -> exp.Expr:
    return _cast(node, "BIGINT")


def _extreme(node: exp.Expr) -> exp.Expr | None:
    """Leave NaN out of max and min, unless there is nothing else."""
    if not is_a(node.this, FLOAT):
        return None
    top = _top(node)
    clean = inner = top.copy()
    while not isinstance(inner, type(node)):
        inner = inner.this
    inner.set("this", _not_nan(node.this))
    both = exp.Coalesce(this=clean, expressions=[top.copy()])
    both.type = node.type
    top.replace(both)
    return None


def _at_extreme(node: exp.Expr) -> exp.Expr:
    """Use max_by and min_by in the form that may return NULL."""
    key = _not_nan(node.expression) if is_a(node.expression, FLOAT) else node.expression
    name = "arg_max_null" if isinstance(node, exp.ArgMax) else "arg_min_null"
    return _call(name, node.this, key)


# --- time -----------------------------------------------------------------------------------------


def _date_diff(node: exp.DateDiff) -> exp.Expr:
    """Count whole units that have passed, not boundaries between them."""
    unit = _text(node.text("unit").lower() or "day")
    return _call("date_sub", unit, node.expression, node.this)


def _date_of_date(node: exp.Expr) -> exp.Expr | None:
    """Keep a date a date."""
    return _cast(node, "DATE") if is_a(node.this, DATE) else None


def _sum_of_times(node: exp.Binary) -> exp.Expr | None:
    return _cast(node, "DATE") if is_a(node.left, DATE) and isinstance(node.right, exp.Interval) else None


def _zone(node: exp.AtTimeZone) -> exp.Expr:
    """Return the local time in a zone; a time without a zone is one of UTC."""
    return _clock(node.this, node.args["zone"])


def _clock(time: exp.Expr, zone: exp.Expr) -> exp.Expr:
    instant = time.copy() if is_a(time, INSTANT) else _call("timezone", _text("UTC"), time)
    return _call("timezone", zone, instant)


def _anonymous(node: exp.Anonymous) -> exp.Expr | None:
    name, arguments, above = node.name.lower(), node.expressions, node.parent
    if name in ("nan", "infinity"):
        return _cast(_text(name), "DOUBLE")
    if name in ("is_finite", "is_infinite"):
        return _call("isfinite" if name == "is_finite" else "isinf", *arguments)
    if name == "at_timezone":
        return _clock(*arguments)
    if name == "with_timezone":
        called = isinstance(above, exp.Anonymous) and above.name.lower() == "at_timezone"
        inside = called or isinstance(above, exp.AtTimeZone)
        return _call("timezone", *reversed(arguments)) if inside else arguments[0].copy()
    if name == "to_iso8601":
        if is_a(arguments[0], DATE):
            return _cast(arguments[0], "VARCHAR")
        return _call("strftime", arguments[0], _text("%Y-%m-%dT%H:%M:%S.%g"))
    return None


# --- text -----------------------------------------------------------------------------------------

# The characters besides digits that Athena accepts in text of a type. DuckDB accepts more
# ('epoch', ' 1 ', '1_000', a time after a date).
_SHAPES: Mapping[str, tuple[str, ...]] = {
    "DATE": ("--",),
    "TIMESTAMP": ("--", "-- :", "-- ::", "-- ::."),
    "BIGINT": ("", "-", "+"),
    "INT": ("", "-", "+"),
}


def _converted(node: exp.Cast) -> exp.Expr | None:
    if is_a(node, MOMENT - INSTANT) and node.to.expressions:
        node.to.set("expressions", [])  # timestamp(n): all are milliseconds in Athena
    if is_a(node, WHOLE) and is_a(node.this, FLOAT):  # half away from zero, not to the even number
        return type(node)(this=exp.Round(this=node.this.copy()), to=node.to.copy())
    shapes = _SHAPES.get(node.to.this.value)
    if shapes is None or not is_a(node.this, TEXT) or isinstance(node.this, exp.Literal):
        return None
    return type(node)(this=_of_shape(node.this, shapes, node.to.sql()), to=node.to.copy())


def _of_shape(text: exp.Expr, shapes: tuple[str, ...], kind: str) -> exp.Expr:
    """Return the text, or, if it has another shape, a text that no cast can read and that says why."""
    bare = _call("translate", text, _text(_DIGITS), _text(""))
    known = exp.In(this=bare, expressions=[_text(shape) for shape in shapes])
    wrong = exp.DPipe(this=_text(f"no {kind.lower()}: "), expression=text.copy())
    return exp.Case(ifs=[exp.If(this=known, true=text.copy())], default=wrong)


def _part(node: exp.SplitPart) -> exp.Expr:
    """Return NULL, not empty text, for a part that is missing."""
    parts = _call("str_split", node.this, node.args["delimiter"])
    return _call("list_extract", parts, node.args["part_index"])


def _series(node: exp.GenerateSeries) -> exp.Expr | None:
    """Keep a series of dates a series of dates."""
    if not is_a(node.args["start"], DATE):
        return None
    return exp.Cast(this=node.copy(), to=exp.DataType.build("DATE[]", dialect="duckdb"))


# --- NaN: unordered in Trino, the greatest number in DuckDB -----------------------------------------


def _not_nan(node: exp.Expr) -> exp.Expr:
    nan = exp.IsNan(this=node.copy())
    return exp.Case(ifs=[exp.If(this=exp.Not(this=nan), true=node.copy())])


def _above(node: exp.Binary) -> exp.Expr | None:
    return _unless_nan(node, node.left, node.right)


def _below(node: exp.Binary) -> exp.Expr | None:
    return _unless_nan(node, node.right, node.left)


def _unless_nan(node: exp.Binary, greater: exp.Expr, other: exp.Expr) -> exp.Expr | None:
    """Make a comparison false if the greater side is NaN, which is the greatest number in DuckDB."""
    return _and_not(node, _nan_against(greater, other)) if _may_be_nan(greater) else None


def _and_not(node: exp.Expr, nan: exp.Expr) -> exp.Expr:
    return exp.paren(exp.And(this=node.copy(), expression=exp.Not(this=nan)), copy=False)


def _equal(node: exp.EQ | exp.NEQ) -> exp.Expr | None:
    if not (_may_be_nan(node.left) and _may_be_nan(node.right)):
        return None  # with a literal, the engines agree
    nan = _nan_against(node.left, node.right)
    if isinstance(node, exp.EQ):
        return _and_not(node, nan)
    return exp.paren(exp.Or(this=node.copy(), expression=nan), copy=False)


def _between(node: exp.Between) -> exp.Expr | None:
    low, high = node.args["low"], node.args["high"]
    if not (_may_be_nan(low) or _may_be_nan(high)):
        return None  # NaN is above every literal
    least = exp.GTE(this=node.this.copy(), expression=low.copy())
    most = exp.LTE(this=node.this.copy(), expression=high.copy())
    return exp.paren(exp.And(this=_above(least) or least, expression=_below(most) or most), copy=False)


def _nan_against(nan: exp.Expr, other: exp.Expr) -> exp.Expr:
    """Return whether one side is NaN and the other is not NULL: with NULL, the comparison stays NULL."""
    against: exp.Expr = exp.IsNan(this=nan.copy())
    if not isinstance(other, exp.Literal):
        there = exp.Not(this=exp.Is(this=other.copy(), expression=exp.Null()))
        against = exp.And(this=against, expression=there)
    return exp.paren(against, copy=False)


def _may_be_nan(node: exp.Expr) -> bool:
    return is_a(node, FLOAT) and not isinstance(node.unnest(), exp.Literal | exp.Neg)


_RULES: Mapping[type[exp.Expr], Callable[[Any], exp.Expr | None]] = {
    exp.Div: _division, exp.Sum: _whole, exp.CountIf: _whole, exp.Sign: _sign, exp.ArraySize: _size,
    exp.Max: _extreme, exp.Min: _extreme, exp.ArgMax: _at_extreme, exp.ArgMin: _at_extreme,
    exp.GT: _above, exp.GTE: _above, exp.LT: _below, exp.LTE: _below, exp.EQ: _equal, exp.NEQ: _equal,
    exp.Between: _between, exp.DateDiff: _date_diff, exp.DateAdd: _date_of_date,
    exp.TimestampTrunc: _date_of_date, exp.DateTrunc: _date_of_date, exp.Add: _sum_of_times,
    exp.Sub: _sum_of_times, exp.AtTimeZone: _zone, exp.Anonymous: _anonymous, exp.Cast: _converted,
    exp.TryCast: _converted, exp.SplitPart: _part, exp.GenerateSeries: _series,
}  # fmt: skip  # a table of many short cells
