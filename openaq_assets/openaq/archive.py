"""``Fetch`` of the open-data bucket: OpenAQ's own files, byte for byte, without key or rate limit.

A file holds a location's local day and is stored under the raw day of that date. Each location and month is
listed once, and only files that exist and are not final in the lake are downloaded. A file is written 72
hours after its day, and again when its data change.
"""

import asyncio
import datetime as dt
import gzip
import logging
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from openaq_assets.errors import PlatformError
from openaq_assets.graph import partitions
from openaq_assets.graph.raw_keys import RawKey
from openaq_assets.graph.records import Facts
from openaq_assets.openaq.client import Answer, utcnow
from openaq_assets.openaq.fetch import RawPartition, in_a_loop, run_all
from openaq_assets.openaq.inventory import Sensor, sensors_to_fetch
from openaq_assets.openaq.operations import Fetch
from openaq_assets.openaq.settings import Api
from openaq_assets.platforms import ObjectStore, Progress, silent

EXTENSION = "csv.gz"
_TRIES = 5
#: Errors of the bucket itself, which every location would meet.
_HOPELESS = frozenset({"NoSuchBucket", "InvalidBucketName", "InvalidAccessKeyId", "InvalidRegion"})
_log = logging.getLogger("openaq_assets.openaq")


@dataclass(frozen=True, slots=True)
class Month:
    """The days of one month for which the files of one location are needed."""

    location: int
    days: tuple[str, ...]

    @property
    def prefix(self) -> str:
        """Return the prefix of the month's files in the bucket."""
        year, month, _ = self.days[0].split("-")
        return f"records/csv.gz/locationid={self.location}/year={year}/month={month}/"


def fetch_archive(
    operation: Fetch,
    store: ObjectStore,
    api: Api,
    progress: Progress = silent,
    *,
    now: Callable[[], dt.datetime] = utcnow,
) -> Mapping[str, Facts]:
    """Store the files of a bound ``Fetch``; return the facts of each of its days afterwards.

    ``rows`` and ``bytes`` are of the files of this run, ``objects`` and ``version`` of all that is stored.
    ``failures`` name the locations whose files could not be read; they keep what they had before. Raises
    PlatformError if there is no such bucket; what was stored stays.
    """
    days = {day: RawPartition.open(store, operation, day) for day in operation.into.partitions}
    sensors = sensors_to_fetch(operation, store, now().astimezone(dt.UTC).date())
    months = list(_months(operation, sensors, days))

    async def main() -> None:
        bucket = Bucket(api, days, now)
        threads = ThreadPoolExecutor(api.concurrency, "openaq-archive")
        asyncio.get_running_loop().set_default_executor(threads)
        tasks = [partial(bucket.fetch, month) for month in months]
        await run_all(tasks, api.concurrency, partial(progress, "Fetch archive"))

    if months:
        in_a_loop(main())
    return {day: partition.facts() for day, partition in days.items()}


def _months(operation: Fetch, sensors: Iterable[Sensor], days: Mapping[str, RawPartition]) -> Iterator[Month]:
    """Yield the months to list: those of a location with a day that may have data and is not final."""
    by_location: dict[int, list[Sensor]] = {}
    for sensor in sensors:
        by_location.setdefault(sensor.location, []).append(sensor)
    for location in sorted(by_location):
        wanted = [
            day
            for day, partition in sorted(days.items())
            if _may_have(by_location[location], day, operation.active_within_days)
            and not _is_final(operation, partition, location, day)
        ]
        for _, month in groupby(wanted, lambda day: day[:7]):
            yield Month(location, tuple(month))


def _may_have(sensors: Iterable[Sensor], day: str, active_within_days: int) -> bool:
    """Return whether a location may have data of a local day, which to the west ends a UTC day later."""
    utc_days = (day, partitions.around(day, 1)[-1])
    return any(sensor.may_have(utc, active_within_days) for sensor in sensors for utc in utc_days)


