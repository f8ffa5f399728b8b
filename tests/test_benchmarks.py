"""The measurements of the benchmarks are sound, and earlier measurements are kept."""

from pathlib import Path

from benchmarks import harness, view_graph

from openaq_assets.project.project import load


def test_the_many_views_are_a_sound_project(tmp_path: Path) -> None:
    """The generated projects have no problem, and the chained one holds chains and joins."""
    for views, reads in ((view_graph.chained_views, {1, 2}), (view_graph.plain_views, {1})):
        chosen = tuple(views(25))
        view_graph.write(tmp_path / views.__name__, view_graph.ours(chosen))
        graph = load(tmp_path / views.__name__).graph
        assert len(graph.assets) == 25 + len(view_graph.TABLES)
        assert {len(graph.upstream[view.name]) for view in chosen} == reads


def test_peers_get_the_same_views() -> None:
    """Every view is a file of SQL in the projects that hold SQL, and names what it reads."""
    for files, reference in ((view_graph.dbt, "ref('view_0002')"), (view_graph.sqlmesh, "lake.view_0002")):
        texts = {name: text for name, text in files(tuple(view_graph.chained_views(25))) if name.endswith(".sql")}
        assert len(texts) == 25 and reference in texts["models/view_0003.sql"]


def test_rows_of_the_page_are_read_as_they_were_written() -> None:
    """A clone without build/ keeps the rows of benchmarks that it does not run."""
    rows = list(harness.rows_of(harness.PAGE.read_text(encoding="utf-8")))
    assert rows and list(harness.rows_of(harness.page(rows))) == rows
