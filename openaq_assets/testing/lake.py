"""A lake for tests: a platform and an environment, used in the same way as by a run."""

import datetime as dt
import json
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from openaq_assets.graph.columns import Column, Name
from openaq_assets.graph.environment import Environment, LogicalEnvironment, Profile, bind
from openaq_assets.graph.extensions import OperationHandler
from openaq_assets.graph.operations import (
    Load,
    Operation,
    Query,
    Recipe,
    RecipeColumn,
    Ref,
    Register,
    Table,
    Transform,
)
from openaq_assets.graph.partitions import COLUMNS, segment
from openaq_assets.graph.raw_keys import raw_key
from openaq_assets.platforms import Platform, PlatformType, Rows, Ticket
from openaq_assets.platforms.local.memory import STORES, open_memory

ENVIRONMENTS: Mapping[str, LogicalEnvironment] = {
    "dev": LogicalEnvironment(Name("test_dev")),
    "prod": LogicalEnvironment(Name("test_prod"), tables_from="dev"),
}
NOON = dt.datetime(2026, 1, 10, 12, tzinfo=dt.UTC)
DAY = "2026-01-10"
MEMORY = PlatformType("memory", "everything in this process", f"{open_memory.__module__}:open_memory")


@dataclass
class Lake:
    """A platform and an environment, used through ``submit`` and ``poll`` only."""

    platform: Platform
    home: Environment
    tickets: list[Ticket] = field(default_factory=list)

    def do(self, operation: Operation) -> Ticket:
        """Bind an operation to the environment and carry it out; return its finished ticket."""
        ticket = self.platform.submit(bind(operation, self.home))
        while ticket.state == "running":
            time.sleep(0.02)
            ticket = self.platform.poll(ticket)
        return ticket

    def good(self, operation: Operation) -> Ticket:
        """Carry out an operation that must succeed; return its finished ticket."""
        ticket = self.do(operation)
        assert ticket.state == "succeeded", ticket.message
        return ticket

    def rows(self, sql: str, *inputs: Ref) -> Rows:
        """Return the result of a query: columns and rows."""
        query = bind(Query("q", sql, inputs), self.home)
        assert isinstance(query, Query)
        return self.platform.read(query)

    def ask(self, sql: str, *inputs: Ref) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return list(self.rows(sql, *inputs).rows)

    def bodies(self, *parts: str) -> dict[str, bytes]:
        """Return every object below a folder of the environment, by URI."""
        store = self.platform.objects
        return {uri: store.get(uri) for uri in store.list(self.home.uri(*parts))}

    def table(
        self, asset: str, rows: list[dict[str, Any]], columns: Mapping[str, Any], day: str = DAY
    ) -> Ref:
        """Make a table with a day of rows from a raw object; return its reference."""
        day = day or DAY
        put_raw(self.platform, self.home, day, page(rows), asset=f"{asset}_raw")
        recipe = Recipe("results", tuple(RecipeColumn(name, kind, (name,)) for name, kind in columns.items()))
        into, quarantine = Ref(asset, "processed", (day,)), Ref(asset, "quarantine", (day,))
        ticket = self.good(Transform(Ref(f"{asset}_raw", "raw", (day,)), recipe, into, quarantine))
        assert ticket.facts[day].quarantined == 0
        contract = columns_of({**columns, **dict.fromkeys(COLUMNS, "varchar")})
        self.good(Register((Table(Ref(asset, "processed"), contract, True),)))
        return Ref(asset, "processed")

    def load(self, asset: str, csv: str, **columns: Any) -> Ref:
        """Make a table of CSV text; return its reference."""
        into = Ref(asset, "reference")
        self.good(Load(csv, columns_of(columns), into))
        return into


def columns_of(types: Mapping[str, Any]) -> tuple[Column, ...]:
    """Return columns by name and type."""
    return tuple(Column(Name(name), kind) for name, kind in types.items())


def open_lake(
    kind: PlatformType,
    root: str,
    settings: Mapping[str, Any] | None = None,
    handlers: Iterable[OperationHandler] = (),
    environment: str = "dev",
) -> Lake:
    """Return the lake of a platform below a root; ``settings`` are those of its profile."""
    profile = Profile(kind.name, root, settings=settings or {})
    home = Environment(environment, profile, ENVIRONMENTS)
    return Lake(kind.open(home, handlers=handlers), home)


@contextmanager
def memory_lake(handlers: Iterable[OperationHandler] = (), environment: str = "dev") -> Iterator[Lake]:
    """Open an empty lake in this process, and drop it at the end."""
    root = memory_root()
    try:
        yield open_lake(MEMORY, root, handlers=handlers, environment=environment)
    finally:
        STORES.pop(root, None)


def memory_root() -> str:
    """Return a new root of a lake in memory."""
    return f"memory://{uuid.uuid4().hex}"


def page(rows: Iterable[Any], **more: Any) -> bytes:
    """Return a raw object in JSON whose ``results`` are these rows."""
    body = {"meta": {"page": 1}, "results": list(rows), **more}
    return json.dumps(body, ensure_ascii=False).encode()


def put_raw(
    platform: Platform,
    home: Environment,
    day: str,
    body: bytes,
    *,
    asset: str = "answers_raw",
    retrieved: dt.datetime = NOON,
    **parts: str,
) -> str:
    """Store a raw object of a day, named by its parts; return its URI."""
    names = {"location": "7", "sensor": "9", "page": "0001"} | parts
    key = raw_key(asset, names, retrieved, body)
    uri = home.uri("raw", *segment(day).split("/"), str(key))
    platform.objects.put_new(uri, body)
    return uri
