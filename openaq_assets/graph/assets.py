"""Define the model: assets, their kinds, and the graph between them.

All values are frozen. Nothing here knows a bucket, a database, an engine or Airflow. ``Kind`` is the
protocol that every kind of asset satisfies; built-in kinds and those of plugins come through the same
hook.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, Protocol

from openaq_assets.errors import KindFailed, LeftOut, Mark, Problem, SelectionError, nearest
from openaq_assets.graph.check_queries import TableCheck, check_queries
from openaq_assets.graph.checks import CheckType
from openaq_assets.graph.columns import Column, Name
from openaq_assets.graph.fields import field_doc
from openaq_assets.graph.operations import (
    VIEW,
    CreateView,
    Operation,
    Ref,
    fingerprint,
    is_operation,
    listed,
    map_refs,
    refs_of,
)

PartitionScheme = Literal["daily", "snapshot"]
Holds = Literal["rows", "view", "nothing"]


@dataclass(frozen=True, slots=True)
class Common:
    """The YAML fields that every asset has, whatever its kind."""

    kind: str = field(
        metadata=field_doc("The kind of the asset, which decides what other fields it has.", "view")
    )
    description: str = field(
        default="",
        metadata=field_doc(
            "A description of the asset, for the catalog page and Airflow.", "One row per sensor and hour."
        ),
    )
    owner: str = field(
        default="", metadata=field_doc("The person or team responsible for the asset.", "data")
    )
    tags: tuple[str, ...] = field(
        default=(), metadata=field_doc("Words to select assets by, as in `tag:api`.", ["api", "archive"])
    )
    group: str = field(
        default="",
        metadata=field_doc("The group that the asset is shown in; by default its kind.", "serving"),
    )
    inputs: tuple[Name, ...] = field(
        default=(),
        metadata=field_doc(
            "Assets that must be made before this one, beside those it reads.", ["validate_prod_views"]
        ),
    )
    partitions: PartitionScheme | None = field(
        default=None,
        metadata=field_doc(
            "`daily` has a partition for each UTC day; `snapshot` only for the day on which it is taken."
        ),
    )


@dataclass(frozen=True, slots=True)
class Asset:
    """One declared asset: its key, the common fields, and the fields of its kind (``spec``)."""

    key: str
    kind: "Kind"
    common: Common
    spec: Any
    at: Mark
    marks: Mapping[str, Mark] = field(default_factory=dict, compare=False, repr=False)

    @property
    def partitions(self) -> PartitionScheme | None:
        """Return ``daily``, ``snapshot`` (only the day on which it is made) or None."""
        return self.common.partitions or self.kind.partitions

    @property
    def group(self) -> str:
        """Return the group under which users see the asset: its own, or the name of its kind."""
        return self.common.group or self.kind.name

    @property
    def holds(self) -> Holds:
        """Return ``rows``, ``view`` or ``nothing``; derived from its tables if the kind does not set it."""
        return self.kind.holds or ("rows" if self.kind.tables(self) else "nothing")

    @property
    def per_environment(self) -> bool:
        """Return whether each environment makes its own: a view, or an asset that may run everywhere."""
        return self.holds == "view" or self.kind.everywhere

    def mark(self, where: str = "") -> Mark:
        """Return the mark of a field (``columns[2].type``), else of what contains it, else of the asset."""
        while where:
            if mark := self.marks.get(f"assets.{self.key}.{where}"):
                return mark
            where = where[: max(where.rfind("."), where.rfind("["), 0)]
        return self.at

    def problem(self, where: str, message: str, hint: str = "") -> Problem:
        """Return a problem of this asset that points at the field."""
        path = f"assets.{self.key}" + (f".{where}" if where else "")
        return self.mark(where).problem(path, message, hint)


@dataclass(frozen=True, slots=True)
class Reference:
    """An input of an asset: another asset by key, or a table by the name that SQL uses."""

    name: str
    is_table: bool = False
    where: str = ""
    mark: Mark | None = field(default=None, compare=False)


class Kind(Protocol):
    """A kind of asset: pure functions from an asset and its partitions to unbound operations.

    Subclass it and set ``name``, ``fields`` (a frozen dataclass, from whose annotations the YAML reader,
    the JSON Schema and the reference are made) and ``operations``. Everything else has a default.

    ``holds`` is ``rows`` (a table; an environment that reads the tables of another reads it there),
    ``view`` (SQL without data; each environment has its own, made by promotion) or ``nothing``. Its
    default is ``rows`` if the asset makes a table readable, else ``nothing``.
    ``always`` assets run whenever they are selected (checks, pages).
    ``from_raw`` kinds make their rows from raw objects by a Transform: the rows can be compared with
    the raw objects, and a ``catalog`` asset makes the files a table.
    ``everywhere`` kinds hold nothing and may run in an environment that owns no tables.
    ``internal`` assets serve other assets only, so listings leave them out unless they are named.
    ``pool`` names the Airflow pool whose slots the tasks share, for a kind that reads an outside source
    of limited capacity; a failure of such an asset ends a backfill.
    """

    name: str
    fields: type
    partitions: PartitionScheme | None = None
    holds: Holds | None = None
    always: bool = False
    from_raw: bool = False
    everywhere: bool = False
    internal: bool = False
    pool: str = ""

    def operations(
        self, asset: Asset, graph: "AssetGraph", partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """Return the operations for these partitions and this scope.

        Without partitions and scope they are the template that the fingerprint is computed from.
        """
        ...

    def references(self, asset: Asset) -> Sequence[Reference]:
        """Return what the asset reads in addition to its declared ``inputs``."""
        return ()

    def tables(self, asset: Asset) -> Sequence[str]:
        """Return the table names the asset makes readable in SQL."""
        return ()

    def columns(self, asset: Asset) -> Sequence[Column]:
        """Return the columns of the asset's contract."""
        return tuple(getattr(asset.spec, "columns", ()))

    def problems(self, asset: Asset, graph: "AssetGraph") -> Sequence[Problem]:
        """Return the problems of the asset that only its kind can find."""
        return ()

    def checks(self, asset: Asset, graph: "AssetGraph") -> Sequence[TableCheck]:
        """Return the checks that run whenever the asset is made: by default its own ``checks``."""
        return own_checks(asset, graph)

    def scope(self, asset: Asset, graph: "AssetGraph") -> tuple[str, ...]:
        """Return the parts of a partition that can be made separately (selectors), if it has any."""
        return ()

    def lookback(self, asset: Asset) -> dt.timedelta:
        """Return the age up to which a partition is made again on every run."""
        return dt.timedelta(0)

    def spread(self, asset: Asset) -> int:
        """Return the number of days before and after a partition that are also read of each daily input."""
        return 0

    def source(self, asset: Asset) -> str:
        """Return the name of the outside source that fills its days; '' if other assets do."""
        return ""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of a kind about an asset, collected once when the graph is built.

    ``operations`` are the template: those without partitions and scope.
    """

    operations: tuple[Operation, ...] = ()
    checks: tuple[TableCheck, ...] = ()
    scope: tuple[str, ...] = ()
    lookback: dt.timedelta = dt.timedelta(0)
    spread: int = 0
    source: str = ""


@dataclass(frozen=True)
class AssetGraph:
    """Assets and the edges between them, in an order that depends only on edges and keys.

    ``left_out`` names the assets that are declared but invalid, or made from an invalid one. ``conf``
    holds the values of the files that plugins read from conf/, by path; ``selectors`` holds the parts
    of a scope that the entries of these files name, by section.
    """

    assets: Mapping[str, Asset]
    upstream: Mapping[str, tuple[str, ...]]
    check_types: Mapping[str, CheckType] = field(default_factory=dict)
    environments: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    conf: Mapping[str, Any] = field(default_factory=dict)
    selectors: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    contracts: Mapping[str, tuple[Column, ...]] = field(default_factory=dict)
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    answers: Mapping[str, Answers] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Asset]:
        """Iterate over the assets, each after everything it reads; ties are broken by key."""
        return iter(self.assets.values())

    def __getitem__(self, key: str) -> Asset:
        if key not in self.assets:
            raise self.unknown(key)
        return self.assets[key]

    def unknown(self, key: str) -> SelectionError:
        """Return the error for a key that is not in the graph: the reason and the remedy."""
        if key in self.left_out:
            return LeftOut(f"asset '{key}' is left out because of mistakes. Run 'openaq-assets check'.")
        return SelectionError(f"there is no asset '{key}'. {nearest(key, self.assets)}")

    @property
    def edges(self) -> frozenset[tuple[str, str]]:
        """Return every (upstream, downstream) pair."""
        return frozenset((up, key) for key, ups in self.upstream.items() for up in ups)

    def downstream(self, key: str) -> tuple[str, ...]:
        """Return the assets that read this one."""
        return tuple(self._downstream.get(key, ()))

    @cached_property
    def _downstream(self) -> Mapping[str, list[str]]:
        readers: dict[str, list[str]] = {}
        for key, ups in self.upstream.items():
            for up in ups:
                readers.setdefault(up, []).append(key)
        return readers

    def ancestors(self, keys: Iterable[str], depth: int | None = None) -> frozenset[str]:
        """Return every asset that the keys are made from, up to ``depth`` steps away."""
        return _reach(keys, self.upstream.__getitem__, depth)

    def descendants(self, keys: Iterable[str], depth: int | None = None) -> frozenset[str]:
        """Return every asset made from the keys, up to ``depth`` steps away."""
        return _reach(keys, self.downstream, depth)

    def table_owner(self, table: str) -> Asset | None:
        """Return the asset that makes a table readable in SQL, or None."""
        return self._owners.get(table)

    @cached_property
    def _owners(self) -> Mapping[str, Asset]:
        return {table: asset for asset in self for table in self.tables.get(asset.key, ())}

    def columns(self, table: str) -> Sequence[Column]:
        """Return the columns of a table's contract; none for a table that no asset makes."""
        return self.contracts.get(table, ()) if table in self.assets else ()

    @cached_property
    def fingerprints(self) -> Mapping[str, str]:
        """Return the fingerprint of every asset.

        It covers the operations of the asset and, for an asset that holds nothing, its checks.
        """
        return {
            key: fingerprint([*answers.operations, *self._queries_of(key)])
            for key, answers in self.answers.items()
        }

    def _queries_of(self, key: str) -> list[Operation]:
        asset = self.assets.get(key)
        if asset is None or asset.holds != "nothing":
            return []
        return [entry.query for entry in check_queries(self.answers[key].checks)]

    def column_types(self, table: str) -> dict[str, str]:
        """Return the type of each column of a table, by name."""
        return {str(column.name): str(column.type) for column in self.columns(table)}


