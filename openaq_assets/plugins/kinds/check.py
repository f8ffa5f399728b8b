"""The kind ``check``: checks of tables that fail the pipeline when rows are not as declared."""

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
    """The tables to check, their environment, and the checks.

    ``bootstrap`` makes the views that the environment lacks, so that the first run of a new lake has
    something to check; later changes reach the environment only by ``promote``.
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
    """Checks of tables and views, usually the last asset before a dashboard."""

    name = "check"
    fields = CheckFields
    holds = "nothing"
    always = True
    everywhere = True

    def references(self, asset: Asset) -> Sequence[Reference]:
        """Return references to the tables that it checks."""
        return [
            Reference(name, is_table=True, where=f"tables[{index}]")
            for index, name in enumerate(asset.spec.tables)
        ]

    def problems(self, asset: Asset, graph: AssetGraph) -> Sequence[Problem]:
        """Return unknown environments, checks, tables and columns as problems."""
        environment, known = asset.spec.environment, graph.environments
        problems = []
        if environment and known and environment not in known | graph.left_out:
            message = f"there is no environment '{environment}'."
            problems.append(asset.problem("environment", message, nearest(environment, known)))
        return problems + [
            asset.problem(f"checks[{index}].{where}".rstrip("."), message, hint)
            for index, check in enumerate(asset.spec.checks)
            for where, message, hint in _mistakes(asset, check, graph)
        ]

    def checks(self, asset: Asset, graph: AssetGraph) -> Sequence[TableCheck]:
        """Return its own checks; for another environment also the checks that the views there declare."""
        checks = list(_declared(asset, graph))
        for table in asset.spec.tables if asset.spec.environment else ():
            if table in graph.assets and graph[table].holds == "view":
                checks += graph.answers[table].checks
        return in_environment(dict.fromkeys(checks), asset.spec.environment)

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """Return the views to make if they are missing; none without ``bootstrap``."""
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
        wrong = list(mistakes(check, table, graph.columns(table), graph.check_types))
        yield from wrong
        if any(where in ("", "check", "min") for where, _, _ in wrong):
            return  # the same mistake for every table


def _declared(asset: Asset, graph: AssetGraph) -> Iterator[TableCheck]:
    for check in asset.spec.checks:
        for table in [check.table] if check.table else asset.spec.tables:
            columns = tuple(graph.columns(table))
            check_type = graph.check_types[check.check]
            yield TableCheck(check, check_type, table, table_ref(graph, table), columns)


def missing_views(asset: Asset, graph: AssetGraph) -> list[CreateView]:
    """Return the views that ``bootstrap`` makes if missing: those of the tables, and what they read."""
    environment = asset.spec.environment
    if not (asset.spec.bootstrap and environment):
        return []
    wanted = set(asset.spec.tables) | graph.ancestors(asset.spec.tables)
    views = [view for key in graph.assets if key in wanted for view in views_of(graph, key)]
    return [replace(served(view, environment), replace=False) for view in views]
