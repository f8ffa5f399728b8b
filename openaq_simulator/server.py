"""uvicorn on a thread and an event loop of its own, on the loopback interface."""

import asyncio
import logging
import socket
import threading
from collections.abc import Coroutine
from typing import Any

from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from .wire import date_of, serve

#: Seconds after which an idle connection is closed: longer than any test.
IDLE = 3600
#: What uvicorn says about clients is of no interest here.
_log = logging.getLogger(f"{__name__}.clients")
_log.setLevel(logging.CRITICAL)


class Protocol(H11Protocol):
    """Serves one connection; the application finds its transport in the state of a request."""

    def __init__(self, config: Config, state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, state, app_state)
        self.logger = _log
        self.access_log = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to serve."""
        super().connection_made(transport)
        self.app_state = self.app_state | {"transport": transport}
        if self.app_state["stopped"].is_set():  # accepted while the server was closing
            transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, with the length of the message and the simulator's date."""
        date = date_of(self.app_state["simulator"]).decode()
        self.transport.write(
            f"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n"
            f"connection: close\r\ncontent-length: {len(msg)}\r\ndate: {date}\r\n\r\n{msg}".encode()
        )
        self.transport.close()


class Server:
    """Listens on 127.0.0.1 and serves until it is stopped; `state` goes with every request."""

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
            serve, ws="none", lifespan="off", interface="asgi3", log_config=None,
            proxy_headers=False, timeout_keep_alive=IDLE, h11_max_incomplete_event_size=1 << 16,
        )  # fmt: skip
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
        """Run work on the server's loop and wait for what it gives."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self) -> asyncio.Server:
        """Serve every connection to the socket."""
        return await self._loop.create_server(
            lambda: Protocol(self._config, self._state, self._app_state), sock=self._socket
        )

    async def _close(self) -> None:
        """Drop the connections; requests that wait end at once."""
        self._stopped.set()
        self._listener.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=5)
        await asyncio.sleep(0)
