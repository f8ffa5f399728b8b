"""Lint of operations that have different meanings in Athena and DuckDB for some types."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sqlglot import exp

from openaq_assets.sql.parse import parse, position_of
from openaq_assets.sql.plain import NotPlain, Plain
from openaq_assets.sql.shapes import SqlProblem
from openaq_assets.sql.types import DATE, DECIMAL, FLOAT, INSTANT, MOMENT, TEXT, Tables, is_a, is_known, typed


def typed_problems(sql: str, tables: Tables) -> Iterator[SqlProblem]:
    """Yield columns that no table has, and operations with different meanings for the types they have."""
    tree = parse(sql)
    if isinstance(tree, SqlProblem):
        yield tree
        return
    try:
        plain = Plain(tree, tables, _TYPED.keys())
    except NotPlain:
        yield from _rewritten_problems(sql, tables)
        return
    with plain.typed():
        yield from _broken_rules(sql, plain.wanted)


def _rewritten_problems(sql: str, tables: Tables) -> Iterator[SqlProblem]:
    tree = typed(sql, tables)
    if isinstance(tree, SqlProblem):
        yield tree
    else:
        yield from _broken_rules(sql, tree.walk())


def _broken_rules(sql: str, nodes: Iterable[exp.Expr]) -> Iterator[SqlProblem]:
    for node in nodes:
        rule: Any = _TYPED.get(type(node))
        problem = rule(node) if rule else None
        if problem:
            yield SqlProblem(*position_of(sql, node), *problem)


_Problem = tuple[str, str] | None
_OF_DAY = frozenset({"HOUR", "MINUTE", "SECOND", "MILLISECOND"})


def _division(node: exp.Binary) -> _Problem:
    sides = (node.left, node.right)
    if any(is_a(side, DECIMAL) for side in sides) and not any(is_a(side, FLOAT) for side in sides):
        return _decimal("a division")
    if not all(map(is_known, sides)):
        unclear = "the types of a division are not known; between whole numbers it would lose the decimals."
        return unclear, "Cast both sides to double."
    return None


def _decimal(what: str) -> tuple[str, str]:
    return (
        f"{what} of decimals gives different digits in Athena and DuckDB.",
        "Cast to double, or write 0.5e0.",
    )


def _average(node: exp.Avg) -> _Problem:
    return _decimal("the mean") if is_a(node.this, DECIMAL) else None


def _rounding(node: exp.Expr) -> _Problem:
    if is_a(node.this, DECIMAL) and node.args.get("decimals"):
        return _decimal("the rounding")
    return None


def _cast(node: exp.Cast) -> _Problem:
    if not is_a(node, TEXT):
        return None
    if is_a(node.this, FLOAT):
        message = "a double cast to text is '1.0E0' in Athena, but '1.0' in DuckDB."
        return message, "Cast it to decimal(p, s) first."
    if is_a(node.this, MOMENT):
        return "a timestamp cast to text has milliseconds only in Athena.", "Use date_format."
    return None


def _joined(node: exp.Expr) -> _Problem:
    parts = node.flatten() if isinstance(node, exp.DPipe) else node.expressions
    if any(is_known(part) and not is_a(part, TEXT, frozenset({exp.DType.NULL})) for part in parts):
        return "Athena concatenates only text with text.", "Cast the other part to varchar."
    return None


def _hours(time: exp.Expr, step: exp.Expr) -> _Problem:
    if is_a(time, DATE) and step.text("unit").upper() in _OF_DAY:
        return "Athena cannot add hours, minutes or seconds to a date.", "Cast it to timestamp first."
    return None


def _step(node: exp.DateAdd) -> _Problem:
    return _hours(node.this, node)


def _added(node: exp.Binary) -> _Problem:
    if isinstance(node, exp.Sub) and is_a(node.left, DATE, MOMENT) and is_a(node.right, DATE, MOMENT):
        return (
            "the difference of two days is an interval in Athena, but a number in DuckDB.",
            "Use date_diff.",
        )
    return _hours(node.left, node.right) if isinstance(node.right, exp.Interval) else None


def _zone(node: exp.Expr) -> _Problem:
    """Refuse a time with a zone that is not cast at once: only Athena keeps the zone."""
    above = node.parent
    while isinstance(above, exp.Paren):
        above = above.parent
    if isinstance(above, exp.Cast) and is_a(above, DATE, MOMENT - INSTANT):
        return None
    if isinstance(above, exp.AtTimeZone) or _is_zoned(above):
        return None
    return "only Athena keeps the time zone of a timestamp.", "Write CAST(... AS timestamp) around it."


def _is_zoned(node: exp.Expr | None) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() in ("at_timezone", "with_timezone")


def _called(node: exp.Anonymous) -> _Problem:
    if _is_zoned(node):
        return _zone(node)
    if node.name.lower() == "to_iso8601" and is_a(node.expressions[0], INSTANT):
        return "to_iso8601: only Athena writes the time zone.", "Cast to timestamp first."
    return None


def _among(node: exp.In) -> _Problem:
    literal = all(isinstance(item.unnest(), exp.Literal | exp.Neg) for item in node.expressions)
    if is_a(node.this, FLOAT) and not literal:
        return ("IN compares doubles that are not literals; NaN equals NaN only in DuckDB.", "Use = and OR.")
    return None


_TYPED: Mapping[type[exp.Expr], Callable[[Any], _Problem]] = {
    exp.Div: _division, exp.Avg: _average, exp.Round: _rounding, exp.Trunc: _rounding, exp.Cast: _cast,
    exp.TryCast: _cast, exp.DPipe: _joined, exp.Concat: _joined, exp.Sub: _added, exp.Add: _added,
    exp.DateAdd: _step, exp.AtTimeZone: _zone, exp.Anonymous: _called, exp.In: _among,
}  # fmt: skip  # a table of many short cells
