"""The hooks that a plugin can implement: those that return objects, and those that react to events.

Mark a function with ``@hookimpl``. Hooks return lists, so that every object can be traced to its plugin and
the message about a duplicate names both. They are called through pluggy: ``tryfirst``, ``trylast`` and
wrappers work as in pluggy. The arguments of a hook cannot be changed.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from openaq_assets.errors import Problem
from openaq_assets.graph.alerts import Alert
from openaq_assets.graph.assets import Asset, AssetGraph, Kind
from openaq_assets.graph.check_queries import CheckResult
from openaq_assets.graph.checks import CheckType
from openaq_assets.graph.environment import Profile
from openaq_assets.graph.extensions import Command, ConfFile, OperationHandler, ProfileSettings
from openaq_assets.graph.operations import CreateView
from openaq_assets.graph.records import Materialization
from openaq_assets.markers import hookspec
from openaq_assets.platforms import PlatformType, Ticket, Work


class ViewsGate(Protocol):
    """The gate between a run and the views of another environment, which change only by promotion."""

    def make_missing(self, work: Work, views: Sequence[CreateView]) -> list[Ticket]:
        """Make the views that an environment lacks and that no promotion took away."""
        ...

    def published(self, work: Work, environment: str) -> Mapping[str, CreateView]:
        """Return the views of an environment as its readers know them."""
        ...

    def findings(self, work: Work, environment: str, known: Collection[str]) -> list[CheckResult]:
        """Return what is wrong with an environment as a whole; ``known`` are the names in the project."""
        ...


@hookspec
def asset_kinds() -> Sequence[Kind]:
    """Return the kinds of asset this plugin defines: ``return [Export()]``."""


@hookspec
def asset_checks() -> Sequence[CheckType]:
    """Return the checks this plugin defines: ``return [CheckType('even', 'Only even.', compile_even)]``."""


@hookspec
def platforms() -> Sequence[PlatformType]:
    """Return the platforms this plugin defines: ``return [PlatformType('duck', ..., 'pkg.duck:open')]``."""


@hookspec
def operation_handlers() -> Sequence[OperationHandler]:
    """Return the handlers of this plugin's own operations, one for each platform."""


@hookspec
def profile_settings() -> Sequence[ProfileSettings]:
    """Return the settings this plugin reads from every profile of environments.yaml."""


@hookspec
def conf_files() -> Sequence[ConfFile]:
    """Return the files of conf/ that this plugin reads, each with its schema."""


@hookspec
def commands() -> Sequence[Command]:
    """Return the commands this plugin adds to ``openaq-assets``; each is imported only when used."""


@hookspec
def lint_rules(graph: AssetGraph) -> Sequence[Problem]:
    """Return the problems that this plugin's rules find in a graph; called by ``openaq-assets check``."""


@hookspec(firstresult=True)
def airflow_operator(asset: Asset) -> Any:
    """Return the operator class for an asset's task (a subclass of MaterializeOperator), or None."""


@hookspec(firstresult=True)
def views_gate() -> Any:
    """Return the ``ViewsGate`` through which runs make or check views of another environment."""


@hookspec
def materialized(record: Materialization) -> None:
    """React to an asset that was materialized or failed, after its record is in the ledger."""


@hookspec
def notify(alert: Alert, profile: Profile) -> None:
    """Notify people, once per run that failed or has warnings, and once per promotion that failed."""
