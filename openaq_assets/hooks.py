"""The hooks a plugin can implement: four that register, two that are told.

Mark a function with ``@hookimpl``. Hooks return lists, so that every result can be traced to its
plugin and duplicates can name both. Nothing a hook receives can be changed.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from openaq_assets.checks import CheckType
    from openaq_assets.definitions import Kind
    from openaq_assets.environment import Profile
    from openaq_assets.errors import Problem
    from openaq_assets.graph import AssetGraph
    from openaq_assets.ledger import Materialization
    from openaq_assets.notifications import Alert
    from openaq_assets.platforms import PlatformType

NAMESPACE = "openaq_assets"
hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)


@hookspec
def asset_kinds() -> "Sequence[Kind]":  # type: ignore[empty-body]
    """Return the kinds of asset this plugin defines: ``return [Export()]``."""


@hookspec
def asset_checks() -> "Sequence[CheckType]":  # type: ignore[empty-body]
    """Return the checks this plugin defines: ``return [CheckType('even', 'Only even.', compile_even)]``."""


@hookspec
def platforms() -> "Sequence[PlatformType]":  # type: ignore[empty-body]
    """Return the platforms this plugin defines: ``return [PlatformType('duck', ..., 'pkg.duck:open')]``."""


@hookspec
def lint_rules(graph: "AssetGraph") -> "Sequence[Problem]":  # type: ignore[empty-body]
    """Return what this plugin's rules find in a graph; called by ``openaq-assets check``."""


@hookspec
def materialized(record: "Materialization") -> None:
    """Be told that an asset was materialized or failed; called after the record is in the ledger."""


@hookspec
def notify(alert: "Alert", profile: "Profile") -> None:
    """Tell people: called once per run that failed or was warned of, and per promotion that failed."""
