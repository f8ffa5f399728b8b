"""Tests of plans: the steps of each asset and their reasons, from the graph and the ledger alone."""

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from support.runner_fixtures import (
    SMALL,
    environment_on,
    memory_root,
    run_it,
    settled,
    small,
    small_run,
    write_project,
)

from openaq_assets.errors import SelectionError
from openaq_assets.graph.records import Materialization
from openaq_assets.platforms.local.memory import MemoryStore
from openaq_assets.runs.context import Run
from openaq_assets.runs.ledger import Ledger
from openaq_assets.runs.plan import PlanState, Request, Step, grouped, make_request, plan
from openaq_assets.runs.run import materialize

TODAY = dt.date(2026, 1, 20)


def planned_actions(run: Run, *keys: str) -> dict[str, list[str]]:
    """Return the actions and reasons of a plan, by asset."""
    actions: dict[str, list[str]] = {}
    for step in plan(run.plan_state, keys or tuple(run.project.graph.assets)):
        actions.setdefault(step.asset, []).append(f"{step.action}: {step.reason}")
    return actions


def made(tmp_path: Path, **request: Any) -> Run:
    """Return a new run of a project whose assets were all made once."""
    project = small(tmp_path)
    request = request or settled()
    first = small_run(project, **request)
    run_it(first)
    return small_run(project, first.platform, **request)


