"""``openaq-assets promote``: dev's views to prod, one at a time, or not at all."""

import click

from openaq_assets.usage import load_project, profile_name, told


@click.command()
@click.option(
    "--from", "source", default="dev", show_default=True, help="Where the candidates are."
)
@click.option(
    "--to", "target", default="prod", show_default=True, help="The environment that serves."
)
@click.option("--allow", multiple=True, help="A view whose contract may break; repeatable.")
@told
def promote(source: str, target: str, allow: tuple[str, ...]) -> None:
    """Serve dev's views from prod: compare contracts, check, replace, validate; undo if that fails.

    A change that can break a reader passes only for views named with --allow. A view that is no longer
    in the project stays in prod until it is named so. See docs/promote.md.

    \b
    Examples: openaq-assets promote
              openaq-assets promote --allow view_daily_average
    """
    from openaq_assets.planning import make_request
    from openaq_assets.promotion import promote as promoted
    from openaq_assets.runner import open_run

    project = load_project()
    run = open_run(project, make_request(project.graph), source, profile_name())
    for line in promoted(run, target, allow).lines():
        click.echo(line)
