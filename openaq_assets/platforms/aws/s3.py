"""Objects in S3, where a prefix is what a folder is in the file system."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from botocore.exceptions import ClientError

from openaq_assets.errors import PlatformError
from openaq_assets.platforms.aws.clients import AwsHooks, private_folder
from openaq_assets.platforms.aws.errors import ask, asking, code_of
from openaq_assets.platforms.files import locked

METADATA_BYTES = 1900  # S3 takes 2 KB of it
_ATTEMPTS = 5  # while others write the same key


class S3Store:
    """Objects by ``s3://bucket/key``; a partial write is never visible.

    Raises PlatformError, with the URI and AWS's reason, for what cannot be read or written.
    """

    def __init__(self, hooks: AwsHooks) -> None:
        self._s3 = hooks.s3.conn  # made here: threads share it

    def put_new(self, uri: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """Write the object if it does not exist yet, which S3 decides; return whether it was written."""
        bucket, key = address(uri)
        facts = _fit(metadata or {})
        for _ in range(_ATTEMPTS):
            with asking(f"write {uri}"):
                try:
                    self._s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=facts, IfNoneMatch="*")
                    return True
                except ClientError as error:
                    if code_of(error) == "PreconditionFailed":
                        return False
                    if code_of(error) != "ConditionalRequestConflict":
                        raise
        raise PlatformError(
            f"cannot write {uri}: other processes keep changing it. Run it again.", retryable=True
        )

    def put(self, uri: str, body: bytes) -> None:
        """Write the object, replacing an existing one in one step."""
        bucket, key = address(uri)
        ask(f"write {uri}", self._s3.put_object, Bucket=bucket, Key=key, Body=body)

    def get(self, uri: str) -> bytes:
        """Return the bytes; raise FileNotFoundError if there is no such object."""
        bucket, key = address(uri)

        def get() -> bytes:
            answer = self._s3.get_object(Bucket=bucket, Key=key)
            return bytes(answer["Body"].read())

        body: bytes | None = ask(f"read {uri}", get, "NoSuchKey")
        if body is None:
            raise FileNotFoundError(uri)
        return body

    def list(self, prefix: str) -> Iterator[str]:
        """Yield every object below a prefix, in order of names."""
        bucket, key = address(prefix.rstrip("/"))
        below = f"{key}/" if key else ""
        with asking(f"list {prefix}"):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=below):
                for entry in page.get("Contents", ()):
                    if not entry["Key"].endswith(("/", "_$folder$")):  # markers of folders
                        yield f"s3://{bucket}/{entry['Key']}"

    def delete(self, uri: str) -> None:
        """Remove the object; do nothing if there is none."""
        bucket, key = address(uri)
        ask(f"delete {uri}", self._s3.delete_object, Bucket=bucket, Key=key)

    @contextmanager
    def alone(self, uri: str) -> Iterator[None]:
        """Lock a prefix for this writer; other writers of this host wait. The lock ends with the process.

        S3 has no locks. Writers of several hosts may write one after the other; the ledger then has both
        records, and the next plan rebuilds what was made from fewer raw objects.
        """
        folder = f"{private_folder()}/locks"
        Path(folder).mkdir(exist_ok=True)
        name = hashlib.sha256(uri.encode()).hexdigest()[:24]
        with locked(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT, 0o600)):
            yield


def address(uri: str) -> tuple[str, str]:
    """Return the bucket and key of ``s3://bucket/key``."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _fit(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return as much of the metadata as the headers of an object hold, each value on one line."""
    kept: dict[str, str] = {}
    size = 0
    for name, value in metadata.items():
        line = " ".join(value.split())
        size += len(name) + len(line)
        if line and size <= METADATA_BYTES:
            kept[name] = line
    return kept
