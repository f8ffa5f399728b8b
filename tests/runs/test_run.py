"""Tests of runs of a small project with a scripted API: requests, stored objects, retries and records."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from support.runner_fixtures import Scripted, environment_on, run_it, settled, small, small_run

from openaq_assets.errors import PlatformError, SelectionError
from openaq_assets.graph.operations import Operation
from openaq_assets.graph.records import Materialization
from openaq_assets.markers import hookimpl
from openaq_assets.openaq.operations import Fetch
from openaq_assets.platforms import Ticket
from openaq_assets.runs.context import Run
from openaq_assets.runs.run import materialize


def days(count: int = 2) -> list[str]:
    """Return the settled days of a request, as keys."""
    first = settled(count)["first"]
    return [(first + dt.timedelta(days=n)).isoformat() for n in range(count)]


def states(results: dict[str, Any]) -> dict[str, str]:
    """Return the state of each asset."""
    return {key: result.state for key, result in results.items()}


def lake(platform: Scripted) -> dict[str, bytes]:
    """Return every object of the lake except the records."""
    folders = ("/ledger/", "/promotions/")
    return {uri: body for uri, body in platform.store.bodies.items() if not any(part in uri for part in folders)}


def test_a_second_run_does_nothing(tmp_path: Path) -> None:
    """*idempotence*: the second run of settled days requests nothing, writes nothing and is up to date."""
    project = small(tmp_path)
    first = small_run(project, **settled())
    assert set(states(run_it(first)).values()) == {"ok"}
    before, platform = dict(lake(first.platform)), first.platform
    platform.submitted.clear()
    second = run_it(small_run(project, platform, **settled()))
    again = {key for key, result in second.items() if result.state != "skipped"}
    assert again == {"places_raw", "validate"}  # the inventory of today is open; checks always run
    assert platform.fetched == []
    assert lake(platform) == before


def test_overlapping_ranges(tmp_path: Path) -> None:
    """A longer range requests only the new days, and makes the same lake as one request of all days."""
    project = small(tmp_path / "first")
    platform = small_run(project, **settled(2)).platform
    run_it(small_run(project, platform, **settled(2)))
    run_it(small_run(project, platform, **settled(4)))
    assert [requested for requested, _ in platform.fetched] == [tuple(days(4)[2:]), tuple(days(4)[:2])]
    other = small(tmp_path / "second")
    at_once = small_run(other, **settled(4))
    run_it(at_once)
    strip = lambda objects, root: {uri.removeprefix(root): body for uri, body in objects.items() if "/catalog/" not in uri}
    assert strip(lake(platform), platform.environment.root) == strip(
        lake(at_once.platform), at_once.environment.root
    )


def test_an_added_location_is_fetched_alone(tmp_path: Path) -> None:
    """A new location is the only one requested for settled days, and its rows are added to the tables."""
    files = "locations:\n  a: {id: 1}\n"
    project = small(tmp_path, locations=files)
    platform = small_run(project, **settled()).platform
    run_it(small_run(project, platform, **settled()))
    platform.submitted.clear()
    project = small(tmp_path, locations=files + "  b: {id: 2}\n")
    results = run_it(small_run(project, platform, **settled()))
    assert platform.fetched == [(tuple(days()), ("id=2",))]
    assert results["answers"].facts.rows == 4
    assert results["answers_raw"].records[0].scope == ("id=1", "id=2")
    platform.submitted.clear()
    run_it(small_run(project, platform, **settled()))
    assert platform.fetched == []


def test_a_removed_location_requests_nothing(tmp_path: Path) -> None:
    """Removing a location from the YAML fetches and loses nothing; adding it again fetches nothing."""
    project = small(tmp_path)
    platform = small_run(project, **settled()).platform
    run_it(small_run(project, platform, **settled()))
    platform.submitted.clear()
    fewer = small(tmp_path, locations="locations:\n  a: {id: 1}\n")
    assert run_it(small_run(fewer, platform, **settled()))["answers"].state == "skipped"
    run_it(small_run(small(tmp_path), platform, **settled()))
    assert platform.fetched == []


def test_partial_is_retried(tmp_path: Path) -> None:
    """A sensor that fails makes its day partial, readers still run, and the next run requests the day again."""
    project = small(tmp_path)
    run = small_run(project, **settled())
    run.platform.answers[days()[0], "id=2"] = TimeoutError("no answer")
    results = run_it(run)
    assert (results["answers_raw"].state, results["answers"].state) == ("partial", "ok")
    assert results["answers_raw"].message == "id=2: no answer"
    assert [record.state for record in results["answers_raw"].records] == ["partial", "ok"]
    assert results["answers"].facts.rows == 3
    run.platform.answers.clear()
    run.platform.submitted.clear()
    results = run_it(small_run(project, run.platform, **settled()))
    assert run.platform.fetched == [((days()[0],), ("id=1", "id=2"))]
    assert results["answers"].facts.rows == 2  # the one day that changed
    assert [record.partition for record in results["answers"].records] == [days()[0]]


def test_failed_blocks_and_is_retried(tmp_path: Path) -> None:
    """A failure blocks the assets that read it and no others, and the next run tries it again."""
    project = small(tmp_path)
    run = small_run(project, **settled())
    run.platform.answers[days()[1], "id=1"] = PlatformError("the key was refused")
    results = run_it(run)
    assert results["answers_raw"].state == "failed" and results["answers_raw"].message == "the key was refused"
    assert results["places_raw"].state == "ok"
    blocked = {key: result.message for key, result in results.items() if result.state == "blocked"}
    assert blocked["answers"] == "not run: answers_raw failed"
    assert blocked["tops"] == "not run: sums failed"
    run.platform.answers.clear()
    again = small_run(project, run.platform, **settled())
    assert {step.reason for step in again.plan_state.steps("answers_raw")} == {"the last attempt failed"}
    assert set(states(run_it(again)).values()) == {"ok"}


@pytest.mark.parametrize("refusal", [TimeoutError("no answer"), PlatformError("no key")])
def test_a_narrow_retry_does_not_hide_a_failure(tmp_path: Path, refusal: Exception) -> None:
    """After a failure, a run of one location does not count for the others: a later run requests them."""
    project = small(tmp_path)
    run = small_run(project, **settled(1))
    run.platform.answers[days(1)[0], "id=2"] = refusal
    run_it(run, "places_raw", "answers_raw")
    narrow = small_run(project, run.platform, only={"locations": ("a",)}, **settled(1))
    assert materialize(narrow, "answers_raw").state == "ok"
    run.platform.answers.clear()
    run.platform.submitted.clear()
    results = run_it(small_run(project, run.platform, **settled(1)))
    assert run.platform.fetched == [((days(1)[0],), ("id=2",))]
    assert results["answers"].facts.rows == 2


def test_a_narrow_run_does_not_close_a_day(tmp_path: Path) -> None:
    """After a run of one location, rows that arrive late for another location are still requested."""
    project = small(tmp_path)
    run = small_run(project, **settled(1))
    run_it(run, "places_raw", "answers_raw")
    day = days(1)[0]
    entry = run.ledger.entries("answers_raw")[day]
    record = run.ledger.read(entry)
    run.platform.objects.delete(entry.uri)  # as if it had been taken on the day itself, while it was open
    import dataclasses

    run.ledger.append(dataclasses.replace(record, at=f"{day}T20:00:00+00:00"))
    materialize(small_run(project, run.platform, only={"locations": ("a",)}, **settled(1)), "answers_raw")
    run.platform.submitted.clear()
    materialize(small_run(project, run.platform, **settled(1)), "answers_raw")
    assert run.platform.fetched == [((day,), ("id=2",))]


def test_force(tmp_path: Path) -> None:
    """With force everything is made again, and unchanged objects stay equal byte for byte."""
    project = small(tmp_path)
    platform = small_run(project, **settled()).platform
    run_it(small_run(project, platform, **settled()))
    before = dict(lake(platform))
    results = run_it(small_run(project, platform, force=True, **settled()))
    assert set(states(results).values()) == {"ok"}
    assert lake(platform) == before


def test_days_are_requested_a_month_at_a_time(tmp_path: Path) -> None:
    """Seventy days are three operations, in order, and seventy records."""
    project = small(tmp_path)
    run = small_run(project, **settled(70))
    results = run_it(run, "places_raw", "answers_raw")
    assert [len(requested) for requested, _ in run.platform.fetched] == [31, 31, 8]
    assert [record.partition for record in results["answers_raw"].records] == days(70)


def test_a_revised_answer_reaches_the_views(tmp_path: Path) -> None:
    """A changed answer of an open day makes the table again, and the view stays."""
    project = small(tmp_path)
    run = small_run(project, days=1)
    run_it(run)
    today = run.request.days[0]
    run.platform.answers[today, "id=1"] = 50.0
    results = run_it(small_run(project, run.platform, days=1))
    assert results["answers"].records[0].reason == "refresh: answers_raw changed"
    assert states(results)["sums"] == "skipped"  # a view holds no rows
    view = run.platform.view(run.environment.locate(_ref("sums")))
    assert view is not None
    assert len([uri for uri in run.platform.objects.list(run.environment.uri("raw")) if "answers_raw" in uri]) == 3


def _ref(name: str) -> Any:
    from openaq_assets.graph.operations import Ref

    return Ref(name, "view")


def test_what_another_run_adds_meanwhile_is_not_lost(tmp_path: Path) -> None:
    """Raw rows that arrive while a table is being built make it stale for the next run."""
    project = small(tmp_path)
    run = small_run(project, **settled(1))
    run_it(run, "places_raw", "answers_raw")
    platform = run.platform
    other = small_run(project, Scripted(run.environment), **settled(1))

    class Overtaken(Scripted):
        """A platform on which another run adds a raw object right after the transform has read them."""

        def _transform(self, operation: Any) -> Any:
            ticket = super()._transform(operation)
            (day,) = operation.into.partitions
            other.platform.answers[day, "id=1"] = 77.0
            other.request = other.plan_state.request = make(force=True)
            other.plan_state.forget("answers_raw")
            assert materialize(other, "answers_raw").state == "ok"
            return ticket

    def make(**more: Any) -> Any:
        from openaq_assets.runs.plan import make_request

        return make_request(project.graph, **settled(1), **more)

    slow = small_run(project, Overtaken(run.environment), **settled(1))
    assert materialize(slow, "answers").state == "ok"
    later = small_run(project, platform, **settled(1))
    (step,) = later.plan_state.steps("answers")
    assert (step.action, step.reason) == ("refresh", "answers_raw changed")


# --- hooks ---------------------------------------------------------------------------------------


class Listener:
    """A plugin that keeps the records that it receives."""

    def __init__(self, error: Exception | None = None) -> None:
        self.records: list[Materialization] = []
        self.error = error

    @hookimpl
    def materialized(self, record: Materialization) -> None:
        """Keep the record; raise the error of this plugin, if it has one."""
        self.records.append(record)
        if self.error:
            raise self.error


def test_plugins_receive_records(tmp_path: Path) -> None:
    """The hook receives every record, also of failures, after it is in the ledger."""
    run = small_run(small(tmp_path), **settled())
    run.platform.answers[days()[0], "id=2"] = TimeoutError("no answer")
    listener = Listener()
    run.project.plugins.manager.register(listener)
    results = run_it(run)
    records = [record for result in results.values() for record in result.records]
    assert listener.records == records
    partial = next(record for record in records if record.asset == "answers_raw")
    assert (partial.state, partial.run, partial.environment, partial.platform) == ("partial", run.id, "dev", run.platform.name)
    kept = run.ledger.read(run.ledger.entries("answers_raw")[days()[0]])
    assert kept == partial


def test_a_plugin_that_raises(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A plugin's exception is logged; the record stays, other plugins receive it, and the run continues."""
    run = small_run(small(tmp_path), **settled())
    broken, listener = Listener(RuntimeError("boom")), Listener()
    run.project.plugins.manager.register(listener, "good")
    run.project.plugins.manager.register(broken, "broken")
    assert set(states(run_it(run)).values()) == {"ok"}
    assert len(listener.records) == len(broken.records) > 5
    assert run.ledger.latest("tables") is not None
    assert "the plugin broken failed" in caplog.text and "boom" in caplog.text


