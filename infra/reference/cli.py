"""The page of the command line: every command with its arguments and options, as ``--help`` has them."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from openaq_assets.cli.main import cli

from .markdown import block, code, page, table

_HEAD = """
Exit codes: 0 done, 1 the project or the data have problems, 2 wrong usage, 3 a platform failed.

Options of `openaq-assets` itself stand before the command: `openaq-assets --profile aws plan`.
"""
_PAGE = re.compile(r"docs/([\w/-]+\.md)")
_NOT_RUN = "<!-- not run: examples of --help; the pages of tutorial and how-to run theirs -->"


def cli_page() -> str:
    """Return the page of the command line, without what the project of the current folder adds."""
    return page("The command line", _HEAD, *(_command(path, command) for path, command in commands()))


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its path, the group itself first."""
    with click.Context(cli, info_name="openaq-assets") as context:
        yield "openaq-assets", cli
        for name in cli.list_commands(context):
            command = cli.get_command(context, name)
            assert command is not None
            yield from _below(f"openaq-assets {name}", command)


def _below(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in sorted(command.commands.items()):
            yield from _below(f"{path} {name}", inner)


def _command(path: str, command: click.Command) -> str:
    text, examples = _help(command)
    arguments = [parameter for parameter in command.params if isinstance(parameter, click.Argument)]
    usage = " ".join(
        [path, *(["[OPTIONS]"]), *(argument.make_metavar(click.Context(command)) for argument in arguments)]
    )
    if isinstance(command, click.Group):
        usage += " COMMAND ..."
    parts = [f"## {path}", text, block(usage, "text"), _options(command)]
    if examples:
        parts.append(f"{_NOT_RUN}\n{block(examples, 'console')}")
    return "\n\n".join(part for part in parts if part)


def _help(command: click.Command) -> tuple[str, str]:
    r"""Return the text of a command's help, and its examples (the paragraph after ``\b``) as commands."""
    text, _, examples = inspect.cleandoc(command.help or "").partition("\b\n")
    lines = (re.sub(r"^ *Examples?:", "", line).strip() for line in examples.splitlines())
    return _PAGE.sub(r"[\g<0>](../\1)", text).strip(), "\n".join(_commented(line) for line in lines if line)


def _commented(line: str) -> str:
    """Return an example with what is said of it, after three spaces or more, as a comment."""
    command, gap, words = re.match(r"(.*?)( {3,}|$)(.*)", line).groups()  # type: ignore[union-attr]  # the pattern matches any text
    return f"{command}{gap}# {words}" if words else command


def _options(command: click.Command) -> str:
    rows = [
        _option(parameter, command)
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
    ]
    return table(["option", "meaning", "default"], rows) if rows else ""


def _option(option: click.Option, command: click.Command) -> tuple[str, str, str]:
    name = ", ".join(option.opts)
    if not option.is_flag:
        name += f" {option.make_metavar(click.Context(command))}"
    shown = option.get_default(click.Context(command), call=False)
    default = str(shown) if isinstance(shown, str | int | float | Path) and not option.is_flag else ""
    needed = "Required." if option.required else ""
    return code(name), " ".join(filter(None, [option.help, _bounds(option.type), needed])), code(default)


def _bounds(kind: click.ParamType) -> str:
    if not isinstance(kind, click.IntRange):
        return ""
    return f"From {kind.min} to {kind.max}." if kind.max is not None else f"At least {kind.min}."
