"""What is declared: assets, columns, checks, partitions, jobs, locations. Frozen, and free of any place.

Nothing here knows a bucket, a database, an engine or Airflow. ``Kind`` is the protocol every kind of
asset satisfies; built-in kinds and those of plugins come through the same hook.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from openaq_assets.errors import FieldError, Mark, Problem

if TYPE_CHECKING:
    from openaq_assets.graph import AssetGraph
    from openaq_assets.operations import Operation
    from openaq_assets.questions import Promise

ColumnType = Literal["varchar", "bigint", "integer", "double", "boolean", "timestamp", "date"]
PartitionScheme = Literal["daily", "snapshot"]
Severity = Literal["warn", "error"]

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Duration(dt.timedelta):
    """A length of time written as people say it: ``3 days``, ``90 minutes``."""

    noun = "a duration like '3 days'"
    pattern = re.compile(r"([0-9]{1,6})\s*(minutes?|m|hours?|h|days?|d)\Z", re.ASCII)

    @classmethod
    def parse(cls, text: str) -> "Duration":
        found = cls.pattern.match(text.strip())
        if not found:
            raise ValueError("Write a number and a unit: minutes, hours or days.")
        return cls(**{_UNITS[found[2][0]]: int(found[1])})


class Dollars(float):
    """An amount of US dollars: ``0.50``."""

    noun = "an amount of US dollars"
    pattern = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?\Z", re.ASCII)

    @classmethod
    def parse(cls, text: str) -> "Dollars":
        if not cls.pattern.match(text.strip()):
            raise ValueError("Write a number like 0.50, without a currency.")
        return cls(text)


class Name(str):
    """An identifier that is safe as a table name, a task id and part of an object key."""

    noun = "a name in lower case"
    pattern = re.compile(r"[a-z][a-z0-9_]{0,62}\Z", re.ASCII)

    @classmethod
    def parse(cls, text: str) -> "Name":
        if not cls.pattern.match(text):
            raise ValueError("Use lower-case letters, digits and '_'; begin with a letter.")
        if "__" in text:
            raise ValueError("Use single '_': '__' separates the parts of an object key.")
        return cls(text)


@dataclass(frozen=True, slots=True)
class Check:
    """A promise about the rows of a table; ``error`` fails the run, ``warn`` only tells."""

    check: str
    table: str = ""
    column: str = ""
    columns: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None
    within: Duration | None = None
    severity: Severity = "error"


@dataclass(frozen=True, slots=True)
class Column:
    """A promised column: name, Trino type, unit and meaning."""

    name: Name
    type: ColumnType
    unit: str = ""
    description: str = ""
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Common:
    """The YAML fields every asset has, whatever its kind."""

    kind: str
    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    group: str = ""
    inputs: tuple[Name, ...] = ()
    partitions: PartitionScheme | None = None


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
        """``daily``, ``snapshot`` (the day it was taken, and no other) or None."""
        return self.common.partitions or self.kind.partitions

    @property
    def group(self) -> str:
        return self.common.group or self.kind.name

    def mark(self, where: str = "") -> Mark:
        """The place of a field (``columns[2].type``), else of what it is in, else of the asset."""
        while where:
            if found := self.marks.get(f"assets.{self.key}.{where}"):
                return found
            where = where[: max(where.rfind("."), where.rfind("["), 0)]
        return self.at

    def problem(self, where: str, message: str, hint: str = "") -> Problem:
        """A problem of this asset, pointing at the field."""
        path = f"assets.{self.key}" + (f".{where}" if where else "")
        return self.mark(where).problem(path, message, hint)


@dataclass(frozen=True, slots=True)
class Reference:
    """Something an asset reads: another asset by key, or a table by the name its SQL uses."""

    name: str
    is_table: bool = False
    where: str = ""
    mark: Mark | None = field(default=None, compare=False)


class Kind(Protocol):
    """A kind of asset: pure. From an asset and partitions it returns operations that name no place.

    Subclass it and set ``name``, ``fields`` (a frozen dataclass: its annotations are the YAML reader,
    the JSON Schema and the reference) and ``operations``; the rest has defaults.
    ``virtual`` assets hold no data (views): rebuilt when they change, not when their inputs do.
    ``always`` assets run whenever they are selected (validations).
    """

    name: str
    fields: type
    partitions: PartitionScheme | None = None
    virtual: bool = False
    always: bool = False

    def operations(
        self, asset: Asset, graph: "AssetGraph", partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence["Operation"]:
        """What to do for these partitions and scope; without any, the template a fingerprint is of."""
        ...

    def references(self, asset: Asset) -> Sequence[Reference]:
        """What the asset reads, beside its declared ``inputs``."""
        return ()

    def tables(self, asset: Asset) -> Sequence[str]:
        """The table names the asset makes readable in SQL."""
        return ()

    def columns(self, asset: Asset) -> Sequence[Column]:
        """The columns the asset promises."""
        return tuple(getattr(asset.spec, "columns", ()))

    def problems(self, asset: Asset, graph: "AssetGraph") -> Sequence[Problem]:
        """What is wrong with the asset that only its kind can see."""
        return ()

    def promises(self, asset: Asset, graph: "AssetGraph") -> Sequence["Promise"]:
        """What is checked whenever the asset is made: by default its own ``checks``."""
        from openaq_assets.promises import own_promises

        return own_promises(asset, graph)

    def scope(self, asset: Asset, graph: "AssetGraph") -> tuple[str, ...]:
        """The parts of a partition that can be made apart (selectors of locations), if it has any."""
        return ()

    def lookback(self, asset: Asset) -> dt.timedelta:
        """How old a partition may be and still be made again on every run."""
        return dt.timedelta(0)

    def spread(self, asset: Asset) -> int:
        """How many days before and after a partition it also reads of what it is made from."""
        return 0


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file of the project, named relative to its root; ``text`` is read while the project loads."""

    noun = "a path inside the project"
    path: str
    text: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> "TextFile":
        if text.startswith("/") or ".." in text.split("/") or "\\" in text or not text.strip():
            raise ValueError("Name a file below the project, with '/' between folders.")
        return cls(text)


