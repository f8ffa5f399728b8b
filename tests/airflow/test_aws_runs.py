"""A run of the Glue job under a real Airflow: shown, found again by a retry, and stopped with its task."""

from __future__ import annotations

import json
import os
import signal
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.airflow_served import serving_airflow, until
from support.aws_endpoint import BUCKET, Endpoint, listening, variables
from support.moto_glue import Run

__all__ = ["listening"]
pytestmark = [pytest.mark.scheduler, pytest.mark.xdist_group("scheduler")]
JOB, TASK, ROOT = "openaq_ingestion", "measurements", f"s3://{BUCKET}"


@dataclass
class Server:
    """A running Airflow by its REST API, and the account its tasks use."""

    url: str
    endpoint: Endpoint
    ends: threading.Event = field(default_factory=threading.Event)
    token: str = ""

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON answer; raise HTTPError for a refusal."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        request.add_header("content-type", "application/json")
        if self.token:
            request.add_header("authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def started(self) -> str:
        """Start a run of the DAG; return the path of its only task once that has started the Glue job."""
        self.ends.clear()
        before = len(self.endpoint.jobs.runs)
        body = {"logical_date": None, "conf": {"only": [TASK], "force": True}}
        run = self.call("POST", f"/api/v2/dags/{JOB}/dagRuns", body)["dag_run_id"]
        until(lambda: len(self.endpoint.jobs.runs) > before)
        return f"/api/v2/dags/{JOB}/dagRuns/{urllib.parse.quote(run)}/taskInstances/{TASK}"

    def script(self, run: Run) -> str:
        """Return the script that stands in for the Glue job: it waits, and leaves facts."""
        self.ends.wait(300)
        days = json.loads(run.arguments["--operation"])["into"]["partitions"]
        fact = {"rows": 5, "objects": 1, "quarantined": 0, "bytes": 9, "version": "0123456789ab"}
        key = run.arguments["--facts-uri"].removeprefix(f"{ROOT}/")
        body = json.dumps(dict.fromkeys(days, fact)).encode()
        self.endpoint.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)
        return ""


@pytest.fixture(scope="module")
def airflow(
    tmp_path_factory: pytest.TempPathFactory, copy_project: Any, listening: Endpoint
) -> Iterator[Server]:
    """Airflow over a copy of the project with the profile ``aws``, started and stopped by ``serve.py``."""
    folder = tmp_path_factory.mktemp("aws")
    project = copy_project(folder / "project", folder / "lake")
    project.edit("conf/environments.yaml", "root: ${env:OPENAQ_ROOT:-s3://openaq-data-pipeline}", f"root: {ROOT}")
    listening.fresh()
    kept = {name: value for name, value in project.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))}
    environ = {**kept, **variables(listening), "OPENAQ_PROFILE": "aws"}
    with serving_airflow(folder, environ) as served:
        server = Server(served.url, listening)
        listening.jobs.script = server.script
        try:
            login = {"username": "admin", "password": served.password}
            server.token = server.call("POST", "/auth/token", login)["access_token"]
            yield server
        finally:
            server.ends.set()


def test_killed_worker_finds_its_run(airflow: Server) -> None:
    """SIGKILL of a worker: the retry waits for the run that goes on; its button is there meanwhile."""
    before = len(airflow.endpoint.jobs.runs)  # another test's
    task = airflow.started()
    link = until(lambda: airflow.call("GET", f"{task}/links")["extra_links"].get("AWS console"))
    (run,) = airflow.endpoint.jobs.runs[before:]
    assert link.endswith(f"#/job/openaq_raw_to_dev/run/{run.id}")
    os.kill(airflow.call("GET", task)["pid"], signal.SIGKILL)
    until(lambda: airflow.call("GET", task)["try_number"] == 2)
    airflow.ends.set()
    until(lambda: airflow.call("GET", task)["state"] == "success")
    assert airflow.endpoint.jobs.runs[before:] == [run]
    assert airflow.call("GET", f"{task}/links")["extra_links"]["AWS console"] == link


def test_stopped_task_stops_its_run(airflow: Server) -> None:
    """A person who fails the task stops the run of the job with it."""
    task = airflow.started()
    run = airflow.endpoint.jobs.runs[-1]
    until(lambda: airflow.call("GET", f"{task}/links")["extra_links"].get("AWS console"))  # it is kept
    airflow.call("PATCH", task, {"new_state": "failed"})
    until(lambda: run.state == "STOPPED")
    assert airflow.call("GET", task)["state"] == "failed"
    assert airflow.endpoint.called("Glue.BatchStopJobRun")[-1]["JobRunIds"] == [run.id]
