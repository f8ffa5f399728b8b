"""A real Airflow, started as ``make airflow`` starts it: runs, events, a killed worker, broken files."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.airflow_served import serving_airflow, until

pytestmark = [pytest.mark.scheduler, pytest.mark.xdist_group("scheduler")]

JOB = "openaq_ingestion"
# A platform like ``local``, but loading ``cities`` goes on elsewhere for as long as the marker says.
SLOW = '''
import os, pickle, time
from pathlib import Path
from openaq_assets import OperationHandler, hookimpl
from openaq_assets.graph.operations import Load
from openaq_assets.openaq.operations import Fetch, Publish
from openaq_assets.platforms import PlatformType, Ticket
from openaq_assets.platforms.local.platform import LocalPlatform, open_local

class Slow(LocalPlatform):
    name = "slow"

    def submit(self, operation):
        done = super().submit(operation)
        home = Path(os.environ["OPENAQ_ROOT"])
        if not isinstance(operation, Load) or not (home / "slow").exists():
            return done
        with (home / "submitted").open("a") as file:
            file.write(f"{os.getpid()}\\n")
        (home / "job").write_bytes(pickle.dumps((time.time() + float((home / "slow").read_text()), done)))
        return Ticket("job", "running")

    def poll(self, ticket):
        ends, done = pickle.loads((Path(os.environ["OPENAQ_ROOT"]) / "job").read_bytes())
        return done if time.time() > ends else ticket

def open_slow(environment, progress):
    plain = open_local(environment, progress)
    plain.__class__ = Slow
    return plain

@hookimpl
def platforms():
    return [PlatformType("slow", "local, some of it elsewhere", f"{__name__}:open_slow")]

@hookimpl
def operation_handlers():
    return [
        OperationHandler(Fetch, "slow", "openaq_assets.openaq.source:handle_fetch"),
        OperationHandler(Publish, "slow", "openaq_assets.openaq.dashboard.publishing:handle_publish"),
    ]
'''


class Server:
    """A running Airflow by its REST API."""

    def __init__(self, url: str, password: str, project: Any) -> None:
        self.url, self.project = url, project
        login = {"username": "admin", "password": password}
        self._token = ""
        self._token = self.call("POST", "/auth/token", login)["access_token"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON answer; raise HTTPError for a refusal."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        request.add_header("content-type", "application/json")
        if self._token:
            request.add_header("authorization", f"Bearer {self._token}")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def trigger(self, key: str | None = None, *, of: str = JOB, **conf: Any) -> str:
        """Start a run of the main job (or another DAG) as the form does; return its id."""
        body = {"logical_date": None, "conf": conf} | ({"partition_key": key} if of == JOB else {})
        return str(self.call("POST", f"/api/v2/dags/{of}/dagRuns", body)["dag_run_id"])

    def finished(self, run: str, of: str = JOB) -> str:
        """Wait for a run to end; return its state."""
        path = f"/api/v2/dags/{of}/dagRuns/{urllib.parse.quote(run)}"
        return str(until(lambda: (state := self.call("GET", path)["state"]) in ("success", "failed") and state))

    def tasks(self, run: str) -> dict[str, dict[str, Any]]:
        """Return the task instances of a run."""
        path = f"/api/v2/dags/{JOB}/dagRuns/{urllib.parse.quote(run)}/taskInstances?limit=100"
        return {task["task_id"]: task for task in self.call("GET", path)["task_instances"]}

    def events(self, run: str) -> dict[tuple[str, str | None], dict[str, Any]]:
        """Return the extras of a run's asset events by asset and partition key."""
        query = urllib.parse.urlencode({"source_run_id": run, "limit": 100})
        matching = self.call("GET", f"/api/v2/assets/events?{query}")["asset_events"]
        return {(event["name"], event["partition_key"]): event["extra"] for event in matching}

    def dags(self) -> dict[str, str]:
        """Return the display name of every DAG."""
        return {dag["dag_id"]: dag["dag_display_name"] for dag in self.call("GET", "/api/v2/dags")["dags"]}


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory, copy_project: Any) -> Iterator[Server]:
    """Airflow over a copy of the project, started and stopped by ``serve.py``."""
    folder = tmp_path_factory.mktemp("served")
    project = copy_project(folder / "project", folder / "lake")
    (project.root / "plugins/asset_kinds/slow.py").write_text(SLOW, encoding="utf-8")
    project.edit("conf/environments.yaml", "platform: local", "platform: slow")
    environ = {k: v for k, v in project.environ.items() if not k.startswith("AIRFLOW")}
    with serving_airflow(folder, environ) as served:
        yield Server(served.url, served.password, project)
    assert not processes_of(folder / ".airflow")
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", served.port)) != 0


