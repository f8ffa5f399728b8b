"""Columns, the checks declared of them, and the scalar types their YAML is read by."""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["varchar", "bigint", "integer", "double", "boolean", "timestamp", "date"]


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
