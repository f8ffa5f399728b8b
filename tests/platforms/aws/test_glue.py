"""A Transform as a run of the Glue job: what it makes, how it is found again, and how it fails."""

import dataclasses
import json

import pytest
from support.aws_endpoint import JOB, Endpoint
from support.aws_lakes import Lakes, needs_spark
from support.glue_days import DAY, NEXT, RECIPE, TABLE, Script, finished, store, submitted, transform
from support.runner_fixtures import Lake

from openaq_assets.graph.environment import bind
from openaq_assets.graph.operations import Ref, Register, from_json, to_json
from openaq_assets.platforms.aws.platform import open_aws


@pytest.fixture
def glue(lake_of: Lakes) -> Lake:
    """Return a lake whose days Glue makes."""
    return lake_of(transform="glue")


# --- the real script -------------------------------------------------------------------------------


@needs_spark
@pytest.mark.spark
@pytest.mark.xdist_group("spark-glue")
def test_parity_of_glue_and_polars(lake_of: Lakes) -> None:
    """Parity: a run of the real script leaves the rows, types, facts and quarantine of the local recipe."""
    glue, local = lake_of(transform="glue"), lake_of(transform="local")
    for hour in range(5):
        store(glue, DAY, hour, value=hour / 7, name="Hà Nội", since="2020-02-29", count=hour, good=hour % 2 == 0)
    store(glue, DAY, 6, value="bad")
    store(glue, NEXT, 0, value=None)
    seen = []
    for lake in (local, glue):
        ticket = lake.good(transform(DAY, NEXT))
        lake.good(Register((TABLE,)))
        rows = lake.ask("SELECT * FROM answers ORDER BY at, sensor", Ref("answers", "processed"))
        facts = {day: dataclasses.replace(entry, bytes=0, version="") for day, entry in ticket.facts.items()}
        seen.append((rows, facts, lake.bodies("quarantine")))
        assert all(entry.version and entry.bytes for entry in ticket.facts.values())
    assert seen[0] == seen[1]
    assert len(seen[0][0]) == 6 and seen[0][1][DAY].quarantined == 1


@needs_spark
@pytest.mark.spark
@pytest.mark.xdist_group("spark-glue")
def test_rows_that_may_not_be_wrong(glue: Lake) -> None:
    """If the recipe allows no bad row, the run fails with the script's message, which no retry helps."""
    store(glue, DAY, 0, value="bad")
    ticket = glue.do(transform(DAY, recipe=dataclasses.replace(RECIPE, on_bad_row="fail")))
    assert (ticket.state, ticket.retryable) == ("failed", False)
    assert ticket.message.startswith(f"answers: rows are not valid ({DAY}: 1). See s3://")


# --- arguments and links ---------------------------------------------------------------------------


def test_the_operation_is_the_argument(glue: Lake, script: Script, endpoint: Endpoint) -> None:
    """A run is started with the operation, where its facts go, and queued rather than refused."""
    ticket = submitted(glue, transform(DAY))
    assert ticket.state == "running"
    (started,) = endpoint.called("Glue.StartJobRun")
    assert from_json(started["Arguments"]["--operation"]) == bind(transform(DAY), glue.home)
    assert started["Arguments"]["--facts-uri"].startswith(f"{glue.home.root}/glue-tmp/facts/")
    assert (started["JobName"], started["JobRunQueuingEnabled"]) == (JOB, True)
    assert ticket.link.startswith("https://us-east-1.console.aws.amazon.com/gluestudio/home?region=us-east-1#/job/")
    script.end()
    done = finished(glue, ticket)
    assert (done.state, done.link) == ("succeeded", ticket.link)
    facts = done.facts[DAY]
    assert (facts.rows, facts.objects, facts.quarantined, facts.bytes, facts.version) == (3, 2, 1, 400, "0123456789ab")


def test_a_long_operation_is_an_object(glue: Lake, script: Script, endpoint: Endpoint) -> None:
    """An operation that is too long for an argument, or not ASCII, is stored as an object and named."""
    script.end()
    days = tuple(f"2026-{month:02d}-{day:02d}" for month in range(1, 9) for day in range(1, 29))
    accented = dataclasses.replace(RECIPE, free_text="Hà Nội")
    for operation in (transform(*days), transform(DAY, recipe=accented)):
        glue.good(operation)
        arguments = endpoint.called("Glue.StartJobRun")[-1]["Arguments"]
        assert "--operation" not in arguments
        kept = glue.platform.objects.get(arguments["--operation-uri"])
        assert kept.decode() == to_json(bind(operation, glue.home))


