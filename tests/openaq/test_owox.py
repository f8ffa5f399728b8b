"""The Data Studio kit: its plan, OWOX's own statements against both environments, and its REST API."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from support.runner_fixtures import write_project

from openaq_assets.cli.main import cli
from openaq_assets.errors import ConfigError, PlatformError
from openaq_assets.openaq.owox.check import check_owox, engine_of, statements
from openaq_assets.openaq.owox.checklist import checklist
from openaq_assets.openaq.owox.plan import read_plan
from openaq_assets.openaq.owox.publish import Account, Kept, Owox, publish
from openaq_assets.platforms.aws.athena import Athena
from openaq_assets.platforms.aws.settings import Aws
from openaq_assets.project.project import Project
from openaq_assets.promotion.promote import promote
from openaq_assets.runs.context import open_run
from openaq_assets.runs.plan import make_request
from openaq_assets.runs.run import run_all

COLUMNS = (
    "[{name: location, type: varchar}, {name: lat_lon, type: varchar}, {name: day, type: varchar}, "
    "{name: us_aqi, type: bigint}, {name: is_latest, type: boolean}]"
)
ASSETS = f"""
assets:
  days: {{kind: reference, file: days.csv, columns: {COLUMNS}}}
  overview: {{kind: view, sql: overview.sql, columns: {COLUMNS}}}
"""
PLAN = """
version: 1
view: overview
report: Air
data_marts: {dev: {title: Dev, source: DS_Dev}, prod: {title: Prod, source: DS_Prod}}
fields:
  lat_lon: {type: "Latitude, Longitude"}
  location: {type: Text}
  day: {type: Date}
  us_aqi: {type: Number, aggregation: max}
  is_latest: {type: Boolean}
charts:
  - {title: Map, type: bubble map, fields: [lat_lon, location, us_aqi], filter: is_latest}
  - {title: Trend, type: time series, fields: [day, us_aqi]}
"""
ROWS = 'location,lat_lon,day,us_aqi,is_latest\nHuế,"16.46,107.59",20260110,57,true\n'
SQL = "SELECT location, lat_lon, day, us_aqi, is_latest FROM days"


def project_of(root: Path, **files: str) -> Project:
    """Return a project of one table and one view, made in dev and promoted to prod."""
    given = {
        "conf/assets/all.yaml": ASSETS,
        "days.csv": ROWS,
        "overview.sql": SQL,
        "conf/owox.yaml": PLAN,
    }
    project = write_project(
        root, given | {name.replace("__", "/"): text for name, text in files.items()}
    )
    run = open_run(project, make_request(project.graph), "dev", "local")
    assert {result.state for result in run_all(run, ["days", "overview"])} == {"ok"}
    promote(run, "prod")
    return project


def wrong(project: Project) -> list[str]:
    """Return the findings that are wrong, as 'environment: finding'."""
    return [
        f"{finding.environment}: {finding.what} {finding.detail}"
        for finding in check_owox(project, read_plan(project), "local") if not finding.ok
    ]


# --- the statements -------------------------------------------------------------------------------


def test_the_statements_are_those_owox_was_seen_to_send() -> None:
    """Word for word: qualified names, and no workgroup or database to lean on."""
    assert [statement.sql for statement in statements("openaq_dev", "view_latest_aqi")] == [
        "SELECT 1",
        'EXPLAIN SELECT * FROM "openaq_dev"."view_latest_aqi"',
        'SELECT * FROM "openaq_dev"."view_latest_aqi" LIMIT 0',
        (
            "SELECT column_name, comment FROM information_schema.columns WHERE table_schema='openaq_dev' "
            "AND table_name='view_latest_aqi' AND comment IS NOT NULL"
        ),
        'SELECT * FROM "openaq_dev"."view_latest_aqi"',
    ]


def test_both_environments_answer_alike(tmp_path: Path) -> None:
    """Every statement is answered in dev and prod, the schemas are equal, and every field is there."""
    project = project_of(tmp_path)
    findings = list(check_owox(project, read_plan(project), "local"))
    assert all(finding.ok for finding in findings)
    assert sum("answers OWOX's" in finding.what for finding in findings) == 10
    assert "its schema equals dev's: names, types, order" in [finding.what for finding in findings]
    done = CliRunner().invoke(cli, ["--project", str(tmp_path), "owox", "check"])
    assert done.exit_code == 0 and "Everything is correct." in done.output


def test_a_candidate_that_differs_from_prod_is_told(tmp_path: Path) -> None:
    """A view changed in dev and not promoted: its contract holds in dev, and prod's schema differs."""
    project = project_of(tmp_path)
    changed = COLUMNS.replace("us_aqi, type: bigint", "us_aqi, type: double")
    (tmp_path / "conf/assets/all.yaml").write_text(
        ASSETS.replace(f"overview.sql, columns: {COLUMNS}", f"overview.sql, columns: {changed}")
    )
    (tmp_path / "overview.sql").write_text(
        SQL.replace("us_aqi", "CAST(us_aqi AS double) AS us_aqi")
    )
    project = write_project(tmp_path, {})
    run = open_run(project, make_request(project.graph), "dev", "local")
    assert {finding.state for finding in run_all(run, ["overview"])} == {"ok"}
    findings = wrong(project)
    assert len(findings) == 2 and all(finding.startswith("prod: ") and "us_aqi" in finding for finding in findings)


