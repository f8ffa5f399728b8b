"""The open-data bucket as OpenAQ writes it: one gzipped CSV per location and local day.

Rows are those of ``/measurements``; rows without a value are not in the archive.
"""

import csv
import gzip
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from .rows import Row
from .values import Sensor
from .world import Json, World

COLUMNS = (
    "location_id", "sensors_id", "location", "datetime", "lat", "lon",
    "parameter", "units", "value",
)  # fmt: skip  # a table of many short cells
#: The time from the end of a local day until its file is written.
WRITTEN_AFTER = timedelta(hours=72)
#: Files of earlier days have quotes only where CSV needs them.
QUOTED_FROM = date(2024, 1, 1)


def archive_objects(world: World, first: date, last: date, now: datetime) -> Iterator[tuple[str, bytes]]:
    """Return the key and bytes of every file of the local days from first to last, as of ``now``."""
    for location in world.locations:
        sensors = [known for known in world.sensors.values() if known.location_id == location["id"]]
        for number in range(first.toordinal(), last.toordinal() + 1):
            day = date.fromordinal(number)
            rows = list(_rows(world, location, sensors, day, now))
            if rows:
                yield key_of(location["id"], day), _file(rows, day)


def key_of(location: int, day: date) -> str:
    """Return the key of a location's local day."""
    folder = f"records/csv.gz/locationid={location}/year={day:%Y}/month={day:%m}"
    return f"{folder}/location-{location}-{day:%Y%m%d}.csv.gz"


def _rows(
    world: World, location: Json, sensors: Iterable[Sensor], day: date, now: datetime
) -> Iterator[tuple[object, ...]]:
    zone = ZoneInfo(location["timezone"])
    after, until = (_midnight(start, zone) for start in (day, day + timedelta(days=1)))
    if now < datetime.fromtimestamp(until, UTC) + WRITTEN_AFTER:
        return
    for sensor in sorted(sensors, key=lambda known: known.id):
        for row in world.raw_rows(sensor, after, until):
            if row.value is not None:
                yield _cells(location, sensor, row, zone)


def _midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def _cells(location: Json, sensor: Sensor, row: Row, zone: ZoneInfo) -> tuple[object, ...]:
    at, shown = location.get("coordinates") or {}, sensor.parameter
    return (
        location["id"],
        sensor.id,
        f"{location['name']}-{_system(location['id'])}",
        datetime.fromtimestamp(row.end, zone).isoformat(),
        _text(at.get("latitude")),
        _text(at.get("longitude")),
        shown.name,
        shown.units,
        _text(row.value),
    )


def _system(location: int) -> int:
    """Return the number behind a name: often, but not always, the location's id."""
    return location if location % 2 else location - 30097


def _text(number: float | None) -> str:
    return "" if number is None else repr(float(number))


def _file(rows: Iterable[tuple[object, ...]], day: date) -> bytes:
    # Ids are numbers and have no quotes; everything else is written as text.
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    if day >= QUOTED_FROM:
        writer = csv.writer(buffer, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return gzip.compress(buffer.getvalue().encode(), mtime=0)
