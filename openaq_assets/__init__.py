"""openaq-assets: a declarative air-quality lakehouse. These are the names a plugin or a script needs."""

from openaq_assets.definitions import Asset, Column, Kind, Name, Reference
from openaq_assets.errors import AssetsError, ConfigError, Problem, nearest
from openaq_assets.graph import AssetGraph
from openaq_assets.hooks import hookimpl
from openaq_assets.kinds.view import table_ref
from openaq_assets.operations import Operation, Query, Ref
from openaq_assets.project import Project, load

__version__ = "0.1.0"
__all__ = [
    "Asset", "AssetGraph", "AssetsError", "Column", "ConfigError", "Kind", "Name", "Operation",
    "Problem", "Project", "Query", "Ref", "Reference", "hookimpl", "load", "nearest", "table_ref",
]  # fmt: skip
