"""Tests of the JSON Schema: it accepts valid files and rejects the mistakes that a schema can find."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from support.projects import REPOSITORY, copy_sample

from openaq_assets.cli.json_schema import schemas
from openaq_assets.project.project import load


@pytest.fixture(scope="module")
def validators() -> Mapping[str, Draft202012Validator]:
    """Return a validator for each kind of file."""
    texts = schemas(load(REPOSITORY, strict=False).plugins)
    return {name.split(".")[0]: Draft202012Validator(json.loads(text)) for name, text in texts.items()}


def _which(path: Path) -> str:
    return path.parent.name if path.parent.name in ("assets", "tests") else path.stem


def _files() -> Iterator[Path]:
    return (REPOSITORY / "conf").rglob("*.yaml")


def _all_files() -> Iterator[Path]:
    """Yield the files of conf/ and of tests of views, of this project and of the examples."""
    for folder in (REPOSITORY, *(REPOSITORY / "examples").iterdir()):
        yield from (folder / "conf").rglob("*.yaml")
        yield from (folder / "views/tests").rglob("*.yaml")


def test_schemas_are_schemas(validators: Mapping[str, Draft202012Validator]) -> None:
    """Every schema is itself valid."""
    for validator in validators.values():
        Draft202012Validator.check_schema(validator.schema)


def _properties(schema: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Yield every property below a schema with its path."""
    if isinstance(schema, list):
        for part in schema:
            yield from _properties(part, where)
    elif isinstance(schema, dict):
        for name, inner in schema.get("properties", {}).items():
            yield f"{where}.{name}", inner
            yield from _properties(inner, f"{where}.{name}")
        for keyword in ("items", "additionalProperties", "oneOf", "anyOf"):
            yield from _properties(schema.get(keyword), f"{where}.*")


def _is_scalar(schema: Any) -> bool:
    """Return whether a schema is of a scalar or of a list of scalars."""
    if choices := schema.get("anyOf"):
        return any(_is_scalar(choice) for choice in choices if choice != {"type": "null"})
    if schema.get("type") == "array":
        return _is_scalar(schema["items"])
    return "const" in schema or "enum" in schema or schema.get("type") not in ("object", "array", None)


def test_every_property_is_described(validators: Mapping[str, Draft202012Validator]) -> None:
    """Every field of every file has a sentence; a scalar or a list of scalars has an example too."""
    for file, validator in validators.items():
        for where, schema in _properties(validator.schema, file):
            assert schema.get("description", "").endswith("."), where
            assert schema.get("examples") or not _is_scalar(schema), where


def test_every_example_is_valid(validators: Mapping[str, Draft202012Validator]) -> None:
    """An example is a value that its own field accepts."""
    for file, validator in validators.items():
        for where, schema in _properties(validator.schema, file):
            for example in schema.get("examples", ()):
                assert Draft202012Validator(schema).is_valid(example), (where, example)


@pytest.mark.parametrize("path", sorted(_all_files()), ids=lambda path: path.stem)
def test_every_file_names_its_schema(path: Path) -> None:
    """The first line of every file leads an editor to the committed schema."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    prefix, _, target = first.partition("=")
    assert prefix == "# yaml-language-server: $schema"
    assert (path.parent / target).resolve() == REPOSITORY / f"conf/schema/{_which(path)}.schema.json"


def test_the_committed_schemas_are_current() -> None:
    """The committed schemas are those that `make schema` writes."""
    for name, text in schemas(load(REPOSITORY, strict=False).plugins).items():
        written = (REPOSITORY / "conf/schema" / name).read_text(encoding="utf-8")
        assert written == text + "\n", "Run 'make schema'."


@pytest.mark.parametrize("loader", [yaml.SafeLoader, yaml.BaseLoader], ids=["typed", "text"])
@pytest.mark.parametrize("path", sorted(_files()), ids=lambda path: path.name)
def test_conf_is_accepted(validators: Mapping[str, Draft202012Validator], path: Path, loader: Any) -> None:
    """The files of this project are valid, with scalars as YAML types them and as text."""
    data = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    assert [error.message for error in validators[_which(path)].iter_errors(data)] == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("assets", "assets: {a: {kind: raw}}"),
        ("assets", "assets: {a: {kind: nothing}}"),
        ("assets", "assets: {a: {kind: raw, endpoint: hours, inventroy: b}}"),
        ("assets", "assets: {a: {kind: raw, endpoint: [hours]}}"),
        ("assets", "assets: {a: {kind: catalog, tables: b}}"),
        ("assets", "assets: {A-b: {kind: catalog, tables: [b]}}"),
        ("assets", "assets: {a: {kind: raw, endpoint: locations, lookback: three days}}"),
        ("assets", "assets: {a: {kind: check, tables: [b], checks: [{check: row_count, min: one}]}}"),
        ("assets", "asets: {}"),
        ("locations", "locations: {a: {country: vn}}"),
        ("locations", "locations: {a: {id: x}}"),
        ("openaq", "version: 1\nproject: a\nprojekt: b"),
        ("openaq", "project: a"),
        ("openaq", "version: 1\nproject: a\njobs: {x: {shedule: manual, select: '*'}}"),
        ("environments", "version: 1\nprofiles: {}\nenvironments: {a: {databse: b}}"),
    ],
)
def test_mistakes_are_rejected(validators: Mapping[str, Draft202012Validator], file: str, text: str) -> None:
    """The schema rejects misspelt fields, wrong types and unknown kinds."""
    assert not validators[file].is_valid(yaml.safe_load(text))


def test_the_sample_is_accepted(validators: Mapping[str, Draft202012Validator], tmp_path: Path) -> None:
    """The files of the sample project are valid."""
    root = copy_sample(tmp_path / "sample")
    for path in (root / "conf").rglob("*.yaml"):
        assert validators[_which(path)].is_valid(yaml.safe_load(path.read_text(encoding="utf-8")))
