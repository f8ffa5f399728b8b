"""``check``: checks of tables that fail the pipeline when rows are not as declared."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from openaq_assets.errors import Problem, nearest
from openaq_assets.graph.assets import Asset, AssetGraph, Kind, Reference, served, table_ref, views_of
from openaq_assets.graph.check_queries import TableCheck, in_environment
from openaq_assets.graph.check_rules import mistakes
from openaq_assets.graph.columns import Check, Name
from openaq_assets.graph.fields import field_doc
from openaq_assets.graph.operations import CreateView, Operation


@dataclass(frozen=True, slots=True)
class CheckFields:
    """Which tables, in which environment, and what is promised.

    ``bootstrap`` makes a view in that environment where it has none yet, so that the first run of a
    new lake has something to validate; later changes reach it only by ``promote``.
    """

    tables: tuple[Name, ...] = field(
        metadata=field_doc("The tables and views to check.", ["view_latest_aqi", "view_daily_average"])
    )
    checks: tuple[Check, ...] = field(metadata=field_doc("The checks to run."))
    environment: str = field(
        default="", metadata=field_doc("The environment to check; by default that of the run.", "prod")
    )
    bootstrap: bool = field(
        default=False,
        metadata=field_doc(
            "True creates views that the environment does not have yet; later changes need `promote`."
        ),
    )


class CheckAsset(Kind):
    """The gate before a dashboard."""

    name = "check"
    fields = CheckFields
    holds = "nothing"
    always = True
    everywhere = True

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

    def checks(self, asset: Asset, graph: AssetGraph) -> Sequence[TableCheck]:
        """Return its checks of its tables, and in another environment also those its views declare."""
        checks = list(_declared(asset, graph))
        for table in asset.spec.tables if asset.spec.environment else ():
            if table in graph.assets and graph[table].holds == "view":
                checks += graph.answers[table].checks
        return in_environment(dict.fromkeys(checks), asset.spec.environment)

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """Return the views to make where they are missing, if ``bootstrap``."""
        return missing_views(asset, graph)


def _mistakes(asset: Asset, check: Check, graph: AssetGraph) -> Iterator[tuple[str, str, str]]:
    if check.table and check.table not in asset.spec.tables:
        yield (
            "table",
            f"table '{check.table}' is not in 'tables' of this asset.",
            nearest(check.table, asset.spec.tables),
        )
        return
    check_type = graph.check_types.get(check.check)
    if check_type and check_type.reconciles:
        hint = "Move it to 'checks:' of that asset."
        yield "check", "check 'reconciles' works only inside a processed asset.", hint
        return
    for table in [check.table] if check.table else asset.spec.tables:
        found = list(mistakes(check, table, graph.columns(table), graph.check_types))
        yield from found
        if any(where in ("", "check", "min") for where, _, _ in found):
            return  # wrong whatever the table


def _declared(asset: Asset, graph: AssetGraph) -> Iterator[TableCheck]:
    for check in asset.spec.checks:
        for table in [check.table] if check.table else asset.spec.tables:
            columns = tuple(graph.columns(table))
            check_type = graph.check_types[check.check]
            yield TableCheck(check, check_type, table, table_ref(graph, table), columns)


def missing_views(asset: Asset, graph: AssetGraph) -> list[CreateView]:
    """Return what ``bootstrap`` makes where it is missing: the tables that are views, and what these read."""
    environment = asset.spec.environment
    if not (asset.spec.bootstrap and environment):
        return []
    wanted = set(asset.spec.tables) | graph.ancestors(asset.spec.tables)
    views = [view for key in graph.assets if key in wanted for view in views_of(graph, key)]
    return [replace(served(view, environment), replace=False) for view in views]
