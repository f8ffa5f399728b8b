"""``openaq-assets records``: what was made, when and why, as the ledger has it."""

import json
from dataclasses import asdict

import click

from openaq_assets.usage import env_option, load_project, profile_name, told


@click.command()
@click.argument("asset")
@click.option("--run", default="", help="Only those of this run.")
@click.option("--newest", default=100, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
@env_option
@told
def records(asset: str, run: str, newest: int, form: str, env: str) -> None:
    """List the newest materializations of an asset, newest first.

    \b
    Examples: openaq-assets records measurements
              openaq-assets records measurements --newest 1 --format json
    """
    from openaq_assets.documentation import records as found_in
    from openaq_assets.pricing import shown as shown_dollars
    from openaq_assets.reporting import table

    project = load_project(strict=False)
    project.graph[asset]  # raises for a name that is none
    found = found_in(project, asset, env, profile_name(), newest)
    shown = [one for one in found if run in ("", one.run)]
    if form == "json":
        click.echo(json.dumps([asdict(one) for one in shown], ensure_ascii=False, indent=1))
        return
    headers = ("at (UTC)", "partition", "state", "rows", "bytes", "seconds", "dollars", "why")
    rows = [
        (one.at[:19].replace("T", " "), one.partition or "all", one.state, one.facts.rows,
         one.facts.bytes, one.seconds, shown_dollars(one.dollars), one.message or one.reason)
        for one in shown
    ]  # fmt: skip
    click.echo(table(headers, rows))
