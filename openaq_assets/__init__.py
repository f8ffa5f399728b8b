"""openaq-assets, a declarative air-quality lakehouse: the names that a plugin or a script needs.

Each name is imported when it is first used: a process that transforms a day does not import the YAML reader.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openaq_assets.errors import AssetsError, ConfigError, Problem, nearest
    from openaq_assets.graph.assets import Asset, AssetGraph, Kind, Reference, table_ref
    from openaq_assets.graph.checks import CheckType
    from openaq_assets.graph.columns import Check, Column, Name
    from openaq_assets.graph.extensions import Command, ConfFile, OperationHandler, ProfileSettings
    from openaq_assets.graph.fields import field_doc
    from openaq_assets.graph.operations import Operation, Query, Ref
    from openaq_assets.graph.records import Facts
    from openaq_assets.markers import hookimpl
    from openaq_assets.platforms import PlatformType, Ticket, Work
    from openaq_assets.project.project import Project, load

__version__ = "0.2.0"
__all__ = [
    "Asset", "AssetGraph", "AssetsError", "Check", "CheckType", "Column", "Command", "ConfFile",
    "ConfigError", "Facts", "Kind", "Name", "Operation", "OperationHandler", "PlatformType", "Problem",
    "ProfileSettings", "Project", "Query", "Ref", "Reference", "Ticket", "Work", "field_doc", "hookimpl",
    "load", "nearest", "table_ref",
]  # fmt: skip  # a table of many short cells
_NAMES = {
    "errors": ("AssetsError", "ConfigError", "Problem", "nearest"),
    "graph.assets": ("Asset", "AssetGraph", "Kind", "Reference", "table_ref"),
    "graph.checks": ("CheckType",),
    "graph.columns": ("Check", "Column", "Name"),
    "graph.extensions": ("Command", "ConfFile", "OperationHandler", "ProfileSettings"),
    "graph.fields": ("field_doc",),
    "graph.operations": ("Operation", "Query", "Ref"),
    "graph.records": ("Facts",),
    "markers": ("hookimpl",),
    "platforms": ("PlatformType", "Ticket", "Work"),
    "project.project": ("Project", "load"),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}


if not TYPE_CHECKING:  # a type checker would take every name, also a misspelt one

    def __getattr__(name: str) -> Any:
        """Import and return a public name."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value  # looked up only the first time
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
