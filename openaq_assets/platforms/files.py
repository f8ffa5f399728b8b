"""Objects as files: what ``s3://`` is to AWS, a folder is to a laptop."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path


class FileStore:
    """Objects in the file system; a URI is an absolute path."""

    def put_new(self, uri: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """Write if there is nothing yet. The sidecar comes first: an object always has its facts."""
        path = Path(uri)
        if path.exists():
            return False
        if metadata:
            self.put(str(path.with_name(f".{path.name}.meta")), json.dumps(dict(metadata)).encode())
        temporary = self._aside(path, body)
        try:
            os.link(temporary, path)  # fails if another writer was first; never replaces
        except FileExistsError:
            return False
        finally:
            os.unlink(temporary)
        return True

    def put(self, uri: str, body: bytes) -> None:
        """Write aside, then rename: a reader sees the old bytes or the new."""
        os.replace(self._aside(Path(uri), body), uri)

    def _aside(self, path: Path, body: bytes) -> str:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        return temporary

    def get(self, uri: str) -> bytes:
        """The bytes; raises FileNotFoundError."""
        return Path(uri).read_bytes()

    def list(self, prefix: str) -> Iterator[str]:
        """Every object below a folder, in order of names; half-written and sidecar files are not objects."""
        found = []
        for folder, _, names in os.walk(prefix):
            found += [f"{folder}/{name}" for name in names if not name.startswith(".")]
        yield from sorted(found)

    def delete(self, uri: str) -> None:
        """Remove it; nothing happens if it is not there."""
        Path(uri).unlink(missing_ok=True)
