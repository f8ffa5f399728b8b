"""A cache of values computed from texts, by digest: a file per project, which may be lost or damaged.

``$OPENAQ_CACHE`` names the folder (default: ``openaq-assets`` in the user's cache folder); empty or ``off``
disables the cache. Each line holds what one process added, after the digest of the line. Several processes
can append at the same time; the values of a damaged line are computed again.
"""

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from sys import implementation
from typing import Any, TypeVar

T = TypeVar("T")
SPARE = 1000
"""The number of unused entries that may stay in a file, for instance those of another branch."""
MONTH = 31 * 86400


def digest(*parts: str) -> str:
    """Return the key of texts, which is different for different texts."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        whole.update(b"%d:" % len(data))
        whole.update(data)
    return whole.hexdigest()[:32]


class Cache:
    """JSON values by digest; without a path they are kept only in this process."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._values = _read(path) if path else {}
        self._new: dict[str, Any] = {}
        self._used: set[str] = set()

    def recall(self, key: str, make: Callable[[], Any]) -> Any:
        """Return the value of a key, made if it is missing; a tuple may be returned as a list."""
        self._used.add(key)
        if key not in self._values:
            self.put(key, make())
        return self._values[key]

    def get(self, key: str) -> Any:
        """Return the value of a key, None if it is missing."""
        self._used.add(key)
        return self._values.get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep a value under a key."""
        self._values[key] = self._new[key] = value

    def save(self) -> None:
        """Append new values to the file; ignore errors of writing, as values can be computed again."""
        if self._path is None or not self._new:
            return
        with suppress(OSError):
            if not self._path.exists():
                _prepare(self._path.parent)
            _append(self._path, self._new)
            if len(self._values) > 2 * len(self._used) + SPARE:
                _replace(self._path, {key: self._values[key] for key in self._used})
        self._new = {}


def version_of(package: str, *sources: Path) -> str:
    """Return a digest of the code that computes values: Python, an installed package, and source files."""
    spec = find_spec(package)
    folder = Path(spec.origin).parent if spec and spec.origin else None
    version = folder / "_version.py" if folder and (folder / "_version.py").exists() else folder
    if version:
        sources = (*sources, version if version.is_file() else version / "__init__.py")
    return digest(implementation.cache_tag or "", *(path.read_text(encoding="utf-8") for path in sources))


_current = Cache()


def current() -> Cache:
    """Return the cache of the project that was loaded last."""
    return _current


def open_cache(project: Path) -> Cache:
    """Make the cache of a project the current one."""
    global _current  # noqa: PLW0603 - a process works on one project at a time
    folder = folder_of_caches()
    _current = Cache(folder / f"{digest(str(project))}.jsonl" if folder else None)
    return _current


def folder_of_caches() -> Path | None:
    """Return the folder of all caches; None if caches are disabled."""
    named = os.environ.get("OPENAQ_CACHE")
    if named is not None:
        return None if named in ("", "off") else Path(named)
    # Unlike Path.expanduser, os.path.expanduser does not raise for a user without a home.
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - see above
    return Path(home) / "openaq-assets"


def _read(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = {}
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return values
    for line in lines:
        seal, _, body = line.partition(b" ")
        if seal == _seal(body):
            values.update(json.loads(body))
    return values


def _line(values: dict[str, Any]) -> bytes:
    body = json.dumps(values, separators=(",", ":")).encode()
    return b"\n%s %s" % (_seal(body), body)  # a new line, even if the last write was incomplete


def _seal(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


def _append(path: Path, values: dict[str, Any]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, _line(values))
    finally:
        os.close(handle)


def _replace(path: Path, values: dict[str, Any]) -> None:
    beside = path.with_name(f"{path.stem}-{os.getpid()}.new")
    beside.write_bytes(_line(values))
    beside.replace(path)


def _prepare(folder: Path) -> None:
    """Make the folder, and remove the files of projects that did not change for a month."""
    folder.mkdir(parents=True, exist_ok=True)
    latest = max((path.stat().st_mtime for path in folder.iterdir()), default=0.0)
    for path in folder.iterdir():
        if path.suffix in (".jsonl", ".new") and path.stat().st_mtime < latest - MONTH:
            path.unlink(missing_ok=True)
