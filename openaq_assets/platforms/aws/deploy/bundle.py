"""What is uploaded: the files the instance's image is made of, and the script of the Glue job."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from openaq_assets.platforms.aws.deploy.account import CODE, SCRIPT

PROJECT = f"{CODE}/project/"
_FOLDERS = ("conf", "views", "dags", "plugins", "glue_jobs", "openaq_assets", "infra")
_FILES = (
    "Dockerfile", ".dockerignore", "docker-compose.yml", "requirements.txt", "setup.cfg",
    "pyproject.toml", "README.md",
)  # fmt: skip
_NOT = ("__pycache__", ".DS_Store")


def bundle(root: Path) -> Mapping[str, bytes]:
    """Every object to be uploaded, by key; ``VERSION`` is a digest of all the others."""
    found = {f"{PROJECT}{name}": (root / name).read_bytes() for name in _names(root)}
    version = hashlib.sha256()
    for key, body in found.items():
        version.update(f"{key}\0{len(body)}\0".encode() + body)
    found[f"{PROJECT}VERSION"] = version.hexdigest().encode()
    if (root / SCRIPT).is_file():
        found[script_key()] = (root / SCRIPT).read_bytes()
    return found


def script_key() -> str:
    """Where the Glue job looks for its script."""
    return f"{CODE}/{SCRIPT.rpartition('/')[2]}"


def _names(root: Path) -> Iterator[str]:
    for name in sorted(_FILES):
        if (root / name).is_file():
            yield name
    for folder in sorted(_FOLDERS):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and not set(_NOT) & set(path.parts) and path.suffix != ".pyc":
                yield path.relative_to(root).as_posix()
