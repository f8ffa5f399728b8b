"""conf/owox.yaml: the Data Marts, the types of their fields, and the dashboard's charts.

OWOX hands every number to Data Studio as a metric to be summed and every text, date and time as plain
text, so types and aggregations are set by hand in both data sources, alike. This file says which.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from openaq_assets.errors import ConfigError, FieldError, Problem, nearest
from openaq_assets.graph.columns import Column, Duration, Name
from openaq_assets.project.project import Project

PATH = "conf/owox.yaml"
Semantic = Literal["Text", "Number", "Boolean", "Date", "Date & Time", "Latitude, Longitude"]
Aggregation = Literal["none", "average", "max", "min", "sum", "count distinct"]
#: What a field of each meaning must be in the view, for Data Studio to take it.
HELD_AS: Mapping[str, tuple[str, ...]] = {
    "Text": ("varchar",),
    "Number": ("double", "bigint", "integer"),
    "Boolean": ("boolean",),
    "Date": ("varchar",),
    "Date & Time": ("varchar",),
    "Latitude, Longitude": ("varchar",),
}
#: The shape of the text that Data Studio recognises (YYYYMMDD, YYYYMMDDHHmmss, 'lat,lon').
SHAPES: Mapping[str, str] = {
    "Date": r"[12]\d{3}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])",
    "Date & Time": r"[12]\d{3}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d[0-5]\d",
    "Latitude, Longitude": r"-?\d{1,2}(\.\d+)?, ?-?\d{1,3}(\.\d+)?",
}


_HOUR = Duration(hours=1)


@dataclass(frozen=True, slots=True)
class Mart:
    """The Data Mart of one environment, and the Data Studio data source that reads it."""

    title: str
    source: str


@dataclass(frozen=True, slots=True)
class Field:
    """How Data Studio takes a column: its type and default aggregation; ``unused`` ones stay as they come."""

    type: Semantic
    aggregation: Aggregation = "none"

    def __post_init__(self) -> None:
        if self.aggregation == "sum":
            raise FieldError("aggregation", "sums of air quality mean nothing.", "Write average, max or min.")


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart or control and the fields it uses; ``filter`` is a boolean field that must hold."""

    title: str
    type: Literal["bubble map", "time series", "table", "scorecard", "drop-down"]
    fields: tuple[str, ...]
    filter: str = ""
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything of conf/owox.yaml."""

    version: int
    view: Name
    report: str
    data_marts: Mapping[str, Mart]
    fields: Mapping[str, Field]
    charts: tuple[Chart, ...]
    cache: Duration = _HOUR


def read_plan(project: Project) -> Plan:
    """Return the plan of a project; raise ConfigError with every problem, also of names that do not exist."""
    plan: Plan | None = project.conf("owox")
    if plan is None:
        raise ConfigError([Problem(PATH, 0, 0, "", "the file does not exist.", "Create it.")])
    return plan


def mistakes(plan: Plan, project: Project) -> Iterator[tuple[str, str, str]]:
    """Yield the names in a plan that the project does not have, and types that Data Studio cannot take."""
    views = [asset.key for asset in project.graph if asset.holds == "view"]
    if plan.view not in views:
        if plan.view not in project.graph.left_out:
            yield "view", f"there is no view '{plan.view}'.", nearest(plan.view, views)
        return
    columns = {str(column.name): column for column in project.graph.columns(plan.view)}
    for name in plan.data_marts:
        if name not in project.environments:
            hint = nearest(name, project.environments)
            yield f"data_marts.{name}", f"there is no environment '{name}'.", hint
    yield from _of_fields(plan, columns)
    yield from _of_charts(plan)


def _of_fields(plan: Plan, columns: Mapping[str, Column]) -> Iterator[tuple[str, str, str]]:
    for name, field in plan.fields.items():
        where = f"fields.{name}"
        if name not in columns:
            yield where, f"'{plan.view}' has no column '{name}'.", nearest(name, columns)
            continue
        held, wanted = columns[name].type, HELD_AS[field.type]
        if held not in wanted:
            hint = f"Data Studio takes '{field.type}' from {' or '.join(wanted)}."
            yield f"{where}.type", f"'{name}' is {held} in the view.", hint
        if (field.aggregation == "none") == (field.type == "Number"):
            hint = "Write average, max or min." if field.type == "Number" else "Leave it out."
            yield where, f"'{name}' is {field.type} with aggregation {field.aggregation}.", hint


def _of_charts(plan: Plan) -> Iterator[tuple[str, str, str]]:
    for number, chart in enumerate(plan.charts):
        for n, name in enumerate(chart.fields):
            if name not in plan.fields:
                where = f"charts[{number}].fields[{n}]"
                yield where, f"'{name}' is not among the fields.", nearest(name, plan.fields)
        if chart.filter and getattr(plan.fields.get(chart.filter), "type", "") != "Boolean":
            known = [name for name, field in plan.fields.items() if field.type == "Boolean"]
            hint = nearest(chart.filter, known)
            yield f"charts[{number}].filter", f"'{chart.filter}' is no boolean field.", hint
