"""Tests of the command line: help, listings, plans, and errors on one line."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.projects import copy_sample

from openaq_assets.cli.main import cli
from openaq_assets.project.project import load


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project that no test of this module changes."""
    return copy_sample(tmp_path_factory.mktemp("cli") / "project")


def run(root: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Result:
    """Run a command in a project and assert that it prints no stack trace."""
    line = ["--project", str(root), *arguments]
    result = CliRunner().invoke(cli, line, env=env, prog_name="openaq-assets")
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_help_has_an_example(name: str) -> None:
    """The help of every command has an example."""
    result = CliRunner().invoke(cli, [name, "--help"], prog_name="openaq-assets")
    assert result.exit_code == 0
    assert f"openaq-assets {name}" in result.output and "Example" in result.output


def test_no_command_is_help() -> None:
    """Without arguments the command line prints the names of all commands."""
    result = CliRunner().invoke(cli, [])
    assert result.exit_code in (0, 2) and all(name in result.output for name in cli.commands)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("plan view_latest", "selection 'view_latest': there is no asset 'view_latest'. Did you mean 'view_latest_aqi'?"),
        ("plan kind:veiw", "selection 'kind:veiw': there is no kind 'veiw'. Did you mean 'view'?"),
        ("plan ( cities", "selection '( cities': a ')' is missing. Add it."),
        ("plan cities and", "selection 'cities and': the name of an asset is missing. Write one on both sides."),
        ("plan --from 2026-02-01 --to 2026-01-01", "the first day 2026-02-01 is after the last day 2026-01-01. Swap them."),
        ("plan --locations hanoi", "there is no location 'hanoi'. Choose one of: cmt8, vietnam."),
        ("plan --job openaq_ingest", "there is no job 'openaq_ingest'. Did you mean 'openaq_ingestion'?"),
        ("plan --env prd", "there is no environment 'prd'. Did you mean 'prod'?"),
        ("--profile lokal plan", "there is no profile 'lokal' in conf/environments.yaml. Did you mean 'local'?"),
        ("show citys", "there is no asset 'citys'. Did you mean 'cities'?"),
        ("show cities --env prd", "there is no environment 'prd'. Did you mean 'prod'?"),
        ("graph citys", "selection 'citys': there is no asset 'citys'. Did you mean 'cities'?"),
        ("plan --from 2026-02-30", "Invalid value for '--from': '2026-02-30' is not a date like 2026-01-31. See 'openaq-assets plan --help'."),
        ("plan --to yesterday", "Invalid value for '--to': 'yesterday' is not a date like 2026-01-31. See 'openaq-assets plan --help'."),
        ("plan --days 0", "Invalid value for '--days': 0 is not in the range 1<=x<=3660. See 'openaq-assets plan --help'."),
        ("show", "Missing argument 'ASSET'. See 'openaq-assets show --help'."),
    ],
)
def test_usage_errors_are_one_line(sample: Path, arguments: str, message: str) -> None:
    """A wrong usage prints one line on standard error and exits with 2."""
    result = run(sample, *arguments.split(), env={"COLUMNS": "200"})
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"error: {message}\n"


@pytest.mark.parametrize("arguments", ["plan --to 2999-01-01", "plna", "plan --form 2026-01-01"])
def test_other_usage_errors(sample: Path, arguments: str) -> None:
    """Future days, unknown commands and unknown options print one line, too."""
    result = run(sample, *arguments.split())
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1 and result.stderr.startswith("error: ")


def test_unknown_profile_in_the_environment(sample: Path) -> None:
    """An unknown profile in ``OPENAQ_PROFILE`` gives the same message as one in the option."""
    result = run(sample, "plan", env={"OPENAQ_PROFILE": "nowhere"})
    assert result.exit_code == 2 and "there is no profile 'nowhere'" in result.stderr


def test_list_has_every_asset_location_and_job(sample: Path) -> None:
    """A listing names everything that is declared, in graph order."""
    lines = run(sample, "list").stdout.splitlines()
    graph = load(sample).graph
    assert [line.split()[0] for line in lines[1 : len(graph.assets) + 1]] == list(graph.assets)
    assert any(line.startswith("vietnam ") and "country=VN" in line for line in lines)
    assert any(line.startswith("openaq_ingestion ") for line in lines)


