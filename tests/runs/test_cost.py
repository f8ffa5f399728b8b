"""Tests of ``cost``, the cost of a plan, and ``max_cost``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.projects import copy_project

from openaq_assets.cli.main import cli
from openaq_assets.platforms.aws.settings import Aws
from openaq_assets.project.project import load
from openaq_assets.runs.context import Run, open_run
from openaq_assets.runs.cost import CostEstimator
from openaq_assets.runs.plan import make_request

Line = Callable[..., Result]
SETTINGS, ENVIRONMENTS, RATES = "conf/openaq.yaml", "conf/environments.yaml", "conf/rates.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the project."""
    return copy_project(tmp_path / "project")


@pytest.fixture
def line(project: Path, monkeypatch: pytest.MonkeyPatch) -> Line:
    """Return a function that runs the command line in the copy, with a lake of its own."""
    monkeypatch.setenv("OPENAQ_ROOT", str(project / "lake"))
    return lambda *arguments: CliRunner().invoke(cli, ["--project", str(project), *arguments])


def run_of(project: Path) -> Run:
    """Return a run in the copy's own lake."""
    loaded = load(project)
    return open_run(loaded, make_request(loaded.graph), "dev", "local")


def swap(project: Path, name: str, old: str, new: str) -> None:
    """Edit a file of the copy."""
    text = (project / name).read_text(encoding="utf-8")
    assert old in text
    (project / name).write_text(text.replace(old, new), encoding="utf-8")


def priced_as_aws(project: Path, aws: Aws) -> dict[str, float]:
    """Return the cost of three days of every asset with settings of AWS, from the ledger of the local lake."""
    run, rates = run_of(project), load(project).conf("rates")
    assert rates is not None
    estimator = CostEstimator(run, rates, aws)
    keys = run.project.keys("openaq_ingestion")
    days = run.request.days
    return {
        asset.key: estimator.price(asset, days if asset.partitions == "daily" else ("",)).dollars
        for asset in run.project.graph
        if asset.key in keys
    }


def test_local_costs_nothing(line: Line) -> None:
    """A plan for this machine costs $0, and any max_cost allows the run."""
    result = line("plan", "--job", "openaq_ingestion")
    assert "Cost: $0, all of it runs on this machine." in result.output
    assert line("run", "cities", "--max-cost", "0").exit_code == 0


def test_glue_and_crawler_are_most_of_the_cost(project: Path) -> None:
    """The Glue job and the crawler are nearly all of a run's cost; without them it is about a cent."""
    paid = priced_as_aws(project, Aws())
    assert max(paid, key=lambda key: paid[key]) == "measurements"
    free = priced_as_aws(project, Aws(transform="local", catalog="partitions"))
    assert sum(free.values()) < 0.02
    assert sum(paid.values()) > 0.3
    assert all(free[key] <= paid[key] for key in paid)


def test_registered_tables_are_not_crawled_again(project: Path) -> None:
    """A catalog of tables that are registered already, or that were never made, costs nothing."""
    paid = priced_as_aws(project, Aws())
    assert paid["archive_tables"] < 0.001
    crawl = 2 * 600 / 3600 * 0.44
    crawled = [key for key, dollars in paid.items() if dollars >= crawl]
    assert len(crawled) <= 2


def test_ledger_replaces_assumptions(project: Path, line: Line) -> None:
    """An asset that was made is priced by its size, without the mark of an assumption."""
    assert "cities ~" in line("cost").output
    assert line("run", "cities").exit_code == 0
    again = line("cost").output
    assert "cities ~" not in again and "cities" in again


def test_cost_prices_day_month_and_history(line: Line) -> None:
    """``cost`` prints three prices per asset, their sum, the instance, and the date of the prices."""
    result = line("cost", "--backfill", "365", "--instance", "t3.small")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].split("  ")[0] == "asset" and "365 days of history" in lines[0]
    host = next(text for text in lines if text.startswith("instance t3.small"))
    assert "$24.84" in host  # 730 hours of instance and address, 20 GB of disk
    total = next(text for text in lines if text.startswith("all of it")).split("$")[1:]
    day, month, history = (float(price.strip()) for price in total)
    assert day < month <= day * 31 and history > day
    assert "List prices of 2026-11-23 in ap-southeast-1" in result.output


def test_longer_history_never_costs_less(line: Line) -> None:
    """The price of a backfill grows with its days."""

    def history(days: int) -> float:
        lines = line("cost", "--backfill", str(days)).output.splitlines()
        return float(next(text for text in lines if text.startswith("all of it")).rpartition("$")[2])

    assert history(31) < history(62) < history(365)


def test_missing_prices_are_a_message(project: Path, line: Line) -> None:
    """Without the file of prices ``cost`` prints a message, and ``check`` works."""
    (project / RATES).unlink()
    result = line("cost")
    assert (result.exit_code, result.output) == (
        1, "not run: the cost is not known, because conf/rates.yaml does not exist. Copy it from the repository.\n"
    )
    assert line("check").exit_code == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dpu_hour: 0.44", "dpu_hour: -1", "conf/rates.yaml:8:13: glue.dpu_hour: expected a price of 0 or more, got -1.0. Write 0 or more."),
        ("dpu_hour: 0.44", "dpu_hours: 0.44", "unknown field 'dpu_hours'. Did you mean 'dpu_hour'?"),
        ("as_of: '2026-11-23'", "as_of: today", "conf/rates.yaml:5:8: as_of: expected a date like 2026-01-31, got 'today'."),
        ("version: 1", "version: 2", "version 2 is not supported. Write 1."),
    ],
)
def test_mistakes_in_prices_are_located(project: Path, line: Line, old: str, new: str, message: str) -> None:
    """``check`` and ``cost`` print a mistake in conf/rates.yaml with its position and remedy."""
    swap(project, RATES, old, new)
    for command in ("check", "cost"):
        result = line(command)
        assert result.exit_code == 1 and message in result.output, result.output


def test_mistake_in_a_limit_is_reported(project: Path, line: Line) -> None:
    """A limit that is no amount is reported like every mistake in conf/."""
    swap(project, SETTINGS, "project: openaq\n", "project: openaq\nmax_cost: $5\n")
    result = line("check")
    assert "max_cost: expected an amount of US dollars, got '$5'. Write a number like 0.50" in result.output
