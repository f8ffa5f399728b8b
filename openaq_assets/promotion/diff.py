"""Two environments beside each other: columns, rows, keys only in one, the largest differences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from openaq_assets.errors import PlatformError, SelectionError, nearest
from openaq_assets.graph.columns import Column
from openaq_assets.graph.contracts import compare, pairs
from openaq_assets.graph.environment import Environment
from openaq_assets.graph.operations import CreateView, Query, Ref
from openaq_assets.platforms import Platform
from openaq_assets.project.project import Project
from openaq_assets.promotion.views import present
from openaq_assets.runs.context import open_platform

_COUNTS = "SELECT (SELECT count(*) FROM one) AS n, (SELECT count(*) FROM other) AS m"
_NUMBERS = ("bigint", "integer", "double")


@dataclass(frozen=True, slots=True)
class ColumnDifference:
    """How many rows of the same key differ in a column, the largest difference of numbers, and its key."""

    column: str
    differing: int
    largest: float | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class ViewDifference:
    """A view in two environments; ``None`` where there is nothing to count or nothing to match by."""

    view: str
    verdict: str  # same, breaking, additive, rows differ, only <environment>, not comparable
    schema: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    rows_before: int | None = None
    rows_after: int | None = None
    only_before: int | None = None
    only_after: int | None = None
    changed: int | None = None
    columns: tuple[ColumnDifference, ...] = ()
    problem: str = ""


def compare_environments(
    project: Project, before: str, after: str, views: Sequence[str] = (), profile: str | None = None
) -> list[ViewDifference]:
    """How every view (or the named ones) of ``after`` differs from that of ``before``."""
    one, platform = open_platform(project, before, profile)
    sides = [(name, present(platform, one.sibling(name))) for name in (before, after)]
    names = sorted({name for _, found in sides for name in found})
    for name in views:
        if name not in names:
            raise SelectionError(f"there is no view '{name}' in either. {nearest(name, names)}")
    comparison = _Comparison(project, platform, one.sibling(before), one.sibling(after))
    return [
        comparison.of(name, sides[0][1].get(name), sides[1][1].get(name))
        for name in names
        if not views or name in views
    ]


@dataclass(frozen=True)
class _Comparison:
    project: Project
    platform: Platform
    before: Environment
    after: Environment

    def of(self, name: str, old: CreateView | None, new: CreateView | None) -> ViewDifference:
        if old is None or new is None:
            return ViewDifference(name, f"only {(self.after if old is None else self.before).name}")
        differences = compare(pairs(old.columns), pairs(new.columns))
        schema = tuple(str(one) for one in differences)
        breaking = any(one.breaking for one in differences)
        both = [one for one in old.columns if (one.name, one.type) in pairs(new.columns)]
        try:
            found = self._rows(name, both)
        except PlatformError as error:
            return ViewDifference(name, "not comparable", schema, problem=str(error))
        rows = any((found.only_before, found.only_after, found.changed)) or (
            found.rows_before != found.rows_after
        )
        verdict = "breaking" if breaking else "additive" if schema else "rows differ" if rows else "same"
        return replace(found, verdict=verdict, schema=schema)

    def _rows(self, name: str, columns: Sequence[Column]) -> ViewDifference:
        known = {str(one.name) for one in columns}
        key = tuple(self._key(name)) if known.issuperset(self._key(name)) else ()
        if not key:
            counts = self._ask(name, _COUNTS)
            return ViewDifference(name, "", rows_before=int(counts["n"]), rows_after=int(counts["m"]))
        rest = [one for one in columns if one.name not in key]
        found = self._ask(name, _matching(key, rest))
        return ViewDifference(
            name, "", (), key,
            int(found["rows_one"]), int(found["rows_other"]), int(found["only_one"]),
            int(found["only_other"]), int(found["changed"]), tuple(_columns(rest, found)),
        )  # fmt: skip

    def _key(self, view: str) -> Sequence[str]:
        """The columns that name a row, by what is promised of the view."""
        graph = self.project.graph
        for asset in graph:
            for promise in graph.answers[asset.key].checks:
                if promise.table == view and promise.check.check == "unique":
                    return promise.check.columns
        return ()

    def _ask(self, view: str, sql: str) -> dict[str, Any]:
        inputs = tuple(
            replace(place.locate(Ref(view, "view", environment=place.name)), asset=alias)
            for alias, place in (("one", self.before), ("other", self.after))
        )
        return self.platform.read(Query(f"diff {view}", sql, inputs)).as_dicts()[0]


def _matching(key: Sequence[str], rest: Sequence[Column]) -> str:
    """One query for all there is to count of two tables matched by a key."""
    same = " AND ".join(f'a."{one}" IS NOT DISTINCT FROM b."{one}"' for one in key)
    at = " || ', ' || ".join(f"coalesce(CAST(a.\"{one}\" AS varchar), 'null')" for one in key)
    matched = "a.there AND b.there"
    differ = [f'a."{one.name}" IS DISTINCT FROM b."{one.name}"' for one in rest]
    changed = f"count(CASE WHEN {matched} AND ({' OR '.join(differ) or 'false'}) THEN 1 END)"
    parts = [
        "count(a.there) AS rows_one", "count(b.there) AS rows_other",
        "count(CASE WHEN b.there IS NULL THEN 1 END) AS only_one",
        "count(CASE WHEN a.there IS NULL THEN 1 END) AS only_other",
        f"{changed} AS changed",
    ]  # fmt: skip
    for index, (column, condition) in enumerate(zip(rest, differ)):
        parts.append(f"count(CASE WHEN {matched} AND {condition} THEN 1 END) AS d{index}")
        if column.type in _NUMBERS:
            size = f'abs(CAST(a."{column.name}" AS double) - CAST(b."{column.name}" AS double))'
            parts += [f"max({size}) AS s{index}", f"max_by({at}, {size}) AS k{index}"]
    return (
        f"SELECT {', '.join(parts)} FROM (SELECT *, true AS there FROM one) a "
        f"FULL OUTER JOIN (SELECT *, true AS there FROM other) b ON {same}"
    )


def _columns(rest: Sequence[Column], found: dict[str, Any]) -> Iterator[ColumnDifference]:
    for index, column in enumerate(rest):
        differing = int(found[f"d{index}"])
        if differing:
            size = found.get(f"s{index}")
            key = str(found.get(f"k{index}") or "") if size else ""
            yield ColumnDifference(str(column.name), differing, float(size) if size else None, key)
