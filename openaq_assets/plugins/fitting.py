"""Validation of the values that plugins return: type, fields and names."""

import collections.abc
import dataclasses
import re
import types
import typing
from typing import Any

from openaq_assets.graph.assets import Holds, Kind, PartitionScheme
from openaq_assets.graph.columns import Name
from openaq_assets.graph.extensions import Command, ProfileSettings
from openaq_assets.plugins.guard import RAISED

_METHODS = (
    "operations", "references", "tables", "columns", "problems", "checks", "scope", "lookback", "spread",
    "source",
)  # fmt: skip  # a table of many short cells
_COMMAND = re.compile(r"[a-z][a-z0-9_-]*\Z", re.ASCII)
_FLAGS = ("always", "from_raw", "everywhere", "internal")


def reason_against(value: Any, kind: type, identifier: bool) -> str:
    """Return why a value does not fit its hook, '' if it fits; what the plugin raises is a reason, too."""
    try:
        reason = _of_kind(value) if kind is Kind else _of_dataclass(value, kind)
        if not reason and identifier:
            reason = _of_name(value.name)
        if not reason and kind is ProfileSettings:
            reason = _of_settings(value)
        if not reason and kind is Command and not _COMMAND.match(value.name):
            reason = f"has the name {value.name!r}: use lower-case letters, digits and '-'"
        hash(value.name if not reason else "")
        return reason
    except RAISED as error:
        return f"returns {kind.__name__} that fails ({type(error).__name__}: {error})".rstrip(".")


def _of_kind(value: Any) -> str:
    """Return the attributes that a kind lacks or has of a wrong type, as a reason; '' if none."""
    if isinstance(value, type):
        return f"returns {value!r}, which is a class: return an instance of it"
    missing = [name for name in ("name", "fields") if not hasattr(value, name)]
    missing += [name for name in _METHODS if not callable(getattr(value, name, None))]
    missing += [name for name in (*_FLAGS, "partitions", "holds", "pool") if not hasattr(value, name)]
    if missing:
        return f"returns {value!r}, which is not a Kind: it lacks {', '.join(missing)}"
    wrong = [name for name in _FLAGS if not isinstance(getattr(value, name), bool)]
    wrong += [] if isinstance(value.pool, str) else ["pool"]
    for name, allowed in (("holds", Holds), ("partitions", PartitionScheme)):
        if getattr(value, name) not in (None, *typing.get_args(allowed)):
            wrong.append(name)
    return f"returns kind {value.name!r} with a wrong value of {', '.join(wrong)}" if wrong else ""


def _of_name(name: Any) -> str:
    try:
        Name.parse(name)
    except (TypeError, ValueError) as error:
        return f"has the name {name!r}: {error}".rstrip(".")
    return ""


def _of_settings(value: ProfileSettings) -> str:
    try:
        if type(value.fields()).__hash__ is None:
            return f"returns settings '{value.name}' whose default can be changed: make the dataclass frozen"
    except RAISED as error:
        return f"returns settings '{value.name}' without defaults ({type(error).__name__}: {error})"
    return ""


def _of_dataclass(value: Any, kind: type) -> str:
    """Return the fields of a value with another type than declared, as a reason; '' if none."""
    if not isinstance(value, kind):
        return f"returns {value!r}, which is not of type {kind.__name__}"
    hints = typing.get_type_hints(kind)
    wrong = [
        entry.name
        for entry in dataclasses.fields(typing.cast(Any, kind))
        if not _fits(getattr(value, entry.name), hints[entry.name])
    ]
    return f"returns {kind.__name__} with a wrong value of {', '.join(wrong)}" if wrong else ""


def _fits(value: Any, hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if isinstance(hint, types.UnionType) or origin is typing.Union:
        return any(_fits(value, choice) for choice in typing.get_args(hint))
    if origin is tuple:
        first = typing.get_args(hint)[0]
        return isinstance(value, tuple | list) and all(_fits(item, first) for item in value)
    if origin is collections.abc.Callable:
        return callable(value)
    return isinstance(value, hint) if isinstance(hint, type) else True
