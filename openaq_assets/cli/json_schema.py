"""JSON Schema of the YAML files, from the same dataclasses that read them."""

import dataclasses
import datetime as dt
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from openaq_assets.graph.assets import Common
from openaq_assets.graph.columns import Name
from openaq_assets.graph.environment import Profile
from openaq_assets.graph.jobs import Job
from openaq_assets.plugins.manager import Plugins
from openaq_assets.project.decode import declared
from openaq_assets.project.files import EnvironmentsFile, Settings, settings_type
from openaq_assets.runs.view_tests import TestFields

_END = r"\Z"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schemas(plugins: Plugins) -> Mapping[str, str]:
    """Return the schema of every kind of file in conf/, by file name."""
    kinds = [_asset(kind.name, kind.fields) for _, kind in sorted(plugins.kinds.items())]
    settings = _object((Settings,))
    settings["properties"]["jobs"] = _named(_type(Job))
    settings["properties"]["defaults"] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: {"type": "object"} for name in sorted(plugins.kinds)},
    }
    environments = _object((EnvironmentsFile,))
    profile = _object((Profile, settings_type(plugins)))
    environments["properties"]["profiles"] = {"type": "object", "additionalProperties": profile}
    files = {
        "assets.schema.json": _file("assets", {"oneOf": kinds}),
        "environments.schema.json": environments,
        "openaq.schema.json": settings,
        **{
            f"{name}.schema.json": _file(file.section, _type(file.type))
            if file.section
            else _object((file.type,))
            for name, file in plugins.conf_files.items()
        },
        "tests.schema.json": _file("tests", _object((TestFields,))),
    }
    return {
        name: json.dumps({"$schema": _DRAFT, **body}, indent=1, ensure_ascii=False)
        for name, body in files.items()
    }


def _file(section: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {section: _named(entry)}}


def _asset(kind: str, fields: type) -> dict[str, Any]:
    built = _object((Common, fields))
    built["properties"]["kind"] = {"const": kind}
    built["description"] = (fields.__doc__ or "").strip()
    return built


def _object(kinds: tuple[type, ...]) -> dict[str, Any]:
    fields = {name: field for kind in kinds for name, field in declared(kind).items()}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _type(field.type) for name, field in fields.items()},
        "required": sorted(name for name, field in fields.items() if field.required),
    }


# A scalar is read by its declared type: quoted or not, and in environments.yaml perhaps from a variable.
_SCALARS: Mapping[Any, Mapping[str, Any]] = {
    bool: {"enum": [True, False, "true", "false"]},
    int: {"type": ["integer", "string"], "pattern": r"^[+-]?[0-9]+$|\$\{env:"},
    float: {"type": ["number", "string"], "pattern": r"^[+-]?[0-9.]+([eE][+-]?[0-9]+)?$|\$\{env:"},
    dt.date: {"type": "string", "format": "date"},
}


def _named(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return entries by name."""
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
