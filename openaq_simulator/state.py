"""The state of an OpenAQ v3 API: its clock, its log, its rate limits, its faults and its world."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .faults import Fault, Switches
from .world import World

#: The shape of a real key.
KEY = re.compile(r"[0-9a-f]{64}")


def key_hash(key: str) -> str:
    """Return a short, safe name for a key."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Usage:
    """The used share of a limit after a request, and whether the request is refused."""

    limit: int
    used: int
    reset: int
    refused: bool

    @property
    def headers(self) -> dict[str, str]:
        """Return the four x-ratelimit headers."""
        numbers = {"limit": self.limit, "used": self.used, "remaining": self.limit - self.used}
        numbers["reset"] = self.reset
        return {f"x-ratelimit-{name}": str(number) for name, number in numbers.items()}


class Counters:
    """Counters of requests per key in clock windows; a refused request is not counted."""

    def __init__(self, per_minute: int | None, per_hour: int | None) -> None:
        self._windows = [(w, n) for w, n in ((3600, per_hour), (60, per_minute)) if n is not None]
        self._counts: dict[tuple[int, str], tuple[int, int, float]] = {}

    def count(self, key: str, now: float) -> Usage | None:
        """Count a request and return its usage; None if there is no limit.

        The usage is that of the minute, unless the hour refuses.
        """
        usage: Usage | None = None
        for seconds, limit in self._windows:
            usage = self._count(key, now, seconds, limit)
            if usage.refused:
                return usage
        return usage

    def _count(self, key: str, now: float, seconds: int, limit: int) -> Usage:
        window = int(now // seconds)
        known, used, first = self._counts.get((seconds, key), (window, 0, now))
        if known != window:
            used, first = 0, now
        refused = used >= limit
        used = used if refused else used + 1
        self._counts[seconds, key] = (window, used, first)
        return Usage(limit, used, max(1, seconds - int(now - first)), refused)


@dataclass(frozen=True)
class RequestRecord:
    """A line of the simulator's log; the key itself is never kept."""

    method: str
    path: str
    query: str
    key_hash: str | None
    time: datetime
    status: int


class State:
    """Everything that an answer depends on, except the request. See ``Simulator`` for the arguments."""

    def __init__(
        self,
        world: World | None = None,
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
        self.world = world or World.synthetic()
        self.keys = None if keys is None else frozenset(keys)
        self.lenient = lenient
        self.counters = Counters(per_minute, per_hour)
        self.switches = Switches(faults)
        self.cache_staleness = cache_staleness
        #: The time and the body of an answer, by its target.
        self.cache: dict[str, tuple[float, str]] = {}
        self.edge = edge
        self.null_raw_breaks = null_raw_breaks
        self._fixed = now
        self._shift = timedelta(0)
        self._log: list[RequestRecord] = []

    @property
    def faults(self) -> list[Fault]:
        """Return the faults that are switched on, as a list that may be changed.

        Assigning a list begins to count anew.
        """
        return self.switches.faults

    @faults.setter
    def faults(self, faults: Iterable[Fault | str]) -> None:
        self.switches = Switches(faults)
        self.cache = {}

    @property
    def log(self) -> list[RequestRecord]:
        """Return every request answered so far, in order."""
        return list(self._log)

    def record(self, *entry: Any) -> None:
        """Write a line of the log."""
        self._log.append(RequestRecord(*entry))

    @property
    def now(self) -> datetime:
        """Return the simulator's time, in UTC."""
        return (self._fixed or datetime.now(UTC)).astimezone(UTC) + self._shift

    def advance(self, step: timedelta) -> None:
        """Step the clock forward."""
        self._shift += step
