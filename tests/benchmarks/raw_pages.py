"""Raw answers as OpenAQ gives them, made up: hours as one object a day or as long pages, and minutes."""

import datetime as dt
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from openaq_assets.graph.operations import Transform, from_json
from openaq_assets.graph.partitions import key_of, segment
from openaq_assets.graph.raw_keys import raw_key

ROOT = Path(__file__).resolve().parents[2]
FIRST = dt.date(2025, 1, 1)
PARAMETERS = ((2, "pm25", "µg/m³"), (1, "pm10", "µg/m³"), (7, "no2", "ppm"), (19, "pm1", "µg/m³"))
PAGE_ROWS = 1000
DAY, HOUR, AHEAD = dt.timedelta(days=1), dt.timedelta(hours=1), dt.timedelta(hours=7)
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


def sensor_day(sensor: int, day: dt.date, step: dt.timedelta = HOUR) -> list[str]:
    """Return the rows of a sensor and day: 97 % of the hours (or shorter periods)."""
    chance = random.Random(sensor * 1_000_003 + day.toordinal())
    number, name, units = PARAMETERS[sensor % len(PARAMETERS)]
    start = dt.datetime.combine(day, dt.time())
    rows = []
    for period in range(DAY // step):
        if chance.random() < 0.03:
            continue
        first, last = start + period * step, start + (period + 1) * step
        times = tuple(time.isoformat() for time in (first, first + AHEAD, last, last + AHEAD))
        value = chance.uniform(0, 80)
        more = tuple(f"{value + chance.random():.13g}" for _ in range(9))
        rows.append(ROW % (f"{value:.3g}", number, name, units, *times, *more, *times))
    return rows


def stored(root: Path, day: dt.date, sensor: int, rows: list[str], number: int = 1) -> None:
    """Store a page as a fetch does."""
    body = (META % (number, len(rows), ",".join(rows))).encode()
    retrieved = dt.datetime.combine(day, dt.time(3), dt.UTC) + dt.timedelta(days=2, seconds=sensor)
    parts = {"location": str(sensor // 4), "sensor": str(sensor), "page": f"{number:04d}"}
    folder = root / "raw" / segment(day.isoformat())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / str(raw_key("measurements_raw", parts, retrieved, body))).write_bytes(body)


def days_of(count: int) -> Iterator[dt.date]:
    """Return so many days."""
    return (FIRST + dt.timedelta(days=number) for number in range(count))


def make_days(root: Path, sensors: int, days: int) -> Path:
    """Return one object per sensor and day; made once and kept."""
    if not (root / "done").exists():
        for day in days_of(days):
            for sensor in range(1000, 1000 + sensors):
                stored(root, day, sensor, sensor_day(sensor, day))
        (root / "done").touch()
    return root


def make_pages(root: Path, sensors: int, days: int) -> Path:
    """Return the same rows in pages of a thousand, under the day each begins with."""
    if not (root / "done").exists():
        for sensor in range(1000, 1000 + sensors):
            paged(root, sensor, [(day, row) for day in days_of(days) for row in sensor_day(sensor, day)])
        (root / "done").touch()
    return root


def make_minutes(root: Path, sensors: int, days: int) -> Path:
    """Return a row a minute in pages of a thousand: each sensor and day is two pages, of that day alone."""
    if not (root / "done").exists():
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            list(pool.map(partial(minutes_of, root, sensors), days_of(days)))
        (root / "done").touch()
    return root


def minutes_of(root: Path, sensors: int, day: dt.date) -> None:
    """Make a day of rows per minute."""
    for sensor in range(1000, 1000 + sensors):
        paged(root, sensor, [(day, row) for row in sensor_day(sensor, day, HOUR / 60)])


def paged(root: Path, sensor: int, rows: list[tuple[dt.date, str]]) -> None:
    """Store rows as pages of a thousand."""
    for number, start in enumerate(range(0, len(rows), PAGE_ROWS), 1):
        some = rows[start : start + PAGE_ROWS]
        stored(root, some[0][0], sensor, [row for _, row in some], number)


RECIPE = "operation.json"


def write_operation(root: Path) -> None:
    """Write the Transform of conf/assets/processed.yaml to the file that ``operation`` reads."""
    from openaq_assets.graph.operations import to_json
    from openaq_assets.project.project import load

    graph = load(ROOT).graph
    (made,) = graph["measurements"].kind.operations(graph["measurements"], graph, (), ())
    root.mkdir(parents=True, exist_ok=True)
    (root / RECIPE).write_text(to_json(made), encoding="utf-8")


def operation(raw: Path, into: Path) -> Transform:
    """Return the Transform of the project's measurements, for every day there is."""
    made = from_json((raw.parent / RECIPE).read_text(encoding="utf-8"))
    assert isinstance(made, Transform)
    days = tuple(sorted(key_of(str(path)) or "" for path in raw.glob("raw/*/*/*")))
    located = lambda ref, *parts: replace(ref, partitions=days, uri="/".join(map(str, parts)))
    return replace(
        made,
        source=located(made.source, raw, "raw"),
        into=located(made.into, into, "processed", "measurements"),
        quarantine=located(made.quarantine, into, "quarantine", "measurements"),
    )
