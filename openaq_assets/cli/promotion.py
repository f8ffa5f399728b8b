"""Commands that change or compare the views of environments: promote, rollback, diff."""

import json
from collections.abc import Sequence
from dataclasses import asdict

import click

from openaq_assets.cli.options import handle_errors, load_project, profile_name
from openaq_assets.cli.output import table
from openaq_assets.promotion.diff import ViewDifference, compare_environments
from openaq_assets.promotion.journal import Journal
from openaq_assets.promotion.promote import promote as promote_views
from openaq_assets.promotion.promote import rollback as rollback_views
from openaq_assets.runs.context import open_run
from openaq_assets.runs.plan import make_request

_HEADERS = ("number", "what", "state", "when (UTC)", "who", "views", "allowed to break", "message")


@click.command()
@click.option("--from", "source", default="dev", show_default=True, help="Where the candidates are.")
@click.option("--to", "target", default="prod", show_default=True, help="The environment that serves.")
@click.option("--allow", multiple=True, help="A view whose contract may break; repeatable.")
@handle_errors
def promote(source: str, target: str, allow: tuple[str, ...]) -> None:
    """Serve dev's views from prod: compare contracts, check, replace, validate; undo if that fails.

    A change that can break a reader passes only for views named with --allow. A view that is no longer
    in the project stays in prod until it is named so. See docs/how-to/promote.md.

    \b
    Examples: openaq-assets promote
              openaq-assets promote --allow view_daily_average
    """
    project = load_project()
    run = open_run(project, make_request(project.graph), source, profile_name())
    for line in promote_views(run, target, allow).lines():
        click.echo(line)


@click.command()
@click.option("--to", type=click.IntRange(1), help="The number of the promotion to go back to.")
@click.option("--list", "listed", is_flag=True, help="Only list what there is to go back to.")
@click.option("--env", "target", default="prod", show_default=True, help="The environment that serves.")
@click.option("--allow", multiple=True, help="A view whose contract may break; repeatable.")
@handle_errors
def rollback(to: int | None, listed: bool, target: str, allow: tuple[str, ...]) -> None:
    """Serve what prod served before its latest promotion, or right after an earlier one.

    What an interrupted promotion left is put back first; without --to that is all. What readers would
    miss needs to be allowed by name, as in a promotion. See docs/how-to/promote.md.

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
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@handle_errors
def diff(before: str, after: str, views: tuple[str, ...], form: str) -> None:
    """Compare the views of two environments: columns, rows, keys, and the largest differences.

    Rows are matched by the columns that a 'unique' check names; without one they are only counted.

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
    headers = ("view", "difference", f"rows {before}", f"rows {after}", f"only {before}",
               f"only {after}", "changed")  # fmt: skip
    rows = [
        (view.view, view.verdict, view.rows_before, view.rows_after, view.only_before, view.only_after,
         view.changed)
        for view in differences
    ]  # fmt: skip
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
