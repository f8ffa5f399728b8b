"""Comparison of two environments: columns, rows, keys that only one has, and the largest differences."""

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

_COUNTS = "SELECT (SELECT count(*) FROM old_rows) AS n, (SELECT count(*) FROM new_rows) AS m"
_NUMBERS = ("bigint", "integer", "double")


@dataclass(frozen=True, slots=True)
class ColumnDifference:
    """The rows of the same key that differ in a column, their largest difference, and the key of that row."""

    column: str
    differing: int
    largest: float | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class ViewDifference:
    """A view in two environments; a count is ``None`` if there is nothing to count or no key to match by."""

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
    """Return how every view (or each named one) of ``after`` differs from that of ``before``.

    Raises SelectionError for a named view that neither environment has.
    """
    environment, platform = open_platform(project, before, profile)
    sides = [(name, present(platform, environment.sibling(name))) for name in (before, after)]
    names = sorted({name for _, views_there in sides for name in views_there})
    for name in views:
        if name not in names:
            raise SelectionError(f"there is no view '{name}' in either environment. {nearest(name, names)}")
    comparison = _Comparison(project, platform, environment.sibling(before), environment.sibling(after))
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
        schema = tuple(str(difference) for difference in differences)
        breaking = any(difference.breaking for difference in differences)
        both = [column for column in old.columns if (column.name, column.type) in pairs(new.columns)]
        try:
            counted = self._rows(name, both)
        except PlatformError as error:
            return ViewDifference(name, "not comparable", schema, problem=str(error))
        rows = any((counted.only_before, counted.only_after, counted.changed)) or (
            counted.rows_before != counted.rows_after
        )
        verdict = "breaking" if breaking else "additive" if schema else "rows differ" if rows else "same"
        return replace(counted, verdict=verdict, schema=schema)

    def _rows(self, name: str, columns: Sequence[Column]) -> ViewDifference:
        known = {str(column.name) for column in columns}
        key = tuple(self._key(name)) if known.issuperset(self._key(name)) else ()
        if not key:
            counts = self._read(name, _COUNTS)
            return ViewDifference(name, "", rows_before=int(counts["n"]), rows_after=int(counts["m"]))
        rest = [column for column in columns if column.name not in key]
        counts = self._read(name, _matching(key, rest))
        return ViewDifference(
            name,
            "",
            (),
            key,
            int(counts["rows_before"]),
            int(counts["rows_after"]),
            int(counts["only_before"]),
            int(counts["only_after"]),
            int(counts["changed"]),
            tuple(_columns(rest, counts)),
        )

    def _key(self, view: str) -> Sequence[str]:
        """Return the columns of the view's check ``unique``, which identify a row; none without it."""
        graph = self.project.graph
        for asset in graph:
            for declared in graph.answers[asset.key].checks:
                if declared.table == view and declared.check.check == "unique":
                    return declared.check.columns
        return ()

    def _read(self, view: str, sql: str) -> dict[str, Any]:
        inputs = tuple(
            replace(environment.locate(Ref(view, "view", environment=environment.name)), asset=alias)
            for alias, environment in (("old_rows", self.before), ("new_rows", self.after))
        )
        return self.platform.read(Query(f"diff {view}", sql, inputs)).as_dicts()[0]


def _matching(key: Sequence[str], rest: Sequence[Column]) -> str:
    """Return one query that counts every difference of two tables, their rows matched by a key."""
    same = " AND ".join(f'a."{name}" IS NOT DISTINCT FROM b."{name}"' for name in key)
    at = " || ', ' || ".join(f"coalesce(CAST(a.\"{name}\" AS varchar), 'null')" for name in key)
    matched = "a.there AND b.there"
    differ = [f'a."{column.name}" IS DISTINCT FROM b."{column.name}"' for column in rest]
    changed = f"count(CASE WHEN {matched} AND ({' OR '.join(differ) or 'false'}) THEN 1 END)"
    parts = [
        "count(a.there) AS rows_before",
        "count(b.there) AS rows_after",
        "count(CASE WHEN b.there IS NULL THEN 1 END) AS only_before",
        "count(CASE WHEN a.there IS NULL THEN 1 END) AS only_after",
        f"{changed} AS changed",
    ]
    for index, (column, condition) in enumerate(zip(rest, differ)):
        parts.append(f"count(CASE WHEN {matched} AND {condition} THEN 1 END) AS d{index}")
        if column.type in _NUMBERS:
            size = f'abs(CAST(a."{column.name}" AS double) - CAST(b."{column.name}" AS double))'
            parts += [f"max({size}) AS s{index}", f"max_by({at}, {size}) AS k{index}"]
    return (
        f"SELECT {', '.join(parts)} FROM (SELECT *, true AS there FROM old_rows) a "
        f"FULL OUTER JOIN (SELECT *, true AS there FROM new_rows) b ON {same}"
    )


def _columns(rest: Sequence[Column], counts: dict[str, Any]) -> Iterator[ColumnDifference]:
    for index, column in enumerate(rest):
        differing = int(counts[f"d{index}"])
        if differing:
            size = counts.get(f"s{index}")
            key = str(counts.get(f"k{index}") or "") if size else ""
            yield ColumnDifference(str(column.name), differing, float(size) if size else None, key)
