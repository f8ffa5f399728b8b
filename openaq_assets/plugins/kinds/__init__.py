"""The built-in kinds and checks, registered through the same hooks as those of any plugin."""

from openaq_assets.graph.assets import Kind
from openaq_assets.graph.checks import BUILT_IN, CheckType
from openaq_assets.markers import hookimpl
from openaq_assets.plugins.kinds.catalog import Catalog
from openaq_assets.plugins.kinds.check import CheckAsset
from openaq_assets.plugins.kinds.processed import Processed
from openaq_assets.plugins.kinds.reference import ReferenceTable
from openaq_assets.plugins.kinds.view import View


@hookimpl
def asset_kinds() -> list[Kind]:
    """Return the kinds of tables, views and checks that any project can use."""
    return [Processed(), ReferenceTable(), Catalog(), View(), CheckAsset()]


@hookimpl
def asset_checks() -> list[CheckType]:
    """Return the checks that any asset can declare."""
    return list(BUILT_IN.values())
