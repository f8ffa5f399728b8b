"""The distribution: what is built from this repository, what it says of itself, and that it can be installed."""

import ast
import configparser
import email
import email.message
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

import openaq_assets
from openaq_assets.cli.main import cli

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("openaq_assets", "openaq_simulator")
SOURCES = (*PACKAGES, "setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that is built from that sdist."""
    folder = tmp_path_factory.mktemp("packaging")
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, source / name)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), str(source)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "dist"


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    """The wheel."""
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> email.message.Message:
    """Return the metadata of the wheel."""
    return email.message_from_string(_read(wheel, "METADATA"))


def _read(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (path,) = [path for path in archive.namelist() if path.endswith(f".dist-info/{name}")]
        return archive.read(path).decode("utf-8")


def _files_of_packages() -> set[str]:
    paths = [path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file()]
    return {str(path.relative_to(ROOT)) for path in paths if "__pycache__" not in path.parts}


def test_metadata(metadata: email.message.Message) -> None:
    """Name, version, license, README and supported versions of Python are those of this repository."""
    assert metadata["Name"] == "openaq-assets"
    assert metadata["Version"] == openaq_assets.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert metadata["Requires-Python"] == "<3.14,>=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().strip() == (ROOT / "README.md").read_text(encoding="utf-8").strip()
    classifiers = metadata.get_all("Classifier") or []
    assert "Typing :: Typed" in classifiers
    versions = [text.rpartition(" ")[2] for text in classifiers if re.fullmatch(r".*:: 3\.\d+", text)]
    assert versions == ["3.11", "3.12", "3.13"]


def test_requirements(metadata: email.message.Message) -> None:
    """A plain install needs what setup.cfg lists, and nothing of the tests."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    wanted = {re.split(r"[ <>=]", line)[0] for line in config["options"]["install_requires"].split("\n") if line}
    texts = metadata.get_all("Requires-Dist") or []
    assert {re.split(r"[ <>=\[;]", text)[0] for text in texts if "extra ==" not in text} == wanted
    assert metadata.get_all("Provides-Extra") == ["testing", "test"]


def test_entry_points(wheel: Path) -> None:
    """The command, Airflow's plugin and the first plugin are found by name, and each leads to what is there."""
    config = configparser.ConfigParser()
    config.read_string(_read(wheel, "entry_points.txt"))
    points = {group: dict(config[group]) for group in config.sections()}
    assert points == {
        "console_scripts": {"openaq-assets": "openaq_assets.cli.main:main"},
        "airflow.plugins": {"openaq_assets": "openaq_assets.airflow.timetable:OpenaqTimetables"},
        "openaq_assets": {"openaq": "openaq_assets.openaq.plugin"},
    }
    for target in [target for group in points.values() for target in group.values()]:
        module, _, name = target.partition(":")
        tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
        defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        assert not name or name in defined, target


def test_wheel_contents(wheel: Path) -> None:
    """The wheel holds every file of both packages, py.typed and pages included, its metadata, and nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    packaged = {name for name in names if ".dist-info/" not in name}
    assert packaged == _files_of_packages()
    assert {"openaq_assets/py.typed", "openaq_simulator/py.typed", "openaq_assets/cli/catalog.html"} <= packaged
    rest = {name.partition(".dist-info/")[2] for name in names - packaged}
    assert rest == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "top_level.txt", "licenses/LICENSE"}
    assert _read(wheel, "licenses/LICENSE") == (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert _read(wheel, "top_level.txt").split() == list(PACKAGES)


def test_sdist_contents(dist: Path) -> None:
    """The sdist holds both packages and what is needed to build them; no tests, no lake, no environment."""
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    generated = {name for name in names if name == "PKG-INFO" or name.startswith("openaq_assets.egg-info/")}
    plain = {name for name in SOURCES if name not in PACKAGES}
    assert names - generated == _files_of_packages() | plain


def test_an_empty_environment_imports_it(wheel: Path, tmp_path: Path) -> None:
    """Without a single dependency the wheel installs, and the package tells its version and its public names."""
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv/bin/python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, "--disable-pip-version-check", str(wheel)], check=True, timeout=120)
    code = "import openaq_assets; print(openaq_assets.__version__, *openaq_assets.__all__, openaq_assets.__file__)"
    done = subprocess.run([python, "-I", "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path)
    version, *names, path = done.stdout.split()
    assert version == openaq_assets.__version__
    assert names == openaq_assets.__all__
    assert Path(path).is_relative_to(tmp_path / "venv")
    assert (tmp_path / "venv/bin/openaq-assets").is_file()


def test_exported_names() -> None:
    """The exports of the package, the names of type checkers and the names loaded on first use are the same."""
    tree = ast.parse((ROOT / "openaq_assets/__init__.py").read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert sorted(seen) == sorted(openaq_assets.__all__)
    assert openaq_assets.__all__ == sorted(openaq_assets.__all__)
    for name, module in seen.items():
        assert getattr(openaq_assets, name) is getattr(sys.modules[str(module)], name)


def test_one_version() -> None:
    """The version is written once, in the package; setup.cfg, the command line and the changelog follow it."""
    assert re.search(r"(?m)^version = attr: openaq_assets\.__version__$", (ROOT / "setup.cfg").read_text("utf-8"))
    assert CliRunner().invoke(cli, ["--version"]).output.split()[-1] == openaq_assets.__version__
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"(?m)^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", changelog)
    assert released[0] == openaq_assets.__version__
    headings = re.findall(r"(?m)^## \[(.+?)\]", changelog)
    assert headings[0] == "Unreleased"
    assert headings == re.findall(r"(?m)^\[(.+?)\]: \.\./\.\./(?:compare|releases/tag)/\S+$", changelog)
