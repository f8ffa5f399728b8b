"""Property tests of totality: loading any files gives a project or located problems, nothing else."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.projects import REPOSITORY, copy_project, write_files
from support.strategies import deep, edited, swapped

from openaq_assets.errors import ConfigError
from openaq_assets.graph.operations import fingerprint
from openaq_assets.graph.selection import select
from openaq_assets.project.project import Project, load

YAML = sorted(path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "conf").rglob("*.yaml"))
OTHERS = ("views/view_latest_aqi.sql", "views/view_daily_average.sql", "conf/reference/cities.csv")


# Each file has examples of its own, and each example reads the whole project.
EACH = settings(max_examples=max(10, settings().max_examples // 3))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy for the whole module; every example restores the file that it changed."""
    return copy_project(tmp_path_factory.mktemp("total") / "project")


@contextlib.contextmanager
def changed(root: Path, name: str, data: bytes) -> Iterator[Path]:
    """Yield the project with another content of one file, and restore the file afterwards."""
    before = (root / name).read_bytes()
    (root / name).write_bytes(data)
    try:
        yield root
    finally:
        (root / name).write_bytes(before)


def check_total(root: Path, names: frozenset[str] = frozenset()) -> Project:
    """Load a project strictly and not; assert that problems are located lines and valid assets can be used."""
    project = load(root, strict=False)
    for problem in project.problems:
        text = str(problem)
        assert text.isprintable() and "\n" not in text, text
        assert text.endswith((".", "?")), text
        assert problem.path and not problem.path.startswith("/"), text
        missing = "does not exist" in problem.message or "no assets are declared" in problem.message
        assert (problem.line >= 1 and problem.column >= 1) or missing, text
        assert "its kind fails" not in problem.message, text
        if problem.line and (root / problem.path).is_file():
            lines = (root / problem.path).read_bytes().decode("utf-8", "replace").splitlines()  # YAML ends lines at \r too
            assert problem.line <= len(lines) + 1, text
    assert list(project.problems) == sorted(set(project.problems))
    for asset in project.graph:
        fingerprint(list(asset.kind.operations(asset, project.graph, (), ())))
        asset.kind.scope(asset, project.graph)
    for job in project.jobs:
        assert set(project.keys(job)) <= set(project.graph.assets)
    if project.problems:
        with pytest.raises(ConfigError) as caught:
            load(root)
        causes = tuple(problem for problem in project.problems if not problem.consequence)
        assert caught.value.problems == causes
        assert causes
    else:
        load(root)
    return project


@pytest.mark.parametrize("name", YAML)
@EACH
@given(data=st.data())
def test_totality_of_edited_text(root: Path, name: str, data: st.DataObject) -> None:
    """Any edit of a YAML file gives a project or located problems."""
    content = data.draw(edited((root / name).read_text(encoding="utf-8")))
    with changed(root, name, content):
        check_total(root)


@pytest.mark.parametrize("name", YAML)
@EACH
@given(data=st.data())
def test_totality_of_swapped_types(root: Path, name: str, data: st.DataObject) -> None:
    """A value of another type, anywhere, gives a project or located problems."""
    with changed(root, name, data.draw(swapped((root / name).read_text(encoding="utf-8")))):
        check_total(root)


@pytest.mark.parametrize("name", OTHERS)
@EACH
@given(data=st.data())
def test_totality_of_sql_and_csv(root: Path, name: str, data: st.DataObject) -> None:
    """Any edit of a file that YAML names gives a project or located problems."""
    content = data.draw(edited((root / name).read_text(encoding="utf-8")))
    with changed(root, name, content):
        check_total(root)


@given(name=st.sampled_from((*YAML, *OTHERS)), content=st.binary(max_size=200))
@example(name="conf/openaq.yaml", content=b"")
@example(name="conf/environments.yaml", content=b"# nothing\n")
@example(name="conf/assets/raw.yaml", content=b"assets:\n")
@example(name="conf/assets/raw.yaml", content=b"assets: {}\n")
@example(name="conf/assets/raw.yaml", content=b"- assets\n")
@example(name="conf/assets/raw.yaml", content=b"\r\rassets:\n  a:\n    k")
@example(name="conf/assets/raw.yaml", content=b"assets: {a: &x {kind: raw}, b: *x, c: *nowhere}\n")
@example(name="conf/assets/raw.yaml", content=deep(20_000))
@example(name="conf/assets/raw.yaml", content=b"{" * 200_000)
@example(name="conf/openaq.yaml", content=b"version: 1\nproject: a\njobs: {x: {select: '" + b"(" * 9000 + b"'}}\n")
@example(name="conf/openaq.yaml", content=b"version: 1\nproject: a\njobs: {x: {select: '" + b"not " * 9000 + b"a'}}\n")
@example(name="conf/openaq.yaml", content=b"version: 1\nproject: a\ndefaults: {raw: 3, view: {kind: raw}}\n")
@example(name="views/view_latest_aqi.sql", content=b"SELECT " + b"(" * 3000 + b"1" + b")" * 3000)
@example(name="views/view_latest_aqi.sql", content=b"SELECT '\xff")
@example(name="conf/reference/cities.csv", content=b'city,"country\n')
@example(name="conf/reference/cities.csv", content=b"city\n" + b"x" * 200_000)
def test_totality_of_bytes(root: Path, name: str, content: bytes) -> None:
    """Bytes that no editor writes give a project or located problems."""
    with changed(root, name, content):
        check_total(root)


@given(text=st.text(max_size=30))
@example(text="(" * 5000)
@example(text="not " * 5000 + "a")
@example(text="+" * 50)
def test_totality_of_selections(root: Path, text: str) -> None:
    """Any text is a selection or a SelectionError."""
    from openaq_assets.errors import SelectionError

    project = load(root)
    with contextlib.suppress(SelectionError):
        assert set(select(project.graph, text)) <= set(project.graph.assets)


def test_totality_of_a_long_chain(tmp_path: Path) -> None:
    """Two thousand views, each reading the one before, load in order."""
    files = {"views/v0.sql": "SELECT 1 AS a\n"}
    files |= {f"views/v{n}.sql": f"SELECT a FROM v{n - 1}\n" for n in range(1, 2000)}
    entries = "".join(
        f"  v{n}: {{kind: view, sql: views/v{n}.sql, columns: [{{name: a, type: bigint}}]}}\n" for n in range(2000)
    )
    project = load(write_files(tmp_path, {**files, "conf/assets/views.yaml": f"assets:\n{entries}"}))
    assert [key for key in project.graph.assets if key != "stations"] == [f"v{n}" for n in range(2000)]
    assert len(select(project.graph, "+v1999")) == 2000