def _is_final(operation: Fetch, partition: RawPartition, location: int, day: str) -> bool:
    """Return whether a stored file cannot change any more, so that a killed run continues after it."""
    parts = tuple(_parts(location, day).items())
    stored = partition.newest.get(RawKey(partition.asset, parts, dt.datetime.min, "").request)
    final = partitions.window(day)[1] + dt.timedelta(hours=operation.settled_after_hours)
    return bool(stored and stored.retrieved >= final and not operation.again)


def _parts(location: int, day: str) -> dict[str, str]:
    return {"location": str(location), "date": day.replace("-", "")}


class Bucket:
    """The archive's bucket, and the days that its files go to."""

    def __init__(self, api: Api, days: Mapping[str, RawPartition], now: Callable[[], dt.datetime]) -> None:
        self._name, self._s3 = api.archive_bucket, _client(api)
        self._days, self._now = days, now

    async def fetch(self, month: Month) -> None:
        """Store the files of a location's month; a file that cannot be read is a failure of its day."""
        try:
            keys = await asyncio.to_thread(self._list, month)
        except _errors() as error:
            self._fail(month.location, month.days, error)
            return
        for day in month.days:
            key = f"{month.prefix}location-{month.location}-{day.replace('-', '')}.csv.gz"
            if key in keys:
                await self._fetch_day(month.location, day, key)

    def _list(self, month: Month) -> set[str]:
        """Return the keys of a month's files."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=month.prefix)
        return {entry["Key"] for page in pages for entry in page.get("Contents", ())}

    async def _fetch_day(self, location: int, day: str, key: str) -> None:
        try:
            answer = await asyncio.to_thread(self._read, key)
        except _errors() as error:
            if _code(error) in ("NoSuchKey", "404"):
                _log.warning("%s is no longer in the archive", key)
            else:
                self._fail(location, (day,), error)
            return
        await self._days[day].keep(answer, _parts(location, day), EXTENSION)

    def _read(self, key: str) -> Answer:
        """Return an object as an answer of the API; read it again if the connection breaks."""
        from botocore import exceptions as botocore

        broken = (botocore.IncompleteReadError, botocore.ReadTimeoutError, botocore.ResponseStreamingError)
        again = retry_if_exception_type(broken)
        wait = wait_random_exponential(multiplier=0.2, max=10)
        for attempt in Retrying(stop=stop_after_attempt(3), wait=wait, retry=again, reraise=True):
            with attempt:
                file: dict[str, Any] = self._s3.get_object(Bucket=self._name, Key=key)
                body: bytes = file["Body"].read()
        written = file.get("LastModified")
        headers = {"etag": str(file.get("ETag", "")), "last-modified": written.isoformat() if written else ""}
        url = f"s3://{self._name}/{key}"
        return Answer(url, 200, headers, {}, 1, None, self._now(), body, _lines(body))

    def _fail(self, location: int, days: Iterable[str], error: Exception) -> None:
        """Record a failure of some days; raise an error that every other location would meet too."""
        if _code(error) in _HOPELESS:
            raise PlatformError(f"the archive cannot be read: {error}") from None
        line = f"location {location}: {' '.join(str(error).split())}"
        _log.error("%s", line)
        for day in days:
            self._days[day].failures.append(line)


def _client(api: Api) -> Any:
    import boto3  # heavy, and only backfills need it
    from botocore import UNSIGNED
    from botocore.config import Config

    config = Config(
        signature_version=UNSIGNED,
        retries={"mode": "standard", "total_max_attempts": _TRIES},
        max_pool_connections=api.concurrency,
        connect_timeout=10,
        read_timeout=30,
        s3={"addressing_style": "path"} if api.archive_endpoint else {},
    )
    # A session of its own, because other threads may use the default session.
    return boto3.session.Session().client(
        "s3", region_name=api.archive_region, endpoint_url=api.archive_endpoint or None, config=config
    )


def _errors() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError

    return BotoCoreError, ClientError


def _code(error: Exception) -> str:
    response: Mapping[str, Any] = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))


def _lines(body: bytes) -> list[bytes]:
    """Return the rows of a file; none if it cannot be read, which the transform reports."""
    try:
        return gzip.decompress(body).split(b"\n")[1:-1]
    except (OSError, EOFError, zlib.error):
        return []
