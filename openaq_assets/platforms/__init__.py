"""The interface of platforms: ``submit(operation) -> ticket``, ``poll(ticket) -> ticket``, ``cancel``.

Only platforms read and write data. A platform dispatches on the type of a bound operation and knows no
asset, kind, graph or schedule, so that every kind runs on every platform. A plugin with operations of its
own brings a handler of them for each platform.
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

# Polars' allocator reads this once, when it is loaded. It then returns large blocks to the system at once,
# not after ten seconds: with days of 300,000 rows the peak is a sixth lower (359, not 424 MB), as fast.
os.environ.setdefault("_RJEM_MALLOC_CONF", "oversize_threshold:300000")

_log = logging.getLogger(__name__)

State = Literal["running", "succeeded", "partial", "failed"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """A started operation; JSON-serialisable, so that another process can poll it."""

    id: str
    state: State
    facts: Mapping[str, Facts] = field(default_factory=dict)
    message: str = ""
    link: str = ""
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """The result of a query: columns with Trino types, and rows in order."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return one mapping per row."""
        names = [str(column.name) for column in self.columns]
        return [dict(zip(names, row)) for row in self.rows]


class ObjectStore(Protocol):
    """Objects by URI. A partial write is never visible; objects are listed in order of names."""

    def put_new(self, uri: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """Write the object if it does not exist yet; return whether it was written."""

    def put(self, uri: str, body: bytes) -> None:
        """Write the object, replacing an existing one in one step."""

    def get(self, uri: str) -> bytes:
        """Return the bytes; raise FileNotFoundError if there is no such object."""

    def list(self, prefix: str) -> Iterable[str]:
        """Return every URI below the prefix (a folder, without its final '/'), in order."""

    def delete(self, uri: str) -> None:
        """Remove the object; do nothing if there is none."""


class Progress(Protocol):
    """A function that shows how far a long step is: ``progress('Fetch 2026-01-01', done, total)``."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that so many of the parts of a step are done."""


def silent(what: str, done: int, total: int) -> None:
    """Show no progress."""


class Platform(Protocol):
    """An engine with its storage, which carries out bound operations."""

    name: str

    @property
    def objects(self) -> ObjectStore:
        """Return the store of the lake's objects."""
        ...

    def submit(self, operation: Operation) -> Ticket:
        """Start an operation, or carry it out if it is quick; return its ticket."""

    def poll(self, ticket: Ticket) -> Ticket:
        """Return the ticket with its present state."""

    def cancel(self, ticket: Ticket) -> None:
        """Stop the operation of a ticket if it runs."""

    def read(self, query: Query) -> Rows:
        """Return the rows of a bound query."""

    def view(self, at: Ref) -> CreateView | None:
        """Return the operation that would make a view as it is now; None if there is no such view."""

    def drop_view(self, at: Ref) -> None:
        """Drop a view; do nothing if there is none."""

    def views(self, database: str) -> Iterable[str]:
        """Return the names of the views in a database, in order; none if there is no such database."""


def utc_now() -> dt.datetime:
    """Return the present time in UTC, with its zone."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class Work:
    """The context of a handler: a platform in an environment, its progress, and the clock of the run."""

    platform: Platform
    environment: Environment
    progress: Progress = silent
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], dt.datetime] = utc_now

    def finish(self, operation: Operation) -> Ticket:
        """Carry out a bound operation; return its ticket when it has ended."""
        ticket = self.platform.submit(operation)
        while ticket.state == "running":
            self.sleep(1.0)
            ticket = self.platform.poll(ticket)
        return ticket


class ExtendedPlatform:
    """A platform with handlers for the operations of plugins; all else is the platform's own."""

    def __init__(self, work: Work, handlers: Sequence[OperationHandler]) -> None:
        self._work = work
        self._handlers = {entry.operation: entry.function for entry in handlers}

    def submit(self, operation: Operation) -> Ticket:
        """Return the ticket of an operation, a failed one if its handler raises."""
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
    """Return the facts that a handler returned; raise PlatformError for anything else."""
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
    """Return a new ticket with an id of its own."""
    return Ticket(os.urandom(16).hex(), state, facts or {}, message, link, retryable)


def finished_ticket(facts: Mapping[str, Facts]) -> Ticket:
    """Return the ticket of an operation that has ended; failures make it partial."""
    failed = any(entry.failures for entry in facts.values())
    return ticket("partial" if failed else "succeeded", facts)


def failed_ticket(error: BaseException, link: str = "", text: str = "") -> Ticket:
    """Return a failed ticket with the message ``text``, or else that of the error."""
    _log.debug("an operation failed", exc_info=error)
    retryable = getattr(error, "retryable", isinstance(error, OSError))
    return ticket("failed", message=text or error_line(error), retryable=retryable, link=link)


def error_line(error: BaseException, *known: type[BaseException]) -> str:
    """Return an error as one line: its text alone for an expected error, with its type for a bug."""
    text = " ".join(str(error).split())
    if text and isinstance(error, (AssetsError, OSError, ValueError, *known)):
        return text
    return f"{type(error).__name__}: {text}".removesuffix(": ")


def cannot_make(platform: str, operation: str) -> str:
    """Return the message that a platform cannot carry out an operation."""
    return f"the platform '{platform}' cannot carry out '{operation}'."


_INTERFACE = ("name", "objects", "submit", "poll", "cancel", "read", "view", "drop_view", "views")
NO_HANDLER = "Choose another profile, or add a handler (hook 'operation_handlers')."


@dataclass(frozen=True, slots=True)
class PlatformType:
    """A platform by name, with its ``opener`` (``module:function``), which is imported when it is used.

    ``operations`` are the types of operations that it carries out by itself.
    """

    name: str
    description: str
    opener: str
    operations: tuple[type, ...] = STANDARD

    def open(
        self, environment: Environment, progress: Progress = silent, handlers: Iterable[OperationHandler] = ()
    ) -> Platform:
        """Return the platform of an environment, with the handlers of plugins for it.

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
            lacking = [name for name in _INTERFACE if not hasattr(platform, name)]
            if lacking:
                raise TypeError(f"{platform!r} is not a platform: it lacks {', '.join(lacking)}")
            return cast(Platform, platform)
        except AssetsError:
            raise
        except (Exception, SystemExit) as error:  # a platform may be foreign code
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise PlatformError(f"the platform '{self.name}' cannot be opened ({reason}).") from error
