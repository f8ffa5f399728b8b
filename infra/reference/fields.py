"""The page of YAML fields: every field of every file of conf/, from the JSON Schemas."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from openaq_assets.cli.json_schema import schemas
from openaq_assets.project.project import load

from .markdown import code, page, table

Schema = Mapping[str, Any]
_HEAD = """
Every field that the files of `conf/` and `views/tests/` may have. [Configuration](configuration.md) says
what the files are for, and how values are read. A field in **bold** must be given.
"""
_FILES = {
    "openaq": "conf/openaq.yaml",
    "environments": "conf/environments.yaml",
    "locations": "conf/locations.yaml",
    "assets": "conf/assets/*.yaml",
    "tests": "views/tests/*.yaml",
}


def fields_page(root: Path) -> str:
    """Return the page of YAML fields, for the kinds and plugins of a project."""
    made = {name.split(".")[0]: json.loads(text) for name, text in schemas(load(root).plugins).items()}
    names = [*_FILES, *sorted(made.keys() - _FILES.keys())]
    return page("YAML fields", _HEAD, *(part for name in names for part in _file(name, made[name])))


def _file(name: str, schema: Schema) -> Iterator[str]:
    """Yield the sections of a file: its fields, then those of the mappings in it."""
    yield f"## {_FILES.get(name, f'conf/{name}.yaml')}"
    if name == "assets":
        yield from _assets(schema["properties"]["assets"]["additionalProperties"]["oneOf"])
        return
    if schema.get("description"):
        yield schema["description"]
    yield _table(schema)
    yield from _sections(_nested({"": schema}))


def _assets(kinds: list[Schema]) -> Iterator[str]:
    """Yield the fields of every asset, those of each kind, and those of the mappings in them."""
    common = set.intersection(*(set(kind["properties"]) for kind in kinds))
    first = kinds[0]
    yield "### every asset"
    kind = {"description": first["properties"]["kind"].get("description", ""), "type": "string"}
    shared = {name: field for name, field in first["properties"].items() if name in common}
    yield _table({"properties": {**shared, "kind": kind}, "required": ["kind"]})
    for asset_kind in kinds:
        own = {name: field for name, field in asset_kind["properties"].items() if name not in common}
        yield f"### kind: {asset_kind['properties']['kind']['const']}"
        yield asset_kind["description"].partition("\n\n")[0]
        yield _table({"properties": own, "required": asset_kind["required"]})
    nested = _nested({asset_kind["properties"]["kind"]["const"]: asset_kind for asset_kind in kinds})
    yield from _sections(nested)


def _sections(nested: Mapping[str, tuple[Schema, list[str]]]) -> Iterator[str]:
    for schema, paths in nested.values():
        last = paths[0].rpartition(".")[2]
        yield f"### {code(last if len(paths) > 1 else paths[0])}"
        if len(paths) > 1:
            yield f"In {', '.join(code(path) for path in paths)}."
        yield _table(schema)


def _nested(roots: Mapping[str, Schema]) -> dict[str, tuple[Schema, list[str]]]:
    """Return the mappings with declared fields below schemas, equal ones once, with every path they have."""
    mappings: dict[str, tuple[Schema, list[str]]] = {}
    for root, schema in roots.items():
        for path, inner in _walk(schema, root):
            key = json.dumps(inner["properties"], sort_keys=True)
            mappings.setdefault(key, (inner, []))[1].append(path)
    return mappings


def _walk(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    for name, field in schema.get("properties", {}).items():
        where = f"{path}.{name}" if path else name
        inner, suffix = _inner(field)
        if inner.get("properties"):
            yield where + suffix, inner
        yield from _walk(inner, where + suffix)


def _inner(field: Schema) -> tuple[Schema, str]:
    """Return what a field holds at last: the entries of a list or a mapping, and how their path ends."""
    if "anyOf" in field:
        return _inner(next(choice for choice in field["anyOf"] if choice != {"type": "null"}))
    if field.get("type") == "array":
        inner, suffix = _inner(field["items"])
        return inner, f"[]{suffix}"
    if isinstance(field.get("additionalProperties"), dict):
        inner, suffix = _inner(field["additionalProperties"])
        return inner, f".<name>{suffix}"
    return field, ""


def _table(schema: Schema) -> str:
    required = set(schema.get("required", ()))
    rows = [
        (
            f"**`{name}`**" if name in required else code(name),
            _type(field),
            " ".join(filter(None, [field.get("description", ""), _example(field)])),
        )
        for name, field in schema.get("properties", {}).items()
    ]
    return table(["field", "type", "meaning"], rows) if rows else "No fields of its own."


def _example(field: Schema) -> str:
    """Return the first example as YAML, unless the type already lists every value."""
    examples = field.get("examples", [])
    if not examples or "`" in _type(field) or _type(field) == "true or false":
        return ""
    text = json.dumps(examples[0], ensure_ascii=False)
    return f"Example: {code(text.strip(chr(34)) if isinstance(examples[0], str) else text)}"


def _type(field: Schema) -> str:
    """Return what a field holds, in words."""
    if "anyOf" in field:
        return _type(next(choice for choice in field["anyOf"] if choice != {"type": "null"}))
    if "enum" in field:
        choices = field["enum"]
        return "true or false" if True in choices else ", ".join(code(str(choice)) for choice in choices)
    if "const" in field:
        return code(field["const"])
    kind = field.get("type")
    if kind == "array":
        return f"list of {_type(field['items'])}"
    if kind == "object":
        entries = field.get("additionalProperties")
        return f"mapping: name to {_type(entries)}" if isinstance(entries, dict) else "mapping"
    return _scalar(field)


def _scalar(field: Schema) -> str:
    if field.get("format") == "date":
        return "date"
    kinds = field.get("type", [])
    if "integer" in kinds:
        return "whole number"
    return "number" if "number" in kinds and "boolean" not in kinds else "text"
