"""The mistake kit: every mistake is told once, in its whole text, at its place, and hides nothing else.

``expected.txt`` holds what is told; ``python tests/errors/test_mistakes.py`` writes it anew, to be
reviewed line by line.
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

from support.mistakes import KIT, RAW, REFERENCE, SETTINGS, VIEWS, Edit, swap  # noqa: E402
from support.projects import copy_sample  # noqa: E402

from openaq_assets.cli.main import cli  # noqa: E402
from openaq_assets.errors import ConfigError  # noqa: E402
from openaq_assets.project.project import load  # noqa: E402

EXPECTED = HERE / "expected_mistakes.txt"


def expected() -> Mapping[str, list[str]]:
    """The lines told for each mistake, by its name."""
    found: dict[str, list[str]] = {}
    for line in EXPECTED.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            found[line[3:]] = current = []
        elif line:
            current.append(line)
    return found


def told(root: Path) -> list[str]:
    """What a strict load says, line by line."""
    with pytest.raises(ConfigError) as caught:
        load(root)
    return str(caught.value).splitlines()


def broken(target: Path, edits: Iterable[Edit]) -> Path:
    """A copy of the sample with mistakes."""
    root = copy_sample(target)
    for edit in edits:
        edit.apply(root)
    return root


def test_the_sample_is_sound(tmp_path: Path) -> None:
    """Before any edit there is no problem, so that every line told is of the edit."""
    assert load(copy_sample(tmp_path / "project")).problems == ()


def test_every_mistake_is_expected() -> None:
    """The kit and its expected answers have the same names."""
    assert list(expected()) == list(KIT)


@pytest.mark.parametrize("name", KIT)
def test_mistake(tmp_path: Path, name: str) -> None:
    """A mistake is told in exactly these lines, each with a place and a remedy."""
    lines = told(broken(tmp_path / "project", KIT[name]))
    assert lines == expected()[name]
    for line in lines:
        assert re.match(r"[\w./]+(:\d+:\d+)?: \S", line)
        assert re.search(r"[.] .+[.?]$", line), "a remedy after what is wrong"
        assert "Traceback" not in line and str(tmp_path) not in line


@pytest.mark.parametrize("name", KIT)
def test_mistake_hides_nothing_sound(tmp_path: Path, name: str) -> None:
    """What does not read the mistake is kept, with its edges as they were."""
    whole = load(copy_sample(tmp_path / "whole")).graph
    project = load(broken(tmp_path / "broken", KIT[name]), strict=False)
    blamed = {
        key
        for problem in project.problems
        for key in whole.assets
        if problem.path == whole[key].at.path
        or re.search(rf"\b{key}\b", str(problem))
        or problem.path in {getattr(getattr(whole[key].spec, one, None), "path", "") for one in ("sql", "file")}
        or (problem.path.endswith("export.py") and whole[key].kind.name == "export")
    }
    lost = blamed | whole.descendants(blamed)
    assert set(whole.assets) - lost <= set(project.graph.assets)
    if project.graph.left_out:
        assert not project.graph.assets.keys() & project.graph.left_out - blamed


def test_all_mistakes_are_told_in_one_run(tmp_path: Path) -> None:
    """Mistakes in many files are told at once, sorted by place, each as if it were alone."""
    names = ("bad SQL", "misspelt field", "missing CSV file", "both country and id", "unknown check", "bad cron")
    root = broken(tmp_path / "project", [edit for name in names for edit in KIT[name]])
    lines = told(root)
    assert lines == sorted((line for name in names for line in expected()[name]), key=_place)


def _place(line: str) -> tuple[str, int, int]:
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
    """Without a mistake the real command line says so on one line."""
    root = copy_sample(tmp_path / "project")
    done = subprocess.run(
        [sys.executable, "-m", "openaq_assets.cli.main", "--project", str(root), "check"], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "14 assets, 1 jobs: no problems.\n"


def test_missing_project_is_one_line(tmp_path: Path) -> None:
    """Where no project is, the message says where was looked, and what to do."""
    result = CliRunner().invoke(cli, ["--project", str(tmp_path), "check"])
    assert result.exit_code == 1
    assert result.stderr == (
        f"conf/openaq.yaml: not found in {tmp_path} or above. "
        "Go to the project's folder, or name it with --project.\n"
    )


def test_empty_project_is_told(tmp_path: Path) -> None:
    """A project that declares no asset is a mistake, not a success."""
    root = copy_sample(tmp_path / "project")
    for path in (root / "conf" / "assets").glob("*.yaml"):
        path.unlink()
    (root / SETTINGS).write_text("version: 1\nproject: empty\n")
    assert told(root) == [
        "conf/assets: no asset is declared. Add a file like conf/assets/tables.yaml that begins with 'assets:'."
    ]


def test_more_than_twenty_are_counted(tmp_path: Path) -> None:
    """Twenty problems are shown, and the number of the others."""
    root = copy_sample(tmp_path / "project")
    entries = "".join(f"  a{n:02}: {{kind: nothing}}\n" for n in range(34))
    (root / "conf/assets/many.yaml").write_text(f"assets:\n{entries}")
    result = CliRunner().invoke(cli, ["--project", str(root), "check"])
    lines = result.stderr.splitlines()
    assert (result.exit_code, len(lines), lines[-1]) == (1, 21, "and 14 more.")


def test_list_shows_what_is_good_and_tells_the_rest(tmp_path: Path) -> None:
    """A listing of a broken project shows the sound assets, then the mistakes, and exits with 1."""
    root = broken(tmp_path / "project", KIT["QUALIFY"])
    result = CliRunner().invoke(cli, ["--project", str(root), "list"])
    assert result.exit_code == 1
    assert "view_latest_aqi" in result.stdout and "view_daily_average " not in result.stdout
    assert result.stderr.splitlines() == expected()["QUALIFY"]


def test_show_of_a_left_out_asset_says_why(tmp_path: Path) -> None:
    """An asset that is declared but left out is not said to be unknown."""
    root = broken(tmp_path / "project", KIT["misspelt field"])
    result = CliRunner().invoke(cli, ["--project", str(root), "show", "view_latest_aqi"])
    assert (result.exit_code, result.stderr) == (
        2, "error: 'view_latest_aqi' is left out until mistakes are mended. Run 'openaq-assets check'.\n",
    )  # fmt: skip


def test_a_job_that_needs_what_is_left_out_is_a_consequence(tmp_path: Path) -> None:
    """Such a job is a problem for Airflow's placeholder, and no line of its own for who mends the cause."""
    project = load(broken(tmp_path / "project", KIT["misspelt field"]), strict=False)
    assert [(one.field, one.consequence) for one in project.problems] == [
        ("assets.measurements_raw.inventroy", False),
        ("jobs.openaq_ingestion.select", True),
    ]
    assert project.jobs == {}


