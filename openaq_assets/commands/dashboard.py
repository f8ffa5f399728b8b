"""``openaq-assets dashboard``: the page people look at, and pictures of it."""

from pathlib import Path

import click

from openaq_assets.usage import env_option, load_project, profile_name, told

_PLACE = click.Path(path_type=Path)


@click.command()
@click.option("--out", type=_PLACE, help="The file (default: <root>/dashboard/...).")
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
@click.option(
    "--png", type=_PLACE, help="Instead of the page: its charts as PNG files in this folder."
)
@click.option(
    "--language", type=click.Choice(["en", "vi"]), default="en", show_default=True, help="Of PNGs."
)
@env_option
@told
def dashboard(out: Path | None, open_it: bool, png: Path | None, language: str, env: str) -> None:
    """Write the Air Quality Overview: one HTML file that needs no network.

    Pictures need no browser. They show the environment of --env.

    \b
    Examples: openaq-assets dashboard --open
              openaq-assets dashboard --png pictures --env prod --language vi
    """
    from openaq_assets.serving import write_dashboard, write_pictures

    if png is not None:
        for picture in write_pictures(load_project(), profile_name(), png, env, language):
            click.echo(f"wrote {picture}")
        return
    page, problems = write_dashboard(load_project(), profile_name(), out)
    for problem in problems:
        click.echo(f"not shown: {problem}", err=True)
    click.echo(f"wrote {page}")
    if open_it:
        click.launch(page)
