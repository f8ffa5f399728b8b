"""The types of a query in plain form: tables and common table expressions, joined ON, without subqueries.

Most views are plain. Their names are resolved without rewriting, so only the parts that a rule looks at
get types, on the tree as it was parsed. Any other query is left to ``types.typed``.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

from sqlglot import exp
from sqlglot.optimizer.annotate_types import TypeAnnotator
from sqlglot.schema import Schema, ensure_schema

from openaq_assets.sql.parse import DIALECT, walk
from openaq_assets.sql.types import Tables, metadata

Source = Mapping[str, "str | exp.Expr"]  # by column: the type in a table, the expression in a WITH
_KINDS = (
    exp.Select, exp.From, exp.Join, exp.Table, exp.TableAlias, exp.Identifier, exp.Column, exp.Alias,
    exp.Literal, exp.Boolean, exp.Null, exp.Where, exp.Group, exp.Window, exp.WindowSpec,
    exp.Order, exp.Ordered, exp.Paren, exp.DataType, exp.Unary, exp.Between, exp.In, exp.Interval, exp.Var,
    exp.Distinct, exp.Star, exp.Binary, exp.Func, exp.AtTimeZone,
)  # fmt: skip  # a table of many short cells
_ODD = (exp.Unnest, exp.Exists, exp.Lambda, exp.Dot)


class NotPlain(Exception):
    """The query is not plain, or wrong."""


class Plain:
    """A plain query: its parts of some types, and the origin of every column it reads."""

    def __init__(self, tree: exp.Query, tables: Tables, wanted: Collection[type[exp.Expr]]) -> None:
        self.wanted: list[exp.Expr] = []
        self._types = wanted
        self._columns: list[tuple[exp.Expr, str | exp.Expr]] = []
        known: dict[str, Source] = {name: dict(columns) for name, columns in tables.items() if columns}
        ctes = tree.args.get("with_")
        if ctes and ctes.args.get("recursive"):
            raise NotPlain
        for cte in ctes.expressions if ctes else ():
            alias = cte.args["alias"]
            if alias.columns or not _is_lower(alias.this):
                raise NotPlain
            if cte.this.args.get("with_"):
                raise NotPlain
            self._read(cte.this, known)
            known = {**known, alias.name: _answers(cte.this)}
        self._read(tree, known)

    @contextmanager
    def typed(self) -> Iterator[None]:
        """Give the wanted parts their types inside a ``with`` block only, because the tree is shared."""
        annotator = TypeAnnotator(_schema(), metadata())
        try:
            for column, origin in self._columns if self.wanted else ():
                if not isinstance(origin, str):
                    annotator.annotate_expression(origin)
                annotator._set_type(column, _type(origin) if isinstance(origin, str) else origin.type)
            for node in self.wanted:
                annotator.annotate_expression(node)
            for node in list(annotator._null_expressions.values()):
                annotator._set_type(node, annotator.dialect.DEFAULT_NULL_TYPE)
            yield
        finally:
            for node in annotator._visited.values():
                node._type = None

    def _read(self, select: exp.Expr, known: Mapping[str, Source]) -> None:
        if type(select) is not exp.Select:
            raise NotPlain
        sources = _sources(select, known)
        ctes = select.args.get("with_")
        apart = set(map(id, walk(ctes))) if ctes else ()
        for node in walk(select):
            if id(node) in apart:
                continue
            kind: Any = type(node)
            if not _is_plain(kind) or node._type is not None or not _is_usual(node):
                raise NotPlain
            if kind in self._types:
                self.wanted.append(node)
            if kind is exp.Column:
                self._columns.append((node, _origin(node, sources)))


def _sources(select: exp.Expr, known: Mapping[str, Source]) -> Mapping[str, Source]:
    """Return the tables that a SELECT reads, by their aliases."""
    sources: dict[str, Source] = {}
    entries = select.args.get("from_"), *(select.args.get("joins") or ())
    for entry in filter(None, entries):
        table = entry.this
        unusual = any(value for name, value in table.args.items() if name not in ("this", "alias"))
        if type(table) is not exp.Table or unusual or entry.args.get("using") or entry.args.get("method"):
            raise NotPlain
        name = table.alias or table.name
        if name in sources or table.name not in known or table.alias_column_names:
            raise NotPlain
        sources[name] = known[table.name]
    return sources


def _answers(select: exp.Query) -> Source:
    """Return the columns of a SELECT by name; raise NotPlain if one has no name of its own."""
    answers = {item.alias_or_name: item for item in select.selects}
    if len(answers) < len(select.selects) or "" in answers:
        raise NotPlain
    return answers


def _origin(column: exp.Expr, sources: Mapping[str, Source]) -> "str | exp.Expr":
    """Return the type or expression of a column in the one source that has it; raise NotPlain otherwise."""
    name, table = column.name, column.text("table")
    owners = [source for key, source in sources.items() if name in source and table in ("", key)]
    if len(owners) != 1 or column.args.get("db"):
        raise NotPlain
    return owners[0][name]


@cache
def _is_plain(kind: type[exp.Expr]) -> bool:
    return issubclass(kind, _KINDS) and not issubclass(kind, _ODD)


def _is_usual(node: exp.Expr) -> bool:
    """Return whether the meaning of a part does not depend on its position in the query."""
    kind: Any = type(node)
    if kind is exp.Identifier:
        return _is_lower(node)
    if not _may_be_unusual(kind):
        return True
    if isinstance(node, exp.Star):
        return isinstance(node.parent, exp.Count)
    if isinstance(node, exp.Order):
        return isinstance(node.parent, exp.Window)
    if isinstance(node, exp.Group):
        return not any(isinstance(part, exp.Literal) for part in node.expressions)
    return not isinstance(node, exp.Select) or node.parent is None or isinstance(node.parent, exp.CTE)


@cache
def _may_be_unusual(kind: type[exp.Expr]) -> bool:
    return issubclass(kind, (exp.Star, exp.Order, exp.Group, exp.Select))


def _is_lower(name: exp.Expr) -> bool:
    text = name.args["this"]
    return not name.args.get("quoted") and str(text) == str(text).lower()


@lru_cache(maxsize=256)
def _type(text: str) -> exp.DataType:
    return exp.DataType.build(text, dialect=DIALECT)


@cache
def _schema() -> Schema:
    return ensure_schema({}, dialect=DIALECT)
