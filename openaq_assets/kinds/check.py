"""``check``: promises about tables that fail the pipeline when they are broken."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from openaq_assets.checks import mistakes
from openaq_assets.definitions import Asset, Check, Kind, Name, Reference
from openaq_assets.errors import Problem, nearest
from openaq_assets.graph import AssetGraph
from openaq_assets.kinds.view import create_view, table_ref
from openaq_assets.operations import CreateView, Operation
from openaq_assets.promises import own_promises
from openaq_assets.questions import Promise, in_environment, questions


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

    def promises(self, asset: Asset, graph: AssetGraph) -> Sequence[Promise]:
        """Its checks of its tables, and in another environment also what its views promise themselves."""
        found = list(_promises(asset, graph))
        for table in asset.spec.tables if asset.spec.environment else ():
            if table in graph.assets and graph[table].kind.name == "view":
                found += own_promises(graph[table], graph)
        return in_environment(dict.fromkeys(found), asset.spec.environment)

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """The missing views if ``bootstrap``, then the fewest queries that answer every check."""
        asked = questions(self.promises(asset, graph), partitions)
        return [*missing_views(asset, graph), *(one.query for one in asked)]


def _mistakes(asset: Asset, check: Check, graph: AssetGraph) -> Iterator[tuple[str, str, str]]:
    if check.table and check.table not in asset.spec.tables:
        yield (
            "table",
            f"'{check.table}' is not among the tables.",
            nearest(check.table, asset.spec.tables),
        )
        return
    if check.check == "reconciles":
        hint = "Declare it there, below 'checks:'."
        yield "check", "'reconciles' is asked of a processed asset as it is made.", hint
        return
    for table in [check.table] if check.table else asset.spec.tables:
        found = list(mistakes(check, table, graph.columns(table), graph.checks))
        yield from found
        if any(where in ("", "check", "min") for where, _, _ in found):
            return  # wrong whatever the table


def _promises(asset: Asset, graph: AssetGraph) -> Iterator[Promise]:
    for check in asset.spec.checks:
        for table in [check.table] if check.table else asset.spec.tables:
            columns = tuple(graph.columns(table))
            yield Promise(check, graph.checks[check.check], table, table_ref(graph, table), columns)


def missing_views(asset: Asset, graph: AssetGraph) -> list[CreateView]:
    """What ``bootstrap`` makes where it is missing: the tables that are views, and the views they read."""
    if not (asset.spec.bootstrap and asset.spec.environment):
        return []
    wanted = set(asset.spec.tables) | graph.ancestors(asset.spec.tables)
    return [
        create_view(one, graph, asset.spec.environment, replace=False)
        for one in graph
        if one.key in wanted and one.kind.name == "view"
    ]