# --- tickets -------------------------------------------------------------------------------------


class Killed(BaseException):
    """The end of the process."""


class Slow(Scripted):
    """A platform with asynchronous work: ``submit`` returns at once, ``poll`` returns the state."""

    def __init__(self, home: Any) -> None:
        super().__init__(home)
        self.finished: dict[str, Ticket] = {}
        self.polls = 0
        self.cancelled: list[str] = []

    def submit(self, operation: Operation) -> Ticket:
        """Do the operation; return a running ticket for a fetch, else the finished one."""
        done = super().submit(operation)
        if not isinstance(operation, Fetch):
            return done
        self.finished[done.id] = done
        return Ticket(done.id, "running")

    def poll(self, ticket: Ticket) -> Ticket:
        """Return the finished ticket from the third call on."""
        self.polls += 1
        return self.finished[ticket.id] if self.polls >= 3 else ticket

    def cancel(self, ticket: Ticket) -> None:
        """Keep the id of the ticket."""
        self.cancelled.append(ticket.id)


def test_a_killed_run_is_resumed(tmp_path: Path) -> None:
    """The next process polls the ticket of a run that was killed between submit and poll."""
    project = small(tmp_path)
    home = project.environment("dev", "local")
    platform, tickets = Slow(home), dict[str, str]()

    def die(seconds: float) -> None:
        raise Killed

    first = small_run(project, platform, days=1)
    first.tickets, first.sleep = tickets, die
    with pytest.raises(Killed):
        materialize(first, "places_raw")
    assert len(tickets) == 1 and json.loads(next(iter(tickets.values())))["state"] == "running"
    naps: list[float] = []
    second = small_run(project, platform, days=1)
    second.tickets, second.sleep = tickets, naps.append
    result = materialize(second, "places_raw")
    assert result.state == "ok" and result.facts.rows == 2
    assert len([operation for operation in platform.submitted if isinstance(operation, Fetch)]) == 1
    assert (tickets, platform.polls) == ({}, 3)
    assert naps == [1.0, 1.5, 2.25]


