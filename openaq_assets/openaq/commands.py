"""Commands that only OpenAQ needs: dashboard, demo, owox, simulate."""

import datetime as dt
import os
import sys
import time
from pathlib import Path

import click

from openaq_assets.cli.groups import Commands
from openaq_assets.cli.options import Day, env_option, handle_errors, load_project, profile_name
from openaq_assets.cli.output import print_rows, result_line, summary_line
from openaq_assets.cli.progress import ProgressBars
from openaq_assets.errors import PlatformError, SelectionError
from openaq_assets.graph.partitions import summary
from openaq_assets.openaq.dashboard.write import write_dashboard, write_pictures
from openaq_assets.openaq.owox.check import check_owox
from openaq_assets.openaq.owox.checklist import checklist as checklist_lines
from openaq_assets.openaq.owox.plan import read_plan
from openaq_assets.openaq.settings import api_of
from openaq_assets.project.project import Project
from openaq_assets.promotion.promote import promote
from openaq_assets.runs.context import open_platform, open_run
from openaq_assets.runs.plan import make_request
from openaq_assets.runs.query import ask
from openaq_assets.runs.run import run_all
from openaq_simulator import FAULTS, Simulator, World, parse_fault
from openaq_simulator.archive import archive_objects

JOB = "openaq_ingestion"
LATEST = """
SELECT location, city, as_of, us_pollutant AS pollutant, us_aqi, us_category AS category, vn_aqi,
    us_reason AS reason
FROM view_latest_aqi ORDER BY us_aqi DESC NULLS LAST, location
"""
_DAY, _PATH = Day(), click.Path(path_type=Path)


@click.group(cls=Commands)
def owox() -> None:
    """Prove, publish and explain the Data Studio dashboard that reads through OWOX Data Marts.

    \b
    Examples: openaq-assets owox check
              openaq-assets owox checklist > checklist.md
              openaq-assets owox publish --url https://owox.example.org --bucket my-results
    """


@owox.command()
@click.option("--bucket", default="", help="Where Athena's results go (on AWS; default: the lake's).")
@handle_errors
def check(bucket: str) -> None:
    """Ask both environments what OWOX would ask, and compare schemas with each other and the charts.

    \b
    Example: openaq-assets owox check
             AWS_PROFILE=owox-integrator openaq-assets --profile aws owox check --bucket my-results
    """
    project = load_project()
    bad = 0
    for finding in check_owox(project, read_plan(project), profile_name(), bucket):
        bad += not finding.ok
        detail = f"  ({finding.detail})" if finding.detail else ""
        click.echo(f"{'ok' if finding.ok else 'WRONG':6}{finding.environment:6}{finding.what}{detail}")
    click.echo("Everything is correct." if not bad else f"{bad} checks failed.", err=bool(bad))
    if bad:
        sys.exit(1)


@owox.command()
@handle_errors
def checklist() -> None:
    """Print what is to be done by hand in Data Studio, with the exact values, as Markdown."""
    project = load_project()
    for line in checklist_lines(project, read_plan(project)):
        click.echo(line)


