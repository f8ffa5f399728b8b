"""Errors of AWS: each is reported in one line with cause and remedy, and nothing is lost."""

import json
from typing import Any

import pytest
from support.aws_endpoint import Endpoint
from support.aws_lakes import Lakes
from support.glue_days import DAY, TABLE, Script, finished, script, store, submitted, transform
from support.runner_fixtures import Lake

from openaq_assets.graph.columns import Column, Name
from openaq_assets.graph.environment import bind
from openaq_assets.graph.operations import CreateView, Load, Operation, Query, Ref, Register
from openaq_assets.platforms import Ticket
from openaq_assets.platforms.aws.settings import aws_of

__all__ = ["script"]
ANSWERS = Ref("answers", "processed")
VIEW = CreateView(
    Ref("means", "view"), "SELECT a.sensor, avg(a.value) AS mean FROM answers AS a JOIN sensors AS s ON s.id = a.sensor GROUP BY a.sensor",
    (Column(Name("sensor"), "bigint"), Column(Name("mean"), "double")), (ANSWERS, Ref("sensors", "reference")),
)
CHECK = Query("c", "SELECT sensor FROM means WHERE mean < 0", (VIEW.into,), "no rows")
OPERATIONS: tuple[Operation, ...] = (
    Load("id\n1\n2\n", (Column(Name("id"), "bigint"),), Ref("sensors", "reference")),
    transform(DAY), Register((TABLE,)), VIEW, CHECK,
)

THROTTLED = "AWS is throttling this account. It is tried again automatically; if that does not help, run fewer jobs at once."
BROKEN = "AWS had an internal error. It is tried again automatically; if that does not help, see health.aws.amazon.com."
EXPIRED = "the credentials have expired. Sign in again ('aws sso login'), or use an instance role, which renews itself."
DENIED = "access is denied (because the test says so). Give the role this permission; 'openaq-assets doctor' lists what is missing."
NOBODY = "the credentials are not valid. Correct the Airflow connection or the AWS profile, or use an instance role."
GONE = "it does not exist. Run 'openaq-assets deploy', or correct the name in conf/environments.yaml."
FAULTS = [
    ("S3.PutObject", "SlowDown", 503, THROTTLED, True),
    ("S3.GetObject", "InternalError", 500, BROKEN, True),
    ("S3.GetObject", "ServiceUnavailable", 503, BROKEN, True),
    ("S3.ListObjectsV2", "ExpiredToken", 400, EXPIRED, False),
    ("S3.ListObjectsV2", "AccessDenied", 403, DENIED, False),
    ("S3.PutObject", "AccessDenied", 403, DENIED, False),
    ("S3.PutObject", "NoSuchBucket", 404, GONE, False),
    ("S3.GetObject", "InvalidAccessKeyId", 403, NOBODY, False),
    ("Glue.GetTable", "ThrottlingException", 400, THROTTLED, True),
    ("Glue.CreateTable", "AccessDeniedException", 400, DENIED, False),
    ("Glue.CreateTable", "EntityNotFoundException", 400, GONE, False),
    ("Glue.GetPartitions", "ExpiredTokenException", 400, EXPIRED, False),
    ("Glue.BatchCreatePartition", "InternalServiceException", 500, BROKEN, True),
    ("Glue.UpdateTable", "AccessDeniedException", 400, DENIED, False),
    ("Athena.StartQueryExecution", "TooManyRequestsException", 400, THROTTLED, True),
    ("Athena.StartQueryExecution", "UnrecognizedClientException", 400, NOBODY, False),
    ("Athena.GetQueryExecution", "ExpiredTokenException", 400, EXPIRED, False),
    ("Athena.GetQueryResults", "AccessDeniedException", 400, DENIED, False),
]


def carry_out(lake: Lake) -> list[Ticket]:
    """Return the tickets of the way from raw answers to a checked view, up to the first that fails."""
    tickets: list[Ticket] = []
    for operation in OPERATIONS:
        tickets.append(lake.do(operation))
        if tickets[-1].state == "failed":
            break
    return tickets


def left(lake: Lake) -> Any:
    """Return everything that a sequence of steps leaves."""
    rows = lake.ask("SELECT sensor, mean FROM means ORDER BY sensor", VIEW.into)
    answers = lake.ask("SELECT * FROM answers ORDER BY at, sensor", ANSWERS)
    return rows, answers, lake.bodies("processed"), lake.bodies("reference"), lake.bodies("quarantine")


def filled(lake: Lake) -> Lake:
    """Return the lake with raw answers, one of them bad."""
    store(lake, DAY, 0, value=1.0)
    store(lake, DAY, 1, value=3.0)
    store(lake, DAY, 2, value="bad")
    return lake


@pytest.mark.parametrize(
    ("action", "code", "status", "words", "retryable"), FAULTS, ids=[f"{fault[0]}-{fault[1]}" for fault in FAULTS]
)
def test_nothing_is_lost(
    lake: Lake, endpoint: Endpoint, action: str, code: str, status: int, words: str, retryable: bool
) -> None:
    """A refusal that stays fails in one line with the remedy; the next run ends as an undisturbed one."""
    filled(lake)
    endpoint.fail(action, code, status=status, times=999)
    failed = carry_out(lake)[-1]
    assert (failed.state, failed.retryable) == ("failed", retryable), failed
    assert failed.message.startswith("cannot ") and failed.message.endswith(words)
    assert "\n" not in failed.message
    endpoint.faults.clear()
    assert [ticket.state for ticket in carry_out(lake)] == ["succeeded"] * len(OPERATIONS)
    rows, answers, *_ = left(lake)
    assert rows == [(1, 1.0), (2, 3.0)] and len(answers) == 2


