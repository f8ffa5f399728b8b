"""A rate limiter per API key: never more than the allowance, and no slower than needed.

The server counts a request at some time between its sending and its answer. So a slot is held while the
request runs and for one period after its answer. Then no window of the server's clock, wherever it begins,
holds more requests than the limit.
"""

import asyncio
import hashlib
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

from openaq_assets.openaq.settings import Api

Sleep = Callable[[float], Awaitable[None]]
#: Seconds between two looks while only the answer to another request can free a slot.
_LOOK_AGAIN = 0.02
_LONGEST_RESET = 3600.0


class Limiter:
    """A limiter of requests; event loops and threads may share it.

    A limit of 0 means no limit. The limiter also obeys the counters that the server reports.
    """

    def __init__(
        self,
        per_minute: int = 0,
        per_hour: int = 0,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._lock = threading.Lock()
        self._clock, self._wall = clock, wall
        self._flying = 0
        self._heard = False
        self._landed: deque[float] = deque()
        self._left, self._until = 0, float("-inf")  # the server's counter, and the time until which it holds
        self.allow(per_minute, per_hour)

    def allow(self, per_minute: int, per_hour: int) -> None:
        """Set the limits; requests that were sent before still count."""
        self._windows = [(n, s) for n, s in ((per_minute, 60.0), (per_hour, 3600.0)) if n > 0]

    async def turn(self, sleep: Sleep = asyncio.sleep) -> None:
        """Wait until a request may be sent; each turn must be ended by ``landed``."""
        while delay := self.take():
            await sleep(delay)

    def take(self) -> float:
        """Take a turn now and return 0.0, or return the seconds after which to try again."""
        with self._lock:
            now = self._clock()
            while self._landed and self._landed[0] + 3600.0 <= now:
                self._landed.popleft()
            delay = max([self._told(now), *(self._full(n, s, now) for n, s in self._windows)])
            if delay > 0:
                return max(delay, 0.001)  # a smaller delay might not change a clock of floats
            self._flying += 1
            return 0.0

    def landed(self, headers: Mapping[str, str] | None = None, throttled: bool = False) -> None:
        """End a turn, with the headers of the answer if there is one; ``throttled`` after a 429."""
        with self._lock:
            self._flying -= 1
            self._heard = True
            self._landed.append(self._clock())
            remaining = 0 if throttled else _number((headers or {}).get("x-ratelimit-remaining"))
            if remaining is not None:
                reset = _number((headers or {}).get("x-ratelimit-reset"))
                self._hear(max(0, int(remaining)), self._seconds(reset), throttled)

    def _full(self, limit: int, period: float, now: float) -> float:
        room = limit - self._flying
        # The first request runs alone: another process may have used the key in this minute.
        if room <= 0 or (self._flying and not self._heard):
            return _LOOK_AGAIN
        return self._landed[-room] + period - now if len(self._landed) >= room else 0.0

    def _told(self, now: float) -> float:
        # Each running request may use one of the rest, so near the end they run one by one.
        if now >= self._until or self._left > self._flying:
            return 0.0
        return _LOOK_AGAIN if self._flying else self._until - now

    def _hear(self, remaining: int, seconds: float, throttled: bool) -> None:
        until = self._clock() + seconds
        if throttled or until > self._until + 2:  # another window of the server has begun
            self._left, self._until = remaining, max(until, self._until if throttled else until)
        elif until >= self._until - 2:  # the same window: answers may arrive in another order
            self._left = min(self._left, remaining)

    def _seconds(self, reset: float | None) -> float:
        if reset is not None and reset > 1e9:  # the documentation promises a timestamp
            reset -= self._wall()
        return min(max(60.0 if reset is None else reset, 1.0), _LONGEST_RESET)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if abs(number) < 1e12 else None  # also refuses inf and nan


_registry: dict[str, Limiter] = {}
_registry_lock = threading.Lock()


def limiter_of(api: Api) -> Limiter:
    """Return the only limiter of this process for the key (by its digest) at this API."""
    name = hashlib.sha256(f"{api.url} {api.key}".encode()).hexdigest()
    with _registry_lock:
        limiter = _registry.setdefault(name, Limiter())
        limiter.allow(api.requests_per_minute, api.requests_per_hour)
        return limiter
