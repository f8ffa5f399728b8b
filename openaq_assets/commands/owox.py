"""``openaq-assets owox``: the Data Studio dashboard through OWOX Data Marts."""

import os
import sys
from pathlib import Path

import click

from openaq_assets.errors import SelectionError
from openaq_assets.usage import Commands, load_project, profile_name, told


@click.group(cls=Commands)
def owox() -> None:
    """Prove, publish and explain the Data Studio dashboard that reads through OWOX Data Marts.

    \b
    Examples: openaq-assets owox check
              openaq-assets owox checklist > checklist.md
              openaq-assets owox publish --url https://owox.example.org
    """


@owox.command()
@click.option(
    "--bucket", default="", help="Where Athena's results go (on AWS; default: the lake's)."
)
@told
def check(bucket: str) -> None:
    """Ask both environments what OWOX would ask, and compare schemas with each other and the charts.

    \b
    Example: openaq-assets owox check
             AWS_PROFILE=owox-integrator openaq-assets --profile aws owox check --bucket my-results
    """
    from openaq_assets.owox.check import check_owox
    from openaq_assets.owox.plan import read_plan

    project = load_project()
    bad = 0
    for one in check_owox(project, read_plan(project), profile_name(), bucket):
        bad += not one.ok
        mark = "ok" if one.ok else "WRONG"
        click.echo(
            f"{mark:6}{one.environment:6}{one.what}" + (f"  ({one.detail})" if one.detail else "")
        )
    click.echo("All as it must be." if not bad else f"{bad} wrong.", err=bool(bad))
    if bad:
        sys.exit(1)


@owox.command()
@told
def checklist() -> None:
    """Print what is to be done by hand in Data Studio, with the exact values, as Markdown."""
    from openaq_assets.owox.checklist import checklist as lines
    from openaq_assets.owox.plan import read_plan

    project = load_project()
    for line in lines(project, read_plan(project)):
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
@told
def publish(url: str, region: str, bucket: str, ids: Path) -> None:
    """Make the storages, Data Marts, destination and reports in OWOX through its REST API.

    The access key of owox-integrator is read from OWOX_AWS_ACCESS_KEY_ID and
    OWOX_AWS_SECRET_ACCESS_KEY, the token of OWOX from OWOX_TOKEN. None of them is written anywhere.

    \b
    Example: openaq-assets owox publish --url https://owox.example.org --region ap-southeast-1 \\
               --bucket aws-athena-query-results-openaq
    """
    from openaq_assets.owox.plan import read_plan
    from openaq_assets.owox.publish import Account, Kept, Owox
    from openaq_assets.owox.publish import publish as published

    keys = [
        os.environ.get(f"OWOX_AWS_{name}", "") for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")
    ]
    missing = [name for name, value in (("--url", url), ("--region", region)) if not value]
    missing += ["OWOX_AWS_ACCESS_KEY_ID and OWOX_AWS_SECRET_ACCESS_KEY"] if not all(keys) else []
    if missing:
        raise SelectionError(f"{', '.join(missing)} missing. Set it and try again.")
    project = load_project()
    plan = read_plan(project)
    account = Account(region, bucket, *keys)
    with Owox(url, os.environ.get("OWOX_TOKEN", "")) as server:
        for line in published(project, plan, server, account, Kept(ids)):
            click.echo(line)
