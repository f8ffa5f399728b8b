"""A lake as years of running leave it, made in seconds: ``python -m benchmarks.view_lake DIR [--years 5 --sensors 200]``.

Run it from tests/. It writes the Parquet of ``measurements`` (hourly, up to the last full hour) and of
``locations`` as the transform would, through the transform's own writer, then loads the reference tables and
defines every table and view of conf/ in dev and prod. Ask it as any lake, from the repository:

    OPENAQ_ROOT=DIR openaq-assets query "SELECT * FROM view_latest_aqi"

``--views`` only defines views again, after an edit of views/ or conf/ (rows are kept). The same arguments and
hour give the same rows.
"""

import argparse
import datetime as dt
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from openaq_assets.graph.environment import bind
from openaq_assets.graph.partitions import segment
from openaq_assets.platforms.files import FileStore
from openaq_assets.platforms.transform.reference_decoder import POLARS, parquet
from openaq_assets.project.project import Project, load
from openaq_assets.runs.context import open_platform

ROOT = Path(__file__).resolve().parents[2]
PER_STATION = ((2, "pm25", 1.0), (1, "pm10", 1.7), (5, "no2", 0.8), (3, "o3", 1.2))
CITIES = ((21.03, 105.85), (10.78, 106.70), (20.84, 106.69), (16.05, 108.20), (10.03, 105.79))
AHEAD = dt.timedelta(hours=7)
MISSING, SENTINELS, NEGATIVE, NULLS = 0.001, 0.001, 0.002, 0.02  # shares of hours


