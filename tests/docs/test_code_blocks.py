"""The code blocks of the documentation work: commands run, YAML loads, SQL is allowed, Python runs."""

import ast
import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.docs_blocks import (
    LANGUAGES,
    PAGES,
    Scratch,
    blocks_of,
    check_shell,
    commands_in,
    name_of,
    parse_command,
)
from support.projects import REPOSITORY, copy_project

RUN = [path for path in PAGES if any(not block.not_run for block in blocks_of(path))]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this project whose lake `openaq-assets demo` made of three days, once for all workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "documented"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            scratch = Scratch(copy_project(folder / "project"), folder / "cache")
            command = [sys.executable, "-m", "openaq_assets.cli", "demo", "--days", "3"]
            subprocess.run(command, cwd=scratch.root, env=scratch.environment, check=True, capture_output=True)
            (folder / "done").touch()
    return folder / "project"


@pytest.mark.parametrize("path", RUN, ids=name_of)
def test_blocks_of_a_page_work(made: Path, tmp_path: Path, path: Path) -> None:
    """The blocks of a page, done in their order in a project with a lake, all succeed and leave it sound."""
    root = tmp_path / "project"
    shutil.copytree(made, root, copy_function=os.link)
    for folder in ("conf", "views", "plugins"):  # what blocks write must not reach the other copies
        shutil.rmtree(root / folder)
    copy_project(root)
    scratch, blocks = Scratch(root, made.parent / "cache"), [block for block in blocks_of(path) if not block.not_run]
    for block in blocks:
        scratch.do(block)
    scratch.finish(blocks[-1])


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_blocks_are_well_formed(path: Path) -> None:
    """Every block has a language; commands are accepted by the parser, also in a block that is not run."""
    for block in blocks_of(path):
        assert block.language in LANGUAGES, block.where
        if block.language == "console":
            check_shell(block.text)
            for words in commands_in(block.text):
                parse_command(words)
        elif block.language == "python":
            ast.parse(block.text)
        elif block.language == "yaml":
            yaml.safe_load(block.text)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_make_targets_exist(path: Path) -> None:
    """Every `make` target that a page names is a target of the Makefile."""
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"(?:^ *|`)make ([a-z-]+)", path.read_text(encoding="utf-8"), re.MULTILINE)) <= targets


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_no_block_is_indented(path: Path) -> None:
    """Code stands in fences, which say its language; text is indented only inside a list."""
    in_list = False
    for line in re.sub(r"^( *)```.*?^\1```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL).splitlines():
        if line.strip() and not line.startswith(" "):
            in_list = bool(re.match(r"([-*]|\d+\.) ", line))
        assert in_list or not line.startswith("    "), line