def test_list_of_a_selection(sample: Path) -> None:
    """A selection lists only its assets."""
    lines = run(sample, "list", "kind:reference").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["aqi_breakpoints", "cities", "qc_ranges"]


STEP = """
from dataclasses import dataclass
from openaq_assets.graph.assets import Kind
from openaq_assets.markers import hookimpl

@dataclass(frozen=True)
class StepFields:
    pass

class Step(Kind):
    name, fields, internal, holds = "step", StepFields, True, "nothing"
    def operations(self, asset, graph, partitions, scope):
        return []

@hookimpl
def asset_kinds():
    return [Step()]
"""


def test_internal_assets_are_listed_by_name(tmp_path: Path) -> None:
    """Assets of an internal kind are counted below the listing, and listed if they are selected."""
    root = copy_sample(tmp_path / "project")
    (root / "plugins/asset_kinds/steps.py").write_text(STEP, encoding="utf-8")
    (root / "conf/assets/steps.yaml").write_text("assets:\n  half_made: {kind: step}\n", encoding="utf-8")
    lines = run(root, "list").stdout.splitlines()
    assert not any(line.startswith("half_made ") for line in lines)
    assert "Not listed, because internal: 1. See: openaq-assets list half_made" in lines
    assert run(root, "list", "half_made").stdout.splitlines()[1].split()[:2] == ["half_made", "step"]


def test_graph_is_mermaid(sample: Path) -> None:
    """The drawing has exactly the nodes and edges of the graph."""
    first, *lines = run(sample, "graph").stdout.splitlines()
    graph = load(sample).graph
    assert first == "flowchart LR"
    nodes = [line.strip().split("[")[0] for line in lines if "[" in line]
    edges = {tuple(line.strip().split(" --> ")) for line in lines if " --> " in line}
    assert nodes == list(graph.assets) and edges == graph.edges
    assert len(lines) == len(nodes) + len(edges)


def test_plan_of_an_empty_lake(sample: Path) -> None:
    """The plan of a new lake makes everything, and planning changes nothing."""
    before = sorted(sample.rglob("*"))
    result = run(sample, "--profile", "memory", "plan", "--from", "2026-01-01", "--to", "2026-01-03")
    assert result.exit_code == 0, result.stderr
    assert "create    measurements 2026-01-01..2026-01-03 (3 days): never materialized" in result.stdout.splitlines()
    assert result.stdout.splitlines()[-1].endswith("partitions have work.")
    assert sorted(sample.rglob("*")) == before


def test_show_an_asset(sample: Path) -> None:
    """One asset is shown with its position in conf/, its inputs and columns."""
    result = run(sample, "--profile", "memory", "show", "cities")
    assert "declared at   conf/assets/reference.yaml:22" in result.stdout
    assert "radius_km" in result.stdout


def test_show_operations_are_json(sample: Path) -> None:
    """The operations of an asset are printed as one JSON object per line."""
    result = run(sample, "show", "measurements", "--operations")
    assert [json.loads(line)["operation"] for line in result.stdout.splitlines()] == ["Transform"]


def test_schema_is_written(sample: Path, tmp_path: Path) -> None:
    """The JSON Schema of every file of conf/ is written to the given folder."""
    assert run(sample, "schema", "--write", str(tmp_path / "schema")).exit_code == 0
    names = sorted(path.name for path in (tmp_path / "schema").iterdir())
    kinds = ("assets", "environments", "locations", "openaq", "owox")
    assert {f"{kind}.schema.json" for kind in kinds} <= set(names)
    assert all(json.loads((tmp_path / "schema" / name).read_text())["$schema"] for name in names)


def test_plugins_are_listed(sample: Path) -> None:
    """Every kind, check and platform is listed with its plugin."""
    lines = [line.split() for line in run(sample, "plugins").stdout.splitlines()]
    assert ["kind", "export", "plugins/asset_kinds/export.py"] in lines
    assert ["check", "unique", "openaq_assets.plugins.kinds"] in lines
    assert any(line[:2] == ["platform", "local"] for line in lines)
