"""A real HTTP/1.1 server on the loopback interface around the simulated API."""

from __future__ import annotations

import logging
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http import HTTPStatus
from types import TracebackType
from typing import BinaryIO, Self, cast
from urllib.parse import parse_qsl, unquote

from .application import Application, Request, Response, refused
from .faults import Fault, as_faults
from .limits import Counters, key_hash
from .validation import BROKEN
from .world import World

_log = logging.getLogger("openaq_assets.simulator")
#: The answer to bytes that are no request.
NOT_HTTP = Response(
    400,
    (("content-type", "text/plain; charset=utf-8"), ("connection", "close")),
    b"Invalid HTTP request received.",
)


@dataclass(frozen=True)
class RequestRecord:
    """One line of the simulator's log; the key itself is never kept."""

    method: str
    path: str
    query: str
    key_hash: str | None
    time: datetime
    status: int


def _read_request(stream: BinaryIO) -> tuple[Request, str, bool] | None:
    """Read one request: it, its raw query and whether the connection stays; None at the end.

    Raises ValueError for what is not HTTP."""
    text = stream.readline(65537).decode("latin-1")
    if not text:
        return None
    line = text.split()
    if len(line) != 3 or not line[2].startswith("HTTP/1."):
        raise ValueError("not a request line")
    headers: dict[str, str] = {}
    while (raw := stream.readline(65537).decode("latin-1").strip()) != "":
        name, _, value = raw.partition(":")
        headers[name.strip().lower()] = value.strip()
    stream.read(max(0, int(headers.get("content-length") or 0)))
    path, _, query = _target(line[1])
    stays = headers.get("connection", "").lower() != "close" and line[2] == "HTTP/1.1"
    known = dict(parse_qsl(query, keep_blank_values=True))
    return Request(line[0], unquote(path), known, headers), query, stays


def _target(text: str) -> tuple[str, str, str]:
    """Give path, mark and query of a request's target; a proxy's form begins with the host."""
    if text.startswith(("http://", "https://")):
        text = "/" + text.partition("://")[2].partition("/")[2]
    return text.partition("#")[0].partition("?")


