"""Define the commands that make and query assets: plan, run, backfill, test, query."""

import sys
from typing import Any

import click

from openaq_assets.cli.options import (
    Day,
    env_option,
    handle_errors,
    load_project,
    max_cost_option,
    narrowed,
    prepare,
    profile_name,
    scope_options,
    selecting,
)
from openaq_assets.cli.output import print_rows, result_line, summary_line
from openaq_assets.cli.progress import ProgressBars
from openaq_assets.errors import SelectionError, nearest
from openaq_assets.graph.partitions import summary
from openaq_assets.graph.selection import select
from openaq_assets.project.project import Project
from openaq_assets.runs.backfill import RangeProgress, source_keys, sources
from openaq_assets.runs.backfill import backfill as backfill_run
from openaq_assets.runs.context import open_run
from openaq_assets.runs.cost import cost_line, enforce_max_cost, limit_of
from openaq_assets.runs.plan import make_request
from openaq_assets.runs.plan import plan as plan_steps
from openaq_assets.runs.query import ask
from openaq_assets.runs.run import run_all
from openaq_assets.runs.view_test_runner import run_tests, shown
from openaq_assets.runs.view_tests import FOLDER, read_tests

_Form = click.Choice(["table", "csv", "json"])
_DAY, _SOME_DAYS = Day(), click.IntRange(1, 3660)


@click.command()
@selecting
@handle_errors
def plan(**options: Any) -> None:
    """Print what a run would do, asset by asset, and why. Changes nothing.

    \b
    Examples: openaq-assets plan --job openaq_ingestion --days 30
              openaq-assets plan measurements+ --from 2026-01-01 --to 2026-01-31
    """
    run, keys, _ = prepare(options)
    steps = plan_steps(run.plan_state, keys)
    for step in steps:
        click.echo(str(step))
    click.echo(cost_line(run, keys))
    active = sum(len(step.partitions) for step in steps if step.action != "skip")
    click.echo(f"{active} of {sum(len(step.partitions) for step in steps)} partitions have work.")


@click.command()
@selecting
@max_cost_option
@handle_errors
def run(max_cost: float | None, **options: Any) -> None:
    """Make the missing and stale partitions of a selection or job.

    A second run does nothing if nothing has changed.

    \b
    Examples: openaq-assets run --job openaq_ingestion --days 30
              openaq-assets run +view_latest_aqi --locations vietnam
              openaq-assets run measurements --from 2026-01-01 --to 2026-01-31 --force
    """
    prepared, keys, progress = prepare(options)
    enforce_max_cost(prepared, keys, limit_of(prepared.project, options["job"], max_cost))
    with progress:
        results = run_all(prepared, keys, on_result=lambda result: progress.say(result_line(result)))
    click.echo(summary_line(results))
    if any(result.state in ("failed", "blocked", "partial") for result in results):
        sys.exit(3)


@click.command()
@click.argument("selection", nargs=-1, required=True)
@click.option("--from", "first", type=_DAY, required=True, help="First day (UTC).")
@click.option("--to", "last", type=_DAY, help="Last day (UTC; default: today).")
@click.option("--source", help="The source of the days, like api or archive (default: the first by name).")
@scope_options
@click.option("--chunk", type=_SOME_DAYS, default=31, show_default=True, help="Number of days per chunk.")
@click.option(
    "--force", is_flag=True, help="Make up-to-date partitions again, and request final answers again."
)
@max_cost_option
@env_option
@handle_errors
def backfill(
    selection: tuple[str, ...],
    source: str | None,
    chunk: int,
    max_cost: float | None,
    env: str,
    **options: Any,
) -> None:
    """Load past days of a selection and everything it is made from, oldest days first.

    If the command is interrupted, run it again: it continues where it stopped.

    \b
    Examples: openaq-assets backfill measurements --from 2026-01-01 --to 2026-03-31
              openaq-assets backfill view_daily_average --from 2023-01-01 --source archive
              openaq-assets backfill archive_measurements --from 2025-01-01 --source archive
    """
    project, only = load_project(), narrowed(options)
    selected = select(project.graph, " ".join(selection))
    keys = source_keys(project.graph, selected, _source(project, source))
    request = make_request(project.graph, only=only, **options)
    bars = ProgressBars()
    progress = RangeProgress(bars, f"Backfill {summary(request.days)}", len(request.days))
    run = open_run(project, request, env, profile_name(), progress)
    enforce_max_cost(run, keys, limit_of(project, None, max_cost))
    with bars:
        outcome = backfill_run(run, keys, chunk, progress, bars.say)
    print(*outcome.lines(), sep="\n")
    if outcome.stopped:
        print(f"error: the backfill stopped. {outcome.stopped}", file=sys.stderr)
    if outcome.failed:
        print("Not everything could be made. Run the same command again to make the rest.")
        sys.exit(3)


def _source(project: Project, name: str | None) -> str:
    known = sources(project.graph)
    if name and name not in known:
        raise SelectionError(f"there is no source '{name}'. {nearest(name, known)}")
    return name or (known[0] if known else "")


@click.command("test")
@click.argument("selection", nargs=-1)
@click.option("--capture", is_flag=True, help="Print the rows of the view as YAML, to copy into 'expect'.")
@handle_errors
def test(selection: tuple[str, ...], capture: bool) -> None:
    """Run the SQL tests of views/tests/*.yaml: given rows in, expected rows out.

    A selection limits the tests to those of the selected views. The exit code is 1 if a test fails.

    \b
    Examples: openaq-assets test
              openaq-assets test view_latest_aqi
              openaq-assets test view_latest_aqi --capture
    """
    project = load_project()
    tests = read_tests(project)
    if selection:
        chosen = select(project.graph, " ".join(selection))
        tests = tuple(test for test in tests if test.view in chosen)
    if not tests:
        raise SelectionError(
            f"there is no test of the selected views in {FOLDER}. Write one, or select other views."
        )
    failed = 0
    for outcome in run_tests(project, tests):
        case = outcome.test
        failed += bool(outcome.failures)
        if capture:
            click.echo(f"# {case.at.path}:{case.at.line} {case.name}")
            click.echo("\n".join(f"  - {shown(row)}" for row in outcome.rows) or "  []")
        elif not outcome.failures:
            click.echo(f"ok      {case.view}: {case.name} ({outcome.seconds * 1000:.0f} ms)")
        else:
            click.echo(f"FAILED  {case.at.path}:{case.at.line}:{case.at.column}: {case.view}: {case.name}")
            click.echo("\n".join(f"        {failure}" for failure in outcome.failures))
    if not capture:
        click.echo(f"{len(tests)} tests: {len(tests) - failed} ok, {failed} failed.")
        sys.exit(1 if failed else 0)


@click.command()
@click.argument("sql")
@click.option(
    "--format", "form", type=_Form, default="table", show_default=True, help="How to print the rows."
)
@env_option
@handle_errors
def query(sql: str, form: str, env: str) -> None:
    """Run a query in Athena SQL on the tables and views of an environment.

    \b
    Example: openaq-assets query --env prod "SELECT location, us_aqi FROM view_latest_aqi ORDER BY 2 DESC"
    """
    print_rows(ask(load_project(), sql, env, profile_name()), form)