def stations(sensors: int) -> pl.DataFrame:
    """Return one row per station: four sensors each, spread around five cities."""
    count = -(-sensors // len(PER_STATION))
    numbers = range(1, count + 1)
    middle = [CITIES[number % len(CITIES)] for number in numbers]
    return pl.DataFrame(
        {
            "location_id": numbers,
            "name": [f"Station {number}" for number in numbers],
            "timezone": "Asia/Ho_Chi_Minh",
            "country": "VN",
            "owner": "Unknown",
            "provider": ["AirNow" if number % 7 == 0 else "VN network" for number in numbers],
            "license": "CC BY 4.0",
            "latitude": [at[0] + (number % 13 - 6) / 100 for number, at in zip(numbers, middle)],
            "longitude": [at[1] + (number % 11 - 5) / 100 for number, at in zip(numbers, middle)],
            "is_monitor": [number % 3 == 0 for number in numbers],
            "is_mobile": False,
        }
    )


def sensors_of(count: int) -> pl.DataFrame:
    """Return one row per sensor: what it measures and around which value; gases of every fifth station in ppm."""
    sensors = []
    for number in range(count):
        location, kind = number // len(PER_STATION) + 1, number % len(PER_STATION)
        parameter, name, scale = PER_STATION[kind]
        ppm = location % 5 == 0 and kind > 1
        level = (15 + location * 7 % 40) * scale * (0.0005 if ppm else 1)
        sensors.append((location, 1000 + number, parameter, name, "ppm" if ppm else "µg/m³", level))
    names = ["location_id", "sensor_id", "parameter_id", "parameter", "unit", "level"]
    return pl.DataFrame(sensors, schema=names, orient="row")


def chance(seed: int) -> pl.Expr:
    """Return a number from 0 to 1 that depends on the sensor, the hour and the seed alone."""
    mixed = pl.struct("sensor_id", "period_from").hash(seed)
    return (mixed % 1_000_003).cast(pl.Float64) / 1_000_003


def hours(sensors: pl.DataFrame, first: dt.datetime, end: dt.datetime) -> pl.DataFrame:
    """Return the rows of every sensor from first to end, as the transform types and sorts them."""
    each = pl.datetime_range(first, end, "1h", closed="left", eager=True, time_unit="us")
    grid = sensors.join(each.alias("period_from").to_frame(), how="cross").filter(chance(1) >= MISSING)
    hour, month = pl.col("period_from").dt.hour() + 7, pl.col("period_from").dt.month()
    daily = 1 + 0.4 * (hour.cast(pl.Float64) * (3.14159 / 12)).cos()
    season = 1 + 0.5 * (month.cast(pl.Float64) * (3.14159 / 6)).cos()
    noise = (chance(2) + chance(3) + chance(4)) / 1.5
    mean = (pl.col("level") * daily * season * noise).round(9)
    odd, local = chance(5), pl.col("period_from") + AHEAD
    mean = pl.when(odd < SENTINELS).then(985.0).when(odd < SENTINELS + NEGATIVE).then(-mean).otherwise(mean)
    mean = pl.when(odd < 1 - NULLS).then(mean)
    return grid.select(
        "location_id", "sensor_id", "parameter_id", "parameter", "unit",
        mean.round_sig_figs(3).alias("value"), mean.alias("average"), pl.lit(False).alias("has_flags"),
        "period_from", (pl.col("period_from") + dt.timedelta(hours=1)).alias("period_to"),
        local.dt.strftime("%Y-%m-%dT%H:%M:%S+07:00").alias("period_from_local"),
        pl.lit(1).alias("expected_count"), pl.lit(1).alias("observed_count"),
        pl.lit(100.0).alias("percent_coverage"), pl.lit(end).dt.cast_time_unit("us").alias("retrieved_at"),
    ).sort("location_id", "sensor_id", "period_from")


def months(end: dt.datetime, days: int) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """Yield spans of thirty days, which fit easily in memory, up to ``end``."""
    last = end.replace(hour=0) + dt.timedelta(days=1)
    first = last - dt.timedelta(days=days)
    while first < end:
        yield first, min(first + dt.timedelta(days=30), end)
        first += dt.timedelta(days=30)


def promised(project: Project, table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with the table's declared columns: in order, of their types, NULL where there is none."""
    columns = [column for column in project.graph.columns(table) if column.name not in ("year", "month", "day")]
    return rows.select(
        (pl.col(column.name) if column.name in rows.columns else pl.lit(None)).cast(POLARS[column.type]).alias(column.name)
        for column in columns
    )


def make_rows(project: Project, environment: Any, years: float, sensors: int, end: dt.datetime) -> int:
    """Write both tables; how many measurements there are."""
    store, made = FileStore(), 0
    known = sensors_of(sensors)
    for first, last in months(end, round(years * 365.25)):
        rows = promised(project, "measurements", hours(known, first, last))
        made += rows.height
        for (day,), some in rows.group_by(pl.col("period_from").dt.date(), maintain_order=True):
            put(store, environment, "measurements", day, some)
    inventory = stations(sensors).with_columns(
        first_at=pl.lit(end - dt.timedelta(days=365 * years)), last_at=pl.lit(end), retrieved_at=pl.lit(end)
    )
    put(store, environment, "locations", end.date(), promised(project, "locations", inventory))
    return made


def put(store: FileStore, environment: Any, table: str, day: Any, rows: pl.DataFrame) -> None:
    """Write a partition."""
    store.put(f"{environment.uri('processed', table)}/{segment(day.isoformat())}/part-0.parquet", parquet(rows))


def define(project: Project) -> list[str]:
    """Load reference tables, define tables and views in dev and the views in prod; what went wrong."""
    wrong = []
    for env, kinds in (("dev", ("reference", "catalog", "view")), ("prod", ("view",))):
        environment, platform = open_platform(project, env, "local")
        for asset in project.graph:
            if asset.kind.name in kinds:
                for operation in asset.kind.operations(asset, project.graph, (), ()):
                    ticket = platform.submit(bind(operation, environment))
                    if ticket.state != "succeeded":
                        wrong.append(f"{env} {asset.key}: {ticket.message}")
    return wrong


def open_lake(root: Path) -> Project:
    """Return this project with its lake at ``root``."""
    os.environ["OPENAQ_ROOT"] = str(root.resolve())
    return load(ROOT)


def make(root: Path, years: float = 5, sensors: int = 200) -> bool:
    """Make a lake of so many rows, up to this hour; return whether its rows had to be made."""
    if (root / "dev").exists() and not list(root.glob("rows-*")):
        raise SystemExit(f"{root} is a lake that this did not make. Name another folder.")
    end = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0, tzinfo=None)
    project, done = open_lake(root), root / f"rows-{years:g}-{sensors}-{end:%Y%m%dT%H}"
    if not done.exists():
        (root / "rows-begun").parent.mkdir(parents=True, exist_ok=True)
        (root / "rows-begun").touch()
        environment, _ = open_platform(project, "dev", "local")
        started = time.monotonic()
        made = make_rows(project, environment, years, sensors, end)
        print(f"{made:,} measurements in {time.monotonic() - started:.0f} s", flush=True)
        for older in root.glob("rows-*"):
            older.unlink()
    for problem in define(project):
        print(problem, file=sys.stderr)
    fresh = not done.exists()
    done.touch()
    return fresh


def single_file(root: Path, file: Path) -> None:
    """Write all measurements to one file, in order of time."""
    rows = pl.scan_parquet(root / "dev/processed/measurements/**/*.parquet", hive_partitioning=False)
    file.parent.mkdir(parents=True, exist_ok=True)
    rows.sort("period_from", "location_id", "sensor_id").sink_parquet(file, compression="snappy")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.view_lake", description=__doc__)
    parser.add_argument("dir", type=Path)
    parser.add_argument("--years", type=float, default=5)
    parser.add_argument("--sensors", type=int, default=200)
    parser.add_argument("--views", action="store_true", help="only define tables and views again")
    parser.add_argument("--file", type=Path, help="also keep all measurements in one Parquet file, by time")
    options = parser.parse_args()
    if options.views:
        wrong = define(open_lake(options.dir))
        raise SystemExit("\n".join(wrong) or None)
    made = make(options.dir, options.years, options.sensors)
    if options.file and (made or not options.file.exists()):
        single_file(options.dir, options.file)


if __name__ == "__main__":
    main()
