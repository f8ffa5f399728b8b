"""Make the JSON Schema of the YAML files from the dataclasses that decode them."""

import dataclasses
import datetime as dt
import inspect
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from openaq_assets.graph.assets import Common
from openaq_assets.graph.columns import Name
from openaq_assets.graph.environment import Profile
from openaq_assets.graph.extensions import ConfFile
from openaq_assets.graph.jobs import Job
from openaq_assets.plugins.manager import Plugins
from openaq_assets.project.decode import Declared, declared
from openaq_assets.project.files import EnvironmentsFile, Settings, settings_type
from openaq_assets.runs.view_tests import TestFields

_END = r"\Z"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schemas(plugins: Plugins) -> Mapping[str, str]:
    """Return the schema of every kind of file in conf/ as JSON text, by file name."""
    files = {
        "assets.schema.json": _assets(plugins),
        "environments.schema.json": _environments(plugins),
        "openaq.schema.json": _settings(plugins),
        **{f"{name}.schema.json": _conf_file(file) for name, file in plugins.conf_files.items()},
        "tests.schema.json": _file("tests", "The tests of views, by name.", _object((TestFields,))),
    }
    return {
        name: json.dumps({"$schema": _DRAFT, **body}, indent=1, ensure_ascii=False)
        for name, body in files.items()
    }


def _assets(plugins: Plugins) -> dict[str, Any]:
    kinds = [_asset(kind.name, kind.fields) for _, kind in sorted(plugins.kinds.items())]
    return _file("assets", "The assets, by name.", {"oneOf": kinds})


def _settings(plugins: Plugins) -> dict[str, Any]:
    schema = _object((Settings,))
    jobs = {"description": "The jobs, by name.", **_named(_type(Job))}
    defaults = {
        "description": "Fields that the assets of a kind have unless they give them themselves.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: {"description": f"Fields of every asset of kind `{name}`.", "type": "object"}
            for name in sorted(plugins.kinds)
        },
    }
    schema["properties"].update(jobs=jobs, defaults=defaults)
    return schema


def _environments(plugins: Plugins) -> dict[str, Any]:
    schema = _object((EnvironmentsFile,))
    profile = _object((Profile, settings_type(plugins)))
    for name, entry in plugins.settings.items():
        profile["properties"][name] = {"description": _summary(entry.fields), **_type(entry.fields)}
    schema["properties"]["profiles"].update(additionalProperties=profile)
    return schema


def _conf_file(file: ConfFile) -> dict[str, Any]:
    if file.section:
        return _file(file.section, f"Entries by name. {_summary(file.type)}", _type(file.type))
    return {"description": _summary(file.type), **_object((file.type,))}


def _file(section: str, description: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a file whose only field holds named entries."""
    entries = {"description": description, **_named(entry)}
    return {"type": "object", "additionalProperties": False, "properties": {section: entries}}


def _asset(kind: str, fields: type) -> dict[str, Any]:
    schema = _object((Common, fields))
    description = schema["properties"]["kind"]["description"]
    schema["properties"]["kind"] = {"description": description, "const": kind, "examples": [kind]}
    schema["description"] = inspect.cleandoc(fields.__doc__ or "")  # Python 3.13 removes the margin itself
    return schema


def _summary(kind: type) -> str:
    """Return the first line of a type's docstring."""
    return (kind.__doc__ or "").strip().partition("\n")[0]


def _object(kinds: tuple[type, ...]) -> dict[str, Any]:
    fields = {name: field for kind in kinds for name, field in declared(kind).items()}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _property(field) for name, field in fields.items()},
        "required": sorted(name for name, field in fields.items() if field.required),
    }


def _property(field: Declared) -> dict[str, Any]:
    """Return the schema of a field: its type, with the description and the examples it is declared with."""
    schema = {"description": field.description} if field.description else {}
    examples = list(field.examples) or _examples(field.type)
    return {**schema, **_type(field.type), **({"examples": examples} if examples else {})}


def _examples(kind: Any) -> list[Any]:
    """Return the examples that a type brings itself: choices and booleans have some, other types none."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _examples(next(part for part in arguments if part is not type(None)))
    if origin is Literal:
        return list(arguments)
    if origin is tuple:
        inner = _examples(arguments[0])
        return [inner] if inner else []
    return [True, False] if kind is bool else []


# A scalar is read by its declared type: quoted or not, and in environments.yaml perhaps from a variable.
_SCALARS: Mapping[Any, Mapping[str, Any]] = {
    bool: {"enum": [True, False, "true", "false"]},
    int: {"type": ["integer", "string"], "pattern": r"^[+-]?[0-9]+$|\$\{env:"},
    float: {"type": ["number", "string"], "pattern": r"^[+-]?[0-9.]+([eE][+-]?[0-9]+)?$|\$\{env:"},
    dt.date: {"type": "string", "format": "date"},
}


def _named(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of entries by name."""
    return {"type": "object", "propertyNames": _type(Name), "additionalProperties": entry}


def _type(kind: Any) -> dict[str, Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        inner = next(part for part in arguments if part is not type(None))
        return {"anyOf": [_type(inner), {"type": "null"}]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": _type(arguments[0])}
    if arguments and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _type(arguments[1])}
    if dataclasses.is_dataclass(kind) and not hasattr(kind, "parse"):
        return _object((typing.cast(type, kind),))
    # Text fields are read as written, so NO or 0123 without quotes is fine here and for editors alike.
    text: dict[str, Any] = {"type": ["string", "number", "boolean"]}
    if pattern := getattr(kind, "pattern", None):
        text["pattern"] = f"^{pattern.pattern.removesuffix(_END)}$"
    return dict(_SCALARS.get(kind, text))
