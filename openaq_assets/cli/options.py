"""Share between commands: options, the loading of the project, and the reporting of errors."""

import datetime as dt
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import click

from openaq_assets.errors import AssetsError, ConfigError, PlatformError, PromotionError, TooExpensive
from openaq_assets.graph.extensions import ConfFile
from openaq_assets.graph.partitions import parse_day
from openaq_assets.graph.selection import select
from openaq_assets.plugins.manager import load_plugins
from openaq_assets.project.project import Project, load

if TYPE_CHECKING:
    from openaq_assets.cli.progress import ProgressBars
    from openaq_assets.runs.context import Run

P = ParamSpec("P")
SHOWN_PROBLEMS = 20
#: The first words and the exit code of an error; subclasses come first.
_REFUSALS: Mapping[type[AssetsError], tuple[str, int]] = {
    PlatformError: ("error", 3),
    PromotionError: ("not promoted", 1),
    TooExpensive: ("not run", 1),
    AssetsError: ("error", 2),
}


class Day(click.ParamType[dt.date]):
    """A UTC day, like 2026-01-31."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        """Return the day; fail with a usage error for any other text."""
        try:
            return parse_day(str(value))
        except ValueError:
            return self.fail(f"{str(value)!r} is not a date like 2026-01-31.", param, ctx)


def handle_errors(function: Callable[P, None]) -> Callable[P, None]:
    """Report the errors of this package as one line each and an exit code."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except ConfigError as error:
            print_problems(error.problems)
            sys.exit(1)
        except AssetsError as error:
            kind = next(kind for kind in _REFUSALS if isinstance(error, kind))
            prefix, code = _REFUSALS[kind]
            if kind is PromotionError and function.__name__ == "rollback":
                prefix = "not rolled back"
            click.echo(f"{prefix}: {error}", err=True)
            sys.exit(code)

    return wrapped


def print_problems(problems: Sequence[object]) -> None:
    """Print the first problems, and the number of the others."""
    for problem in problems[:SHOWN_PROBLEMS]:
        click.echo(str(problem), err=True)
    if len(problems) > SHOWN_PROBLEMS:
        click.echo(f"and {len(problems) - SHOWN_PROBLEMS} more.", err=True)


env_option = click.option("--env", default="dev", show_default=True, help="An environment, like dev or prod.")


max_cost_option = click.option(
    "--max-cost",
    type=click.FloatRange(min=0),
    help="Do not run if it would cost more US dollars (default: max_cost of the job or project).",
)


def format_option(text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the option ``--format``, a table or JSON, with its help."""
    forms = click.Choice(["table", "json"])
    return click.option("--format", "form", type=forms, default="table", show_default=True, help=text)


def scope_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add an option like ``--locations`` for each file of conf/ whose entries name parts of a scope."""
    for file in scope_files():
        text = f"Only these entries of {file.path}."
        function = click.option(f"--{file.section}", multiple=True, help=text)(function)
    return function


def scope_files() -> list[ConfFile]:
    """Return the files of conf/ whose entries name parts of a scope."""
    plugins, _ = load_plugins()
    return [file for file in plugins.conf_files.values() if file.selector]


def narrowed(options: dict[str, Any]) -> dict[str, Sequence[str]]:
    """Remove the options that limit the scope from ``options`` and return them, by section."""
    return {file.section: options.pop(file.section) for file in scope_files()}


def selecting(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that select assets and days."""
    for option in (
        click.argument("selection", nargs=-1),
        click.option("--job", help="The assets and environment of this job (default: every asset)."),
        click.option("--from", "first", type=Day(), help="First day (UTC)."),
        click.option("--to", "last", type=Day(), help="Last day (UTC; default: today)."),
        click.option("--days", type=click.IntRange(1, 3660), help="The number of days up to --to."),
        scope_options,
        click.option("--force", is_flag=True, help="Make up-to-date partitions again."),
        click.option("--env", help="The environment (default: the job's, or dev)."),
    ):
        function = option(function)
    return function


def load_project(*, strict: bool = True) -> Project:
    """Return the project of ``--project``, else that of the current folder or one above it."""
    return load(click.get_current_context().obj["project"], strict=strict)


def profile_name() -> str | None:
    """Return the value of ``--profile``; None if it is not given."""
    profile: str | None = click.get_current_context().obj["profile"]
    return profile


def prepare(options: dict[str, Any]) -> "tuple[Run, tuple[str, ...], ProgressBars]":
    """Return the run for the options, the keys of the selected assets, and the progress bars."""
    from openaq_assets.cli.progress import ProgressBars
    from openaq_assets.runs.context import open_run
    from openaq_assets.runs.plan import make_request

    project = load_project()
    job = project.job(options["job"]) if options["job"] else None
    text = " ".join(options["selection"]) or (job.select if job else "*")
    keys = select(project.graph, text)
    request = make_request(
        project.graph,
        first=options["first"],
        last=options["last"],
        days=options["days"] or (job.days if job else 3),
        only=narrowed(options),
        force=options["force"],
    )
    environment = options["env"] or (job.environment if job else "dev")
    progress = ProgressBars()
    return open_run(project, request, environment, profile_name(), progress), keys, progress
