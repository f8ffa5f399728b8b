"""A real HTTP server that follows a script, down to broken bytes, and helpers of tests."""

import asyncio
import contextlib
import gzip
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from openaq_assets.openaq.settings import Api

KEY = "0123456789abcdef" * 4


@dataclass(frozen=True)
class Reply:
    """A response; ``fault`` is truncate, reset, silence or drip."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True)
class Request:
    """A request as it arrived."""

    path: str
    query: Mapping[str, str]
    url: str
    headers: Mapping[str, str]
    connection: int


Script = Callable[[Request, int], Reply]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Scripted"

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        query = dict(parse_qsl(split.query, keep_blank_values=True))
        request = Request(split.path, query, self.path, dict(self.headers), id(self.connection))
        with self.server.lock:
            self.server.log.append(request)
            number = sum(1 for earlier in self.server.log if earlier.url == request.url)
        self._reply(self.server.script(request, number))

    def _reply(self, reply: Reply) -> None:
        if reply.fault == "silence":
            time.sleep(0.3)
        if reply.fault in ("silence", "reset"):
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        cut = len(reply.body) // 2 if reply.fault == "truncate" else len(reply.body)
        self.wfile.write(reply.body[:cut])
        self.close_connection = self.close_connection or reply.fault == "truncate"

    def handle(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().handle()

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def log_message(self, *_: Any) -> None: ...


class Scripted(ThreadingHTTPServer):
    """A server that answers by a script, which gets the request and the count of that URL; it keeps a log."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script, self.log, self.lock = script, list[Request](), threading.Lock()
        self.api = Api(f"http://127.0.0.1:{self.server_address[1]}/v3", KEY, requests_per_minute=0)

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)
        await asyncio.sleep(0)


class Objects:
    """An object store in memory that also remembers metadata and how often it was listed."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.metadata: dict[str, Mapping[str, str]] = {}
        self.listed: list[str] = []
        self._lock = threading.Lock()

    def put_new(self, uri: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        with self._lock:
            if uri in self.bodies:
                return False
            self.bodies[uri], self.metadata[uri] = body, dict(metadata or {})
            return True

    def put(self, uri: str, body: bytes) -> None:
        self.bodies[uri] = body

    def get(self, uri: str) -> bytes:
        if uri not in self.bodies:
            raise FileNotFoundError(uri)
        return self.bodies[uri]

    def list(self, prefix: str) -> Iterator[str]:
        self.listed.append(prefix)
        with self._lock:
            return iter(sorted(uri for uri in self.bodies if uri.startswith(prefix)))

    def delete(self, uri: str) -> None:
        self.bodies.pop(uri, None)


def page(rows: list[Any], limit: int = 1000, **meta: Any) -> Reply:
    """Return a 200 with these rows, written as the API writes them."""
    head = {"name": "openaq-api", "website": "/", "page": 1, "limit": limit, "found": len(rows)}
    body = json.dumps({"meta": head | meta, "results": rows}, separators=(",", ":"))
    return Reply(200, body.encode())


def row(end: str, value: float = 1.0, parameter: int = 2) -> dict[str, Any]:
    """Return a row of data whose period ends then."""
    return {
        "value": value,
        "parameter": {"id": parameter, "name": "pm25", "units": "µg/m³", "displayName": None},
        "period": {
            "label": "1hour",
            "datetimeFrom": {"utc": end, "local": end},
            "datetimeTo": {"utc": end, "local": end},
        },
    }


def zipped(reply: Reply) -> Reply:
    """Return the same, compressed for transport."""
    return Reply(reply.status, gzip.compress(reply.body), {"Content-Encoding": "gzip"})