def processes_of(home: Path) -> list[int]:
    """Return the processes of the Airflow in a home."""
    pids = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"AIRFLOW_HOME={home}".encode() in entry.read_bytes().split(b"\0"):
                pids.append(int(entry.parent.name))
        except OSError:
            continue
    return pids


def days_ago(days: int) -> str:
    """Return a day in UTC."""
    return str(dt.datetime.now(dt.UTC).date() - dt.timedelta(days=days))


def test_run_with_a_form_is_the_command_lines(airflow: Server, tmp_path: Path) -> None:
    """Equivalence: a run from the trigger form leaves the ledger and bytes of the same command."""
    project, (first, last) = airflow.project, (days_ago(1), days_ago(0))
    dates = ("--from", first, "--to", last, "--locations", "vietnam")
    project.command("run", "locations_raw", "measurements_raw", *dates)
    twin = project.twin(tmp_path / "twin")
    run = airflow.trigger(**{"from": first, "to": last, "locations": ["vietnam"]})
    assert airflow.finished(run) == "success"
    twin.command("run", "--job", JOB, *dates)
    assert project.tables() == twin.tables()
    assert project.ledger() == twin.ledger()
    events = airflow.events(run)
    for day in (first, last, None):
        assert events["dev.measurements_raw", day]["rows"] > 0
        assert events["dev.measurements_raw", day]["bytes"] > 0
    assert events["dev.measurements_raw", last]["partition"] == last


def test_run_for_a_partition_key(airflow: Server) -> None:
    """A run with a key makes exactly that day, and its events carry the key."""
    key = days_ago(9)
    only = ["locations_raw", "measurements_raw", "measurements"]
    run = airflow.trigger(key, only=only, force=True)
    assert airflow.finished(run) == "success"
    assert {name for name, task in airflow.tasks(run).items() if task["state"] == "success"} == set(only)
    events = airflow.events(run)
    assert {day for name, day in events if name == "dev.measurements"} == {key}
    assert events["dev.measurements", key]["rows"] > 0


def test_form_refuses_what_does_not_exist(airflow: Server) -> None:
    """An asset or location that is not declared, or a key that is no day, is refused at once."""
    for wrong in ({"only": ["nothing"]}, {"locations": ["nowhere"]}, {"from": "1.2.2026"}, {"key": "today"}):
        with pytest.raises(urllib.error.HTTPError, match="400"):
            airflow.trigger(**wrong)


def test_killed_worker_is_taken_up_again(airflow: Server) -> None:
    """SIGKILL of a worker starts nothing twice: the retry waits for the operation that still runs."""
    lake = airflow.project.lake
    (lake / "slow").write_text("40", encoding="utf-8")
    try:
        run = airflow.trigger(only=["cities"], force=True)
        until(lambda: (lake / "submitted").exists() and (lake / "submitted").read_text().strip())
        time.sleep(3)  # until the ticket is stored
        os.kill(int((lake / "submitted").read_text()), signal.SIGKILL)
        assert airflow.finished(run) == "success"
    finally:
        (lake / "slow").unlink()
    task = airflow.tasks(run)["cities"]
    assert (task["state"], task["try_number"]) == ("success", 2)
    assert len((lake / "submitted").read_text().split()) == 1
    cities = (airflow.project.root / "conf/reference/cities.csv").read_text(encoding="utf-8")
    assert airflow.events(run)["dev.cities", None]["rows"] == len(cities.splitlines()) - 1


def test_broken_file_is_seen_and_mended(airflow: Server) -> None:
    """A broken file becomes a placeholder and an import error while it is broken, and no longer."""
    name, wrong = "broken__conf_assets_exports_yaml", "table: view_latest_aqy"
    airflow.project.edit("conf/assets/exports.yaml", "table: view_latest_aqi", wrong)
    try:
        dag = until(lambda: airflow.dags().get(name))
        errors = until(lambda: airflow.call("GET", "/api/v2/importErrors")["import_errors"])
    finally:
        airflow.project.edit("conf/assets/exports.yaml", wrong, "table: view_latest_aqi")
    assert dag.startswith("⚠ conf/assets/exports.yaml: ")
    assert "conf/assets/exports.yaml:" in errors[0]["stack_trace"]
    assert "Traceback" not in errors[0]["stack_trace"]
    until(lambda: airflow.dags().get(JOB) == JOB and name not in airflow.dags())
    until(lambda: not airflow.call("GET", "/api/v2/importErrors")["import_errors"])


