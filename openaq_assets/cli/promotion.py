"""Define the commands that change or compare the views of environments: promote, rollback, diff."""

import json
from collections.abc import Sequence
from dataclasses import asdict

import click

from openaq_assets.cli.options import format_option, handle_errors, load_project, profile_name
from openaq_assets.cli.output import table
from openaq_assets.promotion.diff import ViewDifference, compare_environments
from openaq_assets.promotion.journal import Journal
from openaq_assets.promotion.promote import promote as promote_views
from openaq_assets.promotion.promote import rollback as rollback_views
from openaq_assets.runs.context import open_run
from openaq_assets.runs.plan import make_request

_HEADERS = ("number", "what", "state", "when (UTC)", "who", "views", "allowed to break", "message")


@click.command()
@click.option(
    "--from", "source", default="dev", show_default=True, help="The environment with the new views."
)
@click.option("--to", "target", default="prod", show_default=True, help="The environment to change.")
@click.option("--allow", multiple=True, help="A view whose contract may break (repeatable).")
@handle_errors
def promote(source: str, target: str, allow: tuple[str, ...]) -> None:
    """Replace the views of prod by those of dev, check them, and undo everything if a check fails.

    Contracts are compared first. A change that can break a reader is refused unless --allow names the
    view. A view that is no longer in the project stays in prod until --allow names it. See
    docs/how-to/promote.md.

    \b
    Examples: openaq-assets promote
              openaq-assets promote --allow view_daily_average
    """
    project = load_project()
    run = open_run(project, make_request(project.graph), source, profile_name())
    for line in promote_views(run, target, allow).lines():
        click.echo(line)


@click.command()
@click.option("--to", type=click.IntRange(1), help="The number of the promotion whose views to restore.")
@click.option("--list", "listed", is_flag=True, help="Only list the promotions.")
@click.option("--env", "target", default="prod", show_default=True, help="The environment to change.")
@click.option("--allow", multiple=True, help="A view whose contract may break (repeatable).")
@handle_errors
def rollback(to: int | None, listed: bool, target: str, allow: tuple[str, ...]) -> None:
    """Restore the views of prod from before its latest promotion, or from right after an earlier one.

    If a promotion was interrupted, its views are restored first; without --to that is all. A change that
    can break a reader is refused unless --allow names the view. See docs/how-to/promote.md.

    \b
    Examples: openaq-assets rollback --list
              openaq-assets rollback
              openaq-assets rollback --to 3 --allow view_daily_average
    """
    project = load_project(strict=False)
    run = open_run(project, make_request(project.graph), profile=profile_name())
    if listed:
        journal = Journal(run.platform.objects, run.environment.sibling(target))
        click.echo(table(_HEADERS, journal.rows()))
        return
    for line in rollback_views(run, target, to, allow).lines():
        click.echo(line)


@click.command()
@click.argument("before", default="dev")
@click.argument("after", default="prod")
@click.argument("views", nargs=-1)
@format_option("How to print the differences.")
@handle_errors
def diff(before: str, after: str, views: tuple[str, ...], form: str) -> None:
    """Compare the views of two environments: columns, numbers of rows, keys, and the largest differences.

    Rows are matched by the columns of the view's 'unique' check; without such a check they are counted.

    \b
    Examples: openaq-assets diff dev prod
              openaq-assets diff dev prod view_daily_average --format json
    """
    differences = compare_environments(load_project(strict=False), before, after, views, profile_name())
    if form == "json":
        click.echo(json.dumps([asdict(view) for view in differences], indent=1, default=str))
        return
    _print(differences, before, after)


def _print(differences: Sequence[ViewDifference], before: str, after: str) -> None:
    headers = (
        "view",
        "difference",
        f"rows {before}",
        f"rows {after}",
        f"only {before}",
        f"only {after}",
        "changed",
    )
    rows = [
        (
            view.view,
            view.verdict,
            view.rows_before,
            view.rows_after,
            view.only_before,
            view.only_after,
            view.changed,
        )
        for view in differences
    ]
    click.echo(table(headers, rows))
    for view in differences:
        for line in (*view.schema, *([view.problem] if view.problem else [])):
            click.echo(f"  {view.view}: {line}")
    columns = [
        (view.view, column.column, column.differing, column.largest, column.key)
        for view in differences
        for column in view.columns
    ]
    if columns:
        click.echo("\n" + table(("view", "column", "rows differing", "largest", "at"), columns))
