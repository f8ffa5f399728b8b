"""``openaq-assets rollback``: what prod served before, by the record of every promotion."""

import click

from openaq_assets.usage import load_project, profile_name, told

_HEADERS = ("number", "what", "state", "when (UTC)", "who", "views", "allowed to break", "message")


@click.command()
@click.option("--to", type=click.IntRange(1), help="The number of the promotion to go back to.")
@click.option("--list", "listed", is_flag=True, help="Only list what there is to go back to.")
@click.option(
    "--env", "target", default="prod", show_default=True, help="The environment that serves."
)
@click.option("--allow", multiple=True, help="A view whose contract may break; repeatable.")
@told
def rollback(to: int | None, listed: bool, target: str, allow: tuple[str, ...]) -> None:
    """Serve what prod served before its latest promotion, or right after an earlier one.

    What an interrupted promotion left is put back first; without --to that is all. What readers would
    miss needs to be allowed by name, as in a promotion. See docs/promote.md.

    \b
    Examples: openaq-assets rollback --list
              openaq-assets rollback
              openaq-assets rollback --to 3 --allow view_daily_average
    """
    from openaq_assets.journal import Journal
    from openaq_assets.planning import make_request
    from openaq_assets.promotion import rollback as rolled_back
    from openaq_assets.reporting import table
    from openaq_assets.runner import open_run

    project = load_project(strict=False)
    run = open_run(project, make_request(project.graph), profile=profile_name())
    if listed:
        journal = Journal(run.platform.objects, run.environment.sibling(target))
        click.echo(table(_HEADERS, journal.rows()))
        return
    for line in rolled_back(run, target, to, allow).lines():
        click.echo(line)
