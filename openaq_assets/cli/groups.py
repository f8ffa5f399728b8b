"""Define groups of commands that print usage errors as one line and import commands when they are used."""

import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from openaq_assets.errors import ConfigError, sentence
from openaq_assets.graph.extensions import Command, imported


class Commands(click.Group):
    """A group whose usage errors are one line that names the help."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command that the arguments name, and exit with its code."""
        for stream in (sys.stdout, sys.stderr):  # a terminal that cannot show "µ" is no reason to fail
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
        except BrokenPipeError:  # the reader closed the pipe, so nothing can be flushed to it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)


class LazyCommands(Commands):
    """The group of all commands: the built-in ones from a table, those of plugins from their hook."""

    built_in: Mapping[str, Command] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in alphabetical order."""
        return sorted({*self.built_in, *_of_plugins(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by name; plugins are loaded only for a name that is not built in."""
        command = self.built_in.get(cmd_name) or _of_plugins(ctx).get(cmd_name)
        if command is None:
            return None
        return _loaded(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names and help of the commands without importing them."""
        commands = {**_of_plugins(ctx), **self.built_in}
        with formatter.section("Commands"):
            formatter.write_dl([(name, commands[name].help) for name in sorted(commands)])


def _loaded(command: Command) -> click.Command:
    """Import a click command; raise ClickException if that fails or the object is no click command."""
    try:
        loaded = imported(command.target)
    except (Exception, SystemExit) as error:  # a plugin is foreign code
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise click.ClickException(f"the command '{command.name}' cannot be loaded ({reason}).") from error
    if not isinstance(loaded, click.Command):
        raise click.ClickException(
            f"the command '{command.name}' is {loaded!r}, which is not a click command."
        )
    return loaded


def _of_plugins(ctx: click.Context) -> Mapping[str, Command]:
    """Return the commands of the installed plugins and of the plugins of the project, if there is one."""
    from openaq_assets.plugins.manager import load_plugins
    from openaq_assets.project.project import find_root

    try:
        root = find_root(ctx.params.get("project"))
    except ConfigError:
        root = None
    return load_plugins(root)[0].commands
