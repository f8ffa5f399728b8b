"""How answers go over the wire: logged and dated; late, cut or not at all where faults say so."""

import asyncio
import logging
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from email.utils import formatdate
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.types import Message, Receive, Scope, Send

from .app import API
from .faults import Fault
from .gates import firewall, key_of
from .limits import key_hash

if TYPE_CHECKING:
    from .simulator import Simulator

_log = logging.getLogger(__name__)
#: Closing a socket with this option resets its connection.
NO_LINGER = struct.pack("ii", 1, 0)


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request; what this program trips over is a 500, as it would be there."""
    _read_target(scope)
    exchange = Exchange(Request(scope), receive, send)
    try:
        await exchange.answer()
    except Exception:
        _log.exception("%s %s", scope["method"], scope["path"])


def _read_target(scope: Scope) -> None:
    """Take the host off a proxy's form of a target, and a fragment off its end."""
    path, query = scope["path"], scope["query_string"]
    if path.startswith(("http://", "https://")):
        scope["path"] = "/" + path.partition("://")[2].partition("/")[2]
    if b"#" in scope["raw_path"]:
        scope["path"], query = scope["path"].partition("#")[0], b""
    scope["query_string"] = query.partition(b"#")[0]


def date_of(simulator: "Simulator") -> bytes:
    """Give the date header of the simulator's time."""
    return formatdate(simulator.now.timestamp(), usegmt=True).encode()


class Exchange:
    """One request and its answer on a connection."""

    def __init__(self, request: Request, receive: Receive, send: Send) -> None:
        self._request = request
        self._receive = receive
        self._send = send
        self._simulator: "Simulator" = request.state.simulator
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
        """Pass on a part of the answer, unless the connection ends before it."""
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
        """Log and date the answer; wait, or end the connection, where a fault says so."""
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
            request.method, request.scope["path"], request.scope["query_string"].decode("latin-1"),
            key_hash(key) if key else None, request.state.now, status,
        )  # fmt: skip

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
