"""The whole way, once: what ``make demo`` runs after installing."""

import click

from openaq_assets.cli.output import print_rows, result_line, summary_line
from openaq_assets.cli.progress import Bars
from openaq_assets.errors import PromotionError
from openaq_assets.graph.partitions import summary
from openaq_assets.openaq.dashboard.write import write_dashboard
from openaq_assets.openaq.settings import api_of
from openaq_assets.project.project import Project
from openaq_assets.promotion.promote import promote
from openaq_assets.runs.context import open_platform, open_run
from openaq_assets.runs.plan import make_request
from openaq_assets.runs.query import ask
from openaq_assets.runs.run import run_all

JOB = "openaq_ingestion"
LATEST = """
SELECT location, city, as_of, us_pollutant AS pollutant, us_aqi, us_category AS category, vn_aqi,
    us_reason AS reason
FROM view_latest_aqi ORDER BY us_aqi DESC NULLS LAST, location
"""


def run_demo(project: Project, profile: str | None, days: int | None) -> int:
    """Run the main job, promote and draw the dashboard, saying how it goes; return the exit code."""
    home, _ = open_platform(project, "dev", profile)
    api = api_of(home)
    if api.key:
        click.echo(f"Using the OpenAQ API at {api.url} (about 60 requests a minute).")
    else:
        click.secho(
            "No OPENAQ_API_KEY: the bundled simulator answers. THE DATA ARE SYNTHETIC.",
            fg="yellow", bold=True,
        )  # fmt: skip
    request = make_request(project.graph, days=days or (2 if api.key else 30))
    click.echo(f"\n{JOB}: {summary(request.days)} into {home.root}\n")
    progress = Bars()
    run = open_run(project, request, "dev", profile, progress)
    with progress:
        results = run_all(run, project.keys(JOB), told=lambda result: progress.say(result_line(result)))
    click.echo(summary_line(results))
    if any(result.state in ("failed", "blocked") for result in results):
        return 3
    try:
        done = promote(run, "prod")
    except PromotionError as error:
        click.echo(f"not promoted: {error}", err=True)
        return 1
    click.echo(
        f"prod: {len(done.created)} views created, {len(done.replaced)} replaced, "
        f"{len(done.unchanged)} unchanged.\n"
    )
    print_rows(ask(project, LATEST, "prod", profile), "table")
    _say_where(project, profile, home.root)
    return 3 if any(result.state == "partial" for result in results) else 0


def _say_where(project: Project, profile: str | None, root: str) -> None:
    page, _ = write_dashboard(project, profile)
    click.echo("\nWhere everything lies:")
    for what, where in (
        ("raw answers", f"{root}/dev/raw/"), ("tables", f"{root}/dev/processed/"),
        ("views", f"{root}/catalog/openaq_prod/"), ("records", f"{root}/dev/ledger/"),
        ("CSV", f"{root}/dev/export/latest_aqi_csv/latest_aqi_csv.csv"), ("dashboard", page),
    ):  # fmt: skip
        click.echo(f"  {what:12} {where}")
