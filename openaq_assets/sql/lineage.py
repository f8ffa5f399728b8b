"""Lineage of columns, read from the operations, so that it cannot differ from what runs.

The columns of a view are traced through its SQL to the columns it reads, those of a processed table to JSON
paths and parts of the object key, those of a reference table to its CSV.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from openaq_assets.graph.assets import AssetGraph
from openaq_assets.graph.contracts import pairs
from openaq_assets.graph.operations import CreateView, Load, Operation, Transform
from openaq_assets.graph.partitions import COLUMNS

DIALECT = "athena"


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """The origin of a column: a column of a table, a path in a raw object, or a column of a file."""

    asset: str
    column: str


Lineage = Mapping[str, tuple[Source, ...]]


def column_lineage(graph: AssetGraph, key: str) -> Lineage:
    """Return the sources of every column of an asset, by column name; empty for an asset without columns."""
    lineage: dict[str, tuple[Source, ...]] = {}
    for operation in graph.answers[graph[key].key].operations:
        into = getattr(operation, "into", None)
        if into and into.asset == key:
            lineage |= _of(operation, graph)
    return lineage


def readers(graph: AssetGraph, source: Source) -> tuple[Source, ...]:
    """Return every column made from a column, directly or through others, in order."""
    ahead, reached = [source], set[Source]()
    edges = _downstream(graph)
    while ahead:
        new = edges.get(ahead.pop(), set()) - reached
        reached |= new
        ahead += new
    return tuple(sorted(reached))


def _downstream(graph: AssetGraph) -> Mapping[Source, set[Source]]:
    edges: dict[Source, set[Source]] = {}
    for asset in graph:
        for column, sources in column_lineage(graph, asset.key).items():
            for source in sources:
                edges.setdefault(source, set()).add(Source(asset.key, column))
    return edges


def _of(operation: Operation, graph: AssetGraph) -> Lineage:
    if isinstance(operation, CreateView):
        return _of_view(operation, graph)
    if isinstance(operation, Transform):
        return _of_recipe(operation)
    if isinstance(operation, Load):
        name = f"{operation.into.asset}.csv"
        return {column: (Source(name, column),) for column, _ in pairs(operation.columns)}
    return {}


def _of_recipe(transform: Transform) -> Lineage:
    source, recipe = transform.source.asset, transform.recipe
    lineage = {
        column.name: tuple(Source(source, text) for text in column.paths or (f"key: {column.key}",))
        for column in recipe.columns
    }
    # The partition keys come from the day of the row, or else from the day in the object's key.
    day = lineage.get(recipe.partition_by or recipe.partition_by_end, (Source(source, "key: day"),))
    return lineage | dict.fromkeys(COLUMNS, day)


def _of_view(view: CreateView, graph: AssetGraph) -> Lineage:
    import sqlglot
    from sqlglot import lineage
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer import build_scope, qualify

    schema: dict[str, object] = {ref.asset: dict(pairs(graph.columns(ref.asset))) for ref in view.inputs}
    try:
        tree = qualify.qualify(sqlglot.parse_one(view.sql, dialect=DIALECT), schema=schema, dialect=DIALECT)
        scope = build_scope(tree)
        trace = partial(lineage.lineage, sql=tree, schema=schema, dialect=DIALECT, scope=scope, copy=False)
        return {name: tuple(sorted(set(_leaves(trace(name).walk())))) for name, _ in pairs(view.columns)}
    except SqlglotError:  # reported by 'check'; here it only means that nothing is known
        return {}


def _leaves(nodes: Iterable[object]) -> Iterator[Source]:
    from sqlglot import exp

    for node in nodes:
        table = getattr(node, "source", None)
        if isinstance(table, exp.Table) and not getattr(node, "downstream", ()):
            yield Source(table.name, exp.to_column(getattr(node, "name", ""), dialect=DIALECT).name)
