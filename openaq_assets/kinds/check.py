"""``check``: promises about tables that fail the pipeline when they are broken."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from openaq_assets import checks
from openaq_assets.definitions import Asset, Check, Kind, Name, Reference
from openaq_assets.errors import Problem, nearest
from openaq_assets.graph import AssetGraph
from openaq_assets.kinds.view import create_view, table_ref
from openaq_assets.operations import Operation, Query


@dataclass(frozen=True, slots=True)
class CheckFields:
    """Which tables, in which environment, and what is promised.

    ``bootstrap`` makes a view in that environment where it has none yet, so that the first run of a
    new lake has something to validate; later changes reach it only by ``promote``.
    """

    tables: tuple[Name, ...]
    checks: tuple[Check, ...]
    environment: str = ""
    bootstrap: bool = False


class CheckAsset(Kind):
    """The gate before a dashboard."""

    name = "check"
    fields = CheckFields
    always = True

    def references(self, asset: Asset) -> Sequence[Reference]:
        """The tables it questions."""
        return [
            Reference(name, is_table=True, where=f"tables[{index}]")
            for index, name in enumerate(asset.spec.tables)
        ]

    def problems(self, asset: Asset, graph: AssetGraph) -> Sequence[Problem]:
        """Unknown environments, checks, tables and columns."""
        environment, known = asset.spec.environment, graph.environments
        found = []
        if environment and known and environment not in known | graph.left_out:
            message = f"there is no environment '{environment}'."
            found.append(asset.problem("environment", message, nearest(environment, known)))
        return found + [
            asset.problem(f"checks[{index}].{where}".rstrip("."), message, hint)
            for index, check in enumerate(asset.spec.checks)
            for where, message, hint in _mistakes(asset, check, graph)
        ]

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """The missing views if ``bootstrap``, then one Query per check and table."""
        return [*_bootstrap(asset, graph), *_queries(asset, graph)]


def _mistakes(asset: Asset, check: Check, graph: AssetGraph) -> Iterator[tuple[str, str, str]]:
    if check.table and check.table not in asset.spec.tables:
        yield (
            "table",
            f"'{check.table}' is not among the tables.",
            nearest(check.table, asset.spec.tables),
        )
        return
    for table in [check.table] if check.table else asset.spec.tables:
        names = [str(column.name) for column in graph.columns(table)]
        named = [("column", check.column)] if check.column else []
        named += [(f"columns[{n}]", name) for n, name in enumerate(check.columns)]
        for where, name in named:
            if name not in names:
                yield where, f"'{table}' has no column '{name}'.", nearest(name, names)
    if missing := checks.missing(check, graph.checks):
        yield missing


def _bootstrap(asset: Asset, graph: AssetGraph) -> list[Operation]:
    if not (asset.spec.bootstrap and asset.spec.environment):
        return []
    wanted = set(asset.spec.tables) | graph.ancestors(asset.spec.tables)
    return [
        create_view(one, graph, asset.spec.environment, replace=False)
        for one in graph
        if one.key in wanted and one.kind.name == "view"
    ]


def _queries(asset: Asset, graph: AssetGraph) -> Iterator[Query]:
    for check in asset.spec.checks:
        for table in [check.table] if check.table else asset.spec.tables:
            ref = table_ref(graph, table, asset.spec.environment)
            yield checks.compile_check(check, graph.checks, table, graph.columns(table), ref)
