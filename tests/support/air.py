"""A lake to which a test writes hours and whose views it reads; shared by the tests of the serving views."""

import dataclasses
import datetime as dt
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from openaq_assets.graph.environment import bind
from openaq_assets.graph.operations import Load, Operation, Query
from openaq_assets.graph.partitions import segment
from openaq_assets.platforms.local.memory import open_memory
from openaq_assets.platforms.transform.reference_decoder import POLARS
from openaq_assets.plugins.kinds.view import table_ref
from openaq_assets.project.project import Project, load
from support.runner_fixtures import ROOT, Lake, environment_on, memory_root

HANOI, OSLO = ZoneInfo("Asia/Ho_Chi_Minh"), ZoneInfo("Europe/Oslo")
HOUR = dt.timedelta(hours=1)


def now_hour() -> dt.datetime:
    """Return the end of the last full hour, naive UTC."""
    return dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0, tzinfo=None)


@cache
def project() -> Project:
    """Return this project."""
    return load(ROOT)


@dataclass
class Air:
    """A lake with the project's reference tables and views over rows that a test writes."""

    lake: Lake

    def clear(self) -> None:
        """Remove every row."""
        store = self.lake.platform.objects
        for uri in list(store.list(self.lake.home.uri("processed"))):
            store.delete(uri)

    def stations(self, *rows: dict[str, Any]) -> None:
        """Write the inventory, one row per station; a missing column is NULL."""
        stamp = dt.datetime(2026, 1, 1)
        self.write("locations", "2026-01-01", [{"retrieved_at": stamp} | row for row in rows])

    def hours(self, *rows: dict[str, Any]) -> None:
        """Write measurements to the partition of the UTC day of their start."""
        by_day: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            by_day.setdefault(row["period_from"].date().isoformat(), []).append(row)
        for day, of_day in by_day.items():
            self.write("measurements", day, of_day)

    def write(self, table: str, day: str, rows: list[dict[str, Any]]) -> None:
        """Write a Parquet file of a table."""
        columns = project().graph.columns(table)
        schema = {str(column.name): POLARS[column.type] for column in columns if column.name not in ("year", "month", "day")}
        buffer = io.BytesIO()
        pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema).write_parquet(buffer)
        uri = self.lake.home.uri("processed", table, *segment(day).split("/"), "part-0.parquet")
        self.lake.platform.objects.put(uri, buffer.getvalue())

    def ask(self, view: str, columns: str = "*", rest: str = "ORDER BY location_id") -> list[dict[str, Any]]:
        """Return the rows of a view."""
        if columns == "*":
            columns = ", ".join(str(column.name) for column in project().graph.columns(view))
        query = Query("q", f"SELECT {columns} FROM {view} {rest}", (table_ref(project().graph, view),))
        bound = bind(query, self.lake.home)
        assert isinstance(bound, Query)
        return self.lake.platform.read(bound).as_dicts()

    def row(self, view: str = "view_latest_aqi") -> dict[str, Any]:
        """Return the only row of a view."""
        (row,) = self.ask(view)
        return row

    def row_of(self, location: int, view: str = "view_latest_aqi") -> dict[str, Any]:
        """Return the only row of a location."""
        (row,) = self.ask(view, rest=f"WHERE location_id = {location}")
        return row

    def day(self, day: dt.date) -> dict[str, Any]:
        """Return the only row of a local day."""
        (row,) = self.ask("view_daily_average", rest=f"WHERE local_day = DATE '{day}'")
        return row


def open_air(trusting: bool = False) -> Air:
    """Return a lake with reference tables and views, and no rows; a trusting one accepts every number."""
    home = environment_on("memory", memory_root())
    lake = Lake(open_memory(home), home)
    for asset in project().graph:
        if asset.kind.name in ("reference", "catalog", "view"):
            for operation in asset.kind.operations(asset, project().graph, (), ()):
                lake.good(trusted(asset.key, operation) if trusting else operation)
    return Air(lake)


def trusted(key: str, operation: Operation) -> Operation:
    """Return the rules of quality, edited as a user may: no sentinels, and limits that no number reaches."""
    if not isinstance(operation, Load) or not key.startswith("qc_"):
        return operation
    head, *rows = operation.csv.splitlines()
    if key == "qc_sentinels":
        return dataclasses.replace(operation, csv=head + "\n")
    kept = (row.split(",") for row in rows)
    wide = (",".join([*row[:2], "-1e9", "-1e9", "1e9", "1e9", "", row[-1]]) for row in kept)
    return dataclasses.replace(operation, csv="\n".join([head, *wide]) + "\n")


@cache
def shared_air(trusting: bool = False) -> Air:
    """Return the lake that all tests of this process share, so that views are made once."""
    return open_air(trusting)


def fresh_air(trusting: bool = False) -> Air:
    """Return the shared lake with no rows in it."""
    air = shared_air(trusting)
    air.clear()
    return air


def station(number: int = 1, **more: Any) -> dict[str, Any]:
    """Return a station in Hanoi."""
    known = {"location_id": number, "name": f"S{number}", "country": "VN", "provider": "P"}
    return known | {"latitude": 21.03, "longitude": 105.85, "timezone": "Asia/Ho_Chi_Minh"} | more


def hour(value: float | None, end: dt.datetime | None = None, zone: ZoneInfo = HANOI, **more: Any) -> dict[str, Any]:
    """Return an hour of PM2.5 that ends then (the last full hour), of station and sensor 1."""
    until = end or now_hour()
    start = until - HOUR
    local = start.replace(tzinfo=dt.UTC).astimezone(zone).isoformat()
    known = {
        "location_id": 1, "sensor_id": 1, "parameter_id": 2, "parameter": "pm25", "unit": "µg/m³",
        "value": value, "average": value, "has_flags": False, "period_from": start, "period_to": until,
        "period_from_local": local, "retrieved_at": until,
    }
    return known | more


def back(values: Iterable[float | None], end: dt.datetime | None = None, **more: Any) -> list[dict[str, Any]]:
    """Return hours of one sensor, the newest first."""
    until = end or now_hour()
    return [hour(value, until - n * HOUR, **more) for n, value in enumerate(values)]


def of_day(
    values: Sequence[float | None], day: dt.date, first: int = 0, zone: ZoneInfo = HANOI, **more: Any
) -> list[dict[str, Any]]:
    """Return hours of one sensor in order, from a local hour of a local day on; a NULL value gives no row."""
    start = dt.datetime(day.year, day.month, day.day, first, tzinfo=zone).astimezone(dt.UTC).replace(tzinfo=None)
    return [
        hour(value, start + (n + 1) * HOUR, zone, **more) for n, value in enumerate(values) if value is not None
    ]