class Schedule(str):
    """``manual`` or a five-field cron expression."""

    noun = "'manual' or a cron expression"

    @classmethod
    def parse(cls, text: str) -> "Schedule":
        """The schedule; raises ValueError with the remedy."""
        if text == "manual":
            return cls(text)
        fields = text.split(" ")
        if len(fields) != len(_CRON):
            raise ValueError("Write manual, or five cron fields like '0 0 * * *'.")
        for one, (name, (low, high)) in zip(fields, _CRON.items(), strict=True):
            if not all(_in_cron_range(part, low, high) for part in one.split(",")):
                raise ValueError(
                    f"The {name}, '{one}', must be *, */n or numbers from {low} to {high}."
                )
        return cls(text)


_CRON: Mapping[str, tuple[int, int]] = {
    "minute": (0, 59), "hour": (0, 23), "day of the month": (1, 31), "month": (1, 12), "weekday": (0, 7),
}  # fmt: skip
_CRON_PART = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?\Z", re.ASCII)


def _in_cron_range(part: str, low: int, high: int) -> bool:
    """Whether one part (``5``, ``1-5``, ``*/10``) lies in the range of its field."""
    found = _CRON_PART.match(part)
    if not found or found[3] in ("0", "00"):
        return False
    first, last = int(found[1] or low), int(found[2] or found[1] or low)
    return low <= first <= last <= high


MANUAL = Schedule("manual")


@dataclass(frozen=True, slots=True)
class Job:
    """A named selection that is run together: a DAG in Airflow, ``run --job`` on the command line."""

    select: str
    description: str = ""
    environment: str = "dev"
    schedule: Schedule = MANUAL
    days: int = 3
    owner: str = ""
    tags: tuple[str, ...] = ()
    max_cost: Dollars | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.days <= 3660:
            message = f"expected a number of days, got {self.days}."
            raise FieldError("days", message, "Write a number from 1 to 3660.")