def _reach(keys: Iterable[str], step: Callable[[str], Iterable[str]], depth: int | None) -> frozenset[str]:
    reached: set[str] = set()
    frontier = set(keys)
    while frontier and (depth is None or depth > 0):
        frontier = {near for key in frontier for near in step(key)} - reached
        reached |= frontier
        depth = None if depth is None else depth - 1
    return frozenset(reached)


def table_ref(graph: AssetGraph, table: str, environment: str = "") -> Ref:
    """Return the reference of a table by its SQL name, with the layer that its owner writes it to."""
    owner = graph.table_owner(table)
    layer = _layer(graph, owner.key, table) if owner else VIEW
    return Ref(table, layer, environment=environment)


def _layer(graph: AssetGraph, key: str, table: str) -> str:
    answers = graph.answers.get(key, Answers())
    for operation in answers.operations:
        for ref in refs_of(operation):
            if ref.asset == table:
                return ref.layer
    return graph.assets[key].kind.name


def views_of(graph: AssetGraph, key: str) -> list[CreateView]:
    """Return the views that the operations of an asset create."""
    if graph[key].holds != "view":
        return []
    return [entry for entry in graph.answers[key].operations if isinstance(entry, CreateView)]


def served(view: CreateView, environment: str) -> CreateView:
    """Return the same view as another environment serves it."""
    moved: CreateView = map_refs(view, lambda ref: replace(ref, environment=environment))
    return moved


