"""Discovery and loading of plugins: built-ins, entry points ``openaq_assets``, ``plugins/asset_kinds``.

Built-in kinds come through the same hooks as those of any plugin. ``OPENAQ_ASSETS_PLUGINS=a,b`` loads only
those (and the ones of this distribution), which helps to find a plugin that misbehaves.
"""

import hashlib
import importlib
import importlib.util
import inspect
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from openaq_assets.errors import Mark, Problem, nearest
from openaq_assets.graph.assets import AssetGraph, Kind
from openaq_assets.graph.checks import CheckType
from openaq_assets.graph.extensions import Command, ConfFile, OperationHandler, ProfileSettings
from openaq_assets.markers import NAMESPACE
from openaq_assets.platforms import PlatformType
from openaq_assets.plugins import specs
from openaq_assets.plugins.fitting import reason_against
from openaq_assets.plugins.guard import RAISED, Guarded, Misfit, Source, guarded
from openaq_assets.plugins.installed import installed

BUILT_IN = (
    "openaq_assets.plugins.kinds",
    "openaq_assets.platforms.registry",
    "openaq_assets.runs.alerts",
    "openaq_assets.promotion.hooks",
)
DISTRIBUTION = "openaq-assets"
FOLDER = "plugins/asset_kinds"
#: Hooks that provide objects: the word for them, their type, and whether their names are identifiers.
_PROVIDE: Mapping[str, tuple[str, type, bool]] = {
    "asset_kinds": ("kind", Kind, True),
    "asset_checks": ("check", CheckType, True),
    "platforms": ("platform", PlatformType, True),
    "operation_handlers": ("handler", OperationHandler, False),
    "profile_settings": ("settings", ProfileSettings, True),
    "conf_files": ("conf file", ConfFile, True),
    "commands": ("command", Command, False),
}
_LISTEN = ("lint_rules", "airflow_operator", "views_gate", "materialized", "notify")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Provided:
    """One object that a plugin provides, for ``openaq-assets plugins``."""

    what: str
    name: str
    plugin: str
    line: int = 1


@dataclass(frozen=True)
class Plugins:
    """Everything the loaded plugins provide, by name.

    ``lost`` are all words of the files that cannot be loaded; the names they would define are among them.
    """

    manager: "PluginManager"
    kinds: Mapping[str, Kind]
    checks: Mapping[str, CheckType]
    platforms: Mapping[str, PlatformType]
    handlers: Mapping[str, OperationHandler]
    settings: Mapping[str, ProfileSettings]
    conf_files: Mapping[str, ConfFile]
    commands: Mapping[str, Command]
    provided: tuple[Provided, ...] = ()
    lost: frozenset[str] = frozenset()

    def lint(self, graph: AssetGraph) -> list[Problem]:
        """Return the problems that the rules of plugins find; a rule that fails is a problem, too."""
        problems: list[Problem] = []
        for answer in self.manager.hook.lint_rules(graph=graph):
            for value in answer:
                if isinstance(value, Problem):
                    problems.append(value)
                else:
                    self.manager.blame(answer, f"returns {value!r}, which is not a Problem")
        return problems + self.manager.take_problems()

    def blamed(self, what: str, name: str, error: BaseException, text: str) -> Problem:
        """Return an error of an object that a plugin provides, as a problem of the plugin."""
        source = next((entry for entry in self.provided if (entry.what, entry.name) == (what, name)), None)
        plugin, line = (source.plugin, source.line) if source else ("plugins", 1)
        return failure(plugin, error, text, line)

    def can_carry_out(self, operation: type, platform: str) -> bool:
        """Return whether a platform, or a plugin for it, carries out operations of a type."""
        known = self.platforms.get(platform)
        if known is None or operation in known.operations:
            return True  # an unknown platform is reported elsewhere
        return any(
            entry.operation is operation and entry.platform == platform for entry in self.handlers.values()
        )


