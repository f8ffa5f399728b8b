"""The whole job on a real Airflow with the profile ``aws``: the tables, views and ledger of the local profile."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars
import pytest
from support.aws_endpoint import BUCKET, Endpoint, crawl_of, endpoint, listening, variables
from support.aws_lakes import needs_spark

from openaq_assets.graph.environment import bind
from openaq_assets.graph.operations import Query, Ref
from openaq_assets.project.project import load
from openaq_assets.runs.context import open_platform

__all__ = ["endpoint", "listening"]
pytestmark = pytest.mark.xdist_group("airflow")

Runner = Callable[..., dict[str, Any]]
ROOT = f"s3://{BUCKET}"
# What says where and when it was made, and not what.
PLACES = ("platform", "dollars")
TELL_THE_TIME = ("dashboard", "export")
TELLS_AGES = ("age_minutes",)


def window(days: int) -> dict[str, str]:
    """Return the dates of the form: a number of days up to today."""
    today = dt.datetime.now(dt.UTC).date()
    return {"from": str(today - dt.timedelta(days=days - 1)), "to": str(today)}


def on_aws(project: Any, endpoint: Endpoint, **settings: str) -> Any:
    """Return the same project with its lake in the account; only environments.yaml differs."""
    crawl_of(endpoint, ROOT)
    project.edit("conf/environments.yaml", "root: ${env:OPENAQ_ROOT:-s3://openaq-data-pipeline}", f"root: {ROOT}")
    project.edit("conf/environments.yaml", "    aws:\n", "      without_key: simulate\n    aws:\n")
    for name, value in settings.items():
        old = next(line for line in (project.root / "conf/environments.yaml").read_text().splitlines() if f"      {name}: " in line)
        project.edit("conf/environments.yaml", old, f"      {name}: {value}")
    s3 = endpoint.client("s3")
    for path in sorted(project.lake.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            s3.put_object(Bucket=BUCKET, Key=path.relative_to(project.lake).as_posix(), Body=path.read_bytes())
    return replace(project, api={"OPENAQ_PROFILE": "aws", **variables(endpoint)})


def brought_home(endpoint: Endpoint, project: Any, folder: Path) -> Any:
    """Return the account's lake as a folder."""
    s3 = endpoint.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for entry in page.get("Contents", ()):
            path = folder / entry["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read())
    return replace(project, lake=folder)


def ledger(project: Any, *without: str) -> list[dict[str, Any]]:
    """Return the records, without the values that may differ between equal runs on two platforms."""
    records = project.ledger()
    for record in records:
        for name in (*PLACES, *without):
            record.pop(name, None)
            record["facts"].pop(name, None)
        if record["kind"] in TELL_THE_TIME:  # a page and a file that say how old things are
            record["version"] = record["facts"]["version"] = record["facts"]["bytes"] = None
    return sorted(records, key=lambda entry: json.dumps(entry, sort_keys=True))


def frames(project: Any) -> dict[str, polars.DataFrame]:
    """Return every table of the lake."""
    return {path: polars.read_parquet(project.lake / path) for path in project.tables()}


def views(project: Any, profile: str) -> dict[str, tuple[Any, ...]]:
    """Return columns, types and rows of every view in both environments."""
    answers = {}
    graph = load(project.root).graph
    names = [asset.key for asset in graph if asset.kind.name == "view"]
    for env in ("dev", "prod"):
        home, platform = open_platform(load(project.root), env, profile)
        for name in names:
            columns = [str(column.name) for column in graph.columns(name) if column.name not in TELLS_AGES]
            at = Ref(name, "view")
            if platform.view(home.locate(at)) is None:
                answers[f"{env}.{name}"] = ()
                continue
            listed = ", ".join(f'"{column}"' for column in columns)
            query = bind(Query("q", f"SELECT {listed} FROM {name} ORDER BY {listed}", (at,)), home)
            assert isinstance(query, Query)
            rows = platform.read(query)
            answers[f"{env}.{name}"] = ([(column.name, column.type) for column in rows.columns], rows.rows)
    return answers


def filled(project: Any, request: dict[str, str]) -> None:
    """Fill the lake with raw answers, from which both platforms must make the same tables."""
    project.command("run", "measurements_raw", "locations_raw", "--from", request["from"], "--to", request["to"])


def both(
    project: Any, endpoint: Endpoint, dag_test: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **settings: str
) -> Iterable[Any]:
    """Run the job by Airflow in the account and by the command line on this machine; return both lakes as folders."""
    request = window(1)
    endpoint.athena.wait = 0
    filled(project, request)
    there = on_aws(project, endpoint, **settings)
    answer = dag_test(there, **request)
    assert answer["state"] == "success", answer["states"]
    project.command("run", "--job", "openaq_ingestion", "--from", request["from"], "--to", request["to"])
    monkeypatch.setenv("OPENAQ_ROOT", str(project.lake))
    assert views(project, "aws") == views(project, "local")
    return project, brought_home(endpoint, there, tmp_path / "home")


def test_equivalence_of_profiles(
    project: Any, endpoint: Endpoint, dag_test: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equivalence: with a crawler and Polars, the account has the very bytes, views and ledger of this machine."""
    local, there = both(project, endpoint, dag_test, tmp_path, monkeypatch, transform="local")
    assert there.tables() == local.tables() and len(local.tables()) > 5
    assert ledger(there) == ledger(local)
    assert endpoint.crawlers.started >= 1
    assert not [call for call in endpoint.calls if call.action == "Glue.StartJobRun"]


@needs_spark
@pytest.mark.spark
def test_equivalence_of_glue(
    project: Any, endpoint: Endpoint, dag_test: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equivalence: with Glue's own script in Spark, rows, types, views and the ledger's facts are the same."""
    local, there = both(project, endpoint, dag_test, tmp_path, monkeypatch, catalog="partitions")
    own_tables, its = frames(local), frames(there)
    assert own_tables.keys() == its.keys()
    for path, frame in own_tables.items():
        assert its[path].schema == frame.schema, path
        assert its[path].rows() == frame.rows(), path
    assert ledger(there, "version", "bytes", "inputs") == ledger(local, "version", "bytes", "inputs")
    assert len(endpoint.called("Glue.StartJobRun")) == 2
    assert not endpoint.crawlers.started
