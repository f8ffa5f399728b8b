"""The command line: parse arguments, call one function, print. Exit codes: 0 ok, 1 problems, 2 usage, 3 platform."""

import datetime as dt
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import click

from openaq_assets.errors import AssetsError, ConfigError, PlatformError, PromotionError

if TYPE_CHECKING:
    from openaq_assets.planning import Request
    from openaq_assets.project import Project
    from openaq_assets.runner import Run

P = ParamSpec("P")
SHOWN_PROBLEMS = 20


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="openaq-assets")
@click.option("--project", type=click.Path(path_type=Path), help="The folder with conf/ (default: here or above).")
@click.option("--profile", help="Which profile of conf/environments.yaml (default: $OPENAQ_PROFILE or local).")
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


def told(function: Callable[P, None]) -> Callable[P, None]:
    """Errors of this package as one line each and an exit code, never a stack trace."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except ConfigError as error:
            _print_problems(error.problems)
            sys.exit(1)
        except PlatformError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(3)
        except PromotionError as error:
            click.echo(f"not promoted: {error}", err=True)
            sys.exit(1)
        except (AssetsError, BrokenPipeError) as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(2)

    return wrapped


def _print_problems(problems: Sequence[object]) -> None:
    for problem in problems[:SHOWN_PROBLEMS]:
        click.echo(str(problem), err=True)
    if len(problems) > SHOWN_PROBLEMS:
        click.echo(f"and {len(problems) - SHOWN_PROBLEMS} more.", err=True)


def _project(*, strict: bool = True) -> "Project":
    from openaq_assets.project import load

    return load(click.get_current_context().obj["project"], strict=strict)


def _profile() -> str | None:
    found: str | None = click.get_current_context().obj["profile"]
    return found


# --- options that several commands share ---------------------------------------------------------

Day = click.DateTime(formats=["%Y-%m-%d"])
env_option = click.option("--env", default="dev", show_default=True, help="The environment.")


def selecting(function: Callable[..., None]) -> Callable[..., None]:
    """The options that say what to run and for which days."""
    for option in (
        click.argument("selection", nargs=-1),
        click.option("--job", help="The assets of a job (default: openaq_ingestion's, or every asset)."),
        click.option("--from", "first", type=Day, help="First day (UTC)."),
        click.option("--to", "last", type=Day, help="Last day (UTC; default: today)."),
        click.option("--days", type=click.IntRange(1, 3660), help="This many days up to --to."),
        click.option("--locations", multiple=True, help="Only these entries of conf/locations.yaml."),
        click.option("--force", is_flag=True, help="Make again what is up to date."),
        env_option,
    ):
        function = option(function)
    return function


def _request(project: "Project", options: dict[str, Any], days: int) -> "Request":
    from openaq_assets.planning import make_request

    first, last = options["first"], options["last"]
    return make_request(
        project.graph,
        first=first.date() if first else None,
        last=last.date() if last else None,
        days=options["days"] or days,
        locations=options["locations"],
        force=options["force"],
    )


def _prepare(options: dict[str, Any]) -> "tuple[Run, tuple[str, ...], Any]":
    from openaq_assets.progress import bars
    from openaq_assets.runner import open_run
    from openaq_assets.selection import select

    project = _project()
    job = project.job(options["job"]) if options["job"] else None
    text = " ".join(options["selection"])
    if text:
        keys = select(project.graph, text)
    else:
        keys = project.keys(options["job"]) if job else select(project.graph, "*")
    progress = bars()
    request = _request(project, options, job.days if job else 3)
    return open_run(project, request, options["env"], _profile(), progress), keys, progress


# --- looking -------------------------------------------------------------------------------------


@cli.command()
@told
def check() -> None:
    """Say every mistake in conf/, views/ and plugins/, with its place and remedy.

    \b
    Example: openaq-assets check && git push
    """
    project = _project()
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

    project = _project(strict=False)
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

    details(_project(strict=False), asset, env, _profile(), operations)


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

    project = _project()
    click.echo(mermaid(project.graph, select(project.graph, " ".join(selection) or "*")))


@cli.command()
@told
def plugins() -> None:
    """List what every plugin provides, and which plugin it is."""
    for one in _project(strict=False).plugins.provided:
        click.echo(f"{one.what:9} {one.name:16} {one.plugin}")


@cli.command()
@click.option("--write", type=click.Path(path_type=Path, file_okay=False), help="Write the files to this folder.")
@told
def schema(write: Path | None) -> None:
    """Print the JSON Schema of the YAML files, for completion in editors.

    \b
    Example: openaq-assets schema --write conf/schema
    """
    from openaq_assets.schema import schemas

    for name, text in schemas(_project(strict=False).plugins).items():
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
    from openaq_assets.planning import plan as planned

    run, keys, _ = _prepare(options)
    steps = planned(run.situation, keys)
    for step in steps:
        click.echo(str(step))
    active = sum(len(step.partitions) for step in steps if step.action != "skip")
    click.echo(f"{active} of {sum(len(step.partitions) for step in steps)} partitions have work.")


@cli.command()
@selecting
@told
def run(**options: Any) -> None:
    """Make what is missing or stale of a selection or job. Running twice does the work once.

    \b
    Examples: openaq-assets run --job openaq_ingestion --days 30
              openaq-assets run +view_latest_aqi --locations vietnam
              openaq-assets run measurements --from 2026-01-01 --to 2026-01-31 --force
    """
    from openaq_assets.reporting import result_line, summary_line
    from openaq_assets.runner import run_all

    prepared, keys, progress = _prepare(options)
    with progress:
        results = run_all(prepared, keys, told=lambda one: progress.say(result_line(one)))
    click.echo(summary_line(results))
    if any(one.state in ("failed", "blocked", "partial") for one in results):
        sys.exit(3)


@cli.command()
@click.argument("sql")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@env_option
@told
def query(sql: str, form: str, env: str) -> None:
    """Ask the tables and views of an environment, in Athena SQL.

    \b
    Example: openaq-assets query --env prod "SELECT location, aqi FROM view_latest_aqi ORDER BY aqi DESC"
    """
    from openaq_assets.reporting import print_rows
    from openaq_assets.serving import ask

    print_rows(ask(_project(), sql, env, _profile()), form)


@cli.command()
@click.option("--from", "source", default="dev", show_default=True, help="The environment with the candidates.")
@click.option("--to", "target", default="prod", show_default=True, help="The environment that serves.")
@click.option("--allow", multiple=True, help="Views whose contract may break.")
@told
def promote(source: str, target: str, allow: tuple[str, ...]) -> None:
    """Serve dev's views from prod: compare contracts, check, replace, validate; undo if that fails.

    \b
    Example: openaq-assets promote --allow view_daily_average
    """
    from openaq_assets.promotion import promote as promoted
    from openaq_assets.planning import make_request
    from openaq_assets.runner import open_run

    project = _project()
    run = open_run(project, make_request(project.graph), source, _profile())
    done = promoted(run, target, allow)
    for word, names in (("created", done.created), ("replaced", done.replaced), ("unchanged", done.unchanged)):
        if names:
            click.echo(f"{word:9} {', '.join(names)}")


@cli.command()
@click.option("--out", type=click.Path(path_type=Path), help="The file (default: <root>/dashboard/...).")
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
@told
def dashboard(out: Path | None, open_it: bool) -> None:
    """Write the Air Quality Overview: one HTML file that needs no network.

    \b
    Example: openaq-assets dashboard --open
    """
    from openaq_assets.serving import write_dashboard

    path = write_dashboard(_project(), _profile(), out)
    click.echo(f"wrote {path}")
    if open_it:
        click.launch(str(path))


@cli.command()
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535))
@click.option("--seed", default=0, show_default=True, help="Another seed gives other weather.")
@click.option("--faults", default="", help="Faults to switch on, comma-separated; 'list' names them.")
@click.option("--now", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]), help="Where its clock stands (UTC).")
@told
def simulate(port: int, seed: int, faults: str, now: dt.datetime | None) -> None:
    """Serve a synthetic OpenAQ API on 127.0.0.1 until interrupted.

    \b
    Example: openaq-assets simulate --port 8765 --faults 500once,late_row
             OPENAQ_API_URL=http://127.0.0.1:8765/v3 OPENAQ_API_KEY=$(printf '0%.0s' $(seq 64)) \\
               openaq-assets run --job openaq_ingestion
    """
    from openaq_assets.serving import serve_simulator

    serve_simulator(port, seed, faults, now.replace(tzinfo=dt.UTC) if now else None)


@cli.command()
@click.option("--days", type=click.IntRange(1, 366), help="Default: 30 with the simulator, 2 with a key.")
@told
def demo(days: int | None) -> None:
    """Run the whole way once: extract, transform, catalog, views, promote, validate, dashboard.

    \b
    Example: openaq-assets demo      (make demo does this after installing)
    """
    from openaq_assets.demo import run_demo

    sys.exit(run_demo(_project(), _profile(), days))


def main(arguments: Iterable[str] | None = None) -> None:
    """The console script."""
    os.environ.setdefault("POLARS_MAX_THREADS", "4")
    cli(args=list(arguments) if arguments is not None else None, prog_name="openaq-assets")


if __name__ == "__main__":
    main()
