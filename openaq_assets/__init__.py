"""openaq-assets: a declarative air-quality lakehouse. These are the names a plugin or a script needs.

Each is loaded when it is first asked for: a process that transforms a day need not read YAML.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
_NAMES = {
    "definitions": ("Asset", "Column", "Kind", "Name", "Reference"),
    "errors": ("AssetsError", "ConfigError", "Problem", "nearest"),
    "graph": ("AssetGraph",),
    "hooks": ("hookimpl",),
    "kinds.view": ("table_ref",),
    "operations": ("Operation", "Query", "Ref"),
    "project": ("Project", "load"),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """A public name, from the module it lives in."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value  # asked for once
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
