"""The page as an asset: its position in the graph, and mistakes in its fields."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.runner_fixtures import copy_project

from openaq_assets.errors import PlatformError
from openaq_assets.graph.columns import Column, Name
from openaq_assets.graph.environment import Environment, LogicalEnvironment, Profile, bind
from openaq_assets.graph.operations import Query
from openaq_assets.openaq.dashboard.kind import VIEWS, publish
from openaq_assets.openaq.dashboard.publishing import handle_publish, overview_of
from openaq_assets.openaq.operations import Publish
from openaq_assets.platforms import Rows, Work
from openaq_assets.platforms.local.memory import open_memory
from openaq_assets.project.project import load

PLACE = Environment(
    "dev",
    Profile("memory", "memory://dashboard-kind"),
    {
        "dev": LogicalEnvironment(Name("openaq_dev")),
        "prod": LogicalEnvironment(Name("openaq_prod"), "dev"),
    },
)


class Answers:
    """A platform whose queries are answered from a dictionary by name; a missing one is a failure."""

    def __init__(self, answers: dict[str, Rows], retryable: bool = False) -> None:
        self.answers, self.retryable = answers, retryable
        self.objects = open_memory(PLACE).objects

    def read(self, query: Query) -> Rows:
        """The rows of a query by its name."""
        if query.name not in self.answers:
            raise PlatformError(f"{query.name} cannot be asked.", retryable=self.retryable)
        return self.answers[query.name]


def nothing(part: str) -> Rows:
    """Return an answer without rows, with the columns of the part."""
    return Rows(tuple(Column(Name(name), "varchar") for name in VIEWS[part][1]), ())


def operation() -> Publish:
    """Return the bound operation of both environments."""
    bound = bind(publish("air_quality_overview", ("dev", "prod")), PLACE)
    assert isinstance(bound, Publish)
    return bound


def test_the_page_reads_its_views_and_follows_the_gate(tmp_path: Path) -> None:
    """In the project itself the page comes after the validation and after every view that it shows."""
    graph = load(copy_project(tmp_path)).graph
    reads = set(graph.upstream["air_quality_overview"])
    assert reads == {"validate_prod_views", *(view for view, _, _ in VIEWS.values())}


def test_every_column_that_the_page_asks_for_is_in_the_contract(tmp_path: Path) -> None:
    """A view that loses a column of the page fails here, before a reader sees it."""
    graph = load(copy_project(tmp_path)).graph
    for view, columns, _ in VIEWS.values():
        assert set(columns) <= {str(column.name) for column in graph.columns(view)}, view


def test_an_unknown_environment_is_told_with_its_place(tmp_path: Path) -> None:
    """The problem names the line, the word and the nearest environment."""
    root = copy_project(tmp_path)
    file = root / "conf/assets/exports.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace("kind: dashboard\n", "kind: dashboard\n    environments: [dev, prd]\n"),
        encoding="utf-8",
    )
    [problem] = load(root, strict=False).problems
    assert str(problem).startswith("conf/assets/exports.yaml:")
    assert (
        "assets.air_quality_overview.environments[1]: there is no environment 'prd'. Did you mean 'prod'?"
        in str(problem)
    )


def test_questions_reach_both_databases() -> None:
    """The views of each environment are queried in its own database, in Athena SQL."""
    tables = {query.name: query.inputs[0].table for query in operation().queries}
    assert tables["dev.latest"] == "openaq_dev.view_latest_aqi"
    assert tables["prod.hours"] == "openaq_prod.view_hour_of_day"
    assert len(tables) == 6


def test_an_environment_that_cannot_answer_has_a_problem_and_the_other_its_rows() -> None:
    """If a view is missing in prod, dev still has its rows; missing hours are no problem."""
    answers = {f"dev.{part}": nothing(part) for part in VIEWS}
    answers["prod.latest"] = nothing("latest")
    platform = Answers(answers)
    served = overview_of(platform, PLACE, operation(), strict=True).environments
    assert (served["dev"].problem, served["prod"].problem) == ("", "prod.daily cannot be asked.")
    answers["prod.daily"] = nothing("daily")
    served = overview_of(platform, PLACE, operation()).environments
    assert served["prod"].problem == ""


def test_what_may_pass_by_itself_fails_the_task_and_keeps_the_old_page() -> None:
    """A throttled engine fails the task, and the old page stays."""
    platform = Answers({}, retryable=True)
    with pytest.raises(PlatformError, match=r"dev\.latest cannot be asked"):
        handle_publish(operation(), Work(platform, PLACE))
    assert list(platform.objects.list("memory://dashboard-kind/dashboard")) == []
