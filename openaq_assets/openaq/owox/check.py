"""Proof before anyone opens Data Studio: OWOX's own statements, asked of both environments."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openaq_assets.errors import PlatformError
from openaq_assets.graph.contracts import compare, pairs
from openaq_assets.openaq.owox.engines import Engine, engine_of
from openaq_assets.openaq.owox.plan import SHAPES, Plan
from openaq_assets.openaq.owox.statements import Statement, statements
from openaq_assets.platforms import Rows
from openaq_assets.project.project import Project
from openaq_assets.runs.context import open_platform

Schema = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: in which environment, and whether it is as it must be."""

    environment: str
    what: str
    ok: bool
    detail: str = ""


def check_owox(
    project: Project, plan: Plan, profile: str | None = None, bucket: str = ""
) -> Iterator[Finding]:
    """What OWOX would be answered in every environment of the plan, and whether charts can live on it."""
    schemas: dict[str, Schema] = {}
    for name in plan.data_marts:
        place, platform = open_platform(project, name, profile)
        engine = engine_of(place, platform, bucket)
        answers: dict[str, Rows] = {}
        yield from _asked(name, engine, statements(place.database, plan.view), place.database, plan, answers)
        if "schema" in answers:
            schemas[name] = pairs(answers["schema"].columns)
            yield _contract(name, schemas[name], project, plan)
        if "rows" in answers:
            yield from _rows(name, answers["rows"], plan)
    yield from _alike(schemas)


def _asked(
    name: str, engine: Engine, asked: Sequence[Statement], database: str, plan: Plan, answers: dict[str, Rows]
) -> Iterator[Finding]:
    for one in asked:
        what = f"{engine.name} answers OWOX's {one.step}"
        try:
            answers[one.step] = engine.answer(one, f"{database}.{plan.view}")
        except PlatformError as error:
            yield Finding(name, what, False, f"{one.sql}: {error}")
        else:
            yield Finding(name, what, True, one.sql)


def _contract(name: str, schema: Schema, project: Project, plan: Plan) -> Finding:
    differences = compare(pairs(project.graph.columns(plan.view)), schema)
    what = f"{plan.view} is as promised: {len(schema)} fields"
    return Finding(name, what, not differences, " ".join(map(str, differences)))


def _rows(name: str, rows: Rows, plan: Plan) -> Iterator[Finding]:
    many = f"{len(rows.rows):,} rows to chart"
    yield Finding(name, many, bool(rows.rows), "" if rows.rows else "Run openaq_ingestion.")
    names = [str(one.name) for one in rows.columns]
    missing = [field for field in plan.fields if field not in names]
    used = sorted({field for chart in plan.charts for field in (*chart.fields, chart.filter) if field})
    lost = [field for field in used if field not in names]
    yield Finding(name, f"all {len(used)} fields of the charts exist", not lost, ", ".join(lost))
    yield Finding(name, f"all {len(plan.fields)} typed fields exist", not missing, ", ".join(missing))
    for field, one in plan.fields.items():
        shape = SHAPES.get(one.type)
        if shape and field in names:
            yield _shaped(name, field, one.type, shape, [row[names.index(field)] for row in rows.rows])


def _shaped(name: str, field: str, type_: str, shape: str, values: Sequence[Any]) -> Finding:
    wrong = [one for one in values if one is not None and not re.fullmatch(shape, str(one))]
    known = sum(one is not None for one in values)
    detail = f"for example {str(wrong[0])[:60]!r}" if wrong else "" if known else "all are NULL"
    return Finding(name, f"{field} reads as {type_}", not wrong and known > 0, detail)


def _alike(schemas: Mapping[str, Schema]) -> Iterator[Finding]:
    first, *others = schemas.items() if schemas else [("", ())]
    for name, schema in others:
        same = schema == first[1]
        detail = "" if same else " ".join(map(str, compare(first[1], schema)))
        yield Finding(name, f"its schema equals {first[0]}'s: names, types, order", same, detail)
