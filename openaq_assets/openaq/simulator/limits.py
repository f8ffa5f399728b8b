"""The rate limit: a fixed window per key and clock minute, as the API counts."""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass

#: Shape of a real key.
KEY = re.compile(r"[0-9a-f]{64}")


def key_hash(key: str) -> str:
    """Give a short, safe name for a key."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Usage:
    """What a counted request is told."""

    limit: int
    used: int
    reset: int
    refused: bool

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The four x-ratelimit headers."""
        return (
            ("x-ratelimit-limit", str(self.limit)),
            ("x-ratelimit-used", str(self.used)),
            ("x-ratelimit-remaining", str(self.limit - self.used)),
            ("x-ratelimit-reset", str(self.reset)),
        )


class Counters:
    """Counts requests per key in clock windows; a refused request is not counted."""

    def __init__(self, per_minute: int | None, per_hour: int | None) -> None:
        self._windows = [(w, n) for w, n in ((3600, per_hour), (60, per_minute)) if n is not None]
        self._counts: dict[tuple[int, str], tuple[int, int, float]] = {}
        self._lock = threading.Lock()

    def count(self, key: str, now: float) -> Usage | None:
        """Count a request; None when there is no limit. The minute's numbers are told unless
        the hour refuses."""
        told: Usage | None = None
        with self._lock:
            for seconds, limit in self._windows:
                told = self._count(key, now, seconds, limit)
                if told.refused:
                    return told
        return told

    def _count(self, key: str, now: float, seconds: int, limit: int) -> Usage:
        window = int(now // seconds)
        known, used, first = self._counts.get((seconds, key), (window, 0, now))
        if known != window:
            used, first = 0, now
        refused = used >= limit
        used = used if refused else used + 1
        self._counts[seconds, key] = (window, used, first)
        return Usage(limit, used, max(1, seconds - int(now - first)), refused)