def test_an_interrupted_run_cancels(tmp_path: Path) -> None:
    """Ctrl-C cancels the running operation, and no record is written."""
    project = small(tmp_path)
    run = small_run(project, Slow(project.environment("dev", "local")), days=1)

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    run.sleep = interrupt
    with pytest.raises(KeyboardInterrupt):
        materialize(run, "places_raw")
    assert len(run.platform.cancelled) == 1
    assert run.ledger.entries("places_raw") == {}


# --- environments --------------------------------------------------------------------------------


def test_prod_owns_views_only(tmp_path: Path) -> None:
    """A run of a table in prod is refused, and the message names the environment to use."""
    project = small(tmp_path)
    home = project.environment("prod", "local")
    run = Run(project, home, Scripted(home), small_run(project).request)
    with pytest.raises(SelectionError, match="Run it with --env dev"):
        materialize(run, "answers")


def test_a_new_lake_gets_its_first_prod_views(tmp_path: Path) -> None:
    """The validation makes missing views of prod once; a run does not bring later edits to prod."""
    project = small(tmp_path)
    run = small_run(project, **settled())
    prod = environment_on("memory", run.environment.root, "prod")
    assert run_it(run)["validate"].state == "ok"
    first = run.platform.view(prod.locate(_ref("sums")))
    assert first is not None and first.inputs[0].table == "openaq_dev.answers"
    edited = small(tmp_path, sums="SELECT place, sum(value) + 1 AS total FROM answers GROUP BY place\n")
    results = run_it(small_run(edited, run.platform, **settled()))
    assert (results["sums"].state, results["validate"].state) == ("ok", "ok")
    assert run.platform.view(prod.locate(_ref("sums"))) == first
    dev = run.platform.view(run.environment.locate(_ref("sums")))
    assert dev is not None and "+ 1" in dev.sql
