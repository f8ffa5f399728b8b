"""Operations that OpenAQ brings: fetch answers of the API, publish the dashboard page."""

from dataclasses import dataclass
from typing import Literal

from openaq_assets.graph.operations import Query, Ref

FullPass = Literal["never", "weekly", "monthly"]


@dataclass(frozen=True, slots=True)
class Fetch:
    """Answers of the OpenAQ API, stored byte for byte, one object per page.

    ``endpoint`` is ``locations`` (the inventory), a data endpoint that is requested per sensor of the
    inventory and UTC day, or ``archive``: the open-data bucket's files, one per location of the inventory
    and local day. ``locations`` are selectors like ``country=VN`` and ``id=2178``. A stored answer that was
    taken later than ``settled_after_hours`` past the end of its day is final, and is requested once more
    only with ``again``. On the days of a ``full_pass`` (Sundays, or the first of a month) silent stations
    are requested as well: one may have come back, or its rows have arrived late.
    """

    endpoint: Literal["locations", "hours", "measurements", "archive"]
    locations: tuple[str, ...]
    into: Ref
    inventory: Ref | None = None
    parameters: tuple[str, ...] = ()
    active_within_days: int = 14
    full_pass: FullPass = "never"  # noqa: S105 - a pass over every sensor, not a password
    settled_after_hours: int = 72
    again: bool = False


@dataclass(frozen=True, slots=True)
class Publish:
    """A page drawn from the rows of queries, each named ``<environment>.<part>``; ``into`` keeps it."""

    queries: tuple[Query, ...]
    into: Ref
