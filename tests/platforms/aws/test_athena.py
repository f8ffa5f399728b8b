"""Questions to Athena: the values they are answered with, and what goes over the wire."""

import dataclasses
import datetime as dt
import json
import math
from typing import Any

import pytest
from support.aws_endpoint import WORKGROUP, Endpoint
from support.aws_lakes import Lakes
from support.runner_fixtures import Lake, environment_on, memory_root

from openaq_assets.graph.columns import Column, Name
from openaq_assets.graph.environment import bind
from openaq_assets.graph.operations import CreateView, Load, Query, Ref
from openaq_assets.platforms import Ticket
from openaq_assets.platforms.aws.platform import open_aws
from openaq_assets.platforms.aws.settings import aws_of
from openaq_assets.platforms.local.memory import open_memory

NUMBERS = Ref("numbers", "reference")
# Every type that a contract knows, some that a query may give, and their edges.
VALUES = """SELECT * FROM (
  SELECT 1 AS ord, CAST(9223372036854775807 AS bigint) AS b, CAST(-2147483648 AS integer) AS i, 'Hà "Nội", 🌫' AS s,
         true AS t, 0.1e0 AS d, CAST('2024-02-29' AS date) AS day, CAST('2026-01-10 01:02:03.456' AS timestamp) AS at,
         CAST('12.340' AS decimal(10, 3)) AS m
  UNION ALL SELECT 2, 0, 0, '', false, -0.0e0, CAST('0001-01-01' AS date), CAST('1969-12-31 23:59:59' AS timestamp), CAST('-0.001' AS decimal(10, 3))
  UNION ALL SELECT 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  UNION ALL SELECT 4, 1, 1, 'null', true, 5e-324, CAST('9999-12-31' AS date), CAST('9999-12-31 23:59:59.999' AS timestamp), CAST('9999999.999' AS decimal(10, 3))
  UNION ALL SELECT 5, 1, 1, ' a ', true, 1.7976931348623157e308, CAST('2026-01-10' AS date), CAST('2026-01-10 00:00:00' AS timestamp), CAST('0' AS decimal(10, 3))
) AS v ORDER BY ord"""


def columns(**kinds: Any) -> tuple[Column, ...]:
    """Return columns by name and type."""
    return tuple(Column(Name(name), kind) for name, kind in kinds.items())


@pytest.fixture
def numbers(lake: Lake) -> Lake:
    """Return a lake with a table of numbers."""
    lake.good(Load("n\n1\n2\n3\n", columns(n="bigint"), NUMBERS))
    return lake


def read(lake: Lake, sql: str, *inputs: Ref) -> Any:
    """Return the answer with its columns."""
    query = bind(Query("q", sql, inputs), lake.home)
    assert isinstance(query, Query)
    return lake.platform.read(query)


def test_parity_of_values(lake: Lake) -> None:
    """Parity: every type and edge is the Python value, and has the type name, of the local platform."""
    home = environment_on("memory", memory_root())
    local = read(Lake(open_memory(home), home), VALUES)
    there = read(lake, VALUES)
    assert [repr(row) for row in there.rows] == [repr(row) for row in local.rows]
    assert [(column.name, column.type) for column in there.columns] == [(column.name, column.type) for column in local.columns]
    assert local.rows[0][6:8] == (dt.date(2024, 2, 29), dt.datetime(2026, 1, 10, 1, 2, 3, 456000))


def test_doubles_that_are_no_numbers(lake: Lake) -> None:
    """NaN and the infinities arrive as themselves; a moment has its zone."""
    sql = "SELECT CAST('nan' AS double) AS a, CAST('infinity' AS double) AS b, CAST('-infinity' AS double) AS c"
    ((a, b, c),) = read(lake, sql).rows
    assert (math.isnan(a), b, c) == (True, float("inf"), float("-inf"))
    ((moment,),) = read(lake, "SELECT CAST('2026-01-10 01:02:03 UTC' AS timestamp with time zone) AS at").rows
    assert moment == dt.datetime(2026, 1, 10, 1, 2, 3, tzinfo=dt.UTC)


def test_every_row_of_many_pages(lake: Lake, endpoint: Endpoint) -> None:
    """2,500 rows come in three pages, complete and in order; a check requests no more rows than it keeps."""
    rows = "\n".join(str(n) for n in range(2500))
    lake.good(Load(f"n\n{rows}\n", columns(n="bigint"), NUMBERS))
    rows = lake.ask("SELECT n FROM numbers ORDER BY n", NUMBERS)
    assert rows == [(n,) for n in range(2500)]
    assert len(endpoint.called("Athena.GetQueryResults")) == 3
    ticket = lake.do(Query("c", "SELECT n FROM numbers ORDER BY n", (NUMBERS,), "no rows"))
    assert len(ticket.facts[""].failures) == 100
    assert len(endpoint.called("Athena.GetQueryResults")) == 4


