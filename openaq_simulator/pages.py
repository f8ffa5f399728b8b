"""Pages of rows, and how their total is given."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .parameters import Criteria
from .render import text_of
from .world import Json


class Page(NamedTuple):
    """The rows of a page as JSON texts, and what `meta.found` says."""

    results: Sequence[str]
    total: int | str


def total_of(count: int, limit: int) -> int | str:
    """Give `meta.found` for a page of `count` rows where the API does not count them all."""
    return f">{limit}" if count == limit else count


def sliced(
    items: Sequence[Json], criteria: Criteria, counted: bool, shape: Callable[[Json], Json] = Json
) -> Page:
    """Give a page of objects, each as `shape` makes it; `counted` pages tell the true total."""
    shown = items[criteria.offset : criteria.offset + criteria.limit]
    total = len(items) if counted and shown else total_of(len(shown), criteria.limit)
    return Page([text_of(shape(item)) for item in shown], total)
