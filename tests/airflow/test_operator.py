"""The operator makes what the command line makes, and emits exactly the events of it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("airflow")

Runner = Callable[..., dict[str, Any]]


def window(days: int) -> dict[str, str]:
    """Return the dates of the form: a number of days up to today."""
    today = dt.datetime.now(dt.UTC).date()
    return {"from": str(today - dt.timedelta(days=days - 1)), "to": str(today)}


def keyed(answer: dict[str, Any], asset: str) -> dict[str | None, dict[str, Any]]:
    """Return the events of an asset by partition key."""
    return {event["partition_key"]: event["extra"] for event in answer["events"] if event["asset"] == asset}


def test_run_is_the_command_lines(project: Any, dag_test: Runner, tmp_path: Path) -> None:
    """Equivalence: over the same raw objects both drivers leave the same ledger and the same bytes."""
    request = window(2)
    dates = ("--from", request["from"], "--to", request["to"])
    project.command("run", "measurements_raw", "locations_raw", *dates)
    twin = project.twin(tmp_path / "other")
    answer = dag_test(project, **request)
    assert answer["state"] == "success", answer["states"]
    twin.command("run", "--job", "openaq_ingestion", *dates)
    assert project.ledger() == twin.ledger()
    assert project.tables() == twin.tables()
    assert len(project.tables()) > 5


def test_run_from_nothing_is_the_command_lines(
    project: Any, dag_test: Runner, tmp_path: Path
) -> None:
    """Equivalence: from an empty lake only the moments of asking, and what is named after them, differ."""
    request = window(1)
    twin = project.twin(tmp_path / "other")
    assert dag_test(project, **request)["state"] == "success"
    twin.command("run", "--job", "openaq_ingestion", "--from", request["from"], "--to", request["to"])
    assert [undated(record) for record in project.ledger()] == [undated(record) for record in twin.ledger()]
    assert rows(project, "measurements") == rows(twin, "measurements")
    assert rows(project, "locations") == rows(twin, "locations")


def undated(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without versions, which contain the times at which raw objects were requested."""
    facts = {name: record["facts"][name] for name in ("rows", "objects", "quarantined", "failures")}
    dated = ("version", "inputs", "facts")
    return {**{name: value for name, value in record.items() if name not in dated}, **facts}


def rows(project: Any, table: str) -> list[tuple[Any, ...]]:
    """Return the rows of a table without the time at which they were requested."""
    import polars

    files = sorted(project.lake.glob(f"dev/processed/{table}/**/*.parquet"))
    frame = polars.concat([polars.read_parquet(file) for file in files]).drop("retrieved_at")
    return frame.rows()


def test_every_partition_has_an_event_of_its_own(project: Any, dag_test: Runner) -> None:
    """Each day's event carries that day's record; one more, without a key, sums them up."""
    answer = dag_test(project, **window(3))
    events = keyed(answer, "dev.measurements")
    today = dt.datetime.now(dt.UTC).date()
    days = [str(today - dt.timedelta(days=back)) for back in (2, 1, 0)]
    assert [*events] == [*days, None]
    for day in days:
        assert events[day]["partition"] == day
        assert events[day]["rows"] > 0 and events[day]["bytes"] > 0
        assert events[day]["run"] == answer["run_id"]
    assert len({events[day]["version"] for day in days}) == 3
    assert events[None]["rows"] == sum(events[day]["rows"] for day in days)
    records = {record["partition"]: record for record in project.ledger() if record["asset"] == "measurements"}
    for day in days:
        assert events[day]["version"] == records[day]["version"]
        assert events[day]["inputs"] == records[day]["inputs"]


def test_second_run_makes_nothing(project: Any, dag_test: Runner) -> None:
    """Up to date is skipped without an event; only open days and validations are looked at again."""
    dag_test(project, **window(2))
    before = project.tables()
    answer = dag_test(project, **window(2))
    again = {"locations_raw", "measurements_raw", "validate_prod_views", "air_quality_overview"}
    made = {key for key, state in answer["states"].items() if state == "success"}
    assert answer["state"] == "success"
    assert made <= again
    assert {event["asset"].split(".")[1] for event in answer["events"]} == made
    assert project.tables() == before


def test_only_runs_what_was_chosen(project: Any, dag_test: Runner) -> None:
    """Assets that were not chosen are skipped, and their skipping stops nothing."""
    answer = dag_test(project, only=["cities", "view_stations"])
    assert answer["states"]["cities"] == "success"
    assert answer["states"]["view_stations"] == "failed"  # its tables are not there yet
    dag_test(project, **window(1))
    answer = dag_test(project, only=["cities"], force=True)
    assert answer["state"] == "success"
    assert {key for key, state in answer["states"].items() if state == "success"} == {"cities"}


def test_failure_stops_what_reads_it_and_nothing_else(project: Any, dag_test: Runner) -> None:
    """A failing asset fails its task with a record and without an event; other branches go on."""
    with (project.root / "conf/reference/cities.csv").open("a", encoding="utf-8") as file:
        file.write("Nowhere,VN,north,east,far\n")
    answer = dag_test(project, **window(1))
    states = answer["states"]
    assert answer["state"] == "failed"
    assert states["measurements"] == states["view_hourly_quality"] == "success"
    assert states["cities"] == "failed"
    assert states["view_stations"] == states["view_latest_aqi"] == states["validate_prod_views"] == "upstream_failed"
    assert not keyed(answer, "dev.cities")
    failed = [record for record in project.ledger() if record["state"] == "failed"]
    assert [record["asset"] for record in failed] == ["cities"]


