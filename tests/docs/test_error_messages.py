"""The page of error messages lists every message of the source, and finds the ones that users meet."""

import re
from pathlib import Path

import click
import pytest
from support.projects import REPOSITORY

from infra.reference.errors import Entry, differences, topics
from infra.reference.messages import HOLE, messages, normal
from openaq_assets.cli.main import cli

ENTRIES = [entry for topic in topics(REPOSITORY) for entry in topic.entries]
MISTAKES = (REPOSITORY / "tests/project/expected_mistakes.txt").read_text(encoding="utf-8").splitlines()


def collected(folder: Path, text: str) -> list[str]:
    """The messages of one module."""
    (folder / "module.py").write_text(text, encoding="utf-8")
    return [message.text for message in messages(folder, ["module.py"])]


def pattern(text: str) -> str:
    """A listed message as a regular expression."""
    return ".*".join(map(re.escape, text.split(HOLE)))


def test_every_message_has_an_entry_and_every_entry_a_message() -> None:
    """A new message needs a cause and a remedy; those of a message that is gone are removed."""
    assert differences(REPOSITORY) == []


@pytest.mark.parametrize("line", [line for line in MISTAKES if line and not line.startswith("#")])
def test_a_mistake_that_check_reports_is_found(line: str) -> None:
    """What check says after the field is on the page, by more than its holes."""
    known = [text for entry in ENTRIES for text in entry.messages if len(text.replace(HOLE, "")) > 8]
    assert any(re.search(f"(: |^){pattern(text)}", line) for text in known)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.messages[0][:60])
def test_an_entry_adds_to_its_messages(entry: Entry) -> None:
    """A cause and a remedy are sentences, and neither repeats a message."""
    for text in (entry.cause, entry.remedy):
        assert text.endswith(".") and (len(text.split()) > 5 or text == "Nothing.")
        assert not any(message.rstrip(".") in text for message in entry.messages)


def test_commands_in_remedies_exist() -> None:
    """A remedy names only commands and options that the command line has."""
    context = click.Context(cli)
    names = cli.list_commands(context)
    options = {option for name in names for option in _options(context, name)} | {"--help"}
    for entry in ENTRIES:
        for command in re.findall(r"`openaq-assets ([a-z]+)", entry.remedy):
            assert command in names
        for option in re.findall(r"(--[a-z-]+)", entry.remedy):
            assert option in options, (option, entry.remedy)


def _options(context: click.Context, name: str) -> set[str]:
    command = cli.get_command(context, name)
    inner = [cli, command, *getattr(command, "commands", {}).values()]
    return {text for each in inner for parameter in each.params for text in parameter.opts}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("raise ValueError(f'{name} is odd.')", ["… is odd."]),
        ("raise ValueError(f'{a}{b} is odd.')", ["… is odd."]),
        ("raise ValueError('one odd' if x else 'two odd')", ["one odd", "two odd"]),
        ("def f():\n    text = f'it is {x:g}.'\n    raise PlatformError(text)", ["it is …."]),
        ("async def f():\n    hint = 'Write another one.'\n    raise ValueError(f'{x}. {hint}')", ["…. Write another one."]),
        ("asset.problem('columns', f'no {x} here.', 'Add one now.')", ["no … here."]),
        ("def f():\n    yield 'field', f'no {x} here.', nearest(x, y)", ["no … here."]),
        ("def why() -> str:\n    return 'it is very odd'\n\n\nraise ValueError(f'{x}: {why()}')", ["…: it is very odd"]),
        ("log.warning('%s is odd: %s', x, y)", ["… is odd: …"]),
        ("def _say_odd():\n    return f'{x} odd rows'", ["… odd rows"]),
        ("click.echo('error: it is odd', err=True)", ["error: it is odd"]),
        ("class Odd(Exception):\n    pass\n\n\nmake = Odd('it is odd')", ["it is odd"]),
        ("click.echo('42 rows were made')\nraise NotPlain('for other code')", []),
    ],
)
def test_what_is_a_message(tmp_path: Path, text: str, expected: list[str]) -> None:
    """Texts that are raised, reported, logged or printed as errors are messages, with their remedies."""
    assert collected(tmp_path, text) == expected


def test_the_name_of_a_variable_is_no_part_of_a_message(tmp_path: Path) -> None:
    """Renaming what fills a hole leaves the message as it was."""
    first = collected(tmp_path, "raise ValueError(f'{one} is odd, {two!r:.80} not.')")
    assert first == collected(tmp_path, "raise ValueError(f'{asset.key} is odd, {column} not.')")


def test_a_message_is_one_line() -> None:
    """Line breaks and holes side by side do not make another message."""
    assert normal(f"it is\n   {HOLE}{HOLE} odd: %s") == f"it is {HOLE} odd: {HOLE}"
