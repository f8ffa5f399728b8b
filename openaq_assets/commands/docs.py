"""``openaq-assets docs``: the asset catalog as one HTML file."""

from pathlib import Path

import click

from openaq_assets.usage import env_option, load_project, profile_name, told

DEFAULT = Path("build/docs/index.html")


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), default=DEFAULT, show_default=True
)
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
@env_option
@told
def docs(out: Path, open_it: bool, env: str) -> None:
    """Write the asset catalog: the graph, columns with units and lineage, checks, last materializations.

    One HTML file that needs no network. Assets of a broken file are left out; 'check' says why.

    \b
    Examples: openaq-assets docs --open
              openaq-assets docs --env prod --out site/index.html
    """
    from openaq_assets.dashboard.catalog import render_catalog
    from openaq_assets.documentation import catalog
    from openaq_assets.errors import PlatformError

    page = render_catalog(catalog(load_project(strict=False), env, profile_name()))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise PlatformError(f"{out}: {error.strerror}. Choose another --out.") from error
    click.echo(f"wrote {out}")
    if open_it:
        click.launch(str(out.absolute()))
