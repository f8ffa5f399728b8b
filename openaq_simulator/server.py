"""HTTP to the client: uvicorn on a thread and an event loop of its own, on the loopback interface.

Answers are logged and dated. Faults make them late, cut or absent.
"""

import asyncio
import logging
import socket
import struct
import threading
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from email.utils import formatdate
from typing import Any

from fastapi import Request
from starlette.types import Message, Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from .admission import firewall, key_of
from .app import API
from .faults import Fault
from .state import State, key_hash

_log = logging.getLogger(__name__)
#: The messages of uvicorn about clients are not shown.
_clients = logging.getLogger(f"{__name__}.clients")
_clients.setLevel(logging.CRITICAL)
#: Seconds after which an idle connection is closed: longer than any test.
IDLE = 3600
#: Closing a socket with this option resets its connection.
NO_LINGER = struct.pack("ii", 1, 0)


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request; an error of this program becomes a 500, as the API would answer."""
    _read_target(scope)
    exchange = Exchange(Request(scope), receive, send)
    try:
        await exchange.answer()
    except Exception:  # noqa: BLE001 - the client gets an answer, the log the traceback
        _log.exception("%s %s", scope["method"], scope["path"])


def _read_target(scope: Scope) -> None:
    """Return a target without the host of a proxy's form, and without a fragment."""
    path, query = scope["path"], scope["query_string"]
    if path.startswith(("http://", "https://")):
        scope["path"] = "/" + path.partition("://")[2].partition("/")[2]
    if b"#" in scope["raw_path"]:
        scope["path"], query = scope["path"].partition("#")[0], b""
    scope["query_string"] = query.partition(b"#")[0]


def date_of(simulator: State) -> bytes:
    """Return the date header of the simulator's time."""
    return formatdate(simulator.now.timestamp(), usegmt=True).encode()


class Exchange:
    """A request and its answer on a connection."""

    def __init__(self, request: Request, receive: Receive, send: Send) -> None:
        self._request = request
        self._receive = receive
        self._send = send
        self._simulator: State = request.state.simulator
        self._ended = False
        request.state.now = self._simulator.now
        request.state.endings = {}

    async def answer(self) -> None:
        """Let the firewall or the API answer."""
        answer = firewall(self._request) or API
        await answer(self._request.scope, self._receive, self._pass)
        while self._ended and (await self._receive())["type"] != "http.disconnect":
            pass

    async def _pass(self, message: Message) -> None:
        """Send a part of the answer, unless the connection ends before it."""
        endings = self._request.state.endings
        if message["type"] == "http.response.start":
            await self._begin(message, endings)
        elif "truncate" in endings and not self._ended:
            body = message["body"]
            await self._send({**message, "body": body[: len(body) // 2], "more_body": True})
            self._end()
        if not self._ended:
            await self._send(message)

    async def _begin(self, head: Message, endings: Mapping[str, Fault]) -> None:
        """Log and date the answer; wait or end the connection if a fault says so."""
        self._record(head["status"])
        if late := endings.get("timeout") or endings.get("slow"):
            await self._wait(late.seconds or 0.0)
        head["headers"].append((b"date", date_of(self._simulator)))
        if "timeout" in endings:
            self._end()
        elif "reset_connection" in endings:
            self._end(reset=True)

    def _record(self, status: int) -> None:
        """Write the request to the simulator's log."""
        request, key = self._request, key_of(self._request)
        self._simulator.record(
            request.method,
            request.scope["path"],
            request.scope["query_string"].decode("latin-1"),
            key_hash(key) if key else None,
            request.state.now,
            status,
        )

    async def _wait(self, seconds: float) -> None:
        """Wait, but no longer than until the simulator stops."""
        stopped: asyncio.Event = self._request.state.stopped
        with suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), seconds)

    def _end(self, reset: bool = False) -> None:
        """End the connection, after what is written already or with a reset."""
        transport: asyncio.Transport = self._request.state.transport
        self._ended = True
        if reset:
            connection: socket.socket = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            transport.abort()
        transport.close()


class Protocol(H11Protocol):
    """A protocol that serves one connection; the application finds its transport in a request's state."""

    def __init__(self, config: Config, state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, state, app_state)
        self.logger = _clients
        self.access_log = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn serves TCP only, so narrower
        """Start to serve the connection."""
        super().connection_made(transport)
        self.app_state = self.app_state | {"transport": transport}
        if self.app_state["stopped"].is_set():  # accepted while the server was closing
            transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Refuse a malformed request, with the length of the message and the simulator's date."""
        date = date_of(self.app_state["simulator"]).decode()
        self.transport.write(
            f"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n"
            f"connection: close\r\ncontent-length: {len(msg)}\r\ndate: {date}\r\n\r\n{msg}".encode()
        )
        self.transport.close()


class Server:
    """A server that listens on 127.0.0.1 until it is stopped; `state` goes with every request."""

    def __init__(self, port: int, **state: Any) -> None:
        # asyncio sends without delay on sockets that name their protocol.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind(("127.0.0.1", port))
        except OSError:
            self._socket.close()
            raise
        self.port = int(self._socket.getsockname()[1])
        self._stopped = asyncio.Event()
        self._app_state = {**state, "stopped": self._stopped}
        self._state = ServerState()
        self._config = Config(
            serve,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            proxy_headers=False,
            timeout_keep_alive=IDLE,
            h11_max_incomplete_event_size=1 << 16,
        )
        self._config.load()
        factory = self._config.get_loop_factory() or asyncio.new_event_loop
        self._loop = factory()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.name = "openaq-simulator"
        self._thread.start()
        self._listener: asyncio.Server = self._await(self._listen())

    def stop(self) -> None:
        """Stop listening, drop open connections and end the thread."""
        self._await(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _await(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run work on the server's loop, wait for it, and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self) -> asyncio.Server:
        """Serve every connection to the socket."""
        return await self._loop.create_server(
            lambda: Protocol(self._config, self._state, self._app_state), sock=self._socket
        )

    async def _close(self) -> None:
        """Drop the connections, so that requests that wait end at once."""
        self._stopped.set()
        self._listener.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=5)
        await asyncio.sleep(0)
