"""The shape of the package: rooms and no circle, light imports, short functions, few public names."""

import ast
import configparser
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.projects import REPOSITORY

import openaq_assets

HEAVY = {"airflow", "boto3", "polars", "duckdb", "httpx", "sqlglot", "pydantic"}
ROOTS = ("openaq_assets", "openaq_simulator", "glue_jobs")
SOURCES = sorted(path for root in ROOTS for path in (REPOSITORY / root).rglob("*.py"))
ROOMS = {"airflow", "cli", "graph", "openaq", "platforms", "plugins", "project", "promotion", "runs", "sql", "testing"}


def imported(*arguments: str, kept: str = "off") -> set[str]:
    """The top-level modules that a Python process imports; what it keeps between runs is kept there."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=REPOSITORY, env={**os.environ, "OPENAQ_CACHE": kept}, capture_output=True, text=True, check=True,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}


@pytest.mark.parametrize("module", ["openaq_assets", "openaq_assets.cli.main", "openaq_assets.project.project"])
def test_importing_is_light(module: str) -> None:
    """The package and its command line import no engine, no Airflow and no SQL parser."""
    assert imported("-c", f"import {module}") & HEAVY == set()


def test_checking_is_light() -> None:
    """``openaq-assets check`` parses SQL, and imports nothing else that is heavy."""
    assert imported("-m", "openaq_assets.cli.main", "check") & HEAVY == {"sqlglot"}


def test_checking_again_is_lighter(tmp_path: Path) -> None:
    """Unchanged files are not even parsed: the second check imports nothing heavy."""
    assert imported("-m", "openaq_assets.cli.main", "check", kept=str(tmp_path)) & HEAVY == {"sqlglot"}
    light = imported("-m", "openaq_assets.cli.main", "check", kept=str(tmp_path))
    assert light & (HEAVY | {"rich", "msgspec"}) == set()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_modules_say_what_they_are_for(path: Path) -> None:
    """Each module begins with a sentence about itself; its concept decides how long it is."""
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_every_module_is_in_a_room() -> None:
    """Few modules lie flat; the others are in rooms, and the import contracts name every one of both."""
    package = REPOSITORY / "openaq_assets"
    flat = {path.stem for path in package.glob("*.py")} - {"__init__"}
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    assert rooms == ROOMS and len(flat) + 1 <= 6
    contracts = configparser.ConfigParser()
    contracts.read(REPOSITORY / "setup.cfg")
    layers = contracts["importlinter:contract:rooms"]["layers"]
    assert set(re.findall(r"\w+", layers)) == rooms | flat
    assert contracts["importlinter"]["exclude_type_checking_imports"] == "False"
    assert contracts["importlinter:contract:rooms"]["exhaustive"] == "True"


def test_a_module_in_no_layer_breaks_the_contracts(tmp_path: Path) -> None:
    """``lint-imports`` fails when a module is added that no layer names."""
    shutil.copytree(REPOSITORY / "openaq_assets", tmp_path / "openaq_assets", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(REPOSITORY / "openaq_simulator", tmp_path / "openaq_simulator")
    shutil.copy(REPOSITORY / "setup.cfg", tmp_path)
    (tmp_path / "openaq_assets" / "cellar.py").write_text('"""Nobody knows where this stands."""\n')
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode != 0 and "cellar" in done.stdout


def test_the_core_names_no_kind() -> None:
    """No expression compares the name of a kind with a text: what the engine needs to know, the kind says."""
    compared = [
        f"{path.name}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare) and "kind.name" in ast.unparse(node)
    ]
    assert compared == []


def _functions() -> Iterator[tuple[str, int]]:
    """Every function with its lines of code: without its docstring, decorators and signature."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                yield f"{path.name}:{node.lineno} {node.name}", lines


def test_functions_are_short() -> None:
    """The median function has less than ten lines, and none more than 55."""
    lengths = dict(_functions())
    assert statistics.median(lengths.values()) < 10
    assert {name: lines for name, lines in lengths.items() if lines > 55} == {}


def test_public_names() -> None:
    """The package exports exactly these names for plugins and scripts."""
    assert sorted(openaq_assets.__all__) == [
        "Asset", "AssetGraph", "AssetsError", "Check", "CheckType", "Column", "Command", "ConfFile", "ConfigError",
        "Facts", "Kind", "Name", "Operation", "OperationHandler", "PlatformType", "Problem", "ProfileSettings",
        "Project", "Query", "Ref", "Reference", "Ticket", "Work", "field_doc", "hookimpl", "load", "nearest",
        "table_ref",
    ]
    assert all(hasattr(openaq_assets, name) for name in openaq_assets.__all__)