@owox.command()
@click.option("--url", default=lambda: os.environ.get("OWOX_URL", ""), help="OWOX (or $OWOX_URL).")
@click.option("--region", default=lambda: os.environ.get("AWS_REGION", ""), help="Athena's region.")
@click.option("--bucket", required=True, help="The bucket of Athena's results.")
@click.option(
    "--ids",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("build/owox.json"),
    show_default=True,
    help="Where the ids OWOX gives are kept, so that a second run renews and does not double.",
)
@handle_errors
def publish(url: str, region: str, bucket: str, ids: Path) -> None:
    """Make the storages, Data Marts, destination and reports in OWOX through its REST API.

    The access key of owox-integrator is read from OWOX_AWS_ACCESS_KEY_ID and
    OWOX_AWS_SECRET_ACCESS_KEY, the token of OWOX from OWOX_TOKEN. None of them is written anywhere.

    \b
    Example: openaq-assets owox publish --url https://owox.example.org --region ap-southeast-1 \\
               --bucket aws-athena-query-results-openaq
    """
    from openaq_assets.openaq.owox.publish import Account, Kept, Owox
    from openaq_assets.openaq.owox.publish import publish as published

    keys = [os.environ.get(f"OWOX_AWS_{name}", "") for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")]
    missing = [name for name, value in (("--url", url), ("--region", region)) if not value]
    missing += ["OWOX_AWS_ACCESS_KEY_ID and OWOX_AWS_SECRET_ACCESS_KEY"] if not all(keys) else []
    if missing:
        raise SelectionError(f"{', '.join(missing)} must be given. Set it and try again.")
    project = load_project()
    account = Account(region, bucket, *keys)
    with Owox(url, os.environ.get("OWOX_TOKEN", "")) as server:
        for line in published(project, read_plan(project), server, account, Kept(ids)):
            click.echo(line)


@click.command()
@click.option("--out", type=_PATH, help="The file (default: <root>/dashboard/...).")
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
@click.option("--png", type=_PATH, help="Instead of the page: its charts as PNG files in this folder.")
@click.option("--language", type=click.Choice(["en", "vi"]), default="en", show_default=True, help="Of PNGs.")
@env_option
@handle_errors
def dashboard(out: Path | None, open_it: bool, png: Path | None, language: str, env: str) -> None:
    """Write the Air Quality Overview: one HTML file that needs no network.

    Pictures need no browser. They show the environment of --env.

    \b
    Examples: openaq-assets dashboard --open
              openaq-assets dashboard --png pictures --env prod --language vi
    """
    if png is not None:
        for picture in write_pictures(load_project(), profile_name(), png, env, language):
            click.echo(f"wrote {picture}")
        return
    page, problems = write_dashboard(load_project(), profile_name(), out)
    for problem in problems:
        click.echo(f"not shown on the page: {problem}", err=True)
    click.echo(f"wrote {page}")
    if open_it:
        click.launch(page)


@click.command()
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535))
@click.option("--seed", default=0, show_default=True, help="Another seed gives other weather.")
@click.option("--faults", default="", help="Faults to switch on, comma-separated; 'list' names them.")
@click.option("--now", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]), help="Where its clock stands (UTC).")
@click.option(
    "--archive",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the files of the open-data bucket into this folder instead of serving.",
)
@click.option("--from", "first", type=_DAY, help="First local day of the files (with --archive).")
@click.option("--to", "last", type=_DAY, help="Last local day (with --archive; default: today).")
@handle_errors
def simulate(
    port: int,
    seed: int,
    faults: str,
    now: dt.datetime | None,
    archive: Path | None,
    first: dt.date | None,
    last: dt.date | None,
) -> None:
    """Serve a synthetic OpenAQ API on 127.0.0.1 until interrupted, or write its archive.

    \b
    Examples: openaq-assets simulate --port 8765 --faults 500once,late_row
              OPENAQ_API_URL=http://127.0.0.1:8765/v3 OPENAQ_API_KEY=$(printf '0%.0s' $(seq 64)) \\
                openaq-assets run --job openaq_ingestion
              openaq-assets simulate --archive bucket --from 2026-01-01 --to 2026-01-31
    """
    stands = now.replace(tzinfo=dt.UTC) if now else None
    if archive is None:
        if first or last:
            raise SelectionError("--from and --to can be used only with --archive. Add --archive.")
        serve_simulator(port, seed, faults, stands)
    elif first is None:
        raise SelectionError("--archive needs the first day. Add --from.")
    elif last and last < first:
        raise SelectionError(f"--to {last} is before --from {first}. Swap them.")
    else:
        written = write_archive(archive, seed, first, last, stands or dt.datetime.now(dt.UTC))
        click.echo(f"wrote {written} files into {archive}")


