"""Where each column comes from: read from the operations, so that it cannot differ from what is run.

A view's columns are traced through its SQL to the columns it reads, a processed table's to JSON paths
and parts of the object key, a reference table's to its CSV.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from openaq_assets.graph.assets import AssetGraph
from openaq_assets.graph.operations import CreateView, Load, Operation, Transform

DIALECT = "athena"
PARTITION_KEYS = ("year", "month", "day")


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """What a column is made from: a column of a table, or a place in a raw object or file."""

    asset: str
    column: str


Lineage = Mapping[str, tuple[Source, ...]]


def column_lineage(graph: AssetGraph, key: str) -> Lineage:
    """The sources of every column of an asset, by column name; empty for an asset without columns."""
    asset = graph[key]
    found: dict[str, tuple[Source, ...]] = {}
    for operation in graph.answers[asset.key].operations:
        into = getattr(operation, "into", None)
        if into and into.asset == key:
            found |= _of(operation, graph)
    return found


def readers(graph: AssetGraph, source: Source) -> tuple[Source, ...]:
    """Every column that is made from a column, near or far: what a change of it may change."""
    ahead, found = [source], set[Source]()
    edges = _downstream(graph)
    while ahead:
        for one in edges.get(ahead.pop(), ()):
            if one not in found:
                found.add(one)
                ahead.append(one)
    return tuple(sorted(found))


def _downstream(graph: AssetGraph) -> Mapping[Source, set[Source]]:
    edges: dict[Source, set[Source]] = {}
    for asset in graph:
        for column, sources in column_lineage(graph, asset.key).items():
            for one in sources:
                edges.setdefault(one, set()).add(Source(asset.key, column))
    return edges


def _of(operation: Operation, graph: AssetGraph) -> Lineage:
    if isinstance(operation, CreateView):
        return _of_view(operation, graph)
    if isinstance(operation, Transform):
        return _of_recipe(operation)
    if isinstance(operation, Load):
        name = f"{operation.into.asset}.csv"
        return {str(one.name): (Source(name, str(one.name)),) for one in operation.columns}
    return {}


def _of_recipe(transform: Transform) -> Lineage:
    source, recipe = transform.source.asset, transform.recipe
    found = {
        one.name: tuple(Source(source, text) for text in one.paths or (f"key: {one.key}",))
        for one in recipe.columns
    }
    # The keys of the partition: of the row's own day, else of the day in the object's key.
    day = found.get(recipe.partition_by or recipe.partition_by_end, (Source(source, "key: day"),))
    return found | dict.fromkeys(PARTITION_KEYS, day)


def _of_view(view: CreateView, graph: AssetGraph) -> Lineage:
    import sqlglot
    from sqlglot import lineage
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer import build_scope, qualify

    schema: dict[str, object] = {ref.asset: dict(_columns(graph, ref.asset)) for ref in view.inputs}
    try:
        tree = qualify.qualify(sqlglot.parse_one(view.sql, dialect=DIALECT), schema=schema, dialect=DIALECT)
        scope = build_scope(tree)
        return {
            str(one.name): _sources(
                lineage.lineage(
                    str(one.name), tree, schema=schema, dialect=DIALECT, scope=scope, copy=False
                ).walk()
            )
            for one in view.columns
        }
    except SqlglotError:  # said by 'check' with its place; here it only means that nothing is known
        return {}


def _sources(nodes: Iterable[object]) -> tuple[Source, ...]:
    return tuple(sorted(set(_leaves(nodes))))


def _leaves(nodes: Iterable[object]) -> Iterator[Source]:
    from sqlglot import exp

    for node in nodes:
        table = getattr(node, "source", None)
        if isinstance(table, exp.Table) and not getattr(node, "downstream", ()):
            name = exp.to_column(getattr(node, "name", ""), dialect=DIALECT).name
            yield Source(table.name, name)


def _columns(graph: AssetGraph, table: str) -> Iterator[tuple[str, str]]:
    for column in graph.columns(table):
        yield str(column.name), str(column.type)