def fetched(airflow: Server, path: str, token: bool = True) -> tuple[int, str]:
    """Return the status and text of a page."""
    request = urllib.request.Request(airflow.url + path if path.startswith("/") else path)
    if token:
        request.add_header("authorization", f"Bearer {airflow._token}")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


PAGES = ("/openaq/overview/", "/openaq/assets/", "/openaq/records/cities")


def test_pages_are_behind_the_login(airflow: Server) -> None:
    """The overview, the asset graph and the records answer who is logged in, and nobody else."""
    assert [fetched(airflow, path, token=False)[0] for path in PAGES] == [401, 401, 401]
    pages = [fetched(airflow, path) for path in PAGES]
    assert [status for status, _ in pages] == [200, 200, 200]
    assert all(word in text for word, (_, text) in zip(("Air Quality Overview", "view_latest_aqi", "cities"), pages))
    for path, status in {"/openaq/assets/?env=nope": 404, "/openaq/records/nothing": 404, "/openaq/records/No": 404}.items():
        assert fetched(airflow, path)[0] == status


def test_a_task_links_to_what_it_made(airflow: Server) -> None:
    """The button on a task leads to the ledger's records of that very run."""
    run = airflow.trigger(only=["cities"], force=True)
    assert airflow.finished(run) == "success"
    path = f"/api/v2/dags/{JOB}/dagRuns/{urllib.parse.quote(run)}/taskInstances/cities/links"
    links = airflow.call("GET", path)["extra_links"]
    status, text = fetched(airflow, links["Materialization record"])
    assert status == 200 and "1 in dev" in text
    assert f"&quot;run&quot;: &quot;{run}&quot;" in text and "&quot;state&quot;: &quot;ok&quot;" in text


def test_pages_are_in_the_menu_of_the_ui(airflow: Server, tmp_path: Path) -> None:
    """In a real browser: to the login first, then each page in its frame with what it shows."""
    chromium = pytest.importorskip("chromium")
    if chromium.executable() is None:
        pytest.skip("no chromium on PATH")
    with chromium.browser(tmp_path / "profile", chromium.ONLY_THIS_MACHINE) as tab:
        tab.open(f"{airflow.url}/plugin/asset-graph")
        tab.wait("location.pathname.startsWith('/auth/login')")
        tab.call("Network.setCookie", name="_token", value=airflow._token, url=airflow.url)
        inside = "document.querySelector('iframe')?.contentDocument"
        tab.open(f"{airflow.url}/plugin/asset-graph")
        tab.wait(f"{inside}?.querySelectorAll('.node').length > 10")
        tab.open(f"{airflow.url}/plugin/air-quality-overview")
        tab.wait(f"{inside}?.title.includes('Air Quality Overview')")


def newest_promotion(lake: Path) -> dict[str, Any]:
    """Return the outcome of the newest promotion, without times and the lake's own path."""
    path = max(lake.glob("prod/promotions/*.outcome.json"))
    record = json.loads(path.read_text(encoding="utf-8").replace(str(lake), "LAKE"))
    return {name: item for name, item in record.items() if name not in ("at", "until", "ended")}


def test_promote_and_rollback_are_the_command_lines(airflow: Server, tmp_path: Path) -> None:
    """The DAG leaves the record of the same commands, with who asked; a refusal fails it and says why."""
    project, dag, view = airflow.project, "openaq_promote", "views/view_hour_of_day.sql"
    project.command("run", "+validate_prod_views", "view_hour_of_day", "--days", "2")
    project.command("promote")
    text = (project.root / view).read_text(encoding="utf-8")
    try:
        (project.root / view).write_text(text + "-- edited\n", encoding="utf-8")
        twin = project.twin(tmp_path / "twin")
        assert airflow.finished(airflow.trigger(of=dag, action="promote", allow=[]), dag) == "success"
        assert "replaced   view_hour_of_day" in twin.command("promote")
        for action in ("promote", "rollback"):
            ours, theirs = newest_promotion(project.lake), newest_promotion(twin.lake)
            assert ours.pop("who") == "admin in Airflow" and "@" in theirs.pop("who")
            assert ours.pop("process") != theirs.pop("process")
            assert ours == theirs and ours["action"] == action and ours["replaced"] == ["view_hour_of_day"]
            if action == "promote":
                assert airflow.finished(airflow.trigger(of=dag, action="rollback"), dag) == "success"
                twin.command("rollback")
        assert airflow.finished(airflow.trigger(of=dag, action="promote", allow=["nothing"]), dag) == "failed"
        with pytest.raises(urllib.error.HTTPError, match="400"):
            airflow.trigger(of=dag, action="destroy")
    finally:
        (project.root / view).write_text(text, encoding="utf-8")