def write_archive(folder: Path, seed: int, first: dt.date, last: dt.date | None, now: dt.datetime) -> int:
    """Write the files of the synthetic archive, as of ``now``, into a folder; return their number.

    A local day has its files 72 hours after its end. Raises PlatformError if the folder cannot be written.
    """
    until, count = last or now.date(), 0
    days = [first + dt.timedelta(days=n) for n in range((until - first).days + 1)]
    world = World.synthetic(seed=seed)
    try:
        with ProgressBars() as progress:
            for number, day in enumerate(days, 1):
                for key, body in archive_objects(world, day, day, now):
                    path = folder / key
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(body)
                    count += 1
                progress("Write archive", number, len(days))
    except OSError as error:
        raise PlatformError(f"cannot write to {folder}: {error.strerror}. Choose another folder.") from error
    return count


def serve_simulator(port: int, seed: int, faults: str, now: dt.datetime | None) -> None:
    """Serve the synthetic API until interrupted; raise SelectionError for an unknown fault."""
    if faults == "list":
        for name, description in FAULTS.items():
            print(f"{name:18}{description}")
        return
    try:
        chosen = [parse_fault(text.strip()) for text in faults.split(",") if text.strip()]
        server = Simulator(World.synthetic(seed=seed), port, now, faults=chosen).start()
    except ValueError as error:
        raise SelectionError(str(error)) from error
    except OSError as error:
        raise SelectionError(f"port {port} cannot be used ({error}). Choose another --port.") from error
    print(f"Synthetic OpenAQ API on {server.url} (any key of 64 hex digits). Ctrl-C stops it.", flush=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print("stopped")
    finally:
        server.stop()


@click.command()
@click.option("--days", type=click.IntRange(1, 366), help="Default: 30 with the simulator, 2 with a key.")
@handle_errors
def demo(days: int | None) -> None:
    """Run the whole way once: extract, transform, catalog, views, promote, validate, dashboard.

    \b
    Example: openaq-assets demo      (make demo does this after installing)
    """
    project, profile = load_project(), profile_name()
    home, _ = open_platform(project, "dev", profile)
    api = api_of(home)
    if api.key:
        click.echo(f"Using the OpenAQ API at {api.url} (about 60 requests a minute).")
    else:
        text = "No OPENAQ_API_KEY: the bundled simulator answers. THE DATA ARE SYNTHETIC."
        click.secho(text, fg="yellow", bold=True)
    request = make_request(project.graph, days=days or (2 if api.key else 30))
    click.echo(f"\n{JOB}: {summary(request.days)} into {home.root}\n")
    progress = ProgressBars()
    run = open_run(project, request, "dev", profile, progress)
    with progress:
        results = run_all(run, project.keys(JOB), on_result=lambda result: progress.say(result_line(result)))
    click.echo(summary_line(results))
    states = {result.state for result in results}
    if states & {"failed", "blocked"}:
        sys.exit(3)
    done = promote(run, "prod")
    counts = (
        f"{len(done.created)} views created, {len(done.replaced)} replaced, {len(done.unchanged)} unchanged"
    )
    click.echo(f"prod: {counts}.\n")
    print_rows(ask(project, LATEST, "prod", profile), "table")
    _say_where(project, profile, home.root)
    if "partial" in states:
        sys.exit(3)


def _say_where(project: Project, profile: str | None, root: str) -> None:
    page, _ = write_dashboard(project, profile)
    click.echo("\nWhere everything lies:")
    for what, where in (
        ("raw answers", f"{root}/dev/raw/"),
        ("tables", f"{root}/dev/processed/"),
        ("views", f"{root}/catalog/openaq_prod/"),
        ("records", f"{root}/dev/ledger/"),
        ("CSV", f"{root}/dev/export/latest_aqi_csv/latest_aqi_csv.csv"),
        ("dashboard", page),
    ):
        click.echo(f"  {what:12} {where}")
