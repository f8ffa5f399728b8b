"""The code blocks of the documentation: where each is, and what it takes to run it in a project."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml

from openaq_assets.cli.main import cli
from openaq_assets.project.project import load
from openaq_assets.sql.lint import problems as sql_problems
from support.projects import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
LANGUAGES = {"console", "csv", "json", "py", "python", "sql", "text", "yaml"}
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->\s*\Z", re.DOTALL)
_EXITS = re.compile(r"<!-- exits with (\d): [^>]+ -->\s*\Z")
_PATH = re.compile(r"\A(?:#|--) ((?:[\w.-]+/)+[\w.-]+)[^\n]*\n")


@dataclass(frozen=True)
class Block:
    """A fenced block: its page and line, its language and text, and the reason not to run it."""

    page: str
    line: int
    language: str
    text: str
    not_run: str = ""
    code: int = 0  # the exit code that its script ends with
    follows: bool = False  # only empty lines are between it and the block before it

    @property
    def path(self) -> str:
        """The file that the first line names."""
        found = _PATH.match(self.text)
        return found[1] if found else ""

    @property
    def where(self) -> str:
        """The page and the line."""
        return f"{self.page}:{self.line}"


def name_of(path: Path) -> str:
    """Return a page's path below the repository."""
    return path.relative_to(REPOSITORY).as_posix()


def blocks_of(path: Path) -> list[Block]:
    """Return the code blocks of a page in their order."""
    text, end, blocks = path.read_text(encoding="utf-8"), 0, []
    for match in _FENCE.finditer(text):
        before = text[end : match.start()]
        reason, exits = _NOT_RUN.search(before), _EXITS.search(before)
        body = re.sub(rf"^{match['indent']}", "", match["body"], flags=re.MULTILINE)
        blocks.append(
            Block(
                name_of(path), text.count("\n", 0, match.start()) + 1, match["language"], body,
                reason[1] if reason else "", int(exits[1]) if exits else 0, bool(blocks) and not before.strip(),
            )
        )
        end = match.end()
    return blocks


def commands_in(script: str) -> Iterator[list[str]]:
    """Yield the words of every command of openaq-assets in a script, without what the shell does with them."""
    text = ""
    for line in script.replace("\\\n", " ").splitlines():
        text = f"{text}\n{line}" if text else line
        try:
            yield from _commands_of(text)
        except ValueError:  # a quotation that goes on in the next line
            continue
        text = ""
    assert not text, text


def _commands_of(line: str) -> list[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;>")
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("|&;>"):
            commands.append([])
        else:
            commands[-1].append(word)
    return [words for command in commands for words in _command(command)]


def _command(words: list[str]) -> Iterator[list[str]]:
    rest = list(words)
    while rest and re.match(r"[A-Z_]+=", rest[0]):
        rest.pop(0)
    if rest and rest[0].endswith("openaq-assets"):
        yield rest[1:]


def parse_command(words: list[str]) -> None:
    """Raise click's error if the argument parser refuses the words of a command."""
    command: click.Command = cli
    context: click.Context | None = None
    while True:
        context = command.make_context("openaq-assets", list(words), parent=context)
        if not isinstance(command, click.Group):
            return
        rest = [*context._protected_args, *context.args]
        if not rest:
            return
        _, found, words = command.resolve_command(context, rest)
        assert found is not None
        command = found


def check_shell(script: str) -> None:
    """Raise CalledProcessError if the text is no shell script."""
    subprocess.run(["bash", "-n", "-c", script], check=True, capture_output=True)


class Scratch:
    """A project in a folder of its own, in which the blocks of one page are done in their order."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.root = root
        binaries = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("OPENAQ_", "AWS_"))}
        self.environment = {**kept, "PATH": binaries, "PYTHONPATH": str(REPOSITORY), "BROWSER": "true",
                            "OPENAQ_CACHE": str(cache)}
        self.output = ""

    def do(self, block: Block) -> None:
        """Run a block, or write the file that it names; raise AssertionError if it does not work."""
        if block.language == "text":
            self._expect(block)
        elif block.language == "console":
            self.output = self._run(block, "bash", "-euo", "pipefail", "-c", block.text)
        elif block.language == "yaml":
            self._write_yaml(block)
        elif block.language == "sql":
            self._sql(block)
        elif block.language == "python":
            self._python(block)

    def finish(self, block: Block) -> None:
        """Assert that the project is sound after the last block."""
        self._sound(block)

    def _expect(self, block: Block) -> None:
        """Assert that every line of a block after a command is in what the command printed; ... is any text."""
        if not block.follows or not self.output:
            return
        for line in filter(None, map(str.strip, block.text.splitlines())):
            words = [re.escape(" ".join(part.split())) for part in line.split("...")]
            assert re.search(".*".join(words), " ".join(self.output.split())), (block.where, line, self.output)

    def _sound(self, block: Block) -> None:
        assert [str(problem) for problem in load(self.root, strict=False).problems] == [], block.where

    def _run(self, block: Block, *command: str) -> str:
        done = subprocess.run(command, cwd=self.root, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == block.code, f"{block.where}\n{block.text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def _write(self, block: Block, text: str) -> None:
        path = self.root / block.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def _write_yaml(self, block: Block) -> None:
        """Write a file, or add a block's entries to the file that is there; its scalars stay text."""
        assert block.path, f"{block.where}: the first line has to name the file, like '# conf/locations.yaml'"
        path, data = self.root / block.path, as_text(yaml.load(block.text, yaml.BaseLoader))
        if path.exists():
            data = merged(as_text(yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)), data)
        self._write(block, yaml.safe_dump(data, allow_unicode=True, sort_keys=False))

    def _sql(self, block: Block) -> None:
        assert sql_problems(block.text) == (), block.where
        if block.path:
            self._write(block, block.text)
        else:
            self._run(block, "openaq-assets", "query", block.text)

    def _python(self, block: Block) -> None:
        if not block.path:
            self._run(block, sys.executable, "-c", block.text)
            return
        self._write(block, block.text)
        if block.path.startswith("tests/"):
            options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-c", os.devnull, "--rootdir", "."]
            self._run(block, sys.executable, "-m", "pytest", *options, block.path)


def as_text(data: Any) -> Any:
    """Return YAML data whose scalars are text, with None for the text that means it."""
    if isinstance(data, Mapping):
        return {key: as_text(value) for key, value in data.items()}
    if isinstance(data, list):
        return [as_text(value) for value in data]
    return None if data in ("~", "null") else data


def merged(old: Any, new: Any) -> Any:
    """Return the old mapping with the entries of the new one, mapping by mapping."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}
