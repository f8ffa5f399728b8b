"""Totality: a type of check that raises or answers nonsense fails what it checks, and nothing else."""

from pathlib import Path

import pytest
from support.plugin_projects import HEAD, goes_on, project_with

CHECKED = "assets:\n  watched:\n    kind: check\n    tables: [codes]\n    checks:\n      - {check: odd, table: codes, column: n}\n"
TYPE = HEAD + """from openaq_assets.graph.checks import CheckType


def compile_(check, table, columns):
    return f"SELECT {check.column} FROM {table} WHERE {check.column} > 1"


def measure(check, columns):
    return f"count_if({check.column} > 1)"


def broken(check, measured):
    return measured


def say(check, measured, rows):
    return f"{measured} of them"


def nonsense(*arguments):
    return ANSWER


@hookimpl
def asset_checks():
    functions = {"compile": compile_, "measure": measure, "broken": broken, "say": say, "NAME": nonsense}
    return [CheckType("odd", "Nothing is above one.", needs=("column",), **functions)]
"""
ANSWERS = {
    "raises": "1 / 0", "exits": "sys.exit(3)", "None": "None", "text": "'text'", "number": "7", "NaN": "math.nan",
    "class": "Kind", "texts": "['a']", "object": "object()", "empty": "''", "many lines": "'a\\nb'",
}
FITTING = {("broken", "number"), ("say", "text"), ("say", "empty"), ("say", "many lines")}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("function", ["compile", "measure", "broken", "say"])
def test_any_answer_of_any_function(tmp_path: Path, function: str, answer: str) -> None:
    """A check type that fails is a problem of the asset with the check, or a failure of it that names the check."""
    text = TYPE.replace("NAME", function).replace("ANSWER", ANSWERS[answer])
    problems, results = goes_on(project_with(tmp_path / "project", text, CHECKED))
    if "watched" not in results:
        (line,) = problems
        assert line.startswith("conf/assets/own.yaml:6:") and "the check 'odd' fails for table 'codes' (" in line
        return
    result = results["watched"]
    assert problems == [] and result.state == "failed" and "odd codes.n" in result.message
    if (function, answer) not in FITTING and function in ("broken", "say"):
        assert "its check type fails (" in result.message


def test_a_check_that_is_sound(tmp_path: Path) -> None:
    """The same type of check without nonsense counts and reports its failures."""
    _, results = goes_on(project_with(tmp_path / "project", TYPE.replace('"NAME": nonsense', ""), CHECKED))
    assert results["watched"].message == "check odd codes.n: 1 of them (rows kept: checks/watched/all/odd_codes_n__ad5ac9f2ef5f.csv)" or (
        "odd codes.n: 1 of them" in results["watched"].message
    )