def test_values_data_studio_cannot_read_are_told(tmp_path: Path) -> None:
    """Dates and coordinates in another form are reported in both environments, with an example."""
    rows = ROWS.replace("20260110", "2026-01-10").replace("16.46,107.59", "Huế")
    findings = wrong(project_of(tmp_path, **{"days.csv": rows}))
    assert [finding.partition(" for")[0] for finding in findings] == [
        f"{env}: {name}" for env in ("dev", "prod")
        for name in ("lat_lon reads as Latitude, Longitude", "day reads as Date")
    ]


def test_an_environment_without_the_view_is_told(tmp_path: Path) -> None:
    """Prod before the first promotion: each statement about the view fails with the remedy."""
    project = project_of(tmp_path)
    run = open_run(project, make_request(project.graph), "dev", "local")
    _, platform = project.environment("prod"), run.platform
    platform.drop_view(next(finding for finding in [_view(project)]))
    assert any("there is no table or view 'openaq_prod.overview'" in finding for finding in wrong(project))


def _view(project: Project) -> Any:
    from openaq_assets.graph.operations import Ref

    return project.environment("prod", "local").locate(Ref("overview", "view"))


class AthenaAsSeen:
    """The hook and the client of Athena: keeps what is started, and answers every query with one row."""

    def __init__(self, settings: Any, state: str = "SUCCEEDED") -> None:
        self.settings, self.state, self.started = settings, state, []
        self.athena = self.conn = self

    def start_query_execution(self, **request: Any) -> dict[str, str]:
        self.started.append(request)
        return {"QueryExecutionId": "1"}

    def get_query_info(self, query_execution_id: str) -> dict[str, Any]:
        status = {"State": self.state, "StateChangeReason": "SYNTAX_ERROR: no such thing"}
        return {"QueryExecution": {"Status": status}}

    def get_query_results_paginator(self, query_execution_id: str, page_size: int) -> list[dict[str, Any]]:
        info = [{"Name": "us_aqi", "Type": "bigint"}]
        rows = [{"Data": [{"VarCharValue": text}]} for text in ("us_aqi", "57")]
        return [{"ResultSet": {"ResultSetMetadata": {"ColumnInfo": info}, "Rows": rows}}]


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED"])
def test_athena_is_asked_as_owox_asks_it(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    """A text and an output location, no workgroup and no database, with no connection of Airflow's."""
    hooks: list[AthenaAsSeen] = []

    def made(settings: Aws) -> AthenaAsSeen:
        hooks.append(AthenaAsSeen(settings, state))
        return hooks[-1]

    monkeypatch.setattr("openaq_assets.platforms.aws.clients.AwsHooks", made)
    settings = Aws(connection="aws_default")
    platform: Any = SimpleNamespace(athena=Athena(None, "dev", "s3://lake/"), settings=settings)
    home: Any = SimpleNamespace(root="s3://lake/root", database="openaq_dev")
    engine, (*_, rows) = engine_of(home, platform, "overview", ""), statements("openaq_dev", "overview")
    if state == "SUCCEEDED":
        answer = engine.answer(rows)
        assert [(str(column.name), column.type) for column in answer.columns] == [("us_aqi", "bigint")]
        assert answer.rows == ((57,),)
    else:
        with pytest.raises(PlatformError, match="SYNTAX_ERROR: no such thing"):
            engine.answer(rows)
    output = {"OutputLocation": "s3://lake/owox-data-marts/"}
    assert hooks[0].started == [{"QueryString": rows.sql, "ResultConfiguration": output}]
    assert hooks[0].settings.connection == ""


# --- the plan -------------------------------------------------------------------------------------

MISTAKES = [
    ("view: overview", "view: overvew", "there is no view 'overvew'. Did you mean 'overview'?"),
    ("prod: {title", "prd: {title", "there is no environment 'prd'."),
    ("  day: {type: Date}", "  dya: {type: Date}", "view 'overview' has no column 'dya'."),
    ("day: {type: Date}", "day: {type: Number, aggregation: max}", "'day' is varchar in the view."),
    ("aggregation: max}", "aggregation: sum}", "a sum of air quality values has no meaning."),
    (", aggregation: max}", "}", "'us_aqi' is Number, which cannot have aggregation none. Write average, max or min."),
    ("fields: [day, us_aqi]", "fields: [day, us_aqy]", "'us_aqy' is not in 'fields'."),
    ("filter: is_latest", "filter: location", "'location' is not a boolean field."),
    ("type: time series", "type: pie", "'pie' is not a valid value."),
]


@pytest.mark.parametrize(
    ("right", "mistake", "message"), MISTAKES, ids=[case[1][:30] for case in MISTAKES]
)
def test_mistakes_are_told_with_their_place(
    tmp_path: Path, right: str, mistake: str, message: str
) -> None:
    """The check of the project reports a mistake in one line with file and position, before any query."""
    assert right in PLAN
    files = {"conf/assets/all.yaml": ASSETS, "days.csv": ROWS, "overview.sql": SQL}
    project = write_project(tmp_path, files | {"conf/owox.yaml": PLAN.replace(right, mistake, 1)})
    lines = [str(problem) for problem in project.conf_problems()]
    assert any(message in line and line.startswith("conf/owox.yaml:") for line in lines), lines
    with pytest.raises(ConfigError):
        read_plan(project)


def test_a_project_without_a_plan_is_sound(tmp_path: Path) -> None:
    """The file is optional; the commands that need it say that it is missing."""
    project = write_project(
        tmp_path, {"conf/assets/all.yaml": ASSETS, "days.csv": ROWS, "overview.sql": SQL}
    )
    assert project.conf_problems() == ()
    with pytest.raises(ConfigError, match=r"conf/owox.yaml: the file does not exist"):
        read_plan(project)


def test_the_checklist_has_the_exact_values(tmp_path: Path) -> None:
    """Every data source, field with type and aggregation, and chart is named as it is in the plan."""
    project = project_of(tmp_path)
    text = "\n".join(checklist(project, read_plan(project)))
    for part in (
        "`DS_Dev`: connector OWOX Data Marts, Data Mart `Dev` (`openaq_dev.overview`)",
        "| `us_aqi` | NUMBER metric sum | Number | max |",
        "| `lat_lon` | STRING dimension | Latitude, Longitude | none |",
        "- [ ] Map (bubble map): `lat_lon`, `location`, `us_aqi`, filter `is_latest` = true.",
        "choose the Data Mart of `DS_Prod`",
    ):
        assert part in text


# --- publishing -----------------------------------------------------------------------------------


class FakeOwox(ThreadingHTTPServer):
    """The part of OWOX's REST API that is known to work, equally strict; it keeps the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.log: list[tuple[str, str, Any]] = []
        self.things: dict[str, str] = {}
        self.valid = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeOwox

    def log_message(self, *words: object) -> None:
        """Nothing on the terminal."""

    def _answer(self, status: int, body: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _do(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        path = self.path.removeprefix("/api")
        self.server.log.append((self.command, path, body))
        if self.headers.get("x-owox-authorization") != "Bearer owox_key_1":
            return self._answer(401, {"message": "Unauthorized"})
        kind, *rest = path.strip("/").split("/")
        if self.command == "POST" and not rest:
            name = f"{kind}-{len(self.server.things) + 1}"
            self.server.things[name] = kind
            secret = {
                "credentials": {
                    "deploymentUrl": "https://x",
                    "destinationId": name,
                    "destinationSecretKey": "s",
                }
            }
            return self._answer(
                201, {"id": name, **(secret if kind == "data-destinations" else {})}
            )
        if self.server.things.get(rest[0] if rest else "") != kind:
            return self._answer(404, {"message": "not found"})
        if "validate" in path:
            return self._answer(200, {"valid": self.server.valid, "errorMessage": "Access Denied"})
        if path.endswith("triggers"):
            return self._answer(201, {"triggerId": "t1"})
        return self._answer(200, {"status": "SUCCESS"} if path.endswith("status") else {})

    do_GET = do_POST = do_PUT = _do  # noqa: N815 - the names that http.server calls


@pytest.fixture
def server() -> Iterator[FakeOwox]:
    """Yield a running fake."""
    fake = FakeOwox()
    thread = threading.Thread(target=fake.serve_forever, daemon=True)
    thread.start()
    yield fake
    fake.shutdown()
    fake.server_close()
    thread.join()


ACCOUNT = Account("ap-southeast-1", "results", "AKIA", "very-secret")


def published(
    project: Project, server: FakeOwox, ids: Path, token: str = "owox_key_1"
) -> list[str]:
    """Return the lines of a publication."""
    with Owox(server.url, token, sleep=lambda seconds: None) as owox:
        return list(publish(project, read_plan(project), owox, ACCOUNT, Kept(ids)))


def test_publishing_follows_the_sequence_that_worked(tmp_path: Path, server: FakeOwox) -> None:
    """Storage, mart, definition, schema and publication per environment, then destination and reports."""
    project = project_of(tmp_path / "project")
    lines = published(project, server, tmp_path / "ids.json")
    steps = [
        (method, "/".join(path.split("/")[1:2] + path.split("/")[3:4]))
        for method, path, _ in server.log
    ]
    sequence = [
        ("POST", "data-storages"), ("PUT", "data-storages"), ("POST", "data-storages/validate-access"),
        ("POST", "data-marts"), ("PUT", "data-marts/definition"), ("POST", "data-marts/validate-definition"),
        ("POST", "data-marts/schema-actualize-triggers"), ("GET", "data-marts/schema-actualize-triggers"),
        ("PUT", "data-marts/publish"),
    ]
    assert steps == [
        *sequence,
        *sequence,
        ("POST", "data-destinations"),
        ("POST", "reports"),
        ("POST", "reports"),
    ]
    views = [
        body["definition"]["fullyQualifiedName"]
        for _, path, body in server.log
        if path.endswith("/definition")
    ]
    assert views == ["openaq_dev.overview", "openaq_prod.overview"]
    assert "destinationSecretKey" in lines[-1]
    assert "very-secret" not in "".join(lines) + (tmp_path / "ids.json").read_text()


def test_publishing_twice_makes_nothing_twice(tmp_path: Path, server: FakeOwox) -> None:
    """*idempotence*: the second time the same things are renewed, and no secret is shown."""
    project = project_of(tmp_path / "project")
    published(project, server, tmp_path / "ids.json")
    before = dict(server.things)
    lines = published(project, server, tmp_path / "ids.json")
    assert server.things == before
    assert "JSON Config" not in "".join(lines)


def test_refusals_are_told_in_a_line(tmp_path: Path, server: FakeOwox) -> None:
    """A wrong token, a storage that is not valid, and no server at all."""
    project = project_of(tmp_path / "project")
    with pytest.raises(PlatformError, match="Set OWOX_TOKEN"):
        published(project, server, tmp_path / "a.json", "wrong")
    server.valid = False
    with pytest.raises(PlatformError, match="OWOX does not accept the storage: Access Denied"):
        published(project, server, tmp_path / "b.json")
    with Owox("http://127.0.0.1:9") as owox, pytest.raises(PlatformError, match="Check --url"):
        owox.send("GET", "/x")


def test_publish_needs_its_secrets_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without secrets it names the variables to set, and sends nothing."""
    monkeypatch.delenv("OWOX_AWS_ACCESS_KEY_ID", raising=False)
    command = ["owox", "publish", "--url", "http://127.0.0.1:9", "--region", "x", "--bucket", "b"]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 2 and "OWOX_AWS_ACCESS_KEY_ID" in done.output
