"""The narrow waist: ``submit(operation) -> ticket``, ``poll(ticket) -> ticket``, ``cancel(ticket)``.

A platform is the only part with hands. It dispatches on the type of a bound operation and knows no
asset, kind, graph or schedule, so that every kind runs on every platform.
"""

import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from openaq_assets.definitions import Column
from openaq_assets.environment import Environment
from openaq_assets.operations import CreateView, Operation, Query, Ref

# Polars' allocator reads this once, when it is loaded. Large blocks go back to the system at once, not
# after ten seconds: with days of 300,000 rows a sixth of the peak (424 to 359 MB), at no cost in time.
os.environ.setdefault("_RJEM_MALLOC_CONF", "oversize_threshold:300000")

State = Literal["running", "succeeded", "partial", "failed"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of one partition (or the whole) of an asset after an operation."""

    rows: int = 0
    bytes: int = 0
    objects: int = 0
    version: str = ""
    quarantined: int = 0
    failures: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()  # said once, whatever is run again

    def __add__(self, other: "Facts") -> "Facts":
        """Both together; the version is of whichever has one last."""
        return Facts(
            self.rows + other.rows,
            self.bytes + other.bytes,
            self.objects + other.objects,
            other.version or self.version,
            self.quarantined + other.quarantined,
            self.failures + other.failures,
            self.notices + other.notices,
        )

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Facts":
        """The facts that JSON says."""
        lists = {name: tuple(one) for name, one in body.items() if isinstance(one, list)}
        return cls(**{**body, **lists})


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
        """One mapping per row."""
        return [dict(zip([str(one.name) for one in self.columns], row)) for row in self.rows]


class ObjectStore(Protocol):
    """Objects by URI. A partial write can never be seen; listing is in order of names."""

    def put_new(self, uri: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """Write if there is nothing yet; False if there is."""
        ...

    def put(self, uri: str, body: bytes) -> None:
        """Write, replacing what was there in one step."""
        ...

    def get(self, uri: str) -> bytes:
        """The bytes; raises FileNotFoundError."""
        ...

    def list(self, prefix: str) -> Iterable[str]:
        """Every URI that begins with the prefix (a folder, without its final '/'), in order."""
        ...

    def delete(self, uri: str) -> None:
        """Remove it; nothing happens if it is not there."""
        ...


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
        ...

    def poll(self, ticket: Ticket) -> Ticket:
        """The ticket as it is now."""
        ...

    def cancel(self, ticket: Ticket) -> None:
        """Stop it if it runs."""
        ...

    def read(self, query: Query) -> Rows:
        """The rows of a bound query."""
        ...

    def view(self, at: Ref) -> CreateView | None:
        """What a view is now, as the bound operation that would make it again; None if it is not there."""
        ...

    def drop_view(self, at: Ref) -> None:
        """Forget a view; nothing happens if it is not there."""
        ...

    def views(self, database: str) -> Iterable[str]:
        """The names of the views in a database, in order; none if there is no such database."""
        ...


@dataclass(frozen=True, slots=True)
class PlatformType:
    """A platform by name; ``opener`` (``module:function``) is imported only when it is used."""

    name: str
    description: str
    opener: str

    def open(self, environment: Environment, progress: Progress = silent) -> Platform:
        """The platform that carries an environment."""
        module, _, function = self.opener.partition(":")
        found: Callable[..., Platform] = getattr(importlib.import_module(module), function)
        return found(environment, progress)
