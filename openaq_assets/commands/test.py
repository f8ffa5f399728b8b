"""``openaq-assets test``: the SQL unit tests of views, in milliseconds and without a lake."""

import sys

import click

from openaq_assets.errors import SelectionError
from openaq_assets.usage import load_project, told


@click.command("test")
@click.argument("selection", nargs=-1)
@click.option("--capture", is_flag=True, help="Print the rows that come out, as YAML to expect.")
@told
def test(selection: tuple[str, ...], capture: bool) -> None:
    """Run the tests of views/tests/*.yaml: rows in, the rows that must come out.

    \b
    Examples: openaq-assets test
              openaq-assets test view_latest_aqi
              openaq-assets test view_latest_aqi --capture
    """
    from openaq_assets.selection import select
    from openaq_assets.unit_running import run_tests, shown
    from openaq_assets.unit_tests import FOLDER, read_tests

    project = load_project()
    tests = read_tests(project)
    if selection:
        chosen = select(project.graph, " ".join(selection))
        tests = tuple(one for one in tests if one.view in chosen)
    if not tests:
        raise SelectionError(
            f"there is no test of that in {FOLDER}. Write one, or select another view."
        )
    failed = 0
    for outcome in run_tests(project, tests):
        one = outcome.test
        failed += bool(outcome.failures)
        if capture:
            click.echo(f"# {one.at.path}:{one.at.line} {one.name}")
            click.echo("\n".join(f"  - {shown(row)}" for row in outcome.rows) or "  []")
            continue
        if not outcome.failures:
            click.echo(f"ok      {one.view}: {one.name} ({outcome.seconds * 1000:.0f} ms)")
            continue
        click.echo(f"FAILED  {one.at.path}:{one.at.line}:{one.at.column}: {one.view}: {one.name}")
        for failure in outcome.failures:
            click.echo(f"        {failure}")
    if not capture:
        click.echo(f"{len(tests)} tests: {len(tests) - failed} ok, {failed} failed.")
        sys.exit(1 if failed else 0)
