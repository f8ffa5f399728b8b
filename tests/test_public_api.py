"""The public API: written down in api.txt, and typed well enough for strict checkers of plugins."""

import difflib
import importlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.public_api import FILE, PUBLIC, public_api, public_names

ROOT = Path(__file__).resolve().parents[1]
TYPING = Path(__file__).parent / "typing"
Errors = set[tuple[str, int, str]]


def test_api_txt_is_the_public_api() -> None:
    """The file lists the public names and signatures of the source; a change is made on purpose and explained."""
    written, now = FILE.read_text(encoding="utf-8"), public_api()
    changes = "\n".join(difflib.unified_diff(written.splitlines(), now.splitlines(), "api.txt", "the source", lineterm=""))
    assert written == now, (
        f"The public API changed:\n{changes}\nIf that is meant: `make api` writes api.txt again; say why in CHANGELOG.md."
    )


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_can_be_imported(module: str) -> None:
    """Every name that api.txt lists for a module is there."""
    imported = importlib.import_module(module)
    assert [name for name in public_names(module) if not hasattr(imported, name)] == []


def _expected(position: int) -> Errors:
    """Return the errors that the marks of the wrong plugin promise, as mypy (0) or pyright (1) names them."""
    path = TYPING / "bad_plugin.py"
    return {
        (path.name, number, mark[1].split(" / ")[position])
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (mark := re.search(r"# error: (\S+ / \S+)$", line))
    }


def test_mypy_agrees_with_good_plugins_and_refuses_bad_ones() -> None:
    """mypy, strict, accepts a plugin that uses every public name, and finds exactly the marked mistakes."""
    command = [sys.executable, "-m", "mypy", "--strict", "--show-error-codes", "--no-error-summary"]
    files = [str(path.relative_to(ROOT)) for path in sorted(TYPING.glob("*.py"))]
    done = subprocess.run([*command, *files], check=False, capture_output=True, text=True, timeout=600, cwd=ROOT)
    errors_found = re.findall(r"(?m)^tests/typing/(\w+\.py):(\d+): error: .*\[([\w-]+)\]$", done.stdout)
    assert {(name, int(line), code) for name, line, code in errors_found} == _expected(0), done.stdout + done.stderr


def test_pyright_agrees_with_good_plugins_and_refuses_bad_ones() -> None:
    """pyright, strict, accepts a plugin that uses every public name, and finds exactly the marked mistakes."""
    scripts = sorted((Path(sys.prefix) / "share").glob("pyright-*/index.js"))
    node = shutil.which("node")
    if not scripts or not node:
        pytest.skip("pyright is not installed (infra/install_npm.sh needs npm and node)")
    command = [node, str(scripts[-1]), "--project", str(TYPING), "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600, cwd=ROOT)
    diagnostics = [diagnostic for diagnostic in json.loads(done.stdout)["generalDiagnostics"] if diagnostic["severity"] == "error"]
    # What follows from an error is marked as unknown or unused; it is no mistake of its own.
    errors = [diagnostic for diagnostic in diagnostics if not re.match("reportUnknown|reportUnused", diagnostic["rule"])]
    assert {
        (Path(diagnostic["file"]).name, diagnostic["range"]["start"]["line"] + 1, diagnostic["rule"]) for diagnostic in errors
    } == _expected(1), done.stdout
    assert {Path(diagnostic["file"]).name for diagnostic in diagnostics} == {"bad_plugin.py"}


def test_the_good_plugin_uses_every_public_name() -> None:
    """Nothing that the package exports is left without a typing test."""
    import openaq_assets

    text = (TYPING / "good_plugin.py").read_text(encoding="utf-8")
    assert [name for name in openaq_assets.__all__ if len(re.findall(rf"\b{name}\b", text)) < 2] == []
