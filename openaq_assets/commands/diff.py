"""``openaq-assets diff``: two environments' views beside each other, schema and rows."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from openaq_assets.usage import load_project, profile_name, told

if TYPE_CHECKING:
    from openaq_assets.comparing import ViewDifference


@click.command()
@click.argument("before", default="dev")
@click.argument("after", default="prod")
@click.argument("views", nargs=-1)
@click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True
)
@told
def diff(before: str, after: str, views: tuple[str, ...], form: str) -> None:
    """Compare the views of two environments: columns, rows, keys, and the largest differences.

    Rows are matched by the columns that a 'unique' check names; without one they are only counted.

    \b
    Examples: openaq-assets diff dev prod
              openaq-assets diff dev prod view_daily_average --format json
    """
    from openaq_assets.comparing import compare_environments

    found = compare_environments(load_project(strict=False), before, after, views, profile_name())
    if form == "json":
        click.echo(json.dumps([asdict(one) for one in found], indent=1, default=str))
        return
    _print(found, before, after)


def _print(found: "Iterable[ViewDifference]", before: str, after: str) -> None:
    from openaq_assets.reporting import table

    found = list(found)
    headers = ("view", "difference", f"rows {before}", f"rows {after}", f"only {before}",
               f"only {after}", "changed")  # fmt: skip
    rows = [
        (one.view, one.verdict, one.rows_before, one.rows_after, one.only_before, one.only_after,
         one.changed)
        for one in found
    ]  # fmt: skip
    click.echo(table(headers, rows))
    for one in found:
        for line in (*one.schema, *([one.problem] if one.problem else [])):
            click.echo(f"  {one.view}: {line}")
    columns = [
        (one.view, each.column, each.differing, each.largest, each.key)
        for one in found
        for each in one.columns
    ]
    if columns:
        click.echo("")
        click.echo(table(("view", "column", "rows differing", "largest", "at"), columns))
