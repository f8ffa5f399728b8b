"""The narrow waist: ``submit(operation) -> ticket``, ``poll(ticket) -> ticket``, ``cancel(ticket)``.

A platform is the only part that does anything. It dispatches on the type of a bound operation and knows
no asset, kind, graph or schedule, so that every kind runs on every platform. What a plugin brings of its
own operations comes with handlers, which stand in front of a platform.
"""

import datetime as dt
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, cast

from openaq_assets.errors import AssetsError, PlatformError
from openaq_assets.graph.columns import Column
from openaq_assets.graph.environment import Environment
from openaq_assets.graph.extensions import OperationHandler, imported
from openaq_assets.graph.operations import STANDARD, CreateView, Operation, Query, Ref
from openaq_assets.graph.records import Facts

# Polars' allocator reads this once, when it is loaded. Large blocks go back to the system at once, not
# after ten seconds: with days of 300,000 rows a sixth of the peak (424 to 359 MB), at no cost in time.
os.environ.setdefault("_RJEM_MALLOC_CONF", "oversize_threshold:300000")

_log = logging.getLogger(__name__)

State = Literal["running", "succeeded", "partial", "failed"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """A started operation; JSON-serialisable, so that another process can go on polling it."""

    id: str
    state: State
    facts: Mapping[str, Facts] = field(default_factory=dict)
    message: str = ""
    link: str = ""
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """The answer to a query: columns with Trino types, and rows in order."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return one mapping per row."""
        names = [str(column.name) for column in self.columns]
        return [dict(zip(names, row)) for row in self.rows]


class ObjectStore(Protocol):
    """Objects by URI. A partial write can never be seen; listing is in order of names."""

    def put_new(self, uri: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """Write if there is nothing yet; False if there is."""

    def put(self, uri: str, body: bytes) -> None:
        """Write, replacing what was there in one step."""

    def get(self, uri: str) -> bytes:
        """Return the bytes; raise FileNotFoundError."""

    def list(self, prefix: str) -> Iterable[str]:
        """Return every URI that begins with the prefix (a folder, without its final '/'), in order."""

    def delete(self, uri: str) -> None:
        """Remove it; nothing happens if it is not there."""


class Progress(Protocol):
    """Told how far a long step is: ``progress('Fetch 2026-01-01', done, total)``."""

    def __call__(self, what: str, done: int, total: int) -> None: ...


def silent(what: str, done: int, total: int) -> None:
    """A progress that shows nothing."""


class Platform(Protocol):
    """Carries out bound operations."""

    name: str

    @property
    def objects(self) -> ObjectStore: ...

    def submit(self, operation: Operation) -> Ticket:
        """Start it (or do it, if quick)."""

    def poll(self, ticket: Ticket) -> Ticket:
        """Return the ticket as it is now."""

    def cancel(self, ticket: Ticket) -> None:
        """Stop it if it runs."""

    def read(self, query: Query) -> Rows:
        """Return the rows of a bound query."""

    def view(self, at: Ref) -> CreateView | None:
        """Return what a view is now, as the operation that would make it again; None if it is not there."""

    def drop_view(self, at: Ref) -> None:
        """Forget a view; nothing happens if it is not there."""

    def views(self, database: str) -> Iterable[str]:
        """Return the names of the views in a database, in order; none if there is no such database."""


def utc_now() -> dt.datetime:
    """Return the time, with its zone."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class Work:
    """What a handler works with: a platform in an environment, its progress, and the clock of the run."""

    platform: Platform
    environment: Environment
    progress: Progress = silent
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], dt.datetime] = utc_now

    def finish(self, operation: Operation) -> Ticket:
        """Return the ticket of a bound operation once it is over."""
        ticket = self.platform.submit(operation)
        while ticket.state == "running":
            self.sleep(1.0)
            ticket = self.platform.poll(ticket)
        return ticket


class ExtendedPlatform:
    """A platform with the operations that plugins bring for it; all else is the platform's own."""

    def __init__(self, work: Work, handlers: Sequence[OperationHandler]) -> None:
        self._work = work
        self._handlers = {entry.operation: entry.function for entry in handlers}

    def submit(self, operation: Operation) -> Ticket:
        """Return the ticket of an operation; what a handler raises is a failed one."""
        function = self._handlers.get(type(operation))
        if function is None:
            return self._work.platform.submit(operation)
        try:
            answer = imported(function)(operation, self._work)
            return answer if isinstance(answer, Ticket) else finished_ticket(_facts(answer, function))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - foreign code: the run goes on and says why
            return failed_ticket(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work.platform, name)


def _facts(answer: Any, function: str) -> Mapping[str, Facts]:
    """Return the facts that a handler answers with; raise PlatformError for anything else."""
    if isinstance(answer, Mapping) and all(
        isinstance(key, str) and isinstance(facts, Facts) for key, facts in answer.items()
    ):
        return answer
    raise PlatformError(
        f"the handler '{function}' returns {answer!r}, which is neither facts by partition nor a ticket."
    )


def ticket(
    state: State,
    facts: Mapping[str, Facts] | None = None,
    message: str = "",
    retryable: bool = False,
    link: str = "",
) -> Ticket:
    """Return a finished ticket of its own."""
    return Ticket(os.urandom(16).hex(), state, facts or {}, message, link, retryable)


def finished_ticket(facts: Mapping[str, Facts]) -> Ticket:
    """Return the ticket of an operation that is done; some failures make it partial."""
    failed = any(entry.failures for entry in facts.values())
    return ticket("partial" if failed else "succeeded", facts)


def failed_ticket(error: BaseException, link: str = "", text: str = "") -> Ticket:
    """Return a failed ticket; ``text`` is the error in other words than its own."""
    _log.debug("an operation failed", exc_info=error)
    retryable = getattr(error, "retryable", isinstance(error, OSError))
    return ticket("failed", message=text or error_line(error), retryable=retryable, link=link)


def error_line(error: BaseException, *known: type[BaseException]) -> str:
    """Return an error as one line: a user's or the world's mistake by its words, a bug by its type."""
    text = " ".join(str(error).split())
    if text and isinstance(error, (AssetsError, OSError, ValueError, *known)):
        return text
    return f"{type(error).__name__}: {text}".removesuffix(": ")


def cannot_make(platform: str, operation: str) -> str:
    """Return the message about an operation that a platform has no way to carry out."""
    return f"the platform '{platform}' cannot carry out '{operation}'."


_WAIST = ("name", "objects", "submit", "poll", "cancel", "read", "view", "drop_view", "views")
NO_HANDLER = "Choose another profile, or add a handler (hook 'operation_handlers')."


@dataclass(frozen=True, slots=True)
class PlatformType:
    """A platform by name; ``opener`` (``module:function``) is imported only when it is used.

    ``operations`` are the types it carries out by itself.
    """

    name: str
    description: str
    opener: str
    operations: tuple[type, ...] = STANDARD

    def open(
        self, environment: Environment, progress: Progress = silent, handlers: Iterable[OperationHandler] = ()
    ) -> Platform:
        """Return the platform that carries an environment, with the handlers that plugins bring for it.

        Raises PlatformError if it cannot be opened.
        """
        platform = self._opened(environment, progress)
        own = [entry for entry in handlers if entry.platform == self.name]
        if not own:
            return platform
        return cast(Platform, ExtendedPlatform(Work(platform, environment, progress), own))

    def _opened(self, environment: Environment, progress: Progress) -> Platform:
        try:
            platform = imported(self.opener)(environment, progress)
            lacking = [name for name in _WAIST if not hasattr(platform, name)]
            if lacking:
                raise TypeError(f"{platform!r} is not a platform: it lacks {', '.join(lacking)}")
            return cast(Platform, platform)
        except AssetsError:
            raise
        except (Exception, SystemExit) as error:  # a platform may be foreign code
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise PlatformError(f"the platform '{self.name}' cannot be opened ({reason}).") from error
