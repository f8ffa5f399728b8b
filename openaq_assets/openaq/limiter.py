"""One rate limiter per API key: never more than the allowance, never slower than it forces.

The server counts a request somewhere between its sending and its answer. A slot is therefore held
while the request flies and for one period after it landed: in no window of the server's clock,
wherever it begins, can there be more requests than the limit.
"""

import asyncio
import hashlib
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

from openaq_assets.openaq.settings import Api

Sleep = Callable[[float], Awaitable[None]]
#: How often to look again when only the landing of another request can help.
_LOOK_AGAIN = 0.02
_LONGEST_RESET = 3600.0


class Limiter:
    """Turns to send a request; safe to share between event loops and threads.

    A limit of 0 is none. What the server says of its own counter is obeyed as well.
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
        self._left, self._until = 0, float("-inf")  # what the server said, and until when it holds
        self.allow(per_minute, per_hour)

    def allow(self, per_minute: int, per_hour: int) -> None:
        """Set the limits; what was sent already still counts."""
        self._windows = [(n, s) for n, s in ((per_minute, 60.0), (per_hour, 3600.0)) if n > 0]

    async def turn(self, sleep: Sleep = asyncio.sleep) -> None:
        """Wait until a request may be sent; each turn must be ended by ``landed``."""
        while delay := self.take():
            await sleep(delay)

    def take(self) -> float:
        """Take a turn now (0.0), or say in how many seconds to ask again."""
        with self._lock:
            now = self._clock()
            while self._landed and self._landed[0] + 3600.0 <= now:
                self._landed.popleft()
            delay = max([self._told(now), *(self._full(n, s, now) for n, s in self._windows)])
            if delay > 0:
                return max(delay, 0.001)  # less might not move a clock of floats
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
        # The first request goes alone: another process may have used the key this very minute.
        if room <= 0 or (self._flying and not self._heard):
            return _LOOK_AGAIN
        return self._landed[-room] + period - now if len(self._landed) >= room else 0.0

    def _told(self, now: float) -> float:
        # Each request in flight may use one of those left: near the end they go one by one.
        if now >= self._until or self._left > self._flying:
            return 0.0
        return _LOOK_AGAIN if self._flying else self._until - now

    def _hear(self, remaining: int, seconds: float, throttled: bool) -> None:
        until = self._clock() + seconds
        if throttled or until > self._until + 2:  # another window of the server has begun
            self._left, self._until = remaining, max(until, self._until if throttled else until)
        elif until >= self._until - 2:  # the same window: answers overtake each other
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
    """Return the one limiter of this process for the key (by its digest) at this API."""
    name = hashlib.sha256(f"{api.url} {api.key}".encode()).hexdigest()
    with _registry_lock:
        limiter = _registry.setdefault(name, Limiter())
        limiter.allow(api.requests_per_minute, api.requests_per_hour)
        return limiter
