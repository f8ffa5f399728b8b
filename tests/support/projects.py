"""Projects to test with: a copy of this repository's own, and tiny ones written from a mapping of files."""

import shutil
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SOUND: Mapping[str, str] = {
    "conf/openaq.yaml": "version: 1\nproject: tiny\n",
    "conf/environments.yaml": (
        "version: 1\n"
        "profiles:\n  local: {platform: local, root: lake}\n"
        "environments:\n  dev: {database: tiny_dev}\n  prod: {database: tiny_prod, tables_from: dev}\n"
    ),
    "conf/locations.yaml": "locations:\n  vietnam: {country: VN}\n",
    "conf/assets/raw.yaml": "assets:\n  stations: {kind: raw, endpoint: locations, partitions: snapshot}\n",
}


def copy_project(target: Path, source: Path = REPOSITORY) -> Path:
    """Return a copy of this repository's conf/, views/ and plugins/."""
    for folder in ("conf", "views", "plugins"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source / folder, target / folder, ignore=ignored)
    return target


def copy_sample(target: Path) -> Path:
    """Return a copy of the project as it once was: its lines stay where the mistake kit expects them."""
    return copy_project(target, REPOSITORY / "tests" / "support" / "sample_project")


def write_files(target: Path, files: Mapping[str, str | bytes]) -> Path:
    """Return the files below a folder, over a sound frame of a project."""
    for name, text in {**SOUND, **files}.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return target
