"""Errors of a request, and which of them are worth another try.

PlatformError
  Refused      the API never answers this request (401, 403, 405, 410, 422): stop the run
  Withdrawn    404: the location or sensor was removed; what was stored stays
  Unanswered   no usable answer after several tries: this request failed, others may not
Again
  Broken       5xx, no whole answer or not JSON: up to five tries with full jitter
  Throttled    429: again as soon as the limiter allows, up to ten times
  TooMuch      408: once again, then the window must be cut
"""

from collections import Counter
from typing import ClassVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_base, wait_random, wait_random_exponential

from openaq_assets.errors import PlatformError
from openaq_assets.openaq.limiter import Sleep


class Refused(PlatformError):
    """An error: the API never answers this request, nor any other of the run."""


class Withdrawn(PlatformError):
    """An error: the location or sensor does not exist any more."""


class Unanswered(PlatformError):
    """An error: no usable answer to one request after all tries."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


class Again(Exception):
    """An error that is worth another try: up to ``tries`` times in all, with a ``wait`` between."""

    tries: ClassVar[int]
    wait: ClassVar[wait_base]

    def after_all_tries(self) -> str:
        """Return the message after all tries: ``HTTP 500 after 5 tries: Internal Server Error``."""
        head, colon, rest = str(self).partition(": ")
        return f"{head} after {self.tries} tries{colon}{rest}"


class Broken(Again):
    """A server error, or an incomplete answer: the next try may succeed."""

    tries, wait = 5, wait_random_exponential(multiplier=1, max=20)


class Throttled(Again):
    """An answer 429: the limiter knows how long to wait."""

    tries, wait = 10, wait_random(0, 0.5)


class TooMuch(Again):
    """An answer 408, or too many pages: a shorter window may be answered."""

    tries, wait = 2, wait_random(1, 3)


def retrying(sleep: Sleep) -> AsyncRetrying:
    """Return the retries of one request; each type of error has its own number of tries."""
    seen: Counter[type[Again]] = Counter()

    def enough(state: RetryCallState) -> bool:
        kind = _kind(state)
        seen[kind] += 1
        return seen[kind] >= kind.tries

    def wait(state: RetryCallState) -> float:
        return _kind(state).wait(state)

    again = retry_if_exception_type(Again)
    return AsyncRetrying(retry=again, stop=enough, wait=wait, sleep=sleep, reraise=True)


def _kind(state: RetryCallState) -> type[Again]:
    reason = state.outcome.exception() if state.outcome else None
    return type(reason) if isinstance(reason, Again) else Broken
