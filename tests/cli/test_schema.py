"""The JSON Schema accepts what is read, and rejects what a schema can see."""

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
    """A validator for each kind of file."""
    made = schemas(load(REPOSITORY, strict=False).plugins)
    return {name.split(".")[0]: Draft202012Validator(json.loads(text)) for name, text in made.items()}


def _which(path: Path) -> str:
    return "assets" if path.parent.name == "assets" else path.stem


def _files() -> Iterator[Path]:
    return (REPOSITORY / "conf").rglob("*.yaml")


def test_schemas_are_schemas(validators: Mapping[str, Draft202012Validator]) -> None:
    """Every schema is itself valid."""
    for one in validators.values():
        Draft202012Validator.check_schema(one.schema)


@pytest.mark.parametrize("loader", [yaml.SafeLoader, yaml.BaseLoader], ids=["typed", "text"])
@pytest.mark.parametrize("path", sorted(_files()), ids=lambda path: path.name)
def test_conf_is_accepted(validators: Mapping[str, Draft202012Validator], path: Path, loader: Any) -> None:
    """The files of this project are valid, whether an editor types scalars or leaves them text."""
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
    """An editor shows misspelt fields, wrong types and unknown kinds."""
    assert not validators[file].is_valid(yaml.safe_load(text))


def test_the_sample_is_accepted(validators: Mapping[str, Draft202012Validator], tmp_path: Path) -> None:
    """What loads is valid."""
    root = copy_sample(tmp_path / "sample")
    for path in (root / "conf").rglob("*.yaml"):
        assert validators[_which(path)].is_valid(yaml.safe_load(path.read_text(encoding="utf-8")))
