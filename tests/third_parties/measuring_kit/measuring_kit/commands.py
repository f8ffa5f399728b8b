"""The command ``instruments``."""

import click

from openaq_assets import load


@click.command()
def instruments() -> None:
    """List the instruments of the project, with their units."""
    project = load(click.get_current_context().obj["project"])
    for name, instrument in sorted((project.conf("instruments") or {}).items()):
        click.echo(f"{name}: {instrument.unit}, to {instrument.precision:g}")
