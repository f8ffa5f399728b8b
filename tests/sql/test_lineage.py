"""Column lineage: from the operations of the project itself, and of small SQL."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support.projects import copy_sample
from support.runner_fixtures import copy_project, write_project

from openaq_assets.graph.assets import AssetGraph
from openaq_assets.project.project import load
from openaq_assets.sql.lineage import Source, column_lineage, readers

Writes = Callable[[Mapping[str, str | bytes]], Path]
COLUMNS = "[{name: a, type: varchar}, {name: b, type: varchar}]"


def graph_of(tmp_path: Path, sql: str, column: str = "z") -> AssetGraph:
    """Return a graph with a reference table ``letters`` (a, b) and a view of one column over it."""
    files = {
        "conf/assets/all.yaml": "assets:\n"
        f"  letters: {{kind: reference, file: letters.csv, columns: {COLUMNS}}}\n"
        f"  seen: {{kind: view, sql: seen.sql, columns: [{{name: {column}, type: varchar}}]}}\n",
        "letters.csv": "a,b\n1,2\n",
        "seen.sql": sql,
    }
    return write_project(tmp_path, files).graph


@pytest.mark.parametrize(
    ("sql", "sources"),
    [
        ("SELECT a AS z FROM letters", ["a"]),
        ("SELECT a || b AS z FROM letters", ["a", "b"]),
        ("WITH x AS (SELECT b AS y FROM letters) SELECT max(y) AS z FROM x", ["b"]),
        ("SELECT a AS z FROM letters UNION ALL SELECT b FROM letters", ["a", "b"]),
        ("SELECT 'none' AS z FROM letters", []),
        (
            "SELECT CAST(row_number() OVER (ORDER BY b) AS varchar) || a AS z FROM letters",
            ["a", "b"],
        ),
        ("SELECT one.a AS z FROM letters AS one JOIN letters AS two ON one.a = two.b", ["a"]),
    ],
)
def test_a_views_column_is_traced_through_its_sql(
    tmp_path: Path, sql: str, sources: list[str]
) -> None:
    """A column is traced through aliases, subqueries, unions and windows to its sources."""
    lineage = column_lineage(graph_of(tmp_path, sql), "seen")
    assert lineage == {"z": tuple(Source("letters", source) for source in sources)}


def test_processed_and_reference_columns_name_their_sources(tmp_path: Path) -> None:
    """The sources of tables are a JSON path, a part of the object key, and a column of the CSV."""
    graph = load(copy_sample(tmp_path / "sample")).graph
    measurements = column_lineage(graph, "measurements")
    assert measurements["sensor_id"] == (Source("measurements_raw", "key: sensor"),)
    assert measurements["value"] == (Source("measurements_raw", "value"),)
    assert column_lineage(graph, "cities")["city"] == (Source("cities.csv", "city"),)
    assert column_lineage(graph, "measurements_raw") == {}


def test_readers_are_followed_along_every_view(tmp_path: Path) -> None:
    """The readers of a column are the columns of views of views that a change may affect, each once."""
    files = {
        "conf/assets/all.yaml": "assets:\n"
        f"  letters: {{kind: reference, file: letters.csv, columns: {COLUMNS}}}\n"
        "  one: {kind: view, sql: one.sql, columns: [{name: y, type: varchar}]}\n"
        "  two: {kind: view, sql: two.sql, columns: [{name: x, type: varchar}, {name: w, type: varchar}]}\n",
        "letters.csv": "a,b\n",
        "one.sql": "SELECT a AS y FROM letters",
        "two.sql": "SELECT y AS x, b AS w FROM one CROSS JOIN letters",
    }
    graph = write_project(tmp_path, files).graph
    assert readers(graph, Source("letters", "a")) == (Source("one", "y"), Source("two", "x"))
    assert readers(graph, Source("letters", "b")) == (Source("two", "w"),)


def test_every_column_of_this_project_has_a_source(tmp_path: Path) -> None:
    """Lineage names columns that exist, for every column of every table and view of the project."""
    graph = load(copy_project(tmp_path / "project")).graph
    known = {(asset.key, str(column.name)) for asset in graph for column in asset.kind.columns(asset)}
    traced = 0
    for asset in graph:
        lineage = column_lineage(graph, asset.key)
        if asset.kind.name in ("view", "processed", "reference"):
            assert lineage.keys() == {str(column.name) for column in asset.kind.columns(asset)}, asset.key
        for sources in lineage.values():
            inside = [
                source for source in sources if graph.assets.get(source.asset) and graph.columns(source.asset)
            ]
            assert all((source.asset, source.column) in known for source in inside)
            traced += len(inside)
    assert traced > 40
