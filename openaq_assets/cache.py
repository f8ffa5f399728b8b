"""What was worked out of texts before, kept by digest: a file per project, which may be lost or damaged.

``$OPENAQ_CACHE`` names the folder (default: ``openaq-assets`` in the user's cache folder); empty or
``off`` keeps nothing. Each line is what one process added, behind the digest of the line: processes
append side by side, and a line that is damaged is worked out again.
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
"""So many entries more than are used stay in a file: those of another branch, of a file broken just now."""
MONTH = 31 * 86400


def digest(*parts: str) -> str:
    """Return what a key is: the same for the same texts, and for no others."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        whole.update(b"%d:" % len(data))
        whole.update(data)
    return whole.hexdigest()[:32]


class Cache:
    """Values that JSON can hold, by digest; without a path they are forgotten with the process."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._values = _read(path) if path else {}
        self._new: dict[str, Any] = {}
        self._used: set[str] = set()

    def recall(self, key: str, make: Callable[[], Any]) -> Any:
        """Return the value of a key, made if it is not there; a tuple may come back as a list."""
        self._used.add(key)
        if key not in self._values:
            self.put(key, make())
        return self._values[key]

    def get(self, key: str) -> Any:
        """Return the value of a key, None if it is not there."""
        self._used.add(key)
        return self._values.get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep a value."""
        self._values[key] = self._new[key] = value

    def save(self) -> None:
        """Add to the file what is new; what cannot be written is only worked out again."""
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
    """Return what says which code works something out: Python's, an installed package's, and sources."""
    found = find_spec(package)
    folder = Path(found.origin).parent if found and found.origin else None
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
    """Return where things are kept between runs; None if nothing is to be kept."""
    named = os.environ.get("OPENAQ_CACHE")
    if named is not None:
        return None if named in ("", "off") else Path(named)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
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
    return b"\n%s %s" % (_seal(body), body)  # it begins a line, even if the last write was cut short


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
    os.replace(beside, path)


def _prepare(folder: Path) -> None:
    """Make the folder, and drop the files of projects that nothing was added to for a month."""
    folder.mkdir(parents=True, exist_ok=True)
    latest = max((path.stat().st_mtime for path in folder.iterdir()), default=0.0)
    for path in folder.iterdir():
        if path.suffix in (".jsonl", ".new") and path.stat().st_mtime < latest - MONTH:
            path.unlink(missing_ok=True)
