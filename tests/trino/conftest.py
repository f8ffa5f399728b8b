"""A lake of this project with days of the simulator and nasty rows, and a real Trino over its files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.runner_fixtures import copy_project
from support.trino_lake import DAYS, Lake, add_nasty_rows
from support.trino_server import Trino, missing

from openaq_assets.project.project import load
from openaq_assets.runs.context import open_run
from openaq_assets.runs.plan import make_request
from openaq_assets.runs.run import run_all


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one worker run them: starting the server takes longer than the queries."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("trino"))


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return this project's lake after a run over some days of the simulator, and nasty rows."""
    if why := missing():
        pytest.skip(why)
    home = tmp_path_factory.mktemp("trino")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAQ_ROOT", str(home / "lake"))
        project = load(copy_project(home / "project"))
        run = open_run(project, make_request(project.graph, days=DAYS), "dev", "local")
    keys = [key for key in project.keys("openaq_ingestion") if project.graph[key].kind.name in LAYERS]
    results = run_all(run, keys)
    assert {result.state for result in results} == {"ok"}, results
    lake = Lake(project, home / "lake", run)
    add_nasty_rows(lake)
    return lake


LAYERS = ("raw", "processed", "reference", "catalog", "view")


@pytest.fixture(scope="session")
def trino(lake: Lake) -> Iterator[Trino]:
    """Yield a real Trino over the lake's files."""
    server = Trino(lake.root, lake.root.parent / "trino.log")
    yield server
    server.stop()