# --- requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "first", "last"),
    [
        ({}, "2026-01-18", "2026-01-20"), ({"days": 1}, "2026-01-20", "2026-01-20"),
        ({"first": dt.date(2026, 1, 15)}, "2026-01-15", "2026-01-20"),
        ({"last": dt.date(2026, 1, 15)}, "2026-01-13", "2026-01-15"),
        ({"first": dt.date(2025, 12, 31), "last": dt.date(2026, 1, 1)}, "2025-12-31", "2026-01-01"),
        ({"first": dt.date(2024, 2, 28), "last": dt.date(2024, 3, 1)}, "2024-02-28", "2024-03-01"),
    ],
)
def test_days_of_a_request(tmp_path: Path, arguments: dict[str, Any], first: str, last: str) -> None:
    """A request has all days from the first to the last, or a number of days up to the last."""
    request = make_request(small(tmp_path).graph, today=TODAY, **arguments)
    assert (request.days[0], request.days[-1]) == (first, last)
    assert len(request.days) == (dt.date.fromisoformat(last) - dt.date.fromisoformat(first)).days + 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"first": dt.date(2026, 1, 9), "last": dt.date(2026, 1, 8)}, "the first day 2026-01-09 is after the last day 2026-01-08"),
        ({"last": dt.date(2026, 1, 21)}, "2026-01-21 has not begun"),
        ({"first": dt.date(2026, 2, 1)}, "2026-02-01 has not begun"),
        ({"only": {"locations": ["c"]}}, "no location 'c'"),
    ],
)
def test_invalid_requests(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    """Days in the wrong order, future days and unknown locations are refused."""
    with pytest.raises(SelectionError, match=message):
        make_request(small(tmp_path).graph, today=TODAY, **arguments)


# --- decisions -----------------------------------------------------------------------------------


def test_a_new_lake_is_created(tmp_path: Path) -> None:
    """The plan of a new lake creates everything and validates."""
    actions = planned_actions(small_run(small(tmp_path), **settled()))
    assert actions.pop("validate") == ["validate: runs whenever it is selected"]
    assert {action for group in actions.values() for action in group} == {"create: never materialized"}


def test_what_is_up_to_date_is_skipped(tmp_path: Path) -> None:
    """After a run of settled days only the open inventory and the validation have work."""
    actions = planned_actions(made(tmp_path))
    assert actions.pop("places_raw") == ["refresh: taken within the lookback of 1 day"]
    assert actions.pop("validate") == ["validate: runs whenever it is selected"]
    assert actions["answers_raw"] == ["follow: if places_raw changes"] or actions["answers_raw"] == ["skip: up to date"]
    assert actions["sums"] == actions["tops"] == ["skip: up to date"]


def test_recent_days_are_read_again(tmp_path: Path) -> None:
    """Days taken within the lookback are refreshed, and their readers follow."""
    run = made(tmp_path, days=6)
    actions = planned_actions(run)
    assert actions["answers_raw"] == [
        *(action for action in actions["answers_raw"] if action.startswith(("skip", "follow"))),
        "refresh: taken within the lookback of 2 days",
    ]
    refreshed = next(asset_plan for asset_plan in plan(run.plan_state, ["answers_raw"]) if asset_plan.action == "refresh")
    assert len(refreshed.partitions) in (2, 3)  # today, yesterday, and the day before until noon passes
    assert all(action.startswith("follow: if answers_raw") for action in actions["answers"])


@pytest.mark.parametrize(("hours", "action"), [(24, "refresh"), (71, "refresh"), (72, "skip"), (500, "skip")])
def test_the_lookback_ends(tmp_path: Path, hours: int, action: str) -> None:
    """A day is open until it was read at least two days after its end."""
    run = small_run(small(tmp_path), **settled(1))
    run_it(run)
    (day,) = run.request.days
    entry = run.ledger.entries("answers_raw")[day]
    record = run.ledger.read(entry)
    run.platform.objects.delete(entry.uri)
    read = dt.datetime.fromisoformat(f"{day}T00:00:00+00:00") + dt.timedelta(hours=hours)
    run.ledger.append(dataclasses.replace(record, at=read.isoformat()))
    (step,) = small_run(run.project, run.platform, **settled(1)).plan_state.steps("answers_raw")
    assert step.action == action


def test_a_changed_definition_is_rebuilt(tmp_path: Path) -> None:
    """*locality*: an edit of a view rebuilds that view and refreshes its reader."""
    run = made(tmp_path)
    edited = small(tmp_path, sums="SELECT place, sum(value) * 2 AS total FROM answers GROUP BY place\n")
    actions = planned_actions(small_run(edited, run.platform, **settled()))
    assert actions["sums"] == ["rebuild: its definition changed"]
    assert actions["tops"] == ["refresh: sums changed"]  # the record of a view has the versions of its inputs
    assert actions["answers"][0].startswith(("skip", "follow"))


def test_a_changed_recipe_is_rebuilt(tmp_path: Path) -> None:
    """A new column rebuilds every day of the table, and no raw object is requested again."""
    run = made(tmp_path)
    text = SMALL["conf/assets/all.yaml"].replace(
        "- {name: value, type: double, path: value}",
        "- {name: value, type: double, path: value}\n      - {name: extra, type: double, path: extra}",
    )
    edited = small_run(small(tmp_path, all=text), run.platform, **settled())
    assert planned_actions(edited)["answers"] == ["rebuild: its definition changed"]
    results = run_it(edited)
    assert results["answers_raw"].state == "skipped" and results["answers"].state == "ok"
    assert results["tables"].state == "ok"


def test_an_added_location_narrows_the_work(tmp_path: Path) -> None:
    """A new location is the only one requested for settled days."""
    run = made(tmp_path)
    more = small(tmp_path, locations="locations:\n  a: {id: 1}\n  b: {id: 2}\n  c: {country: TH}\n")
    steps = small_run(more, run.platform, **settled()).plan_state.steps("answers_raw")
    assert {(step.action, step.reason, step.scope) for step in steps} == {
        ("refresh", "country=TH added", ("country=TH",))
    }


def test_locations_narrow_a_request(tmp_path: Path) -> None:
    """A request for one location makes that one, and the next plan adds the others."""
    project = small(tmp_path)
    run = small_run(project, only={"locations": ("b",)}, **settled())
    assert {step.scope for step in run.plan_state.steps("answers_raw")} == {("id=2",)}
    run_it(run)
    steps = small_run(project, run.platform, **settled()).plan_state.steps("answers_raw")
    assert {(step.reason, step.scope) for step in steps} == {("id=1 added", ("id=1",))}


def test_force_makes_everything_again(tmp_path: Path) -> None:
    """With force every step is a refresh."""
    project = small(tmp_path)
    run = small_run(project, **settled())
    run_it(run)
    actions = planned_actions(small_run(project, run.platform, force=True, **settled()))
    assert {action for key, group in actions.items() for action in group if key != "validate"} == {"refresh: forced"}


def test_a_damaged_record_is_made_again(tmp_path: Path) -> None:
    """A partition whose record cannot be read is made again."""
    run = made(tmp_path)
    day = run.request.days[0]
    run.platform.objects.put(run.ledger.entries("answers_raw")[day].uri, b"{")
    run.platform.answers[day, "id=1"] = 9.0
    more = small(tmp_path, locations="locations:\n  a: {id: 1}\n  b: {id: 2}\n  c: {id: 3}\n")
    steps = small_run(more, run.platform, **settled()).plan_state.steps("answers_raw")
    assert [step.scope for step in steps] == [("id=1", "id=2", "id=3"), ("id=3",)]


def test_snapshots_are_of_today(tmp_path: Path) -> None:
    """An inventory has one partition, the day of the request, for any number of requested days."""
    run = small_run(small(tmp_path), **settled(9))
    (step,) = run.plan_state.steps("places_raw")
    assert step.partition == dt.datetime.now(dt.UTC).date().isoformat()
    assert len(run.plan_state.steps("answers_raw")) == 9
    assert [step.partition for step in run.plan_state.steps("tables")] == [""]


def test_a_new_inventory_leaves_settled_days(tmp_path: Path) -> None:
    """The inventory of a new day makes no old day stale."""
    run = made(tmp_path)
    request = dataclasses.replace(run.request, today=run.request.today + dt.timedelta(days=1))
    later = Run(run.project, run.environment, run.platform, request)
    materialize(later, "places_raw")
    assert {step.action for step in later.plan_state.steps("answers_raw")} == {"skip"}


def test_planning_changes_nothing(tmp_path: Path) -> None:
    """A plan changes no object of the lake, and a second plan is equal."""
    run = made(tmp_path)
    before = dict(run.platform.store.bodies)
    first = plan(run.plan_state, run.project.graph.assets)
    assert plan(small_run(run.project, run.platform, **settled()).plan_state, run.project.graph.assets) == first
    assert run.platform.store.bodies == before


def test_steps_are_grouped_for_people() -> None:
    """Steps with the same action and reason are one line with their days."""
    steps = [Step("a", f"2026-01-{day:02d}", "create", "never materialized") for day in (1, 2, 3)]
    (planned,) = grouped([*steps])
    assert str(planned) == "create    a 2026-01-01..2026-01-03 (3 days): never materialized"


# --- versions ------------------------------------------------------------------------------------


def chain(root: Path, count: int, width: int = 1) -> Any:
    """Return a project with a chain of views, each of which reads the ``width`` views before it."""
    lines = ["assets:"]
    files = dict(SMALL)
    for n in range(count):
        reads = [f"v{n - back}" for back in range(1, width + 1) if n - back >= 0] or ["answers"]
        files[f"views/v{n}.sql"] = f"SELECT {reads[0]}.place FROM {', '.join(reads)}\n"
        lines.append(
            f"  v{n}: {{kind: view, sql: views/v{n}.sql, columns: [{{name: place, type: bigint}}]}}"
        )
    return write_project(root, files | {"conf/assets/chain.yaml": "\n".join(lines) + "\n"})


def test_a_chain_of_two_thousand_views(tmp_path: Path) -> None:
    """The version of the last of two thousand views is computed without recursion, and follows the table."""
    project = chain(tmp_path, 2000)
    home = environment_on("memory", memory_root())
    ledger = Ledger(MemoryStore(), home)
    plan_state = PlanState(project.graph, ledger, Request(("2026-01-01",), TODAY))
    first = plan_state.version("v1999")
    assert first == plan_state.version("v1999") != plan_state.version("v1998")
    ledger.append(Materialization(asset="tables", kind="catalog", partition="", state="ok", fingerprint="f",
                                  version="v", at="2026-01-20T00:00:00+00:00"))
    plan_state.forget("tables")
    assert plan_state.version("v1999") != first


def test_views_that_share_inputs(tmp_path: Path) -> None:
    """A version is computed quickly also if every view reads the three views before it."""
    project = chain(tmp_path, 60, width=3)
    plan_state = PlanState(project.graph, Ledger(MemoryStore(), environment_on("memory", "memory://x")), Request((), TODAY))
    assert plan_state.version("v59") != plan_state.version("v58")


def test_a_version_follows_what_was_made(tmp_path: Path) -> None:
    """After a table was made again, the versions of all its readers are new."""
    run = small_run(small(tmp_path), **settled())
    before = run.plan_state.version("tops")
    run_it(run)
    assert run.plan_state.version("tops") != before
    assert run.plan_state.version("tops") == small_run(run.project, run.platform).plan_state.version("tops")