class PluginManager(pluggy.PluginManager):
    """Pluggy's manager with guarded implementations: one that fails is a problem and stops no other."""

    def __init__(self) -> None:
        super().__init__(NAMESPACE)
        self.add_hookspecs(specs)
        self._problems: list[Problem] = []
        self._latest: Source | None = None

    def register(self, plugin: Any, name: str | None = None) -> str | None:
        """Register a plugin, guarded; for a class, an instance of it.

        Raises pluggy's PluginValidationError for a hook that does not fit its spec.
        """
        plugin = plugin() if inspect.isclass(plugin) else plugin
        title = name or self.get_canonical_name(plugin)
        hooks = {
            attribute: self._guard(title, attribute, function, options)
            for attribute, function, options in implementations(plugin)
        }
        return super().register(Guarded(plugin, hooks), title)

    def _guard(
        self, plugin: str, attribute: str, function: Any, options: Mapping[str, Any]
    ) -> Callable[..., Any]:
        source = Source(plugin, options.get("specname") or attribute, line_of(function))
        return guarded(function, source, options, self)

    def failed(self, source: Source, error: BaseException) -> None:
        """Keep a failure as a problem; during a run, where nobody reads problems, log it."""
        if source.hook == "notify":  # its error may contain an address
            log.warning("the plugin %s failed: %s", source.plugin, type(error).__name__)
            return
        if source.hook in ("materialized", "views_gate"):
            log.error("the plugin %s failed", source.plugin, exc_info=error)
            return
        if isinstance(error, Misfit):
            self._problems.append(source.problem(str(error)))
            return
        what = f"hook '{source.hook}' fails"
        self._problems.append(failure(source.plugin, error, what, source.line))

    def blame(self, contribution: Any, what: str) -> None:
        """Add a problem about a value that an implementation returned."""
        self._problems.append(_source(contribution).problem(what))

    def blame_hook(self, hook: str, what: str) -> None:
        """Add a problem about the latest answer of a hook with one result."""
        latest = self._latest
        source = latest if latest and latest.hook == hook else Source("a wrapper", hook)
        self._problems.append(source.problem(what))

    def answered(self, source: Source) -> None:
        """Keep the implementation that answered last."""
        self._latest = source

    def take_problems(self) -> list[Problem]:
        """Return the problems since the last call, and forget them."""
        problems, self._problems = self._problems, []
        return problems


def implementations(plugin: Any) -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    """Yield the hooks of a plugin: the attribute, the function and the options of its mark."""
    for attribute in dir(plugin):
        static = inspect.getattr_static(plugin, attribute, None)
        options = getattr(getattr(static, "__func__", static), f"{NAMESPACE}_impl", None)
        if isinstance(options, dict):
            yield attribute, getattr(plugin, attribute), options


def load_plugins(root: Path | None = None) -> tuple[Plugins, list[Problem]]:
    """Return the plugins of this installation and project, and a problem for each that cannot be loaded."""
    manager = PluginManager()
    problems: list[Problem] = []
    lost: set[str] = set()
    for name in BUILT_IN:
        manager.register(importlib.import_module(name), name)
    named = os.environ.get("OPENAQ_ASSETS_PLUGINS")
    allowed = None if named is None else {name.strip() for name in named.split(",")}
    for name, own, load in (*_entry_points(), *_files(root)):
        stems = (name, name.partition(" ")[0], Path(name).stem)
        if allowed is not None and not own and not allowed.intersection(stems):
            continue
        if not _register(manager, name, load, problems) and root:
            lost |= _words(root / name)
    provided: list[Provided] = []
    kinds, checks, platforms, handlers, settings, conf_files, commands = (
        _collect(manager, hook, provided, problems) for hook in _PROVIDE
    )
    everything = (*provided, *_listeners(manager))
    return Plugins(
        manager,
        kinds,
        checks,
        platforms,
        handlers,
        settings,
        conf_files,
        commands,
        everything,
        frozenset(lost),
    ), problems


