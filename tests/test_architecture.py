"""The shape of the package: light imports, small modules, short functions, few public names."""

import ast
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.projects import REPOSITORY

import openaq_assets

HEAVY = {"airflow", "boto3", "polars", "duckdb", "httpx", "sqlglot", "pydantic"}
SOURCES = sorted((REPOSITORY / "openaq_assets").rglob("*.py")) + sorted((REPOSITORY / "glue_jobs").glob("*.py"))


def imported(*arguments: str, kept: str = "off") -> set[str]:
    """The top-level modules that a Python process imports; what it keeps between runs is kept there."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=REPOSITORY, env={**os.environ, "OPENAQ_CACHE": kept}, capture_output=True, text=True, check=True,
    )  # fmt: skip
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
    """What did not change is not even parsed: the second check imports nothing that is heavy."""
    assert imported("-m", "openaq_assets.cli.main", "check", kept=str(tmp_path)) & HEAVY == {"sqlglot"}
    light = imported("-m", "openaq_assets.cli.main", "check", kept=str(tmp_path))
    assert light & (HEAVY | {"rich", "msgspec"}) == set()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_modules_are_small(path: Path) -> None:
    """No module is longer than 330 lines (a Glue job is one file by decree), and each says what it is for."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= (650 if path.parent.name == "glue_jobs" else 330)
    assert ast.get_docstring(ast.parse(text))


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
    """What a plugin or script imports is this, and all of it is there."""
    assert sorted(openaq_assets.__all__) == [
        "Asset", "AssetGraph", "AssetsError", "Column", "ConfigError", "Kind", "Name", "Operation", "Problem",
        "Project", "Query", "Ref", "Reference", "hookimpl", "load", "nearest", "table_ref",
    ]  # fmt: skip
    assert all(hasattr(openaq_assets, name) for name in openaq_assets.__all__)


def test_only_one_module_reads_yaml() -> None:
    """YAML is read by source.py alone."""
    readers = [path.name for path in SOURCES if "import yaml" in path.read_text(encoding="utf-8")]
    assert readers == ["source.py"]


def test_only_orchestration_imports_airflow() -> None:
    """Airflow is imported by its own package, and by the AWS platform for its hooks."""
    importers = {
        path.relative_to(REPOSITORY).as_posix()
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom)
            else [one.name for one in node.names] if isinstance(node, ast.Import)
            else []
        )
        if name.split(".")[0] == "airflow"
    }  # fmt: skip
    assert all(one.startswith(("openaq_assets/orchestration/", "openaq_assets/platforms/aws")) for one in importers)
