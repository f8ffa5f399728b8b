"""A third party's distribution, installed and used as its users would: pip, and the command line."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from support.projects import REPOSITORY

THIRD_PARTIES = REPOSITORY / "tests" / "third_parties"
_IGNORED = shutil.ignore_patterns("__pycache__", "lake", "build", "*.egg-info")


def install(name: str, target: Path) -> Path:
    """Install a distribution of tests/third_parties into a folder with pip, without the network; return the folder."""
    source = target.with_name(f"{target.name}-source")
    shutil.copytree(THIRD_PARTIES / name, source, ignore=_IGNORED)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    command += ["--disable-pip-version-check", "--target", str(target), str(source)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return target


@dataclass
class Done:
    """A finished command and its output."""

    stdout: str
    stderr: str


@dataclass
class Installed:
    """A project and the folder of the distributions installed for it."""

    root: Path
    packages: Path
    environ: dict[str, str] = field(default_factory=dict)

    @classmethod
    def copy(cls, source: Path, root: Path, packages: Path, **environ: str) -> "Installed":
        """Return a copy of a project."""
        shutil.copytree(source, root, ignore=_IGNORED)
        return cls(root, packages, environ)

    def python(self, *arguments: str, code: int = 0, **environ: str) -> Done:
        """Return a Python process that must end with this exit code and no traceback."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAQ_", "AWS_", "AIRFLOW"))}
        path = os.pathsep.join(filter(None, (str(self.packages), os.environ.get("PYTHONPATH", ""))))
        done = subprocess.run(
            [sys.executable, *arguments], check=False, capture_output=True, text=True, timeout=300,
            env={**kept, "PYTHONPATH": path, **self.environ, **environ},
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return Done(done.stdout, done.stderr)

    def call(self, *arguments: str, code: int = 0, **environ: str) -> Done:
        """Return the real command line."""
        line = ("-m", "openaq_assets.cli.main", "--project", str(self.root), *arguments)
        return self.python(*line, code=code, **environ)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace text in one of its files."""
        text = (self.root / path).read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {path}"
        (self.root / path).write_text(text.replace(old, new, 1), encoding="utf-8")
