"""Define columns, the checks declared for them, and the scalar types of their YAML."""

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import Literal

from openaq_assets.graph.fields import field_doc

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

    check: str = field(metadata=field_doc("The type of the check.", "not_null", "unique"))
    table: str = field(
        default="",
        metadata=field_doc(
            "In a check asset: the only table to check; by default all of its tables.", "view_latest_aqi"
        ),
    )
    column: str = field(
        default="",
        metadata=field_doc(
            "The column to check, for `not_null`, `in_range`, `fresh` and `accepted_values`.", "us_aqi"
        ),
    )
    columns: tuple[str, ...] = field(
        default=(),
        metadata=field_doc("The columns whose values must be unique together.", ["location_id", "local_day"]),
    )
    values: tuple[str, ...] = field(
        default=(), metadata=field_doc("The values that `accepted_values` accepts.", ["pm25", "pm10"])
    )
    min: float | None = field(
        default=None,
        metadata=field_doc("The lowest value of `in_range`, or the lowest number of rows of `row_count`.", 0),
    )
    max: float | None = field(
        default=None,
        metadata=field_doc(
            "The highest value of `in_range`, or the highest number of rows of `row_count`.", 500
        ),
    )
    within: Duration | None = field(
        default=None, metadata=field_doc("The greatest age of the newest value, for `fresh`.", "2 days")
    )
    severity: Severity = field(
        default="error", metadata=field_doc("`error` fails the asset; `warn` only sends an alert.")
    )


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a contract: name, Trino type, unit and meaning."""

    name: Name = field(metadata=field_doc("The name of the column.", "location_id"))
    type: ColumnType = field(
        metadata=field_doc("The type of the column, as Trino names it; a timestamp is in UTC.")
    )
    unit: str = field(default="", metadata=field_doc("The unit of the values.", "µg/m³"))
    description: str = field(
        default="", metadata=field_doc("The meaning of the column.", "OpenAQ location id")
    )
    nullable: bool = field(default=True, metadata=field_doc("False if the column never holds NULL."))
