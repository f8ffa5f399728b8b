"""Define columns, the checks declared for them, and the scalar types of their YAML."""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["varchar", "bigint", "integer", "double", "boolean", "timestamp", "date"]


Severity = Literal["warn", "error"]


_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Duration(dt.timedelta):
    """A length of time, written as ``3 days`` or ``90 minutes``."""

    noun = "a duration like '3 days'"
    pattern = re.compile(r"([0-9]{1,6})\s*(minutes?|m|hours?|h|days?|d)\Z", re.ASCII)

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """Return the duration of a text; raise ValueError with the remedy."""
        match = cls.pattern.match(text.strip())
        if not match:
            raise ValueError("Write a number and a unit: minutes, hours or days.")
        return cls(**{_UNITS[match[2][0]]: int(match[1])})


class Name(str):
    """An identifier that is safe as a table name, a task id and part of an object key."""

    __slots__ = ()
    noun = "a name in lower case"
    pattern = re.compile(r"[a-z][a-z0-9_]{0,62}\Z", re.ASCII)

    @classmethod
    def parse(cls, text: str) -> "Name":
        """Return the name of a text; raise ValueError with the remedy."""
        if not cls.pattern.match(text):
            raise ValueError("Use lower-case letters, digits and '_'; begin with a letter.")
        if "__" in text:
            raise ValueError("Use single '_': '__' separates the parts of an object key.")
        return cls(text)


@dataclass(frozen=True, slots=True)
class Check:
    """A check of the rows of a table; ``error`` fails the run, ``warn`` only reports."""

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
    """A column of a contract: name, Trino type, unit and meaning."""

    name: Name
    type: ColumnType
    unit: str = ""
    description: str = ""
    nullable: bool = True
