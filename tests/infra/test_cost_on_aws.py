"""Plans and runs of the profile aws have a price, and a limit, before anything is done in the account."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.aws_account import REGION, AwsAccount
from support.infra_fixtures import BUCKET, keys, without_log
from support.projects import copy_project

from openaq_assets.cli.main import cli

Line = Callable[..., Result]
SETTINGS = "conf/openaq.yaml"


@pytest.fixture
def bucket(account: AwsAccount) -> AwsAccount:
    """An account with an empty bucket and the databases."""
    where = {"LocationConstraint": REGION}
    account.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    for name in ("openaq_dev", "openaq_prod"):
        account.client("glue").create_database(DatabaseInput={"Name": name})
    return account


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project."""
    return copy_project(tmp_path / "project")


@pytest.fixture
def line(project: Path, bucket: AwsAccount) -> Line:
    """Runs the command line in the copy, with the profile aws."""
    given = ["--project", str(project), "--profile", "aws"]
    return lambda *arguments: without_log(CliRunner().invoke(cli, [*given, *arguments]))


def swap(project: Path, name: str, old: str, new: str) -> None:
    """Edit a file of the copy."""
    text = (project / name).read_text(encoding="utf-8")
    assert old in text
    (project / name).write_text(text.replace(old, new), encoding="utf-8")


def test_plan_shows_dollars(line: Line, bucket: AwsAccount) -> None:
    """On aws a plan says what it costs, what costs most, and how old the prices are."""
    result = line("plan", "--job", "openaq_ingestion")
    (cost,) = [text for text in result.output.splitlines() if text.startswith("Cost: ")]
    assert cost.startswith("Cost: about $0.") and "measurements $0." in cost
    assert cost.endswith("prices of 2026-11-23.")


def test_run_beyond_its_limit_is_refused(line: Line, bucket: AwsAccount) -> None:
    """One line says the price, what costs most and the limit; exit code 1, and nothing was done."""
    result = line("run", "--job", "openaq_ingestion", "--max-cost", "0.10")
    assert result.exit_code == 1
    (refusal,) = result.output.splitlines()
    assert refusal.startswith("not run: it would cost about $0.") and "measurements $0." in refusal
    assert refusal.endswith("but the limit is $0.10. Select less, or raise max_cost.")
    assert keys(bucket) == []


def test_limit_is_of_the_run_then_the_job_then_the_project(project: Path, line: Line) -> None:
    """--max-cost wins over the job's max_cost, and that over the project's."""
    swap(project, SETTINGS, "project: openaq\n", "project: openaq\nmax_cost: 0.01\n")
    assert "limit is $0.01" in line("run", "--job", "openaq_ingestion").output
    swap(project, SETTINGS, "    days: 3 ", "    max_cost: 0.02\n    days: 3 ")
    assert "limit is $0.02" in line("run", "--job", "openaq_ingestion").output
    assert "limit is $0.03" in line("run", "--job", "openaq_ingestion", "--max-cost", "0.03").output
    assert "limit is $0.01" in line("run", "measurements").output


def test_cheap_run_passes_its_limit(line: Line, bucket: AwsAccount) -> None:
    """Below the limit it runs as ever."""
    result = line("run", "cities", "aqi_breakpoints", "--max-cost", "0.01")
    assert result.exit_code == 0, result.output


def test_backfill_beyond_its_limit_is_refused(project: Path, line: Line, bucket: AwsAccount) -> None:
    """A backfill is priced whole, before its first day; the project's limit holds for it, too."""
    history = ("backfill", "measurements", "--from", "2025-01-01", "--to", "2025-12-31")
    result = line(*history, "--max-cost", "0.50")
    assert result.exit_code == 1 and result.output.startswith("not run: it would cost about $"), result.output
    swap(project, SETTINGS, "project: openaq\n", "project: openaq\nmax_cost: 0.40\n")
    assert "limit is $0.40" in line(*history).output
    assert keys(bucket) == []


def test_the_ledger_says_what_it_has_cost(line: Line, bucket: AwsAccount) -> None:
    """Every record has its dollars: a load costs two requests, and `records` shows it."""
    line("run", "cities")
    (records,) = json.loads(line("records", "cities", "--format", "json").output)
    assert records["dollars"] == round(2 * 0.005 / 1000, 6)
    assert "< $0.01" in line("records", "cities").output


def test_what_is_up_to_date_costs_nothing(line: Line, bucket: AwsAccount) -> None:
    """A second run of what was made is priced at $0."""
    line("run", "cities")
    assert "Cost: about $0, prices of" in line("plan", "cities").output