def test_one_wrong_default_is_told_once(tmp_path: Path) -> None:
    """A default that several assets inherit is told where it stands, and the assets stay."""
    root = broken(tmp_path / "project", [swap(SETTINGS, "view: {owner: data,", "view: {ownr: data,")])
    project = load(root, strict=False)
    assert [str(one) for one in project.problems] == [
        "conf/openaq.yaml:8:10: defaults.view.ownr: unknown field 'ownr'. Did you mean 'owner'?"
    ]
    assert len(project.graph.assets) == 14


@pytest.mark.parametrize("path", [RAW, VIEWS, REFERENCE])
def test_an_unreadable_file_brings_no_follow_up(tmp_path: Path, path: str) -> None:
    """A file that is no YAML is one problem, however many assets refer to what it declares."""
    root = copy_sample(tmp_path / "project")
    (root / path).write_text("\t" + (root / path).read_text(encoding="utf-8"), encoding="utf-8")
    assert told(root) == [f"{path}:1:1: not YAML: a tab. Indent with spaces."]


if __name__ == "__main__":
    blocks = []
    for title, made in KIT.items():
        with tempfile.TemporaryDirectory() as folder:
            blocks.append("\n".join((f"## {title}", *told(broken(Path(folder) / "project", made)), "")))
    EXPECTED.write_text("\n".join(blocks), encoding="utf-8")
