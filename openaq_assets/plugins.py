"""Finding plugins: built-ins, entry points ``openaq_assets``, and the files of ``plugins/asset_kinds``.

Built-in kinds come through the same hooks as anyone's. ``OPENAQ_ASSETS_PLUGINS=a,b`` loads only those
(and the built-ins), which narrows a search for the plugin that misbehaves.
"""

import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from openaq_assets import hooks
from openaq_assets.definitions import Kind
from openaq_assets.errors import Problem

if TYPE_CHECKING:
    from openaq_assets.checks import CheckType
    from openaq_assets.platforms import PlatformType

BUILT_IN = ("openaq_assets.kinds", "openaq_assets.checks", "openaq_assets.platforms")
FOLDER = "plugins/asset_kinds"


@dataclass(frozen=True, slots=True)
class Provided:
    """One thing a plugin provides, for ``openaq-assets plugins``."""

    what: str
    name: str
    plugin: str


@dataclass(frozen=True)
class Plugins:
    """Everything the loaded plugins provide, by name."""

    manager: pluggy.PluginManager
    kinds: Mapping[str, Kind]
    checks: "Mapping[str, CheckType]"
    platforms: "Mapping[str, PlatformType]"
    provided: tuple[Provided, ...]


def load_plugins(root: Path | None = None) -> tuple[Plugins, list[Problem]]:
    """The plugins of this installation and project; a plugin that cannot be loaded is a problem."""
    manager = pluggy.PluginManager(hooks.NAMESPACE)
    manager.add_hookspecs(hooks)
    problems: list[Problem] = []
    for name in BUILT_IN:
        manager.register(importlib.import_module(name), name)
    wanted = os.environ.get("OPENAQ_ASSETS_PLUGINS")
    allowed = None if wanted is None else {one.strip() for one in wanted.split(",")}
    for name, load in (*_entry_points(), *_files(root)):
        if allowed is None or name in allowed or Path(name).stem in allowed:
            _register(manager, name, load, problems)
    provided: list[Provided] = []
    return Plugins(
        manager,
        _collect(manager, "asset_kinds", "kind", provided, problems),
        _collect(manager, "asset_checks", "check", provided, problems),
        _collect(manager, "platforms", "platform", provided, problems),
        tuple(provided) + _listeners(manager),
    ), problems


def _entry_points() -> Sequence[tuple[str, Callable[[], Any]]]:
    found = sorted(entry_points(group=hooks.NAMESPACE), key=lambda one: (one.name, one.value))
    return [(f"{one.name} ({one.value})", one.load) for one in found]


def _files(root: Path | None) -> Sequence[tuple[str, Callable[[], Any]]]:
    files = sorted((root / FOLDER).glob("[!_]*.py")) if root else []
    return [(f"{FOLDER}/{path.name}", lambda path=path: _load_file(path)) for path in files]


def _load_file(path: Path) -> ModuleType:
    """The module of a drop-in file, under a name no other file can have."""
    unique = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    name = f"openaq_assets_plugin_{path.stem}_{unique}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def _register(
    manager: pluggy.PluginManager, name: str, load: Callable[[], Any], problems: list[Problem]
) -> None:
    try:
        plugin = load()
        manager.register(plugin, name)
        manager.check_pending()
    except Exception as error:  # a plugin is foreign code: whatever it raises is its problem
        manager.unregister(name=name)
        path = name if name.startswith(FOLDER) else f"entry point {name}"
        line = error.lineno or 0 if isinstance(error, SyntaxError) else 0
        what = f"cannot be loaded ({type(error).__name__}: {(str(error).splitlines() or [''])[0]})."
        problems.append(Problem(path, line, 1 if line else 0, "", what, "Mend or remove the plugin."))


def _collect(
    manager: pluggy.PluginManager,
    hook: str,
    what: str,
    provided: list[Provided],
    problems: list[Problem],
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    owner: dict[str, str] = {}
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        for one in implementation.function():
            plugin = implementation.plugin_name
            if one.name in found:
                message = f"{what} '{one.name}' is already defined by {owner[one.name]}."
                problems.append(Problem(plugin, 0, 0, one.name, message, "Rename one of them."))
                continue
            found[one.name], owner[one.name] = one, plugin
            provided.append(Provided(what, one.name, plugin))
    return found


def _listeners(manager: pluggy.PluginManager) -> tuple[Provided, ...]:
    return tuple(
        Provided("hook", hook, implementation.plugin_name)
        for hook in ("lint_rules", "materialized")
        for implementation in getattr(manager.hook, hook).get_hookimpls()
    )
