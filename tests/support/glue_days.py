"""Days that the Glue job makes, and a script that replaces a run of the job."""

import dataclasses
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from openaq_assets.graph.columns import Column, Name
from openaq_assets.graph.environment import bind
from openaq_assets.graph.operations import Recipe, RecipeColumn, Ref, Table, Transform
from openaq_assets.platforms import Ticket
from support.aws_endpoint import Endpoint
from support.moto_glue import Run
from support.runner_fixtures import Lake, page, put_raw

DAY, NEXT = "2026-01-10", "2026-01-11"

COLUMNS = (
    RecipeColumn("sensor", "bigint", key="sensor", nullable=False),
    RecipeColumn("at", "timestamp", ("at",), nullable=False),
    RecipeColumn("value", "double", ("value",)),
    RecipeColumn("name", "varchar", ("name",)),
    RecipeColumn("since", "date", ("since",)),
    RecipeColumn("count", "integer", ("count",)),
    RecipeColumn("good", "boolean", ("good",)),
)

RECIPE = Recipe("results", COLUMNS, ("sensor", "at"), ("at",), "at")

TABLE = Table(
    Ref("answers", "processed"),
    tuple(Column(Name(column.name), column.type) for column in COLUMNS)
    + tuple(Column(Name(name), "varchar") for name in ("year", "month", "day")),
    True,
)

def transform(*days: str, recipe: Recipe = RECIPE) -> Transform:
    """Return the operation for these days."""
    into, quarantined = Ref("answers", "processed", days), Ref("answers", "quarantine", days)
    return Transform(Ref("answers_raw", "raw", days), recipe, into, quarantined)

def store(lake: Lake, day: str, hour: int, **row: Any) -> None:
    """Store a raw object of one row."""
    body = page([{"at": f"{day}T{hour:02d}:00:00Z", **row}])
    put_raw(lake.platform, lake.home, day, body, sensor=str(hour + 1))

def submitted(lake: Lake, operation: Transform) -> Ticket:
    """Return the ticket of an operation as it is given at first."""
    return lake.platform.submit(bind(operation, lake.home))

@dataclasses.dataclass
class Script:
    """A replacement of the job for tests that are not about rows: it waits until the test ends it."""

    endpoint: Endpoint
    facts: dict[str, Any]
    ends: threading.Event = dataclasses.field(default_factory=threading.Event)
    error: str = ""

    def __call__(self, run: Run) -> str:
        self.ends.wait(60)
        if not self.error:
            body = json.dumps(self.facts).encode()
            bucket, _, key = run.arguments["--facts-uri"].removeprefix("s3://").partition("/")
            self.endpoint.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        return self.error

    def end(self, error: str = "") -> None:
        """Let every run end."""
        self.error = error
        self.ends.set()

@pytest.fixture
def script(endpoint: Endpoint) -> Iterator[Script]:
    """Yield the job's script, which the test controls."""
    facts = {"rows": 3, "objects": 2, "quarantined": 1, "bytes": 400, "version": "0123456789ab"}
    script = Script(endpoint, {DAY: facts})
    endpoint.jobs.script = script
    yield script
    script.end("the test is over")

def finished(lake: Lake, ticket: Ticket) -> Ticket:
    """Return the ticket once it is over."""
    while ticket.state == "running":
        threading.Event().wait(0.02)
        ticket = lake.platform.poll(ticket)
    return ticket
