"""Tests of the mistake kit: every mistake is reported once, with its whole text and its position.

``expected_mistakes.txt`` holds the expected lines; ``python tests/project/test_mistakes.py`` writes it
again, to be reviewed line by line.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from support.mistakes import KIT, RAW, REFERENCE, SETTINGS, VIEWS, Edit, swap
from support.projects import copy_sample

from openaq_assets.cli.main import cli
from openaq_assets.errors import ConfigError
from openaq_assets.project.project import load

EXPECTED = HERE / "expected_mistakes.txt"


def expected() -> Mapping[str, list[str]]:
    """Return the expected lines of each mistake, by its name."""
    lines: dict[str, list[str]] = {}
    for line in EXPECTED.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            lines[line[3:]] = current = []
        elif line:
            current.append(line)
    return lines


def problems_of(root: Path) -> list[str]:
    """Return the lines of the error that a strict load raises."""
    with pytest.raises(ConfigError) as caught:
        load(root)
    return str(caught.value).splitlines()


def broken(target: Path, edits: Iterable[Edit]) -> Path:
    """Return a copy of the sample with these edits."""
    root = copy_sample(target)
    for edit in edits:
        edit.apply(root)
    return root


def test_the_sample_is_sound(tmp_path: Path) -> None:
    """The sample has no problem before an edit, so that every reported line is caused by the edit."""
    assert load(copy_sample(tmp_path / "project")).problems == ()


def test_every_mistake_is_expected() -> None:
    """The kit and the expected lines have the same names."""
    assert list(expected()) == list(KIT)


@pytest.mark.parametrize("name", KIT)
def test_mistake(tmp_path: Path, name: str) -> None:
    """A mistake is reported in exactly these lines, each with a position and a remedy."""
    lines = problems_of(broken(tmp_path / "project", KIT[name]))
    assert lines == expected()[name]
    for line in lines:
        assert re.match(r"[\w./]+(:\d+:\d+)?: \S", line)
        assert re.search(r"[.] .+[.?]$", line), "a remedy after what is wrong"
        assert "Traceback" not in line and str(tmp_path) not in line


@pytest.mark.parametrize("name", KIT)
def test_mistake_hides_nothing_sound(tmp_path: Path, name: str) -> None:
    """Assets that do not depend on the mistake stay in the graph."""
    whole = load(copy_sample(tmp_path / "whole")).graph
    project = load(broken(tmp_path / "broken", KIT[name]), strict=False)
    blamed = {
        key
        for problem in project.problems
        for key in whole.assets
        if problem.path == whole[key].at.path
        or re.search(rf"\b{key}\b", str(problem))
        or problem.path in {getattr(getattr(whole[key].spec, name, None), "path", "") for name in ("sql", "file")}
        or (problem.path.endswith("export.py") and whole[key].kind.name == "export")
    }
    lost = blamed | whole.descendants(blamed)
    assert set(whole.assets) - lost <= set(project.graph.assets)
    if project.graph.left_out:
        assert not project.graph.assets.keys() & project.graph.left_out - blamed


def test_all_mistakes_are_reported_in_one_run(tmp_path: Path) -> None:
    """Mistakes in many files are reported at once, sorted by position, with the same lines as alone."""
    names = ("bad SQL", "misspelt field", "missing CSV file", "both country and id", "unknown check", "bad cron")
    root = broken(tmp_path / "project", [edit for name in names for edit in KIT[name]])
    lines = problems_of(root)
    assert lines == sorted((line for name in names for line in expected()[name]), key=_position)


def _position(line: str) -> tuple[str, int, int]:
    path, row, column, _ = line.split(":", 3)
    return path, int(row), int(column)


def test_check_prints_them_and_exits_with_one(tmp_path: Path) -> None:
    """The real command line prints exactly the problems on standard error, and exits with 1."""
    root = broken(tmp_path / "project", [*KIT["QUALIFY"], *KIT["misspelt field"]])
    done = subprocess.run(
        [sys.executable, "-m", "openaq_assets.cli.main", "--project", str(root), "check"], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [*expected()["misspelt field"], *expected()["QUALIFY"]]


def test_check_of_a_sound_project_exits_with_zero(tmp_path: Path) -> None:
    """The real command line prints one line if a project has no mistake."""
    root = copy_sample(tmp_path / "project")
    done = subprocess.run(
        [sys.executable, "-m", "openaq_assets.cli.main", "--project", str(root), "check"], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "14 assets, 1 jobs: no problems.\n"


def test_missing_project_is_one_line(tmp_path: Path) -> None:
    """The message about a missing project names the folder that was searched, and the remedy."""
    result = CliRunner().invoke(cli, ["--project", str(tmp_path), "check"])
    assert result.exit_code == 1
    assert result.stderr == (
        f"conf/openaq.yaml: not found in {tmp_path} or above. "
        "Go to the project's folder, or name it with --project.\n"
    )


def test_empty_project_is_a_problem(tmp_path: Path) -> None:
    """A project that declares no asset is a mistake, not a success."""
    root = copy_sample(tmp_path / "project")
    for path in (root / "conf" / "assets").glob("*.yaml"):
        path.unlink()
    (root / SETTINGS).write_text("version: 1\nproject: empty\n")
    assert problems_of(root) == [
        "conf/assets: no assets are declared. Add a file like conf/assets/tables.yaml that begins with 'assets:'."
    ]


def test_more_than_twenty_are_counted(tmp_path: Path) -> None:
    """Twenty problems are printed, and the number of the others."""
    root = copy_sample(tmp_path / "project")
    entries = "".join(f"  a{n:02}: {{kind: nothing}}\n" for n in range(34))
    (root / "conf/assets/many.yaml").write_text(f"assets:\n{entries}")
    result = CliRunner().invoke(cli, ["--project", str(root), "check"])
    lines = result.stderr.splitlines()
    assert (result.exit_code, len(lines), lines[-1]) == (1, 21, "and 14 more.")


def test_list_shows_valid_assets_and_then_problems(tmp_path: Path) -> None:
    """A listing of a broken project shows the valid assets, then the mistakes, and exits with 1."""
    root = broken(tmp_path / "project", KIT["QUALIFY"])
    result = CliRunner().invoke(cli, ["--project", str(root), "list"])
    assert result.exit_code == 1
    assert "view_latest_aqi" in result.stdout and "view_daily_average " not in result.stdout
    assert result.stderr.splitlines() == expected()["QUALIFY"]


def test_show_of_a_left_out_asset_says_why(tmp_path: Path) -> None:
    """The message about an asset that is left out does not say that the asset is unknown."""
    root = broken(tmp_path / "project", KIT["misspelt field"])
    result = CliRunner().invoke(cli, ["--project", str(root), "show", "view_latest_aqi"])
    assert (result.exit_code, result.stderr) == (
        2, "error: asset 'view_latest_aqi' is left out because of mistakes. Run 'openaq-assets check'.\n",
    )


def test_a_job_of_an_asset_that_is_left_out_is_a_consequence(tmp_path: Path) -> None:
    """A job that selects an asset that is left out is a problem marked as a consequence."""
    project = load(broken(tmp_path / "project", KIT["misspelt field"]), strict=False)
    assert [(problem.field, problem.consequence) for problem in project.problems] == [
        ("assets.measurements_raw.inventroy", False),
        ("jobs.openaq_ingestion.select", True),
    ]
    assert project.jobs == {}


def test_one_wrong_default_is_reported_once(tmp_path: Path) -> None:
    """A wrong default of several assets is reported once at its own position, and the assets stay."""
    root = broken(tmp_path / "project", [swap(SETTINGS, "view: {owner: data,", "view: {ownr: data,")])
    project = load(root, strict=False)
    assert [str(problem) for problem in project.problems] == [
        "conf/openaq.yaml:8:10: defaults.view.ownr: unknown field 'ownr'. Did you mean 'owner'?"
    ]
    assert len(project.graph.assets) == 14


@pytest.mark.parametrize("path", [RAW, VIEWS, REFERENCE])
def test_an_unreadable_file_is_one_problem(tmp_path: Path, path: str) -> None:
    """A file that is no YAML is one problem, however many assets refer to assets that it declares."""
    root = copy_sample(tmp_path / "project")
    (root / path).write_text("\t" + (root / path).read_text(encoding="utf-8"), encoding="utf-8")
    assert problems_of(root) == [f"{path}:1:1: not valid YAML: there is a tab. Indent with spaces."]


if __name__ == "__main__":
    blocks = []
    for title, edits in KIT.items():
        with tempfile.TemporaryDirectory() as folder:
            blocks.append("\n".join((f"## {title}", *problems_of(broken(Path(folder) / "project", edits)), "")))
    EXPECTED.write_text("\n".join(blocks), encoding="utf-8")
