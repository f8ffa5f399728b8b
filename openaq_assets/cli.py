"""The command line: parse arguments, call one function, print.

Exit codes: 0 ok, 1 problems, 2 usage, 3 platform.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openaq_assets.commands.backfill import backfill
from openaq_assets.commands.cost import cost
from openaq_assets.commands.dashboard import dashboard
from openaq_assets.commands.deploy import deploy
from openaq_assets.commands.diff import diff
from openaq_assets.commands.docs import docs
from openaq_assets.commands.doctor import doctor
from openaq_assets.commands.owox import owox
from openaq_assets.commands.promote import promote
from openaq_assets.commands.records import records
from openaq_assets.commands.rollback import rollback
from openaq_assets.commands.simulate import simulate
from openaq_assets.commands.status import status
from openaq_assets.commands.test import test
from openaq_assets.errors import ConfigError
from openaq_assets.usage import (
    Commands,
    env_option,
    load_project,
    max_cost_option,
    prepare,
    profile_name,
    selecting,
    told,
)

if TYPE_CHECKING:
    from openaq_assets.project import Project


_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_Form = click.Choice(["table", "csv", "json"])
_Folder = click.Path(path_type=Path)


@click.group(cls=Commands, context_settings=_CONTEXT)
@click.version_option(package_name="openaq-assets")
@click.option("--project", type=_Folder, help="The folder with conf/ (default: here or above).")
@click.option(
    "--profile", help="A profile of conf/environments.yaml (default: $OPENAQ_PROFILE or local)."
)
@click.pass_context
def cli(context: click.Context, project: Path | None, profile: str | None) -> None:
    """Air quality from OpenAQ as a graph of assets: declared in conf/, run here or by Airflow.

    \b
    Examples:
      openaq-assets check                          is the project sound?
      openaq-assets plan --from 2026-01-01         what would run, and why
      openaq-assets run --job openaq_ingestion     run it
      openaq-assets query "SELECT * FROM view_latest_aqi"
    """
    context.obj = {"project": project, "profile": profile}


# --- looking -------------------------------------------------------------------------------------


@cli.command()
@told
def check() -> None:
    """Say every mistake in conf/, views/ and plugins/, with its place and remedy.

    \b
    Example: openaq-assets check && git push
    """
    from openaq_assets.owox.plan import problems_of
    from openaq_assets.rates import mistakes
    from openaq_assets.unit_tests import mistakes as of_tests

    project = load_project(strict=False)
    found = (*project.problems, *problems_of(project), *mistakes(project.root))
    if problems := found or of_tests(project):
        raise ConfigError(problems)
    click.echo(f"{len(project.graph.assets)} assets, {len(project.jobs)} jobs: no problems.")


@cli.command("list")
@click.argument("selection", nargs=-1)
@told
def list_(selection: tuple[str, ...]) -> None:
    """List assets, locations and jobs.

    \b
    Examples: openaq-assets list kind:view
              openaq-assets list +view_latest_aqi
    """
    from openaq_assets.reporting import listing
    from openaq_assets.selection import select

    project = load_project(strict=False)
    keys = select(project.graph, " ".join(selection)) if selection else tuple(project.graph.assets)
    listing(project, keys, everything=not selection)
    _end_with_problems(project)


def _end_with_problems(project: "Project") -> None:
    """What is good was shown; what is not is still an error."""
    if project.problems:
        raise ConfigError(project.problems)


@cli.command()
@click.argument("asset")
@click.option("--operations", is_flag=True, help="The operations as JSON, unbound.")
@env_option
@told
def show(asset: str, operations: bool, env: str) -> None:
    """Show one asset: definition, columns, lineage and what the ledger knows of it.

    \b
    Example: openaq-assets show measurements
    """
    from openaq_assets.reporting import details

    details(load_project(strict=False), asset, env, profile_name(), operations)


@cli.command()
@click.argument("selection", nargs=-1)
@told
def graph(selection: tuple[str, ...]) -> None:
    """Print the graph as Mermaid text.

    \b
    Example: openaq-assets graph +view_latest_aqi > graph.mmd
    """
    from openaq_assets.reporting import mermaid
    from openaq_assets.selection import select

    project = load_project()
    click.echo(mermaid(project.graph, select(project.graph, " ".join(selection) or "*")))


@cli.command()
@told
def plugins() -> None:
    """List what every plugin provides, and which plugin it is.

    \b
    Example: openaq-assets plugins
    """
    for one in load_project(strict=False).plugins.provided:
        click.echo(f"{one.what:9} {one.name:16} {one.plugin}")


@cli.command()
@click.option("--write", type=_Folder, help="Write the files to this folder.")
@told
def schema(write: Path | None) -> None:
    """Print the JSON Schema of the YAML files, for completion in editors.

    \b
    Example: openaq-assets schema --write conf/schema
    """
    from openaq_assets.schema import schemas

    for name, text in schemas(load_project(strict=False).plugins).items():
        if write is None:
            click.echo(f"// {name}\n{text}")
            continue
        write.mkdir(parents=True, exist_ok=True)
        (write / name).write_text(text + "\n", encoding="utf-8")
        click.echo(f"wrote {write / name}")


# --- running -------------------------------------------------------------------------------------


@cli.command()
@selecting
@told
def plan(**options: Any) -> None:
    """Say what a run would do, asset by asset, and why. Changes nothing.

    \b
    Examples: openaq-assets plan --job openaq_ingestion --days 30
              openaq-assets plan measurements+ --from 2026-01-01 --to 2026-01-31
    """
    from openaq_assets.costing import cost_line
    from openaq_assets.planning import plan as planned

    run, keys, _ = prepare(options)
    steps = planned(run.situation, keys)
    for step in steps:
        click.echo(str(step))
    click.echo(cost_line(run, keys))
    active = sum(len(step.partitions) for step in steps if step.action != "skip")
    click.echo(f"{active} of {sum(len(step.partitions) for step in steps)} partitions have work.")


@cli.command()
@selecting
@max_cost_option
@told
def run(max_cost: float | None, **options: Any) -> None:
    """Make what is missing or stale of a selection or job. Running twice does the work once.

    \b
    Examples: openaq-assets run --job openaq_ingestion --days 30
              openaq-assets run +view_latest_aqi --locations vietnam
              openaq-assets run measurements --from 2026-01-01 --to 2026-01-31 --force
    """
    from openaq_assets.costing import limit_of, refuse_beyond
    from openaq_assets.reporting import result_line, summary_line
    from openaq_assets.runner import run_all

    prepared, keys, progress = prepare(options)
    refuse_beyond(prepared, keys, limit_of(prepared.project, options["job"], max_cost))
    with progress:
        results = run_all(prepared, keys, told=lambda one: progress.say(result_line(one)))
    click.echo(summary_line(results))
    if any(one.state in ("failed", "blocked", "partial") for one in results):
        sys.exit(3)


cli.add_command(backfill)
cli.add_command(status)
cli.add_command(test)
cli.add_command(cost)
cli.add_command(deploy)
cli.add_command(docs)
cli.add_command(doctor)
cli.add_command(owox)
cli.add_command(records)


@cli.command()
@click.argument("sql")
@click.option("--format", "form", type=_Form, default="table", show_default=True)
@env_option
@told
def query(sql: str, form: str, env: str) -> None:
    """Ask the tables and views of an environment, in Athena SQL.

    \b
    Example: openaq-assets query --env prod "SELECT location, us_aqi FROM view_latest_aqi ORDER BY 2 DESC"
    """
    from openaq_assets.reporting import print_rows
    from openaq_assets.serving import ask

    print_rows(ask(load_project(), sql, env, profile_name()), form)


cli.add_command(promote)
cli.add_command(rollback)
cli.add_command(diff)
cli.add_command(dashboard)
cli.add_command(simulate)


@cli.command()
@click.option(
    "--days", type=click.IntRange(1, 366), help="Default: 30 with the simulator, 2 with a key."
)
@told
def demo(days: int | None) -> None:
    """Run the whole way once: extract, transform, catalog, views, promote, validate, dashboard.

    \b
    Example: openaq-assets demo      (make demo does this after installing)
    """
    from openaq_assets.demo import run_demo

    sys.exit(run_demo(load_project(), profile_name(), days))


def main(arguments: Iterable[str] | None = None) -> None:
    """The console script."""
    os.environ.setdefault("POLARS_MAX_THREADS", "4")
    cli(args=list(arguments) if arguments is not None else None, prog_name="openaq-assets")


if __name__ == "__main__":
    main()
