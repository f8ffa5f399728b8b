"""A local lake of this project, and rows in which everything that has ever gone wrong is there."""

import datetime as dt
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import polars as pl

from openaq_assets.graph.partitions import segment
from openaq_assets.platforms.local.platform import LocalPlatform
from openaq_assets.platforms.transform.reference_decoder import POLARS
from openaq_assets.project.project import Project
from openaq_assets.runs.context import Run

DAYS = 3


@dataclass
class Lake:
    """A project, its local lake, and the run that made it."""

    project: Project
    root: Path
    run: Run

    @property
    def platform(self) -> LocalPlatform:
        assert self.run.platform.name == "local"
        return cast(LocalPlatform, self.run.platform)

    def write(self, table: str, day: str, rows: list[dict[str, Any]]) -> None:
        """Write another Parquet file of a table; a missing column is NULL."""
        columns = self.project.graph.columns(table)
        schema = {str(column.name): POLARS[column.type] for column in columns if column.name not in ("year", "month", "day")}
        body = io.BytesIO()
        pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema).write_parquet(
            body, compression="snappy"
        )
        uri = self.run.environment.uri("processed", table, *segment(day).split("/"), "part-nasty.parquet")
        self.platform.objects.put(uri, body.getvalue())


NASTY = [
    math.nan, None, -0.0, 0.0, -0.5, -1.0, -999.0, -9999.0, 985.0, 999.0, 9999.0, 9.1, 9.0999999, 35.45, 225.4,
    500.05, 1000.5, 1e-12, 1e12, 1e15, -1e15, math.inf, -math.inf, 12.0, 12.0, 12.0, 12.0, 12.0, 400.0, 12.0,
]
UNITS = {"pm25": ("µg/m³", "μg/m³"), "pm10": ("µg/m³", "ppm"), "o3": ("ppm", "ppb", "µg/m³"), "co": ("ppb", "mg/m³")}


def add_nasty_rows(lake: Lake) -> None:
    """Add hours of two more stations up to now, with every defect that was ever seen."""
    now = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0, tzinfo=None)
    stamp = now.replace(hour=0)
    stations = [
        {"location_id": 990001, "name": "N1", "country": "VN", "latitude": 21.03, "longitude": 105.85, "retrieved_at": stamp,
         "timezone": "Asia/Ho_Chi_Minh"},
        {"location_id": 990002, "name": 'Ñ"2, \'x\'', "country": "NO", "timezone": "Europe/Oslo", "retrieved_at": stamp},
        {"location_id": 990003, "retrieved_at": stamp, "latitude": math.nan, "longitude": 105.0},
    ]
    lake.write("locations", stamp.date().isoformat(), stations)
    by_day: dict[str, list[dict[str, Any]]] = {}
    for n in range(24 * DAYS - 20):
        end = now - dt.timedelta(hours=n)
        for m, (parameter, units) in enumerate(UNITS.items()):
            value = NASTY[(n + 7 * m) % len(NASTY)]
            start = end - dt.timedelta(hours=1)
            row = {
                "location_id": 990001 + (n % 5 == 0), "sensor_id": 9900010 + m, "parameter_id": m, "parameter": parameter,
                "unit": units[n % len(units)], "value": value, "average": value if n % 3 else None, "has_flags": n % 11 == 0,
                "period_from": start, "period_to": end, "retrieved_at": now,
                "period_from_local": f"{start + dt.timedelta(hours=7):%Y-%m-%dT%H:%M:%S}+07:00" if n % 13 else "yesterday",
            }
            by_day.setdefault(start.date().isoformat(), []).append(row)
    for day, rows in by_day.items():
        lake.write("measurements", day, rows)
    archived = [
        {"location_id": 990001, "sensor_id": 9900099, "location": "N1-9900099", "parameter": "pm25", "unit": "µg/m³",
         "value": value, "period_to": now - dt.timedelta(hours=n, minutes=15 * quarter), "retrieved_at": now,
         "period_to_local": f"{now - dt.timedelta(hours=n, minutes=15 * quarter):%Y-%m-%dT%H:%M:%S}+07:00"}
        for n, value in enumerate(NASTY) for quarter in range(4)
    ]
    for row in archived:
        day = (row["period_to"] - dt.timedelta(seconds=1)).date().isoformat()
        by_day.setdefault(f"archive {day}", []).append(row)
    for key, rows in by_day.items():
        if key.startswith("archive "):
            lake.write("archive_measurements", key.removeprefix("archive "), rows)
