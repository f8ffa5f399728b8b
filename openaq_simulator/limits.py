"""The rate limit: a fixed window per key and clock minute, as the API counts."""

import hashlib
import re
from dataclasses import dataclass

#: Shape of a real key.
KEY = re.compile(r"[0-9a-f]{64}")


def key_hash(key: str) -> str:
    """Give a short, safe name for a key."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Usage:
    """How much of a limit is used after a request, and whether the request is refused."""

    limit: int
    used: int
    reset: int
    refused: bool

    @property
    def headers(self) -> dict[str, str]:
        """Give the four x-ratelimit headers."""
        numbers = {"limit": self.limit, "used": self.used, "remaining": self.limit - self.used}
        numbers["reset"] = self.reset
        return {f"x-ratelimit-{name}": str(number) for name, number in numbers.items()}


class Counters:
    """Counts requests per key in clock windows; a refused request is not counted."""

    def __init__(self, per_minute: int | None, per_hour: int | None) -> None:
        self._windows = [(w, n) for w, n in ((3600, per_hour), (60, per_minute)) if n is not None]
        self._counts: dict[tuple[int, str], tuple[int, int, float]] = {}

    def count(self, key: str, now: float) -> Usage | None:
        """Count a request; None when there is no limit. The minute is answered unless the hour
        refuses."""
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
