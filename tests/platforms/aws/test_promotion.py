"""Dev to prod and back in an account: the journal, the views and what readers see."""

from pathlib import Path

import pytest
from support.aws_endpoint import BUCKET, Endpoint
from support.runner_fixtures import write_project

from openaq_assets.errors import PromotionError
from openaq_assets.graph.environment import bind
from openaq_assets.graph.operations import Query, Ref
from openaq_assets.promotion.promote import promote, rollback
from openaq_assets.runs.context import Run, open_run
from openaq_assets.runs.plan import make_request
from openaq_assets.runs.run import run_all

FILES = {
    "conf/environments.yaml": f"""
version: 1
profiles:
  local: {{platform: aws, root: "s3://{BUCKET}", aws: {{transform: local, catalog: partitions}}}}
environments:
  dev: {{database: openaq_dev}}
  prod: {{database: openaq_prod, tables_from: dev}}
""",
    "conf/assets/all.yaml": """
assets:
  cities: {kind: reference, file: conf/reference/cities.csv, columns: [{name: id, type: bigint}, {name: name, type: varchar}]}
  names: {kind: view, sql: views/names.sql, columns: [{name: name, type: varchar}, {name: mark, type: varchar}]}
  validate:
    kind: check
    environment: prod
    bootstrap: true
    tables: [names]
    checks: [{check: contract}, {check: row_count, min: 1}]
""",
    "conf/reference/cities.csv": "id,name\n1,Hà Nội\n2,Huế\n",
    "views/names.sql": "SELECT name, 'a' AS mark FROM cities\n",
}


def opened(root: Path, **changed: str) -> Run:
    """Return a run of the project, with the SQL of its view changed."""
    project = write_project(root, FILES | {f"views/{name}.sql": text for name, text in changed.items()})
    return open_run(project, make_request(project.graph), profile="local")


def marks(run: Run, env: str) -> set[str]:
    """Return what readers of an environment see."""
    home = run.environment.sibling(env)
    query = bind(Query("q", "SELECT DISTINCT mark FROM names", (Ref("names", "view"),)), home)
    assert isinstance(query, Query)
    return {mark for (mark,) in run.platform.read(query).rows}


def test_promoted_and_rolled_back(endpoint: Endpoint, tmp_path: Path) -> None:
    """An edited view reaches prod by a promotion alone; a failing one and a rollback leave what was served."""
    first = opened(tmp_path / "p")
    assert {result.state for result in run_all(first, ("cities", "names", "validate"))} == {"ok"}
    assert marks(first, "dev") == marks(first, "prod") == {"a"}
    edited = opened(tmp_path / "p", names="SELECT name, 'longer' AS mark FROM cities\n")
    run_all(edited, ("names",))
    assert (marks(edited, "dev"), marks(edited, "prod")) == ({"longer"}, {"a"})
    assert promote(edited, "prod").replaced == ("names",)
    assert marks(edited, "prod") == {"longer"}
    broken = opened(tmp_path / "p", names="SELECT name, 'never' AS mark FROM cities WHERE id > 9\n")
    with pytest.raises(PromotionError):
        promote(broken, "prod")
    assert marks(broken, "prod") == {"longer"}
    rollback(opened(tmp_path / "p"), "prod")
    assert marks(broken, "prod") == {"a"}
