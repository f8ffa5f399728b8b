"""Tests of the catalog: its data, the drawing of the graph, and the command that writes the page."""

import json
import re
from itertools import pairwise
from pathlib import Path

from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from support.projects import copy_sample
from support.runner_fixtures import memory_root

from openaq_assets.cli.docs import HEIGHT, WIDTH, catalog, drawing, layout, render_catalog
from openaq_assets.cli.docs import newest_records as records
from openaq_assets.cli.main import cli
from openaq_assets.project.project import Project, load
from openaq_assets.runs.context import open_run
from openaq_assets.runs.plan import make_request
from openaq_assets.runs.run import run_all


def sample(tmp_path: Path) -> Project:
    """Return the sample project with a lake in memory in which one reference table was made."""
    root = copy_sample(tmp_path / "sample")
    settings = root / "conf/environments.yaml"
    text = settings.read_text(encoding="utf-8").replace("platform: local", "platform: memory", 1)
    text = re.sub(r"(?m)^    root: .*$", f"    root: {memory_root()}", text, count=1)
    settings.write_text(text, encoding="utf-8")
    project = load(root)
    run_all(open_run(project, make_request(project.graph), "dev", "local"), ["cities"])
    return project


def test_the_catalog_says_what_is_declared_and_what_was_made(tmp_path: Path) -> None:
    """The catalog has every asset with its columns and their sources, its checks, and its records."""
    project = sample(tmp_path)
    assets = {asset["key"]: asset for asset in catalog(project, "dev", "local")["assets"]}
    assert list(assets) == [asset.key for asset in project.graph]
    cities = assets["cities"]
    assert cities["status"]["state"] == "ok" and cities["status"]["due"] == []
    assert [record["rows"] for record in cities["records"]] == [
        record.facts.rows for record in records(project, "cities")
    ]
    view = assets["view_latest_aqi"]
    assert view["status"] == {
        "state": "never made",
        "partitions": "",
        "last": None,
        "due": view["status"]["due"],
    }
    assert view["status"]["due"] and "SELECT" in view["sql"].upper()
    assert view["readBy"] == ["latest_aqi_csv", "validate_prod_views"]
    assert {check["in"] for check in view["checks"]} == {"validate_prod_views"}
    assert all(column["from"] for column in view["columns"])
    json.dumps(assets)  # all values are JSON


def test_nothing_from_outside_closes_the_script(tmp_path: Path) -> None:
    """A text with markup stays JSON text in the page."""
    data = catalog(sample(tmp_path), "dev", "local")
    data["assets"][0]["description"] = "</script><script>alert(1)</script>"
    page = render_catalog(data)
    assert "<script>alert" not in page and "\\u003c/script>" in page
    assert page.count("</script>") == 2


GRAPHS = st.integers(1, 12).flatmap(
    lambda size: st.lists(st.sets(st.integers(0, 11)), min_size=size, max_size=size).map(
        lambda ups: {
            f"a{n}": tuple(f"a{up}" for up in sorted(up) if up < n) for n, up in enumerate(ups)
        }
    )
)


@given(GRAPHS)
def test_the_drawing_is_faithful(upstream: dict[str, tuple[str, ...]]) -> None:
    """The drawing has one box per asset and one line per edge; inputs are left, and no boxes overlap."""
    boxes = {box.key: box for box in layout(upstream)}
    assert boxes.keys() == upstream.keys()
    assert all(boxes[up].x + WIDTH < boxes[key].x for key, ups in upstream.items() for up in ups)
    for x in {box.x for box in boxes.values()}:
        tops = sorted(box.y for box in boxes.values() if box.x == x)
        assert all(below - above >= HEIGHT for above, below in pairwise(tops))
    text = drawing(upstream, {})
    assert text.count("<path ") == sum(map(len, upstream.values()))
    assert text.count("<rect ") == len(upstream)


def test_the_command_writes_one_file(tmp_path: Path) -> None:
    """``openaq-assets docs`` writes the page to ``--out``, and reports a path that cannot be written."""
    sample(tmp_path)
    root, out = str(tmp_path / "sample"), tmp_path / "site/index.html"
    done = CliRunner().invoke(cli, ["--project", root, "docs", "--out", str(out)])
    assert done.exit_code == 0 and str(out) in done.output
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    failed = CliRunner().invoke(cli, ["--project", root, "docs", "--out", "/proc/no/page.html"])
    assert failed.exit_code == 3 and "Choose another file with --out." in failed.output


def test_records_are_listed_newest_first(tmp_path: Path) -> None:
    """``openaq-assets records`` lists the records of the ledger, or those of one run."""
    project = sample(tmp_path)
    run_all(open_run(project, make_request(project.graph, force=True), "dev", "local"), ["cities"])
    command = ["--project", str(tmp_path / "sample"), "records", "cities", "--format", "json"]
    all_runs = json.loads(CliRunner().invoke(cli, command).output)
    assert len(all_runs) == 2 and all_runs[0]["at"] > all_runs[1]["at"]
    first_run = json.loads(CliRunner().invoke(cli, [*command, "--run", all_runs[1]["run"]]).output)
    assert first_run == [all_runs[1]]
    wrong = CliRunner().invoke(cli, ["--project", str(tmp_path / "sample"), "records", "citys"])
    assert wrong.exit_code == 2 and "there is no asset 'citys'" in wrong.output
