"""Finding plugins: built-ins, entry points ``openaq_assets``, and the files of ``plugins/asset_kinds``.

Built-in kinds come through the same hooks as anyone's. ``OPENAQ_ASSETS_PLUGINS=a,b`` loads only those
(and the built-ins), which narrows a search for the plugin that misbehaves.
"""

import hashlib
import importlib
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from openaq_assets import hooks
from openaq_assets.definitions import Kind, Name
from openaq_assets.errors import Mark, Problem, nearest
from openaq_assets.values import declared

if TYPE_CHECKING:
    from openaq_assets.checks import CheckType
    from openaq_assets.graph import AssetGraph
    from openaq_assets.platforms import PlatformType

BUILT_IN = (
    "openaq_assets.kinds",
    "openaq_assets.checks",
    "openaq_assets.platforms.builtin",
    "openaq_assets.notifications",
)
FOLDER = "plugins/asset_kinds"


@dataclass(frozen=True, slots=True)
class Provided:
    """One thing a plugin provides, for ``openaq-assets plugins``."""

    what: str
    name: str
    plugin: str


@dataclass(frozen=True)
class Plugins:
    """Everything the loaded plugins provide, by name.

    ``lost`` are the words of the files that cannot be loaded: what they would have defined is among them.
    """

    manager: pluggy.PluginManager
    kinds: Mapping[str, Kind]
    checks: "Mapping[str, CheckType]"
    platforms: "Mapping[str, PlatformType]"
    provided: tuple[Provided, ...]
    lost: frozenset[str] = frozenset()

    def lint(self, graph: "AssetGraph") -> list[Problem]:
        """What the rules of plugins find; a rule that fails is a problem itself."""
        found: list[Problem] = []
        for implementation in self.manager.hook.lint_rules.get_hookimpls():
            try:
                answer: Any = implementation.function(*([graph] if implementation.argnames else []))
                found += list(answer or ())
            except Exception as error:  # a plugin is foreign code
                found.append(_failure(implementation.plugin_name, error, "'lint_rules' fails"))
        return found


def load_plugins(root: Path | None = None) -> tuple[Plugins, list[Problem]]:
    """The plugins of this installation and project; a plugin that cannot be loaded is a problem."""
    manager = pluggy.PluginManager(hooks.NAMESPACE)
    manager.add_hookspecs(hooks)
    problems: list[Problem] = []
    lost: set[str] = set()
    for name in BUILT_IN:
        manager.register(importlib.import_module(name), name)
    wanted = os.environ.get("OPENAQ_ASSETS_PLUGINS")
    allowed = None if wanted is None else {one.strip() for one in wanted.split(",")}
    for name, load in (*_entry_points(), *_files(root)):
        if allowed is not None and name not in allowed and Path(name).stem not in allowed:
            continue
        if not _register(manager, name, load, problems) and root:
            lost |= _words(root / name)
    provided: list[Provided] = []
    return Plugins(
        manager,
        _collect(manager, "asset_kinds", "kind", provided, problems),
        _collect(manager, "asset_checks", "check", provided, problems),
        _collect(manager, "platforms", "platform", provided, problems),
        tuple(provided) + _listeners(manager),
        frozenset(lost),
    ), problems


def _words(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return set(re.findall(r"[a-z][a-z0-9_]*", text))


def _entry_points() -> Sequence[tuple[str, Callable[[], Any]]]:
    found = sorted(entry_points(group=hooks.NAMESPACE), key=lambda one: (one.name, one.value))
    return [(f"{one.name} ({one.value})", one.load) for one in found]


def _files(root: Path | None) -> Sequence[tuple[str, Callable[[], Any]]]:
    files = sorted((root / FOLDER).glob("[!_]*.py")) if root else []
    return [(f"{FOLDER}/{path.name}", partial(_load_file, path)) for path in files]


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
) -> bool:
    """Whether the plugin is loaded; if not, why is among the problems."""
    path = name if name.startswith(FOLDER) else f"entry point {name}"
    try:
        plugin = load()
        if wrong := list(_wrong_hooks(plugin, path)):
            problems += wrong
            return False
        manager.register(plugin, name)
        return True
    except (Exception, SystemExit) as error:  # a plugin is foreign code
        manager.unregister(name=name)
        problems.append(_failure(path, error, "cannot be loaded"))
        return False


def _failure(path: str, error: BaseException, what: str, line: int = 1) -> Problem:
    """What a plugin raised, at the line of its file where it did."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [one.lineno or line for one in frames if one.filename.endswith(path)]
    line, column = (lines[-1], 1) if lines else (line, 1)
    reason = (str(error).splitlines() or [""])[0]
    if isinstance(error, SyntaxError):
        line, column, reason = error.lineno or 1, error.offset or 1, error.msg
    message = f"{what} ({type(error).__name__}: {reason})."
    return Problem(path, line, max(column, 1), "", message, "Mend or remove the plugin.")


def _wrong_hooks(plugin: Any, path: str) -> Iterator[Problem]:
    """The functions marked as hooks that have another name, or other arguments, than any hook."""
    known = {
        name: one for name, one in vars(hooks).items() if hasattr(one, f"{hooks.NAMESPACE}_spec")
    }
    for name in dir(plugin):
        function = getattr(plugin, name, None)
        options = getattr(function, f"{hooks.NAMESPACE}_impl", None)
        if not isinstance(options, dict) or not isinstance(function, FunctionType):
            continue
        mark, hook = Mark(path, _line(function), 1), options.get("specname") or name
        if hook not in known:
            yield mark.problem(name, f"there is no hook '{hook}'.", nearest(hook, known))
            continue
        there = _arguments(known[hook])
        for one in _arguments(function):
            if one not in there:
                yield mark.problem(
                    name, f"hook '{hook}' has no argument '{one}'.", nearest(one, there)
                )


def _arguments(function: FunctionType) -> Sequence[str]:
    return function.__code__.co_varnames[: function.__code__.co_argcount]


def _line(function: Any) -> int:
    return int(function.__code__.co_firstlineno)


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
        plugin = implementation.plugin_name
        for one in _answers(implementation, plugin, problems):
            if one.name in found:
                message = f"{what} '{one.name}' is already defined by {owner[one.name]}."
                line = _line(implementation.function)
                problems.append(Problem(plugin, line, 1, one.name, message, "Rename one of them."))
                continue
            found[one.name], owner[one.name] = one, plugin
            provided.append(Provided(what, one.name, plugin))
    return found


def _answers(implementation: Any, plugin: str, problems: list[Problem]) -> Sequence[Any]:
    """What a hook returns, if it is a list of named things."""
    try:
        answers = list(implementation.function())
        for one in answers:
            Name.parse(one.name)
            if fields := getattr(one, "fields", None):
                declared(fields)
        return answers
    except Exception as error:  # a plugin is foreign code
        function = implementation.function
        problems.append(_failure(plugin, error, f"'{function.__name__}' fails", _line(function)))
        return ()


def _listeners(manager: pluggy.PluginManager) -> tuple[Provided, ...]:
    return tuple(
        Provided("hook", hook, implementation.plugin_name)
        for hook in ("lint_rules", "materialized", "notify")
        for implementation in getattr(manager.hook, hook).get_hookimpls()
    )