# --- killed workers --------------------------------------------------------------------------------


def test_another_process_goes_on_polling(glue: Lake, script: Script) -> None:
    """The ticket alone is enough to take a run up again."""
    ticket = submitted(glue, transform(DAY))
    other = Lake(open_aws(glue.home), glue.home)
    assert other.platform.poll(ticket).state == "running"
    script.end()
    assert finished(other, ticket).facts[DAY].rows == 3


def test_a_run_without_its_ticket_is_reused(glue: Lake, script: Script, endpoint: Endpoint) -> None:
    """A worker killed before it kept the ticket: the same operation finds its run, and no second is started."""
    first = submitted(glue, transform(DAY))
    second = submitted(glue, transform(DAY))
    other = submitted(glue, transform(NEXT))
    assert json.loads(first.id)["run"] == json.loads(second.id)["run"] != json.loads(other.id)["run"]
    assert len(endpoint.jobs.runs) == 2
    script.end()
    assert finished(glue, second).state == "succeeded"
    assert submitted(glue, transform(DAY)).state == "running"  # what is over is not found: days are made again
    assert len(endpoint.jobs.runs) == 3


def test_cancel_stops_the_run(glue: Lake, script: Script, endpoint: Endpoint) -> None:
    """A cancelled run is stopped, and its ticket reports it; to cancel a finished run does nothing."""
    ticket = submitted(glue, transform(DAY))
    glue.platform.cancel(ticket)
    assert endpoint.jobs.runs[0].state == "STOPPED"
    done = finished(glue, ticket)
    assert (done.state, done.retryable) == ("failed", False)
    assert "was stopped" in done.message
    glue.platform.cancel(ticket)


# --- how runs end ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "error", "words", "retryable"),
    [
        ("FAILED", "Command failed with exit code 10", "failed: Command failed with exit code 10.", True),
        ("FAILED", "Error Category: UNCLASSIFIED_ERROR; RowsDoNotFit: answers: rows are not valid (2026-01-10: 2). See x.",
         "answers: rows are not valid (2026-01-10: 2). See x.", False),
        ("TIMEOUT", "", "was ended by its time-out after 15 minutes. Run fewer days at once", False),
        ("STOPPED", "", "was stopped. Run it again.", False),
        ("ERROR", "", "failed: ERROR. It is tried again", True),
        ("EXPIRED", "", "failed: EXPIRED. It is tried again", True),
    ],
    ids=["failed", "data", "time-out", "stopped", "error", "expired"],
)
def test_how_a_run_ends(
    glue: Lake, script: Script, endpoint: Endpoint, state: str, error: str, words: str, retryable: bool
) -> None:
    """Every end but success is one line with the reason, and a retry only where it may help."""
    ticket = submitted(glue, transform(DAY))
    endpoint.jobs.runs[0].state, endpoint.jobs.runs[0].error = state, error
    done = finished(glue, ticket)
    assert (done.state, done.retryable, done.link) == ("failed", retryable, ticket.link)
    assert words in done.message and "\n" not in done.message


def test_a_run_that_is_gone(glue: Lake, script: Script, endpoint: Endpoint) -> None:
    """A run that Glue no longer knows, or that left no facts, is to be run again."""
    ticket = submitted(glue, transform(DAY))
    endpoint.jobs.runs[0].state = "SUCCEEDED"
    done = finished(glue, ticket)
    assert (done.state, done.retryable) == ("failed", True) and "wrote no result" in done.message
    endpoint.jobs.runs.clear()
    done = finished(glue, ticket)
    assert (done.state, done.retryable) == ("failed", True) and "no longer exists. Run it again." in done.message


def test_without_the_job(lake_of: Lakes, endpoint: Endpoint) -> None:
    """Without the job in the account, the error names the command that makes it."""
    ticket = lake_of(transform="glue", job="other").do(transform(DAY))
    assert (ticket.state, ticket.retryable) == ("failed", False)
    assert "the Glue job other: it does not exist. Run 'openaq-assets deploy'" in ticket.message