def _words(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return set(re.findall(r"[a-z][a-z0-9_]*", text))


def _entry_points() -> Sequence[tuple[str, bool, Callable[[], Any]]]:
    return [
        (f"{entry.name} ({entry.value})", entry.distribution == DISTRIBUTION, entry.load)
        for entry in installed()
    ]


def _files(root: Path | None) -> Sequence[tuple[str, bool, Callable[[], Any]]]:
    files = sorted((root / FOLDER).glob("[!_]*.py")) if root else []
    return [(f"{FOLDER}/{path.name}", False, partial(_load_file, path)) for path in files]


def _load_file(path: Path) -> ModuleType:
    """Import and return the module of a drop-in file, under a name that no other file has."""
    unique = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    name = f"openaq_assets_plugin_{path.stem}_{unique}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("it is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look up their module there
    spec.loader.exec_module(module)
    return module


def _register(manager: PluginManager, name: str, load: Callable[[], Any], problems: list[Problem]) -> bool:
    """Return whether the plugin could be loaded; add the reason to the problems if not."""
    path = name if name.startswith(FOLDER) else f"entry point {name}"
    try:
        plugin = load()
        if wrong := list(_wrong_hooks(plugin, path)):
            problems += wrong
            return False
        manager.register(plugin, name)
        return True
    except RAISED as error:  # a plugin is foreign code
        if manager.has_plugin(name):
            manager.unregister(name=name)
        problems.append(failure(path, error, "the plugin cannot be loaded"))
        return False


def failure(path: str, error: BaseException, what: str, line: int = 1) -> Problem:
    """Return an error of a plugin as a problem, at the line of its file that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno or line for frame in frames if frame.filename.endswith(path)]
    line, column = (lines[-1], 1) if lines else (line, 1)
    reason = (str(error).splitlines() or [""])[0]
    if isinstance(error, SyntaxError):
        line, column, reason = error.lineno or 1, error.offset or 1, error.msg
    message = f"{what} ({type(error).__name__}: {reason})."
    return Problem(path, line, max(column, 1), "", message, "Fix or remove the plugin.")


def _wrong_hooks(plugin: Any, path: str) -> Iterator[Problem]:
    """Yield problems of hooks that pluggy cannot call: unknown hooks, arguments and marks."""
    known = {name: spec for name, spec in vars(specs).items() if hasattr(spec, f"{NAMESPACE}_spec")}
    for name, function, options in implementations(plugin):
        mark, hook = Mark(path, line_of(function), 1), options.get("specname") or name
        if hook not in known:
            yield mark.problem(name, f"there is no hook '{hook}'.", nearest(hook, known))
            continue
        if what := _unsupported(function, options):
            yield mark.problem(name, what, "Write a plain function, or @hookimpl(wrapper=True).")
        there = _names(known[hook])
        for argument in _names(function):
            if argument not in there:
                message = f"hook '{hook}' has no argument '{argument}'."
                yield mark.problem(name, message, nearest(argument, there))


def _unsupported(function: Any, options: Mapping[str, Any]) -> str:
    if options.get("hookwrapper"):
        return "hookwrapper=True is not supported."
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return "a hook cannot be asynchronous."
    if options.get("wrapper") and not inspect.isgeneratorfunction(function):
        return "a wrapper must yield once."
    return ""


def _names(function: Any) -> Sequence[str]:
    """Return the names of a hook's arguments, without 'self'."""
    parameters = inspect.signature(function).parameters.values()
    names = [entry.name for entry in parameters if entry.default is entry.empty]
    return names[1:] if names[:1] == ["self"] else names


def line_of(function: Any) -> int:
    """Return the line on which a function of a plugin begins; 1 if it has no code of its own."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return int(code.co_firstlineno) if code else 1


def _collect(
    manager: PluginManager, hook: str, provided: list[Provided], problems: list[Problem]
) -> dict[str, Any]:
    """Return the objects of all implementations of a hook, by name; the first registered keeps a name."""
    what, kind, identifier = _PROVIDE[hook]
    values: dict[str, Any] = {}
    owners: dict[str, str] = {}
    for answer in reversed(getattr(manager.hook, hook)()):
        source = _source(answer, hook)
        for value in answer:
            if reason := reason_against(value, kind, identifier):
                manager.blame(answer, reason)
                continue
            if value.name in values:
                message = f"{what} '{value.name}' is already defined by {owners[value.name]}."
                mark = Mark(source.plugin, source.line, 1)
                problems.append(mark.problem(value.name, message, "Rename one of them."))
                continue
            values[value.name], owners[value.name] = value, source.plugin
            provided.append(Provided(what, value.name, source.plugin, source.line))
    problems += manager.take_problems()
    return values


def _source(contribution: Any, hook: str = "") -> Source:
    source: Source = getattr(contribution, "source", Source("a wrapper", hook))
    return source


def _listeners(manager: PluginManager) -> tuple[Provided, ...]:
    return tuple(
        Provided("hook", hook, implementation.plugin_name)
        for hook in _LISTEN
        for implementation in getattr(manager.hook, hook).get_hookimpls()
    )
