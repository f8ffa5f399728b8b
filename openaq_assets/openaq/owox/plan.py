"""conf/owox.yaml: the Data Marts, the types of their fields, and the dashboard's charts.

OWOX gives every number to Data Studio as a metric to be summed, and every text, date and time as plain text.
So types and aggregations are set by hand in both data sources, alike; this file says which.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from openaq_assets.errors import ConfigError, FieldError, Problem, nearest
from openaq_assets.graph.columns import Column, Duration, Name
from openaq_assets.graph.fields import field_doc
from openaq_assets.project.project import Project

PATH = "conf/owox.yaml"
Semantic = Literal["Text", "Number", "Boolean", "Date", "Date & Time", "Latitude, Longitude"]
Aggregation = Literal["none", "average", "max", "min", "sum", "count distinct"]
#: The types in the view that Data Studio accepts for each type of field.
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

    title: str = field(metadata=field_doc("The title of the Data Mart.", "OpenAQ Prod"))
    source: str = field(metadata=field_doc("The name of the data source in Data Studio.", "DS_OpenAQ_Prod"))


@dataclass(frozen=True, slots=True)
class Field:
    """The type and the default aggregation of a column in Data Studio; other columns stay as they come."""

    type: Semantic = field(metadata=field_doc("The type of the field in Data Studio."))
    aggregation: Aggregation = field(
        default="none", metadata=field_doc("The default aggregation of a number.")
    )

    def __post_init__(self) -> None:
        if self.aggregation == "sum":
            raise FieldError(
                "aggregation", "a sum of air quality values has no meaning.", "Write average, max or min."
            )


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart or control and the fields it uses; ``filter`` is a boolean field that must be true."""

    title: str = field(metadata=field_doc("The title of the chart.", "Latest AQI"))
    type: Literal["bubble map", "time series", "table", "scorecard", "drop-down"] = field(
        metadata=field_doc("The type of the chart or control.")
    )
    fields: tuple[str, ...] = field(
        metadata=field_doc("The fields that the chart uses.", ["day", "city", "avg_pm25"])
    )
    filter: str = field(
        default="",
        metadata=field_doc("A boolean field that must be true for a row to be shown.", "is_latest"),
    )
    notes: str = field(
        default="", metadata=field_doc("How to set up the chart by hand.", "Dimension day, metric avg_pm25.")
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """The dashboard in Data Studio: Data Marts, fields and charts."""

    version: int = field(metadata=field_doc("The version of this file's format.", 1))
    view: Name = field(metadata=field_doc("The view that the dashboard reads.", "view_air_quality_overview"))
    report: str = field(metadata=field_doc("The title of the report in Data Studio.", "Air Quality Overview"))
    data_marts: Mapping[str, Mart] = field(metadata=field_doc("The Data Mart of each environment."))
    fields: Mapping[str, Field] = field(metadata=field_doc("The fields of the view that the charts use."))
    charts: tuple[Chart, ...] = field(metadata=field_doc("The charts and controls of the report."))
    cache: Duration = field(
        default=_HOUR,
        metadata=field_doc("The time that Data Studio keeps rows before it reads the view again.", "1 hour"),
    )


def read_plan(project: Project) -> Plan:
    """Return the plan of a project; raise ConfigError with every problem, also unknown names."""
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
    for name, meaning in plan.fields.items():
        where = f"fields.{name}"
        if name not in columns:
            yield where, f"view '{plan.view}' has no column '{name}'.", nearest(name, columns)
            continue
        held, wanted = columns[name].type, HELD_AS[meaning.type]
        if held not in wanted:
            hint = f"Data Studio takes '{meaning.type}' from {' or '.join(wanted)}."
            yield f"{where}.type", f"column '{name}' is {held} in the view.", hint
        if (meaning.aggregation == "none") == (meaning.type == "Number"):
            hint = "Write average, max or min." if meaning.type == "Number" else "Leave it out."
            yield (
                where,
                f"'{name}' is {meaning.type}, which cannot have aggregation {meaning.aggregation}.",
                hint,
            )


def _of_charts(plan: Plan) -> Iterator[tuple[str, str, str]]:
    for number, chart in enumerate(plan.charts):
        for n, name in enumerate(chart.fields):
            if name not in plan.fields:
                where = f"charts[{number}].fields[{n}]"
                yield where, f"'{name}' is not in 'fields'.", nearest(name, plan.fields)
        if chart.filter and getattr(plan.fields.get(chart.filter), "type", "") != "Boolean":
            known = [name for name, meaning in plan.fields.items() if meaning.type == "Boolean"]
            hint = nearest(chart.filter, known)
            yield f"charts[{number}].filter", f"'{chart.filter}' is not a boolean field.", hint