def test_partial_success_is_seen_and_flows_on(
    project: Any, dag_test: Runner, copy_project: Any, tmp_path: Path
) -> None:
    """One sensor that never answers: its failure is in the events, and the others' rows in the tables."""
    from openaq_assets.graph.raw_keys import parse_raw_key
    from openaq_simulator import Simulator

    request, today = window(1), window(1)["to"]
    project.command("run", "measurements_raw", "locations_raw", "--from", today, "--to", today)
    names = [path.name for path in project.lake.glob("dev/raw/**/measurements_raw__*.json")]
    sensor = parse_raw_key(min(names)).values["sensor"]
    clock = dt.datetime.fromisoformat(json.loads((project.lake / "simulator.json").read_text())["now"])
    with Simulator(now=clock, per_minute=None, faults=[f"500:sensor={sensor}"]) as server:
        api = {"OPENAQ_API_URL": server.url, "OPENAQ_API_KEY": "a" * 64}
        plain = copy_project(tmp_path / "faulty", tmp_path / "faulty-lake")
        limits = "      requests_per_minute: 6000\n      requests_per_hour: 100000\n"
        plain.edit("conf/environments.yaml", "    api:\n", f"    api:\n{limits}")
        answer = dag_test(type(plain)(plain.root, plain.lake, api), **request)
    raw = keyed(answer, "dev.measurements_raw")[today]
    assert answer["state"] == "success", answer["states"]
    assert raw["state"] == "partial"
    assert [line for line in raw["failures"] if sensor in line]
    assert keyed(answer, "dev.measurements")[today]["rows"] > 0


def test_placeholder_fails_when_run(project: Any, dag_test: Runner) -> None:
    """A broken file's placeholder fails; the jobs that do not need the file still run."""
    project.edit("conf/assets/exports.yaml", "table: view_latest_aqi", "table: view_latest_aqy")
    answer = dag_test(project, "broken__conf_assets_exports_yaml")
    assert answer["states"] == {"configuration_error": "failed"}


# --- the parts that need no Airflow process ------------------------------------------------------


class RawPartition:
    """A store as Airflow's: what is set is there for the next attempt."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.writes = 0

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.kept[key]) if key in self.kept else default

    def set(self, key: str, value: Any) -> None:
        self.writes += 1
        self.kept[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        del self.kept[key]


def test_tickets_outlive_the_worker() -> None:
    """A ticket that one attempt stored is there for the next; none is left once all operations are finished."""
    from openaq_assets.airflow.operator import StoredTickets

    shelf = RawPartition()
    first = StoredTickets(shelf)
    first["a"], first["b"] = "1", "2"
    first["a"] = "1"
    assert shelf.writes == 2
    second = StoredTickets(shelf)
    assert dict(second) == {"a": "1", "b": "2"}
    assert second.pop("a") == "1" and second.pop("zzz", None) is None
    del second["b"]
    assert not shelf.kept


def test_request_of_a_run(project: Any) -> None:
    """A key means its day, a schedule the days up to it, a form its dates, nothing the last days."""
    from openaq_assets.airflow.operator import request_of
    from openaq_assets.project.project import load

    loaded = load(project.root)
    graph, job, today = loaded.graph, loaded.job("openaq_ingestion"), dt.date(2026, 3, 10)

    def days(key: str | None = None, run_type: str = "manual", **params: Any) -> tuple[str, ...]:
        return request_of(graph, job, params, key=key, run_type=run_type, today=today).days

    assert days("2026-03-05") == days("2026-03-05", "backfill") == ("2026-03-05",)
    assert days("2026-03-05", "scheduled") == ("2026-03-03", "2026-03-04", "2026-03-05")
    assert days(**{"from": "2026-03-01", "to": "2026-03-02"}) == ("2026-03-01", "2026-03-02")
    assert days() == days(**{"from": None, "to": None}) == ("2026-03-08", "2026-03-09", "2026-03-10")


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "2026-03-05", "from": "2026-03-01"},
        {"run_type": "backfill"},
        {"key": "5.3.2026"},
        {"from": "2026-03-05", "to": "2026-03-01"},
        {"to": "2026-03-11"},
        {"locations": ["nowhere"]},
    ],
    ids=str,
)
def test_request_that_makes_no_sense(project: Any, wrong: dict[str, Any]) -> None:
    """A contradiction is an error of one line, not a guess."""
    from openaq_assets.airflow.operator import request_of
    from openaq_assets.errors import SelectionError
    from openaq_assets.project.project import load

    loaded = load(project.root)
    named = {name: wrong.pop(name) for name in ("key", "run_type") if name in wrong}
    with pytest.raises(SelectionError, match=r"\A[^\n]+\Z"):
        request_of(
            loaded.graph, loaded.job("openaq_ingestion"), wrong, today=dt.date(2026, 3, 10), **named
        )


def test_progress_is_told_now_and_then() -> None:
    """A step of a thousand parts gives only a few lines in the log."""
    from openaq_assets.airflow.operator import LoggedProgress

    lines: list[str] = []
    times = iter(range(1000))
    progress = LoggedProgress(lambda text, *values: lines.append(text % values), lambda: next(times) / 10)
    for done in range(500):
        progress("Fetch", done, 500)
    assert len(lines) == 10
    assert lines[0] == "Fetch: 49 of 500"
