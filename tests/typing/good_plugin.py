"""A plugin that uses every public name: mypy and pyright, both strict, find nothing wrong with it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from openaq_assets import (
    Asset,
    AssetGraph,
    AssetsError,
    Check,
    CheckType,
    Column,
    Command,
    ConfFile,
    ConfigError,
    Facts,
    Kind,
    Name,
    Operation,
    OperationHandler,
    PlatformType,
    Problem,
    ProfileSettings,
    Project,
    Query,
    Ref,
    Reference,
    Ticket,
    Work,
    field_doc,
    hookimpl,
    load,
    nearest,
    table_ref,
)
from openaq_assets.graph.alerts import Alert
from openaq_assets.graph.environment import Environment, Profile
from openaq_assets.graph.records import Materialization
from openaq_assets.operations import CreateView, Load
from openaq_assets.platforms import ObjectStore, Platform, Progress, Rows
from openaq_assets.testing import Lake, PlatformConformance, check_kind, memory_lake, open_lake
from openaq_assets.testing.strategies import SmallTable, small_tables


@dataclass(frozen=True, slots=True)
class Fields:
    """The YAML fields of the kind."""

    table: Name = field(metadata=field_doc("The table that is copied.", "measurements"))
    rows: int = 3


class Numbers(Kind):
    """A kind with every method that a kind may have."""

    name = "numbers"
    fields = Fields
    holds = "rows"
    always = True

    def tables(self, asset: Asset) -> Sequence[str]:
        return [asset.key]

    def columns(self, asset: Asset) -> Sequence[Column]:
        return [Column(Name("n"), "bigint", description=str(asset.spec.rows))]

    def references(self, asset: Asset) -> Sequence[Reference]:
        return [Reference(asset.spec.table, is_table=True, where="table")]

    def problems(self, asset: Asset, graph: AssetGraph) -> Sequence[Problem]:
        names = [str(column.name) for column in graph.columns(asset.spec.table)]
        return [asset.problem("table", "there is no column 'n'.", nearest("n", names))] if names else []

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        into = Ref(asset.key, "numbers", partitions)
        query = Query(asset.key, "SELECT 1 AS n", (table_ref(graph, asset.spec.table),), into=into)
        return [Load("n\n1\n", tuple(self.columns(asset)), into), query]


@dataclass(frozen=True, slots=True)
class Letter:
    """An operation of the plugin's own."""

    into: Ref
    text: str


def write(operation: Letter, work: Work) -> Mapping[str, Facts]:
    """Carry out a letter."""
    body = operation.text.encode()
    work.platform.objects.put(f"{operation.into.uri}/letter.txt", body)
    work.progress("letter", 1, 1)
    return {"": Facts(bytes=len(body), objects=1)}


def odd(check: Check, table: str, columns: Sequence[Column]) -> str:
    """Return SQL that selects even rows."""
    return f"SELECT {check.column} FROM {table} WHERE {check.column} % 2 = 1 -- {len(columns)}"


class Store:
    """Objects in a dictionary."""

    def __init__(self) -> None:
        self._bodies: dict[str, bytes] = {}

    def put_new(self, uri: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        return self._bodies.setdefault(uri, body) is body

    def put(self, uri: str, body: bytes) -> None:
        self._bodies[uri] = body

    def get(self, uri: str) -> bytes:
        return self._bodies[uri]

    def list(self, prefix: str) -> Iterable[str]:
        return sorted(uri for uri in self._bodies if uri.startswith(f"{prefix}/"))

    def delete(self, uri: str) -> None:
        self._bodies.pop(uri, None)


class Duck:
    """A platform by its shape; it need not inherit anything."""

    name = "duck"

    def __init__(self) -> None:
        self._store = Store()

    @property
    def objects(self) -> ObjectStore:
        return self._store

    def submit(self, operation: Operation) -> Ticket:
        return Ticket(id=type(operation).__name__, state="succeeded", facts={"": Facts(rows=1)})

    def poll(self, ticket: Ticket) -> Ticket:
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        return None

    def read(self, query: Query) -> Rows:
        return Rows((Column(Name("n"), "bigint"),), ((1,),))

    def view(self, at: Ref) -> CreateView | None:
        return None

    def drop_view(self, at: Ref) -> None:
        return None

    def views(self, database: str) -> Iterable[str]:
        return ()


def open_duck(environment: Environment, progress: Progress) -> Platform:
    """Open the platform."""
    progress(environment.name, 1, 1)
    return Duck()


@hookimpl
def asset_kinds() -> Sequence[Kind]:
    """Return the kind."""
    return [Numbers()]


@hookimpl
def asset_checks() -> Sequence[CheckType]:
    """Return the type of check."""
    return [CheckType("even", "Every 'column' is even.", odd, ("column",))]


@hookimpl
def platforms() -> Sequence[PlatformType]:
    """Return the platform."""
    return [PlatformType("duck", "a platform in this process", f"{__name__}:open_duck")]


@hookimpl
def operation_handlers() -> Sequence[OperationHandler]:
    """Return a handler for each platform."""
    return [OperationHandler(Letter, platform, f"{__name__}:write") for platform in ("local", "memory")]


@hookimpl
def commands() -> Sequence[Command]:
    """Return a command."""
    return [Command("letters", f"{__name__}:letters", "Count the letters.")]


@hookimpl
def conf_files() -> Sequence[ConfFile]:
    """Return a file of conf/."""
    return [ConfFile("letters", Fields)]


@hookimpl
def profile_settings() -> Sequence[ProfileSettings]:
    """Return settings of profiles."""
    return [ProfileSettings("letters", Fields)]


@hookimpl(tryfirst=True)
def lint_rules(graph: AssetGraph) -> Sequence[Problem]:
    """Return what is wrong with a graph."""
    return [asset.problem("", "has no owner.") for asset in graph if not asset.common.owner]


@hookimpl
def materialized(record: Materialization) -> None:
    """Look at what was made."""
    assert record.facts.rows + record.facts.objects >= 0


@hookimpl
def notify(alert: Alert, profile: Profile) -> None:
    """Send an alert."""
    print(alert.text if alert.level == "failed" else profile.root)


def keys(root: str) -> list[str]:
    """Return what a project declares, or why it cannot be read."""
    try:
        project: Project = load(root)
    except ConfigError as error:
        return [problem.message for problem in error.problems]
    except AssetsError:
        return []
    return [asset.key for asset in project.graph]


class TestDuck(PlatformConformance):
    """The laws of platforms, for this platform."""

    @pytest.fixture
    def lake(self, tmp_path: Path) -> Lake:
        """Return an empty lake."""
        return open_lake(platforms()[0], f"{tmp_path}/lake", handlers=operation_handlers())


@given(table=small_tables())
def test_kept(table: SmallTable) -> None:
    """Every row is there once."""
    with memory_lake(handlers=operation_handlers()) as lake:
        at: Ref = lake.load("drawn", table.csv, **table.types)
        rows: list[tuple[Any, ...]] = lake.ask("SELECT count(*) FROM drawn", at)
        ticket: Ticket = lake.good(Letter(Ref("letter", "export"), "Dear reader"))
        assert (rows, ticket.facts[""].objects) == ([(len(table.rows),)], 1)


def test_pure(project: Project) -> None:
    """The kind gives the same answers every time."""
    check_kind(project.graph, "numbers", days=("2026-01-10",))
