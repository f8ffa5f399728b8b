"""The simulator: an OpenAQ v3 API on the loopback interface, with a clock, a log, rate limits and faults."""

from datetime import datetime
from typing import Any, Self

from .server import Server
from .state import State
from .world import World


class Simulator(State):
    """A local OpenAQ v3 API: a context manager with `.url`, a request log and a clock.

    It listens on 127.0.0.1 only; port 0 takes a free one.

    Args:
        world: The locations and rows to serve; it may be replaced while running.
        now: The time at which the clock stands; None is the real time.
        keys: The keys that are accepted; None: any 64 hex characters, or any text if `lenient`.
        per_minute, per_hour: The limits of each key; None lifts the limit and drops the headers.
        faults: `Fault` values or their texts.
        cache_staleness: The greatest age of an answer.
        edge: False removes the firewall in front.
        null_raw_breaks: True answers 500 for null raw values, as the API did before May 2026.
    """

    def __init__(
        self, world: World | None = None, port: int = 0, now: datetime | None = None, **options: Any
    ) -> None:
        super().__init__(world, now, **options)
        self._port = port
        self._server: Server | None = None

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        if self._server is None:
            raise RuntimeError("the simulator is not running: use it as a context manager")
        return int(self._server.port)

    @property
    def url(self) -> str:
        """Return the base URL, without a trailing slash."""
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
