"""The archive's bucket for tests: moto as S3, behind a server that keeps a log and can misbehave."""

import contextlib
import datetime as dt
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import httpx
from moto.server import ThreadedMotoServer

from openaq_simulator import World
from openaq_simulator.archive import archive_objects
from support.scripted_server import Reply, Request, Scripted

BUCKET = "openaq-data-archive"
SLOW_DOWN = Reply(503, b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
BROKEN = Reply(500, b"<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>")

Fault = Callable[[Request, int], Reply | None]


def nothing(request: Request, number: int) -> Reply | None:
    """Return no fault."""
    return None


@dataclass
class Archive:
    """A bucket in OpenAQ's layout; ``fault`` may answer instead of it."""

    moto: str
    fault: Fault = nothing
    url: str = ""
    log: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._http = httpx.Client(base_url=self.moto, timeout=20)
        self._s3 = boto3.client(
            "s3", endpoint_url=self.moto, region_name="us-east-1",
            aws_access_key_id="test", aws_secret_access_key="test",
        )

    def fill(self, world: World, first: dt.date, last: dt.date, now: dt.datetime) -> dict[str, bytes]:
        """Upload the simulator's files; return them by key."""
        files = dict(archive_objects(world, first, last, now))
        self.put(files)
        return files

    def put(self, files: Mapping[str, bytes]) -> None:
        """Upload files."""
        for key, body in files.items():
            self._s3.put_object(Bucket=BUCKET, Key=key, Body=body, ACL="public-read")

    def remove(self, keys: Iterable[str]) -> None:
        """Take files away."""
        for key in keys:
            self._s3.delete_object(Bucket=BUCKET, Key=key)

    def downloads(self) -> list[str]:
        """Return the keys that were requested, in order."""
        prefix = f"/{BUCKET}/"
        return [request.path.removeprefix(prefix) for request in self.log if request.path.endswith(".gz")]

    def answer(self, request: Request, number: int) -> Reply:
        """Return the response of moto, or that of the fault."""
        instead = self.fault(request, number)
        if instead is not None and instead.fault != "truncate":
            return instead
        response = self._http.get(request.url, headers={"accept-encoding": "identity"})
        kept = ("content-type", "etag", "last-modified")
        headers = {name: response.headers[name] for name in kept if name in response.headers}
        headers["Content-Type"] = headers.pop("content-type", "application/xml")
        return Reply(response.status_code, response.content, headers, instead.fault if instead else "")


@contextlib.contextmanager
def serving() -> Iterator[Archive]:
    """Yield an empty bucket on loopback."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        moto = f"http://{host}:{port}"
        httpx.post(f"{moto}/moto-api/reset", timeout=20)
        archive = Archive(moto)
        archive._s3.create_bucket(Bucket=BUCKET, ACL="public-read")
        with Scripted(archive.answer) as front:
            archive.url = f"http://127.0.0.1:{front.server_address[1]}"
            archive.log = front.log
            yield archive
        archive._http.close()
        archive._s3.close()
    finally:
        server.stop()


def without_aws(monkeypatch: Any) -> None:
    """Hide the account, profile and region of the developer."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