def test_what_a_query_requests(numbers: Lake, endpoint: Endpoint) -> None:
    """The work group that limits it, where results go, no reuse of results, and the very text of its author."""
    sql = "-- của ai? numbers\nSELECT n /* numbers */ FROM numbers WHERE n > 1 AND 'numbers' <> '' ORDER BY numbers.n -- end\n;\n"
    assert numbers.ask(sql, NUMBERS) == [(2,), (3,)]
    request = endpoint.called("Athena.StartQueryExecution")[-1]
    full = '"openaq_dev"."numbers" AS "numbers"'
    assert request["QueryString"] == sql.replace("FROM numbers", f"FROM {full}").replace("\n;\n", "")
    assert request["WorkGroup"] == WORKGROUP
    assert request["ResultConfiguration"] == {"OutputLocation": f"{numbers.home.root}/athena-results/"}
    assert "ResultReuseConfiguration" not in request


def test_an_answer_that_is_lost_starts_nothing_twice(numbers: Lake, endpoint: Endpoint) -> None:
    """The same request again, after its answer was lost, is the same query; the next one is another."""
    before = len(endpoint.athena.executions)
    endpoint.fail("Athena.StartQueryExecution", "InternalServerException", status=500, after=True)
    assert numbers.ask("SELECT max(n) AS n FROM numbers", NUMBERS) == [(3,)]
    assert len(endpoint.athena.executions) == before + 1
    assert numbers.ask("SELECT max(n) AS n FROM numbers", NUMBERS) == [(3,)]
    assert len(endpoint.athena.executions) == before + 2


def test_a_query_that_scans_too_much(numbers: Lake, endpoint: Endpoint) -> None:
    """The limit of the work group ends it, with the remedy."""
    endpoint.athena.cutoff = 1
    ticket = numbers.do(Query("q", "SELECT n FROM numbers", (NUMBERS,)))
    assert (ticket.state, ticket.retryable) == ("failed", False)
    assert ticket.message.endswith("Filter by day, or raise the limit of the work group.")


@pytest.mark.parametrize(("category", "retryable"), [(1, True), (2, False)])
def test_whose_failure_it_is(numbers: Lake, endpoint: Endpoint, category: int, retryable: bool) -> None:
    """A failure of Athena itself may be retried, one of the query may not."""
    endpoint.athena.fails = [("FAILED", "GENERIC_INTERNAL_ERROR: no node\navailable", category)]
    ticket = numbers.do(Query("q", "SELECT n FROM numbers", (NUMBERS,)))
    assert (ticket.state, ticket.retryable) == ("failed", retryable)
    assert ticket.message == "Athena: GENERIC_INTERNAL_ERROR: no node available"


def test_without_the_work_group(numbers: Lake, lake_of: Lakes) -> None:
    """A work group that is not there is named."""
    other = dataclasses.replace(numbers.home.profile, settings={"aws": dataclasses.replace(aws_of(numbers.home.profile), workgroup="no")})
    home = dataclasses.replace(numbers.home, profile=other)
    ticket = Lake(open_aws(home), home).do(Query("q", "SELECT n FROM numbers", (NUMBERS,)))
    assert ticket.state == "failed" and "WorkGroup no is not found." in ticket.message


# --- long ones -------------------------------------------------------------------------------------


def slow(lake: Lake, endpoint: Endpoint) -> Lake:
    """Return the lake, whose queries take longer than a submit waits."""
    lake.platform.quick_seconds = 0
    endpoint.athena.wait = 3
    return lake


def test_another_process_goes_on_polling(numbers: Lake, endpoint: Endpoint) -> None:
    """A long query is a ticket that any process can poll; no statement is started twice."""
    lake = slow(numbers, endpoint)
    view = CreateView(Ref("evens", "view"), "SELECT n FROM numbers WHERE n % 2 = 0", columns(n="bigint"), (NUMBERS,))
    ticket = lake.platform.submit(bind(view, lake.home))
    assert ticket.state == "running" and "/athena/home" in ticket.link
    other = open_aws(lake.home)
    tickets: list[Ticket] = [ticket]
    while tickets[-1].state == "running":
        tickets.append(other.poll(tickets[-1]))
    assert (tickets[-1].state, tickets[-1].facts[""].objects) == ("succeeded", 1)
    made = [request["QueryString"][:6] for request in endpoint.called("Athena.StartQueryExecution")]
    assert made == ["SELECT", "CREATE"]
    assert lake.ask("SELECT n FROM evens", view.into) == [(2,)]


def test_cancel_stops_the_query(numbers: Lake, endpoint: Endpoint) -> None:
    """A cancelled query is stopped, and its ticket reports it."""
    lake = slow(numbers, endpoint)
    ticket = lake.platform.submit(bind(Query("q", "SELECT n FROM numbers", (NUMBERS,)), lake.home))
    lake.platform.cancel(ticket)
    (stopped,) = endpoint.called("Athena.StopQueryExecution")
    assert stopped["QueryExecutionId"] == json.loads(ticket.id)["run"]
    done = lake.platform.poll(ticket)
    assert (done.state, done.message) == ("failed", "Athena: the query was cancelled. Run it again.")


@pytest.mark.parametrize("method", ["submit", "read"])
def test_an_interrupted_wait_stops_the_query(
    numbers: Lake, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Whoever is interrupted while a query goes leaves none behind."""
    endpoint.athena.wait = 99

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    query = bind(Query("q", "SELECT n FROM numbers", (NUMBERS,)), numbers.home)
    monkeypatch.setattr("time.sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        getattr(numbers.platform, method)(query)
    assert len(endpoint.called("Athena.StopQueryExecution")) == 1
