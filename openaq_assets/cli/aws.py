"""Define the commands about an AWS account: deploy, doctor, cost."""

import os
import sys
from typing import TYPE_CHECKING

import click

from openaq_assets.cli.options import env_option, handle_errors, load_project, profile_name
from openaq_assets.cli.output import table
from openaq_assets.errors import SelectionError
from openaq_assets.graph.jobs import Job
from openaq_assets.graph.selection import select
from openaq_assets.platforms.aws.prices import host_month, shown
from openaq_assets.project.project import Project
from openaq_assets.runs.context import open_run
from openaq_assets.runs.cost import estimate
from openaq_assets.runs.plan import make_request

if TYPE_CHECKING:
    from openaq_assets.platforms.aws.deploy.account import Account

_SHOWN = 30
_TYPES = ["t3.micro", "t3.small", "t3.medium", "none"]


@click.command()
@click.option("--yes", is_flag=True, help="Make the changes without a question.")
@click.option("--dry-run", is_flag=True, help="Show the changes and make none.")
@handle_errors
def deploy(yes: bool, dry_run: bool) -> None:
    """Update the AWS account: the Glue script, conf/, the code, and settings that the stack cannot make.

    The command shows the changes and asks before it makes them. A second run changes nothing. Create the
    stack (infra/openaq.yaml) with CloudFormation before: see docs/how-to/aws.md.

    \b
    Examples: openaq-assets deploy --dry-run
              OPENAQ_ROOT=s3://my-bucket openaq-assets deploy --yes
    """
    from openaq_assets.platforms.aws.deploy.changes import carry_out, find_changes, lines

    project = load_project()
    account = _account(project)
    number, _ = account.identity
    click.echo(f"Account {number}, region {account.region}, bucket {account.bucket}.")
    changes = find_changes(account, project.root, os.environ)
    if not changes:
        click.echo("Nothing to change.")
        return
    for line in lines(changes, _SHOWN):
        click.echo(f"  {line}")
    if dry_run or not (yes or click.confirm(f"Make these {len(changes)} changes?")):
        click.echo("Nothing was changed.")
        return
    for change in changes:
        carry_out(change)
    click.echo(f"{len(changes)} changes made. Check with 'openaq-assets doctor'.")


@click.command()
@click.option("--only-missing", is_flag=True, help="Print only what is missing.")
@handle_errors
def doctor(only_missing: bool) -> None:
    """Check an AWS account and list what the pipeline still needs there. Changes nothing.

    The exit code is 1 if something is missing. Lines that begin with 'note' are for information only.

    \b
    Examples: openaq-assets doctor
              OPENAQ_ROOT=s3://my-bucket openaq-assets doctor --only-missing
    """
    from openaq_assets.platforms.aws.deploy.checkup import findings

    account = _account(load_project())
    lacking = 0
    for finding in findings(account):
        lacking += finding.level == "missing"
        if finding.level == "missing" or not only_missing:
            click.echo(str(finding))
    if lacking:
        click.echo(f"{lacking} missing.")
        sys.exit(1)
    click.echo("Nothing is missing.")


@click.command()
@click.argument("selection", nargs=-1)
@click.option("--job", help="The daily job (default: the first of conf/openaq.yaml).")
@click.option(
    "--backfill",
    type=click.IntRange(1, 3660),
    default=365,
    show_default=True,
    help="Days of history in the estimate.",
)
@click.option(
    "--instance",
    type=click.Choice(_TYPES),
    default="t3.small",
    show_default=True,
    help="The EC2 instance of Airflow, which runs the whole month.",
)
@env_option
@handle_errors
def cost(selection: tuple[str, ...], job: str | None, backfill: int, instance: str, env: str) -> None:
    """Estimate the cost of a day, a month and a backfill on AWS, by asset, from the sizes in the ledger.

    The ledger is that of the profile in use; a local lake gives the same estimate as one on AWS. An asset
    that was never made is marked with ~: its sizes are assumed. The prices are those of conf/rates.yaml.

    \b
    Examples: openaq-assets cost
              openaq-assets cost measurements+ --backfill 1000
              OPENAQ_CATALOG=partitions OPENAQ_TRANSFORM=local openaq-assets cost
    """
    project = load_project()
    daily = _daily(project, job)
    keys = select(project.graph, " ".join(selection) or daily.select)
    run = open_run(project, make_request(project.graph), env, profile_name())
    price = estimate(run, keys, daily.days, backfill)
    headers = ("asset", "a day", "a month", f"{backfill} days of history")
    rows = [
        (
            f"{day.asset} ~" if day.assumed else day.asset,
            *(shown(part.dollars) for part in (day, month, history)),
        )
        for day, month, history in zip(price.day, price.month, price.history)
    ]
    totals = [sum(entry.dollars for entry in column) for column in (price.day, price.month, price.history)]
    host = host_month(price.rates, instance) if instance != "none" else 0.0
    rows.append(("all of it", *map(shown, totals)))
    rows.append((f"instance {instance}", shown(host / 30), shown(host), ""))
    rows.append(("with the instance", shown(totals[0] + host / 30), shown(totals[1] + host), ""))
    click.echo(table(headers, rows))
    click.echo(f"List prices of {price.rates.as_of} in {price.rates.region}; no free tier, no credits.")
    if run.platform.name != "aws":
        click.echo("Run on this machine it costs nothing: these are the prices of the profile aws.")


def _account(project: Project) -> "Account":
    """Return the account of the chosen profile, by default that of the profile ``aws``."""
    from openaq_assets.platforms.aws.deploy.account import PROFILE, open_account

    profile = profile_name() or os.environ.get("OPENAQ_PROFILE") or PROFILE
    return open_account(project.root, project.environment("dev", profile), profile)


def _daily(project: Project, name: str | None) -> Job:
    """Return the named job, else the first one; raise SelectionError if there is none."""
    if name or project.jobs:
        return project.job(name or next(iter(project.jobs)))
    raise SelectionError("there is no job to price. Declare one below 'jobs' in conf/openaq.yaml.")
