"""The command ``check``, alone in its module: it runs before every push, so it imports little."""

import click

from openaq_assets.cache import current
from openaq_assets.cli.options import handle_errors, load_project, profile_name
from openaq_assets.errors import ConfigError
from openaq_assets.runs.supported import unsupported
from openaq_assets.runs.view_tests import mistakes


@click.command()
@handle_errors
def check() -> None:
    """Say every mistake in conf/, views/ and plugins/, with its place and remedy.

    \b
    Example: openaq-assets check && git push
    """
    project = load_project(strict=False)
    problems = (*project.problems, *project.conf_problems(), *unsupported(project, profile_name()))
    problems = problems or mistakes(project)
    current().save()  # also of files that were read since the project was
    if problems:
        raise ConfigError(problems)
    click.echo(f"{len(project.graph.assets)} assets, {len(project.jobs)} jobs: no problems.")
