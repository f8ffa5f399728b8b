"""Comparisons of doubles for DuckDB as Athena makes them: NaN is in no relation, not even to itself."""

from sqlglot import exp

from openaq_assets.sql_types import FLOAT, is_a


def wrapped(node: exp.Expr) -> exp.Expr:
    return exp.Paren(this=node)


def not_nan(node: exp.Expr) -> exp.Expr:
    nan = exp.IsNan(this=node.copy())
    return exp.Case(ifs=[exp.If(this=exp.Not(this=nan), true=node.copy())])


def above(node: exp.Binary) -> exp.Expr | None:
    return _unless_nan(node, node.left, node.right)


def below(node: exp.Binary) -> exp.Expr | None:
    return _unless_nan(node, node.right, node.left)


def _unless_nan(node: exp.Binary, greater: exp.Expr, other: exp.Expr) -> exp.Expr | None:
    """DuckDB takes NaN as the greatest number: false, if it is on the greater side."""
    if not _may_be_nan(greater):
        return None
    return wrapped(exp.And(this=node.copy(), expression=exp.Not(this=_nan_against(greater, other))))


def equal(node: exp.EQ) -> exp.Expr | None:
    if not (_may_be_nan(node.left) and _may_be_nan(node.right)):
        return None  # with a literal they agree
    against = _nan_against(node.left, node.right)
    return wrapped(exp.And(this=node.copy(), expression=exp.Not(this=against)))


def unequal(node: exp.NEQ) -> exp.Expr | None:
    if not (_may_be_nan(node.left) and _may_be_nan(node.right)):
        return None
    return wrapped(exp.Or(this=node.copy(), expression=_nan_against(node.left, node.right)))


def between(node: exp.Between) -> exp.Expr | None:
    low, high = node.args["low"], node.args["high"]
    if not any(map(_may_be_nan, (node.this, low, high))):
        return None
    if not (_may_be_nan(low) or _may_be_nan(high)):
        return None  # NaN is above every literal
    least = exp.GTE(this=node.this.copy(), expression=low.copy())
    most = exp.LTE(this=node.this.copy(), expression=high.copy())
    both = exp.And(this=above(least) or least, expression=below(most) or most)
    return wrapped(both)


def _nan_against(nan: exp.Expr, other: exp.Expr) -> exp.Expr:
    """One side is NaN and the other is there: where that is NULL, the comparison stays NULL."""
    found: exp.Expr = exp.IsNan(this=nan.copy())
    if not isinstance(other, exp.Literal):
        there = exp.Not(this=exp.Is(this=other.copy(), expression=exp.Null()))
        found = exp.And(this=found, expression=there)
    return wrapped(found)


def _may_be_nan(node: exp.Expr) -> bool:
    return is_a(node, FLOAT) and not isinstance(node.unnest(), exp.Literal | exp.Neg)