def _head(response: Response, moment: float) -> bytes:
    """Give the status line and headers."""
    status = response.status
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    if not any(name == "content-length" for name, _ in response.headers):
        lines.append(f"content-length: {len(response.body)}")
    lines.append(f"date: {formatdate(moment, usegmt=True)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class _Connection(socketserver.StreamRequestHandler):
    """Answers the requests of one kept-alive connection."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        server = cast("_Server", self.server)
        server.open.add(self.connection)
        try:
            while not server.stopped.is_set() and self._once(server.simulator):
                pass
        except (ConnectionError, OSError):
            pass  # the client went away, or the simulator was stopped
        finally:
            server.open.discard(self.connection)

    def _once(self, simulator: Simulator) -> bool:
        """Answer one request; False when the connection is over."""
        try:
            read = _read_request(cast(BinaryIO, self.rfile))
        except ValueError:
            self.connection.sendall(_head(NOT_HTTP, simulator.now.timestamp()) + NOT_HTTP.body)
            return False
        if read is None:
            return False
        request, query, stays = read
        response = simulator.respond(request, query)
        if response.delay:
            cast("_Server", self.server).stopped.wait(response.delay)
        return self._send(request, response, simulator) and stays

    def _send(self, request: Request, response: Response, simulator: Simulator) -> bool:
        if response.ending == "reset":
            lingerless = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingerless)
            return False
        if response.ending == "close":
            return False
        body = b"" if request.method == "HEAD" else response.body
        whole = _head(response, simulator.now.timestamp()) + body
        cut = len(body) - len(body) // 2 if response.ending == "truncate" else 0
        self.connection.sendall(whole[: len(whole) - cut])
        return not cut


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, simulator: Simulator) -> None:
        self.simulator = simulator
        self.stopped = threading.Event()
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Connection)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Close without the polite half-close, so that a reset stays a reset."""
        self.close_request(request)


class Simulator:
    """A local OpenAQ v3 API: a context manager with `.url`, a request log and a clock.

    `world` is what it serves; `now` fixes the clock (None is the real one); `keys` are the keys
    accepted (None: any 64 hex characters, or anything not empty if `lenient`); `per_minute` and
    `per_hour` limit each key (None lifts the limit and drops the headers); `faults` are `Fault`
    values or their texts; answers may be `cache_staleness` old; without `edge` there is no
    firewall in front; `null_raw_breaks` brings back the 500 for null raw values of before
    May 2026. It listens on 127.0.0.1 only; port 0 takes a free one."""

    def __init__(
        self,
        world: World | None = None,
        port: int = 0,
        now: datetime | None = None,
        *,
        keys: Iterable[str] | None = None,
        lenient: bool = False,
        per_minute: int | None = 60,
        per_hour: int | None = None,
        faults: Iterable[Fault | str] = (),
        cache_staleness: timedelta = timedelta(0),
        edge: bool = True,
        null_raw_breaks: bool = False,
    ) -> None:
        if now is not None and now.tzinfo is None:
            raise ValueError(f"now={now} has no time zone: give an aware datetime")
        self._fixed = now
        self._shift = timedelta(0)
        self._log: list[RequestRecord] = []
        self._port = port
        self._server: _Server | None = None
        self._application = Application(
            world or World.synthetic(), None if keys is None else frozenset(keys),
            Counters(per_minute, per_hour), lenient, edge, null_raw_breaks,
            cache_staleness.total_seconds(), as_faults(faults),
        )  # fmt: skip

    @property
    def world(self) -> World:
        """What is served; may be replaced while running."""
        return self._application.world

    @world.setter
    def world(self, world: World) -> None:
        self._application.world = world

    @property
    def faults(self) -> list[Fault]:
        """The faults switched on; change the list at will. Assigning starts counts anew."""
        return self._application.faults

    @faults.setter
    def faults(self, faults: Iterable[Fault | str]) -> None:
        self._application.switch(as_faults(faults))

    @property
    def log(self) -> list[RequestRecord]:
        """Every request answered so far, in order."""
        return list(self._log)

    @property
    def now(self) -> datetime:
        """The simulator's time, in UTC."""
        return (self._fixed or datetime.now(UTC)).astimezone(UTC) + self._shift

    def advance(self, step: timedelta) -> None:
        """Step the clock forward."""
        self._shift += step

    @property
    def port(self) -> int:
        """The port listened on."""
        if self._server is None:
            raise RuntimeError("the simulator is not running: use it as a context manager")
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash."""
        return f"http://127.0.0.1:{self.port}/v3"

    def start(self) -> Self:
        """Listen and answer in the background."""
        self._server = _Server(self._port, self)
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(0.02,), daemon=True, name="openaq-simulator").start()
        return self

    def stop(self) -> None:
        """Stop listening and drop open connections."""
        if self._server is None:
            return
        self._server.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._server.open):
            _close(connection)
        self._server = None

    def serve(self) -> None:
        """Answer until interrupted: for the command line."""
        while self._server is not None:
            time.sleep(0.2)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def respond(self, request: Request, raw_query: str = "") -> Response:
        """Answer one request and write it to the log."""
        now = self.now
        response = self._answer(request, now)
        hashed = key_hash(request.key) if request.key else None
        record = RequestRecord(
            request.method, request.path, raw_query, hashed, now, response.status
        )
        self._log.append(record)
        return response

    def _answer(self, request: Request, now: datetime) -> Response:
        """Give the answer; what this program trips over is a 500, as it would be there."""
        try:
            return self._application.answer(request, now.timestamp())
        except Exception:
            _log.exception("%s %s", request.method, request.path)
            return refused(request, BROKEN)


def _close(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # already closed by its client
