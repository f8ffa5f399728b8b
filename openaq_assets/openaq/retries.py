"""What can become of a request, and which of it is worth another try.

PlatformError
  Refused      the API will never answer this as asked (401, 403, 405, 410, 422): stop the run
  Withdrawn    404: the location or sensor is gone; what was stored stays
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
    """The API will never answer this as asked; nothing else will be answered either."""


class Withdrawn(PlatformError):
    """The location or sensor is not there any more."""


class Unanswered(PlatformError):
    """No usable answer to one request, though it was tried as often as makes sense."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


class Again(Exception):
    """Worth asking again: up to ``tries`` times in all, with a ``wait`` between."""

    tries: ClassVar[int]
    wait: ClassVar[wait_base]

    def after_all_tries(self) -> str:
        """Return how often it was met: ``HTTP 500 after 5 tries: Internal Server Error``."""
        head, colon, rest = str(self).partition(": ")
        return f"{head} after {self.tries} tries{colon}{rest}"


class Broken(Again):
    """A server error, or no whole answer: the next try may succeed."""

    tries, wait = 5, wait_random_exponential(multiplier=1, max=20)


class Throttled(Again):
    """429: the limiter knows until when to wait."""

    tries, wait = 10, wait_random(0, 0.5)


class TooMuch(Again):
    """408, or too many pages: a shorter window may be answered."""

    tries, wait = 2, wait_random(1, 3)


def retrying(sleep: Sleep) -> AsyncRetrying:
    """Return the retries of one request; each kind of mishap has its own patience."""
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
