"""The simulator: an OpenAQ v3 API on the loopback interface, with a clock, a log, rate limits and faults."""

from datetime import datetime
from typing import Any, Self

from .server import Server
from .state import State
from .world import World


class Simulator(State):
    """A local OpenAQ v3 API: a context manager with `.url`, a request log and a clock.

    `world` is what it serves and may be replaced while running; `now` fixes the clock (None is the
    real one); `keys` are the keys accepted (None: any 64 hex characters, or anything not empty if
    `lenient`); `per_minute` and `per_hour` limit each key (None lifts the limit and drops the
    headers); `faults` are `Fault` values or their texts; answers may be `cache_staleness` old;
    without `edge` there is no firewall in front; `null_raw_breaks` brings back the 500 for null raw
    values of before May 2026. It listens on 127.0.0.1 only; port 0 takes a free one."""

    def __init__(
        self, world: World | None = None, port: int = 0, now: datetime | None = None, **options: Any
    ) -> None:
        super().__init__(world, now, **options)
        self._port = port
        self._server: Server | None = None

    @property
    def port(self) -> int:
        """Give the port listened on."""
        if self._server is None:
            raise RuntimeError("the simulator is not running: use it as a context manager")
        return int(self._server.port)

    @property
    def url(self) -> str:
        """Give the base URL, without a trailing slash."""
        return f"http://127.0.0.1:{self.port}/v3"

    def start(self) -> Self:
        """Listen and answer in the background."""
        self._server = Server(self._port, simulator=self)
        return self

    def stop(self) -> None:
        """Stop listening and drop open connections."""
        if self._server is not None:
            server, self._server = self._server, None
            server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()
