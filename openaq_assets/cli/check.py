"""Define the command ``check``, in a module of its own that imports little: it runs before every push."""

import click

from openaq_assets.cache import current
from openaq_assets.cli.options import handle_errors, load_project, profile_name
from openaq_assets.errors import ConfigError
from openaq_assets.runs.supported import unsupported
from openaq_assets.runs.view_tests import mistakes


@click.command()
@handle_errors
def check() -> None:
    """Check conf/, views/ and plugins/, and print every mistake with its position and remedy.

    The exit code is 1 if there is a mistake.

    \b
    Example: openaq-assets check && git push
    """
    project = load_project(strict=False)
    problems = (*project.problems, *project.conf_problems(), *unsupported(project, profile_name()))
    problems = problems or mistakes(project)
    current().save()  # with the files that were read after the project was loaded
    if problems:
        raise ConfigError(problems)
    click.echo(f"{len(project.graph.assets)} assets, {len(project.jobs)} jobs: no problems.")
