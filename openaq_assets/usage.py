"""What the commands share: options, the project they work on, and mistakes as one line and an exit code."""

import datetime as dt
import os
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import click

from openaq_assets.errors import (
    AssetsError,
    ConfigError,
    PlatformError,
    PromotionError,
    TooExpensive,
    sentence,
)
from openaq_assets.partitions import parse_day

if TYPE_CHECKING:
    from openaq_assets.project import Project
    from openaq_assets.runner import Run

P = ParamSpec("P")
SHOWN_PROBLEMS = 20


class Commands(click.Group):
    """Commands whose usage errors are one line with the way to the help."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command named by the arguments, and exit with its code."""
        for stream in (
            sys.stdout,
            sys.stderr,
        ):  # a terminal that cannot show "µ" is no reason to fail
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        kwargs["standalone_mode"] = False
        try:
            sys.exit(super().main(*args, **kwargs) or 0)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            sys.exit(2)
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx else "openaq-assets"
            text = sentence(" ".join(error.format_message().split()))
            click.echo(f"error: {text} See '{command} --help'.", err=True)
            sys.exit(2)
        except click.ClickException as error:
            click.echo(f"error: {error.format_message()}", err=True)
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            click.echo("interrupted.", err=True)
            sys.exit(130)
        except (
            BrokenPipeError
        ):  # the reader of a pipe has seen enough; nothing is left to be flushed to it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)


class Day(click.ParamType[dt.date]):
    """A UTC day, like 2026-01-31."""

    name = "day"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.date:
        """The day, or a usage error."""
        try:
            return parse_day(str(value))
        except ValueError:
            return self.fail(f"{str(value)!r} is not a date like 2026-01-31.", param, ctx)


def told(function: Callable[P, None]) -> Callable[P, None]:
    """Errors of this package as one line each and an exit code."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except ConfigError as error:
            print_problems(error.problems)
            sys.exit(1)
        except PlatformError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(3)
        except PromotionError as error:
            done = "rolled back" if function.__name__ == "rollback" else "promoted"
            click.echo(f"not {done}: {error}", err=True)
            sys.exit(1)
        except TooExpensive as error:
            click.echo(f"not run: {error}", err=True)
            sys.exit(1)
        except AssetsError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(2)

    return wrapped


def print_problems(problems: Sequence[object]) -> None:
    """The first problems, and how many more there are."""
    for problem in problems[:SHOWN_PROBLEMS]:
        click.echo(str(problem), err=True)
    if len(problems) > SHOWN_PROBLEMS:
        click.echo(f"and {len(problems) - SHOWN_PROBLEMS} more.", err=True)


env_option = click.option("--env", default="dev", show_default=True, help="The environment.")


max_cost_option = click.option(
    "--max-cost",
    type=click.FloatRange(min=0),
    help="Refuse to run if it would cost more US dollars (default: max_cost of the job or project).",
)


def selecting(function: Callable[..., None]) -> Callable[..., None]:
    """The options that say what to run and for which days."""
    for option in (
        click.argument("selection", nargs=-1),
        click.option(
            "--job", help="The assets of a job, in its environment (default: every asset)."
        ),
        click.option("--from", "first", type=Day(), help="First day (UTC)."),
        click.option("--to", "last", type=Day(), help="Last day (UTC; default: today)."),
        click.option("--days", type=click.IntRange(1, 3660), help="This many days up to --to."),
        click.option(
            "--locations", multiple=True, help="Only these entries of conf/locations.yaml."
        ),
        click.option("--force", is_flag=True, help="Make again what is up to date."),
        click.option("--env", help="The environment (default: the job's, or dev)."),
    ):
        function = option(function)
    return function


def load_project(*, strict: bool = True) -> "Project":
    """The project of ``--project``, else the one around the current folder."""
    from openaq_assets.project import load

    return load(click.get_current_context().obj["project"], strict=strict)


def profile_name() -> str | None:
    """What ``--profile`` says."""
    found: str | None = click.get_current_context().obj["profile"]
    return found


def prepare(options: dict[str, Any]) -> "tuple[Run, tuple[str, ...], Any]":
    """The run that the options mean, the assets selected, and the progress bars."""
    from openaq_assets.planning import make_request
    from openaq_assets.progress import bars
    from openaq_assets.runner import open_run
    from openaq_assets.selection import select

    project = load_project()
    job = project.job(options["job"]) if options["job"] else None
    text = " ".join(options["selection"]) or (job.select if job else "*")
    keys = select(project.graph, text)
    request = make_request(
        project.graph,
        first=options["first"],
        last=options["last"],
        days=options["days"] or (job.days if job else 3),
        locations=options["locations"],
        force=options["force"],
    )
    environment = options["env"] or (job.environment if job else "dev")
    progress = bars()
    return open_run(project, request, environment, profile_name(), progress), keys, progress
