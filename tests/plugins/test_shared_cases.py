"""Plugins that others wrote against the engine: each is reported, isolated, or works."""

from pathlib import Path

import pytest
from support.plugin_projects import goes_on, project_with
from support.projects import REPOSITORY

CASES = REPOSITORY.parent / "shared" / "cases" / "plugins"
HERE = "plugins/asset_kinds/foreign.py"
OWN_ASSET = "assets:\n  mine: {kind: KIND}\n"
ODD = "assets:\n  mine:\n    kind: check\n    tables: [codes]\n    checks:\n      - {check: odd2, table: codes, column: n}\n"
#: The case: its own assets and the whole of what is told.
LINES = {
    "check_raises": (
        ODD,
        ["conf/assets/own.yaml:6:9: assets.mine.checks[0]: the check 'odd2' fails for table 'codes' (ZeroDivisionError: division by zero). Fix the plugin that provides the check."],
    ),
    "kind_raises_in_operations": (
        OWN_ASSET.replace("KIND", "mine"),
        ["conf/assets/own.yaml:2:16: assets.mine.kind: its kind fails for this asset (ValueError: in operations). Fix the plugin that provides the kind."],
    ),
    "kind_references_strings": (
        OWN_ASSET.replace("KIND", "mine"),
        ["conf/assets/own.yaml:2:16: assets.mine.kind: its kind fails for this asset ('references' returns 'cities', which is not of type Reference). Fix the plugin that provides the kind."],
    ),
    "lint_returns_strings": (
        "",
        [f"{HERE}:2:1: hook 'lint_rules' returns {answer}, which is not a Problem. Fix or remove the plugin." for answer in ("'not a problem'", "3")],
    ),
}
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not beside this repository")


def case(name: str) -> str:
    """Return the text of a case, as it was written."""
    return (CASES / f"{name}.py").read_text(encoding="utf-8")


def test_every_case_is_here() -> None:
    """No case is left out."""
    others = {"order_and_wrappers", "own_operation", "table_kind"}
    assert {path.stem for path in CASES.glob("*.py")} == LINES.keys() | others


@pytest.mark.parametrize("name", LINES)
def test_reported_exactly(tmp_path: Path, name: str) -> None:
    """The mistake is reported in exactly these lines, at its position, and everything sound goes on."""
    own, lines = LINES[name]
    problems, results = goes_on(project_with(tmp_path / "project", case(name), own))
    assert problems == lines and "mine" not in results


def test_a_wrapper_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The wrapper around ``materialized`` is called around every asset that is made."""
    problems, _ = goes_on(project_with(tmp_path / "project", case("order_and_wrappers")))
    assert problems == [] and capsys.readouterr().out.split() == ["BEFORE", "AFTER"] * 3


def test_an_operation_without_a_handler(tmp_path: Path) -> None:
    """Its asset fails with what the platform lacks and the remedy; the others are made."""
    problems, results = goes_on(project_with(tmp_path / "project", case("own_operation"), OWN_ASSET.replace("KIND", "mail")))
    assert problems == [] and results["mine"].state == "failed"
    assert results["mine"].message == (
        "the platform 'memory' cannot carry out 'Email'. Choose another profile, or add a handler (hook 'operation_handlers')."
    )


def test_a_table_of_a_third_party(tmp_path: Path) -> None:
    """The table is made, and a view over it is made in dev and in prod."""
    own = (
        "assets:\n  mine: {kind: seedtable, rows: 3}\n"
        "  over: {kind: view, sql: views/over.sql, columns: [{name: id, type: bigint}]}\n"
        "  gate: {kind: check, environment: prod, bootstrap: true, tables: [over], checks: [{check: row_count, min: 3}]}\n"
    )
    more = {"views/over.sql": "SELECT id FROM mine\n"}
    problems, results = goes_on(project_with(tmp_path / "project", case("table_kind"), own, more))
    assert problems == []
    assert {key: results[key].state for key in ("mine", "over", "gate")} == {"mine": "ok", "over": "ok", "gate": "ok"}
