"""Objects as files in the file system, as ``s3://`` is for AWS."""

import fcntl
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Protocol

from openaq_assets.errors import PlatformError
from openaq_assets.platforms import ObjectStore

_AT_ONCE = 2**17
_LEFT_SECONDS = 86_400.0  # no writer takes that long


class LocalStore(ObjectStore, Protocol):
    """Objects on this machine, where a writer can make others wait."""

    def alone(self, uri: str) -> AbstractContextManager[None]:
        """Lock a folder for this writer inside a ``with`` block; others wait."""
        ...


class FileStore:
    """Objects in the file system; a URI is an absolute path.

    Raises PlatformError, with the path and the system's reason, for what cannot be read or written.
    """

    def put_new(self, uri: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """Write the object, after its metadata file, if it does not exist yet; return whether it was."""
        path = Path(uri)
        with _translated("write", uri):
            if path.exists():
                return False
            if metadata:
                facts = json.dumps(dict(metadata)).encode()
                _link(path.with_name(f".{path.name}.meta"), facts)
            return _link(path, body)

    def put(self, uri: str, body: bytes) -> None:
        """Write a hidden file and rename it, so that a reader sees either the old bytes or the new."""
        with _translated("write", uri), _temporary(Path(uri), body) as temporary:
            os.replace(temporary, uri)

    def get(self, uri: str) -> bytes:
        """Return the bytes; raise FileNotFoundError if there is no such object."""
        try:  # for many small files a file object would double the time
            handle = os.open(uri, os.O_RDONLY | os.O_CLOEXEC)
            try:
                return b"".join(iter(partial(os.read, handle, _AT_ONCE), b""))
            finally:
                os.close(handle)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _refused("read", uri, error) from error

    def list(self, prefix: str) -> Iterator[str]:
        """Yield every object below a folder, in order; hidden files are no objects."""
        uris = []
        with _translated("list", prefix):
            for folder, _, names in os.walk(prefix, onerror=_unlisted):
                uris += [f"{folder}/{name}" for name in names if not name.startswith(".")]
        yield from sorted(uris)

    def delete(self, uri: str) -> None:
        """Remove the object; do nothing if there is none."""
        with _translated("delete", uri):
            Path(uri).unlink(missing_ok=True)

    @contextmanager
    def alone(self, uri: str) -> Iterator[None]:
        """Lock a folder for this writer; others wait. The lock ends with the process.

        Temporary files of killed writers that are older than a day are removed.
        """
        with _translated("write", uri):
            Path(uri).mkdir(parents=True, exist_ok=True)
            handle = os.open(f"{uri}/.lock", os.O_WRONLY | os.O_CREAT, 0o666)
        with locked(handle):
            _sweep(uri)
            yield


@contextmanager
def locked(handle: int) -> Iterator[None]:
    """Lock an open file, and close it at the end. The lock ends with the process."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _link(path: Path, body: bytes) -> bool:
    """Write a hidden file and link it, which never replaces; return False if another writer was first."""
    with _temporary(path, body) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
    return True


@contextmanager
def _temporary(path: Path, body: bytes) -> Iterator[str]:
    """Yield the path of a hidden file with the body, in the same folder; remove it unless it was renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = f"{path.parent}/.{uuid.uuid4().hex}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(body)
        yield temporary
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def _sweep(folder: str) -> None:
    old = time.time() - _LEFT_SECONDS
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") and entry.name.endswith(".tmp"):
                with suppress(OSError):  # another process may remove it, too
                    if entry.stat().st_mtime < old:
                        os.unlink(entry.path)


@contextmanager
def _translated(what: str, uri: str) -> Iterator[None]:
    """Raise an OSError inside as PlatformError with one line."""
    try:
        yield
    except OSError as error:
        raise _refused(what, uri, error) from error


def _refused(what: str, uri: str, error: OSError) -> PlatformError:
    reason = (error.strerror or type(error).__name__).lower()
    hint = "Check the folder, its permissions and free space."
    return PlatformError(f"cannot {what} {uri}: {reason}. {hint}", retryable=True)


def _unlisted(error: OSError) -> None:
    """Raise an error of listing, except for a missing folder: an unreadable one must not look empty."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error
