"""Isolation of hooks: an implementation that raises or answers wrongly is a problem and stops no other."""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from openaq_assets.errors import Problem
from openaq_assets.markers import NAMESPACE

#: Hooks that return a list, which is traced to its plugin.
LISTING = frozenset(
    {
        "asset_kinds", "asset_checks", "platforms", "operation_handlers", "profile_settings", "conf_files",
        "commands", "lint_rules",
    }
)  # fmt: skip  # a table of many short cells
_GATE_NAMES = ("make_missing", "published", "findings")
#: What foreign code may raise; Ctrl-C is the user's own.
RAISED = (Exception, SystemExit)


class Watcher(Protocol):
    """A receiver of the failures and answers of implementations."""

    def failed(self, source: "Source", error: BaseException) -> None:
        """Keep what an implementation raised or answered wrongly."""
        ...

    def answered(self, source: "Source") -> None:
        """Keep the implementation that answered last."""
        ...


class Contribution(list[Any]):
    """The list that one implementation of a hook returned, with the plugin it comes from."""

    source: "Source"


@dataclass(frozen=True, slots=True)
class Source:
    """An implementation of a hook: its plugin, its name there, and the line it begins on."""

    plugin: str
    hook: str
    line: int = 1

    def problem(self, what: str) -> Problem:
        """Return a problem of this implementation."""
        message = f"hook '{self.hook}' {what}."
        return Problem(self.plugin, self.line, 1, "", message, "Fix or remove the plugin.")


class Misfit(TypeError):
    """An answer that is not what a hook gives."""


class Guarded:
    """A plugin whose implementations of hooks are guarded; all other attributes are its own."""

    def __init__(self, plugin: Any, hooks: Mapping[str, Callable[..., Any]]) -> None:
        self.__dict__.update(hooks)  # pluggy looks them up without running descriptors
        self._plugin, self._names = plugin, tuple(hooks)

    def __dir__(self) -> Iterable[str]:
        return self._names

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plugin, name)


def guarded(
    function: Any, source: Source, options: Mapping[str, Any], watcher: Watcher
) -> Callable[..., Any]:
    """Return an implementation that reports what it raises or answers wrongly instead of raising."""
    make = _guarded_wrapper if options["wrapper"] else _guarded_call
    safe = make(function, source, watcher)
    setattr(safe, f"{NAMESPACE}_impl", dict(options))
    return safe


def _guarded_call(function: Any, source: Source, watcher: Watcher) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        try:
            answer = _answer(function(*arguments), source)
        except RAISED as error:  # a plugin is foreign code
            watcher.failed(source, error)
            return None
        if answer is not None:
            watcher.answered(source)
        return answer

    return call


def _answer(answer: Any, source: Source) -> Any:
    """Return an answer in the form that the caller of its hook expects; raise Misfit if it has another."""
    if inspect.iscoroutine(answer):
        answer.close()
        raise Misfit("is asynchronous, but a hook cannot be")
    if source.hook in LISTING:
        return None if answer is None and source.hook == "lint_rules" else _contribution(answer, source)
    if answer is None or source.hook not in ("views_gate", "airflow_operator"):
        return answer
    if source.hook == "views_gate" and not all(callable(getattr(answer, name, None)) for name in _GATE_NAMES):
        raise Misfit(f"returns {answer!r}, which is not a ViewsGate")
    if source.hook == "airflow_operator" and not inspect.isclass(answer):
        raise Misfit(f"returns {answer!r}, which is not a class of operators")
    return answer


def _contribution(answer: Any, source: Source) -> Contribution:
    if isinstance(answer, str | bytes | Mapping) or not isinstance(answer, Iterable):
        raise Misfit(f"returns {answer!r}, which is not a list")
    contribution = answer if isinstance(answer, Contribution) else Contribution(answer)
    if not hasattr(contribution, "source"):
        contribution.source = source
    return contribution


def _guarded_wrapper(function: Any, source: Source, watcher: Watcher) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrap(*arguments: Any) -> Any:
        try:
            wrapper = function(*arguments)
            next(wrapper)
        except RAISED as error:
            watcher.failed(source, Misfit("does not yield") if isinstance(error, StopIteration) else error)
            return (yield)
        result = yield
        try:
            wrapper.send(result)
        except StopIteration as end:
            return _wrapped(end.value, result, source, watcher)
        except RAISED as error:
            watcher.failed(source, error)
            return result
        wrapper.close()
        watcher.failed(source, Misfit("yields more than once"))
        return result

    return wrap


def _wrapped(value: Any, result: Any, source: Source, watcher: Watcher) -> Any:
    """Return the results as a wrapper changed them; unchanged, if it returns anything else than results."""
    try:
        if source.hook not in LISTING:
            return _answer(value, source)
        if not isinstance(value, list):
            raise Misfit(f"returns {value!r}, but a wrapper must return the list of results")
        return [_contribution(answer, source) for answer in value]
    except RAISED as error:
        watcher.failed(source, error)
        return result