def operations_of(
    graph: AssetGraph, asset: Asset, partitions: tuple[str, ...], scope: tuple[str, ...]
) -> tuple[Operation, ...]:
    """Return the operations for partitions of an asset; raise KindFailed if its kind fails."""
    try:
        operations = listed(asset.kind.operations(asset, graph, partitions, scope))
        wrong = [operation for operation in operations if not is_operation(operation)]
        if wrong:
            raise TypeError(f"{wrong[0]!r} is not an operation")
        return operations
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(".")
        raise KindFailed(f"its kind '{asset.kind.name}' fails for this asset ({reason}).") from error


def own_checks(asset: Asset, graph: AssetGraph) -> tuple[TableCheck, ...]:
    """Return the checks that an asset declares for itself, as checks of the table it makes."""
    declared = getattr(asset.spec, "checks", ())
    if not declared:
        return ()
    at, columns = Ref(asset.key, _layer(graph, asset.key, asset.key)), graph.columns(asset.key)
    return tuple(
        TableCheck(check, graph.check_types[check.check], asset.key, at, tuple(columns)) for check in declared
    )


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file of the project by its path below the root; ``text`` is read while the project loads."""

    noun = "a path inside the project"
    path: str
    text: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> "TextFile":
        """Return the file of a path; raise ValueError with the remedy."""
        if text.startswith("/") or ".." in text.split("/") or "\\" in text or not text.strip():
            raise ValueError("Write a path below the project's folder, with '/' between folders.")
        return cls(text)