@pytest.mark.parametrize(
    ("action", "code", "status"),
    [("S3.PutObject", "SlowDown", 503), ("S3.GetObject", "InternalError", 500), ("Glue.GetTable", "ThrottlingException", 400),
     ("Glue.BatchCreatePartition", "InternalServiceException", 500), ("Athena.StartQueryExecution", "TooManyRequestsException", 400),
     ("Athena.GetQueryResults", "InternalServerException", 500)],
)
def test_what_passes_is_not_noticed(lake: Lake, endpoint: Endpoint, action: str, code: str, status: int) -> None:
    """A request that AWS refuses once is sent again, and no error is reported."""
    filled(lake)
    fault = endpoint.fail(action, code, status=status, times=1)
    assert [ticket.state for ticket in carry_out(lake)] == ["succeeded"] * len(OPERATIONS)
    assert fault.times == 0


@pytest.mark.parametrize(
    ("action", "code", "status"),
    [("Glue.GetJobRun", "ThrottlingException", 400), ("Glue.GetJobRun", "InternalServiceException", 500)],
)
def test_a_run_goes_on_while_nobody_answers(
    lake_of: Lakes, endpoint: Endpoint, script: Script, action: str, code: str, status: int
) -> None:
    """Polls that AWS does not answer change nothing: the run is still there when it answers again."""
    lake = lake_of(transform="glue")
    ticket = submitted(lake, transform(DAY))
    endpoint.fail(action, code, status=status, times=8)
    assert [lake.platform.poll(ticket) for _ in range(4)] == [ticket] * 4
    script.end()
    assert finished(lake, ticket).facts[DAY].rows == 3
    assert len(endpoint.jobs.runs) == 1


def test_patience_ends(lake_of: Lakes, endpoint: Endpoint, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """After many polls without an answer the ticket fails, worth a retry, which finds the run again."""
    monkeypatch.setattr("openaq_assets.platforms.aws.platform.PATIENCE", 2)
    lake = lake_of(transform="glue")
    ticket = submitted(lake, transform(DAY))
    endpoint.fail("Glue.GetJobRun", "ThrottlingException", times=99)
    done = finished(lake, ticket)
    assert (done.state, done.retryable) == ("failed", True) and done.message.endswith(THROTTLED)
    endpoint.faults.clear()
    again = submitted(lake, transform(DAY))
    assert json.loads(again.id)["run"] == json.loads(ticket.id)["run"]
    script.end()
    assert finished(lake, again).state == "succeeded"
    assert len(endpoint.jobs.runs) == 1


@pytest.mark.parametrize(
    ("action", "code", "words", "retryable"),
    [("Glue.StartJobRun", "ThrottlingException", THROTTLED, True), ("Glue.StartJobRun", "AccessDeniedException", DENIED, False),
     ("Glue.GetJobRuns", "ExpiredTokenException", EXPIRED, False), ("Glue.StartCrawler", "AccessDeniedException", DENIED, False),
     ("Glue.GetCrawler", "ExpiredTokenException", EXPIRED, False)],
)
def test_what_cannot_be_started(
    lake_of: Lakes, endpoint: Endpoint, script: Script, action: str, code: str, words: str, retryable: bool
) -> None:
    """A job or crawl that AWS refuses to start is reported like every other error."""
    lake = filled(lake_of(transform="local", catalog="crawler"))
    lake.good(transform(DAY))
    job = Lake(lake_of(transform="glue").platform, lake.home)
    endpoint.fail(action, code, times=999)
    ticket = job.do(transform(DAY)) if "Job" in action else lake.do(Register((TABLE,)))
    assert (ticket.state, ticket.retryable) == ("failed", retryable)
    assert ticket.message.endswith(words) and "\n" not in ticket.message


def test_nobody_listens(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing connection to AWS is reported and may be retried."""
    from openaq_assets.platforms.aws.clients import AwsHooks
    from openaq_assets.platforms.aws.platform import AwsPlatform

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    hooks = AwsHooks(aws_of(lake.home.profile))
    nowhere = Lake(AwsPlatform(lake.home, hooks, lambda *_: None), lake.home)
    ticket = nowhere.do(transform(DAY))
    assert (ticket.state, ticket.retryable) == ("failed", True)
    assert "Could not connect" in ticket.message


@pytest.mark.parametrize(
    ("missing", "words"),
    [("AWS_ACCESS_KEY_ID", "there are no AWS credentials"), ("AWS_DEFAULT_REGION", "no region is set")],
)
def test_without_settings(lake: Lake, monkeypatch: pytest.MonkeyPatch, missing: str, words: str) -> None:
    """Missing credentials or a missing region are reported with what to set."""
    from openaq_assets.errors import PlatformError
    from openaq_assets.platforms.aws.clients import AwsHooks
    from openaq_assets.platforms.aws.platform import AwsPlatform

    monkeypatch.delenv(missing)
    query = bind(Query("q", "SELECT 1 AS n", ()), lake.home)
    assert isinstance(query, Query)

    def ask() -> None:
        hooks = AwsHooks(aws_of(lake.home.profile))
        AwsPlatform(lake.home, hooks, lambda *_: None).read(query)

    with pytest.raises(PlatformError, match=words):
        ask()
