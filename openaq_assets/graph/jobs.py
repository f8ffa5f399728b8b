"""Define jobs: named selections that run together, with their schedules and limits of cost."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from openaq_assets.errors import FieldError
from openaq_assets.graph.fields import field_doc


class Dollars(float):
    """An amount of US dollars: ``0.50``."""

    noun = "an amount of US dollars"
    pattern = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?\Z", re.ASCII)

    @classmethod
    def parse(cls, text: str) -> "Dollars":
        """Return the amount of a text; raise ValueError with the remedy."""
        if not cls.pattern.match(text.strip()):
            raise ValueError("Write a number like 0.50, without a currency.")
        return cls(text)


class Schedule(str):
    """A schedule: ``manual`` or a cron expression of five fields."""

    __slots__ = ()
    noun = "'manual' or a cron expression"

    @classmethod
    def parse(cls, text: str) -> "Schedule":
        """Return the schedule of a text; raise ValueError with the remedy."""
        if text == "manual":
            return cls(text)
        fields = text.split(" ")
        if len(fields) != len(_CRON):
            raise ValueError("Write manual, or five cron fields like '0 0 * * *'.")
        for value, (name, (low, high)) in zip(fields, _CRON.items(), strict=True):
            if not all(_in_cron_range(part, low, high) for part in value.split(",")):
                raise ValueError(f"The {name}, '{value}', must be *, */n or numbers from {low} to {high}.")
        return cls(text)


_CRON: Mapping[str, tuple[int, int]] = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day of the month": (1, 31),
    "month": (1, 12),
    "weekday": (0, 7),
}


_CRON_PART = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?\Z", re.ASCII)


def _in_cron_range(part: str, low: int, high: int) -> bool:
    """Return whether one part (``5``, ``1-5``, ``*/10``) lies in the range of its field."""
    match = _CRON_PART.match(part)
    if not match or match[3] in ("0", "00"):
        return False
    first, last = int(match[1] or low), int(match[2] or match[1] or low)
    return low <= first <= last <= high


MANUAL = Schedule("manual")


@dataclass(frozen=True, slots=True)
class Job:
    """A named selection of assets that run together: a DAG in Airflow, ``run --job`` on the command line."""

    select: str = field(metadata=field_doc("The selection of assets to make.", "+validate_prod_views"))
    description: str = field(
        default="",
        metadata=field_doc(
            "A description of the job, for Airflow.", "Extract, transform and check the last days."
        ),
    )
    environment: str = field(
        default="dev", metadata=field_doc("The environment that the job works in.", "dev")
    )
    schedule: Schedule = field(
        default=MANUAL, metadata=field_doc("`manual`, or five cron fields in UTC.", "0 0 * * *")
    )
    days: int = field(
        default=3,
        metadata=field_doc(
            "The number of days up to today (UTC) that a run without dates works on, from 1 to 3660.", 3
        ),
    )
    owner: str = field(default="", metadata=field_doc("The person or team responsible for the job.", "data"))
    tags: tuple[str, ...] = field(
        default=(), metadata=field_doc("Tags of the DAG in Airflow.", ["openaq", "vietnam"])
    )
    max_cost: Dollars | None = field(
        default=None,
        metadata=field_doc(
            "The most US dollars that a run may be estimated to cost on AWS; a run beyond that is refused.",
            0.5,
        ),
    )

    def __post_init__(self) -> None:
        if not 1 <= self.days <= 3660:
            message = f"expected a number of days, got {self.days}."
            raise FieldError("days", message, "Write a number from 1 to 3660.")
