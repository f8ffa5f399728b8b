"""Raw answers of ``/hours`` as OpenAQ gives them, made up: the same rows as days or as long pages."""

import datetime as dt
import random
from collections.abc import Iterator
from pathlib import Path

from openaq_assets.operations import Recipe, RecipeColumn, Ref, Transform
from openaq_assets.partitions import key_of, segment
from openaq_assets.rawkey import raw_key

FIRST = dt.date(2025, 1, 1)
PARAMETERS = ((2, "pm25", "µg/m³"), (1, "pm10", "µg/m³"), (7, "no2", "ppm"), (19, "pm1", "µg/m³"))
PAGE_ROWS = 1000
META = '{"meta":{"name":"openaq-api","website":"/","page":%d,"limit":1000,"found":"%s"},"results":[%s]}'
ROW = (
    '{"value":%s,"flagInfo":{"hasFlags":false},"parameter":{"id":%d,"name":"%s","units":"%s","displayName":null},'
    '"period":{"label":"1hour","interval":"01:00:00","datetimeFrom":{"utc":"%sZ","local":"%s+07:00"},'
    '"datetimeTo":{"utc":"%sZ","local":"%s+07:00"}},"coordinates":null,'
    '"summary":{"min":%s,"q02":%s,"q25":%s,"median":%s,"q75":%s,"q98":%s,"max":%s,"avg":%s,"sd":%s},'
    '"coverage":{"expectedCount":1,"expectedInterval":"01:00:00","observedCount":1,"observedInterval":"01:00:00",'
    '"percentComplete":100.0,"percentCoverage":100.0,"datetimeFrom":{"utc":"%sZ","local":"%s+07:00"},'
    '"datetimeTo":{"utc":"%sZ","local":"%s+07:00"}}}'
)


def sensor_day(sensor: int, day: dt.date) -> list[str]:
    """The rows of a sensor and day: 97 % of the hours."""
    chance = random.Random(sensor * 1_000_003 + day.toordinal())
    number, name, units = PARAMETERS[sensor % len(PARAMETERS)]
    start = dt.datetime.combine(day, dt.time())
    found = []
    for hour in range(24):
        if chance.random() < 0.03:
            continue
        first, last = start + dt.timedelta(hours=hour), start + dt.timedelta(hours=hour + 1)
        away = dt.timedelta(hours=7)
        times = tuple(one.isoformat() for one in (first, first + away, last, last + away))
        value = chance.uniform(0, 80)
        more = tuple(f"{value + chance.random():.13g}" for _ in range(9))
        found.append(ROW % (f"{value:.3g}", number, name, units, *times, *more, *times))
    return found


def stored(root: Path, day: dt.date, sensor: int, rows: list[str], number: int = 1) -> None:
    """A page as a fetch stores it."""
    body = (META % (number, len(rows), ",".join(rows))).encode()
    retrieved = dt.datetime.combine(day, dt.time(3), dt.UTC) + dt.timedelta(days=2, seconds=sensor)
    parts = {"location": str(sensor // 4), "sensor": str(sensor), "page": f"{number:04d}"}
    folder = root / "raw" / segment(day.isoformat())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / str(raw_key("measurements_raw", parts, retrieved, body))).write_bytes(body)


def days_of(count: int) -> Iterator[dt.date]:
    """So many days."""
    return (FIRST + dt.timedelta(days=one) for one in range(count))


def make_days(root: Path, sensors: int, days: int) -> Path:
    """One object per sensor and day; made once and kept."""
    if not (root / "done").exists():
        for day in days_of(days):
            for sensor in range(1000, 1000 + sensors):
                stored(root, day, sensor, sensor_day(sensor, day))
        (root / "done").touch()
    return root


def make_pages(root: Path, sensors: int, days: int) -> Path:
    """The same rows in pages of a thousand, under the day each begins with."""
    if not (root / "done").exists():
        for sensor in range(1000, 1000 + sensors):
            rows = [(day, row) for day in days_of(days) for row in sensor_day(sensor, day)]
            for number, start in enumerate(range(0, len(rows), PAGE_ROWS), 1):
                some = rows[start : start + PAGE_ROWS]
                stored(root, some[0][0], sensor, [row for _, row in some], number)
        (root / "done").touch()
    return root


def operation(raw: Path, into: Path) -> Transform:
    """The Transform of conf/assets/processed.yaml's measurements, for every day there is."""
    path = lambda name, kind, where, null=True: RecipeColumn(name, kind, (where,), nullable=null)
    key = lambda name, kind, part: RecipeColumn(name, kind, key=part, nullable=False)
    columns = (
        key("location_id", "bigint", "location"),
        key("sensor_id", "bigint", "sensor"),
        path("parameter_id", "bigint", "parameter.id", False),
        path("parameter", "varchar", "parameter.name", False),
        path("unit", "varchar", "parameter.units"),
        path("value", "double", "value"),
        path("average", "double", "summary.avg"),
        path("has_flags", "boolean", "flagInfo.hasFlags"),
        path("period_from", "timestamp", "period.datetimeFrom.utc", False),
        path("period_to", "timestamp", "period.datetimeTo.utc", False),
        path("period_from_local", "varchar", "period.datetimeFrom.local"),
        path("expected_count", "bigint", "coverage.expectedCount"),
        path("observed_count", "bigint", "coverage.observedCount"),
        path("percent_coverage", "double", "coverage.percentCoverage"),
        key("retrieved_at", "timestamp", "retrieved"),
    )
    unique, sort = ("sensor_id", "period_from"), ("location_id", "sensor_id", "period_from")
    recipe = Recipe("results", columns, unique, sort, "period_from")
    days = tuple(sorted(key_of(str(one)) or "" for one in raw.glob("raw/*/*/*")))
    return Transform(
        Ref("measurements_raw", "raw", days, uri=str(raw / "raw")), recipe,
        Ref("measurements", "processed", days, uri=str(into / "processed" / "measurements")),
        Ref("measurements", "quarantine", days, uri=str(into / "quarantine" / "measurements")),
    )  # fmt: skip
