"""``openaq-assets cost``: what the pipeline costs in an AWS account, before it does."""

from typing import TYPE_CHECKING

import click

from openaq_assets.usage import env_option, load_project, profile_name, told

if TYPE_CHECKING:
    from openaq_assets.costing import Priced

_TYPES = ["t3.micro", "t3.small", "t3.medium", "none"]


@click.command()
@click.argument("selection", nargs=-1)
@click.option("--job", default="openaq_ingestion", show_default=True, help="The daily run.")
@click.option("--backfill", type=click.IntRange(1, 3660), default=365, show_default=True,
              help="Days of history to price.")  # fmt: skip
@click.option("--instance", type=click.Choice(_TYPES), default="t3.small", show_default=True,
              help="What Airflow runs on, all the month.")  # fmt: skip
@env_option
@told
def cost(selection: tuple[str, ...], job: str, backfill: int, instance: str, env: str) -> None:
    """Price a day, a month and a backfill on AWS, asset by asset, by the sizes that the ledger knows.

    The ledger is that of the profile in use: a laptop's lake is as good as one on AWS. An asset that was
    never made is priced by assumption and marked with ~. The prices are those of conf/rates.yaml.

    \b
    Examples: openaq-assets cost
              openaq-assets cost measurements+ --backfill 1000
              OPENAQ_CATALOG=partitions OPENAQ_TRANSFORM=local openaq-assets cost
    """
    from openaq_assets.costing import estimate
    from openaq_assets.planning import make_request
    from openaq_assets.pricing import host_month, shown
    from openaq_assets.reporting import table
    from openaq_assets.runner import open_run
    from openaq_assets.selection import select

    project = load_project()
    keys = select(project.graph, " ".join(selection) or project.job(job).select)
    run = open_run(project, make_request(project.graph), env, profile_name())
    found = estimate(run, keys, project.job(job).days, backfill)
    headers = ("asset", "a day", "a month", f"{backfill} days of history")
    rows = [_row(*each) for each in zip(found.day, found.month, found.history)]
    totals = [
        sum(one.dollars for one in column) for column in (found.day, found.month, found.history)
    ]
    host = host_month(found.rates, instance) if instance != "none" else 0.0
    rows.append(("all of it", *map(shown, totals)))
    rows.append((f"instance {instance}", shown(host / 30), shown(host), ""))
    rows.append(("with the instance", shown(totals[0] + host / 30), shown(totals[1] + host), ""))
    click.echo(table(headers, rows))
    click.echo(
        f"List prices of {found.rates.as_of} in {found.rates.region}; no free tier, no credits."
    )
    if run.platform.name != "aws":
        click.echo("Run on this machine it costs nothing: these are the prices of the profile aws.")


def _row(day: "Priced", month: "Priced", history: "Priced") -> tuple[str, ...]:
    from openaq_assets.pricing import shown

    name = f"{day.asset} ~" if day.assumed else day.asset
    return name, shown(day.dollars), shown(month.dollars), shown(history.dollars)
