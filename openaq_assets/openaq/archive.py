"""``Fetch`` of the open-data bucket: OpenAQ's own files, byte for byte, without key or rate limit.

One file holds a location's local day and is kept under the raw day of that date. Each location and
month is listed once, and only what is there, and is not final in the lake, is downloaded. Files are
written 72 hours after their day, and again when its data change.
"""

import dataclasses
import datetime as dt
import gzip
import logging
import re
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from openaq_assets.errors import PlatformError
from openaq_assets.graph import partitions
from openaq_assets.graph.raw_keys import RawKey, raw_key
from openaq_assets.graph.records import Facts
from openaq_assets.openaq.client import utcnow
from openaq_assets.openaq.fetch import RawPartition
from openaq_assets.openaq.inventory import Sensor, sensors_to_ask
from openaq_assets.openaq.operations import Fetch
from openaq_assets.openaq.settings import Api
from openaq_assets.platforms import ObjectStore, Progress, silent

EXTENSION = "csv.gz"
_TRIES = 5
_FILE = re.compile(r".*/location-(\d+)-(\d{8})\.csv\.gz", re.ASCII)
#: The bucket itself cannot be used: no location of it can.
_HOPELESS = frozenset({"NoSuchBucket", "InvalidBucketName", "InvalidAccessKeyId", "InvalidRegion"})
_log = logging.getLogger("openaq_assets.openaq")


@dataclass(frozen=True, slots=True)
class Month:
    """The days of one month whose files of one location are wanted."""

    location: int
    days: tuple[str, ...]

    @property
    def prefix(self) -> str:
        """Where the bucket keeps the month."""
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
    """Store the files of a bound ``Fetch``; what is true of each of its days afterwards.

    ``rows`` and ``bytes`` are of the files of this run, ``objects`` and ``version`` of all that is
    stored, ``failures`` name the locations that could not be had: they keep what they had before.
    Raises PlatformError if there is no such bucket; what was stored stays.
    """
    shelves = {day: RawPartition.open(store, operation, day) for day in operation.into.partitions}
    sensors = sensors_to_ask(operation, store, now().astimezone(dt.UTC).date())
    months = list(_months(operation, sensors, shelves))
    if months:
        bucket = Bucket(api, store, shelves, now)
        _all(months, bucket.fetch, max(1, api.concurrency), partial(progress, "Fetch archive"))
    return {day: shelf.facts() for day, shelf in shelves.items()}


def _months(
    operation: Fetch, sensors: Iterable[Sensor], shelves: Mapping[str, RawPartition]
) -> Iterator[Month]:
    """The months to list: of each location those with a day that may have data and is not final."""
    by_location: dict[int, list[Sensor]] = {}
    for sensor in sensors:
        by_location.setdefault(sensor.location, []).append(sensor)
    for location in sorted(by_location):
        wanted = [
            day
            for day, shelf in sorted(shelves.items())
            if _may_have(by_location[location], day, operation.active_within_days)
            and not _is_final(operation, shelf, location, day)
        ]
        for _, days in groupby(wanted, lambda day: day[:7]):
            yield Month(location, tuple(days))


def _may_have(sensors: Iterable[Sensor], day: str, active_within_days: int) -> bool:
    """Whether a location may have data of a local day: to the west it ends a UTC day later."""
    near = (day, partitions.around(day, 1)[-1])
    return any(sensor.may_have(one, active_within_days) for sensor in sensors for one in near)


def _is_final(operation: Fetch, shelf: RawPartition, location: int, day: str) -> bool:
    """Whether a file is stored that will not change any more: a killed run goes on after it."""
    stored = shelf.newest.get(_request(shelf.asset, location, day))
    settled = dt.timedelta(hours=operation.settled_after_hours)
    final = partitions.window(day)[1] + settled
    return bool(stored and stored.retrieved >= final and not operation.again)


def _parts(location: int, day: str) -> dict[str, str]:
    return {"location": str(location), "date": day.replace("-", "")}


def _request(asset: str, location: int, day: str) -> str:
    return RawKey(asset, tuple(_parts(location, day).items()), dt.datetime.min, "").request


@dataclass
class Bucket:
    """The archive's bucket, and the shelves its files go to; safe for threads."""

    api: Api
    store: ObjectStore
    shelves: Mapping[str, RawPartition]
    now: Callable[[], dt.datetime]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._s3 = _client(self.api)

    def fetch(self, month: Month) -> None:
        """Store the files of a location's month; what cannot be had is a failure of its days."""
        try:
            there = self._listed(month)
        except _errors() as error:
            return self._fail(month.location, month.days, error)
        for day in month.days:
            if day in there:
                self._fetch_day(month.location, day, there[day])
        return None

    def _listed(self, month: Month) -> dict[str, str]:
        """The keys of a month's files by day."""
        pages = self._s3.get_paginator("list_objects_v2")
        found = {}
        for page in pages.paginate(Bucket=self.api.archive_bucket, Prefix=month.prefix):
            for one in page.get("Contents", ()):
                named = _FILE.fullmatch(one["Key"])
                if named and int(named[1]) == month.location:
                    found[f"{named[2][:4]}-{named[2][4:6]}-{named[2][6:]}"] = one["Key"]
        return found

    def _fetch_day(self, location: int, day: str, key: str) -> None:
        try:
            answer = self._read(key)
        except _errors() as error:
            if _code(error) in ("NoSuchKey", "404"):
                _log.warning("%s was taken out of the archive", key)
            else:
                self._fail(location, (day,), error)
            return
        self._keep(self.shelves[day], _parts(location, day), key, answer)

    def _read(self, key: str) -> Mapping[str, Any]:
        """An object with its whole body; one that breaks off is read again."""
        from botocore import exceptions as botocore

        broken = (botocore.IncompleteReadError, botocore.ReadTimeoutError, botocore.ResponseStreamingError)
        again = retry_if_exception_type(broken)
        wait = wait_random_exponential(multiplier=0.2, max=10)
        for attempt in Retrying(stop=stop_after_attempt(3), wait=wait, retry=again, reraise=True):
            with attempt:
                at = {"Bucket": self.api.archive_bucket, "Key": key}
                answer: dict[str, Any] = self._s3.get_object(**at)
                answer["Body"] = answer["Body"].read()
        return answer

    def _keep(
        self, shelf: RawPartition, parts: Mapping[str, str], key: str, answer: Mapping[str, Any]
    ) -> None:
        """Store a file unless it says nothing new; count it either way."""
        body: bytes = answer["Body"]
        retrieved = self.now()
        name = raw_key(shelf.asset, parts, retrieved, body, EXTENSION)
        latest = shelf.newest.get(name.request)
        if latest is None or latest.digest != name.digest:
            if latest:  # a clock set back must not leave the older file the latest
                after = latest.retrieved + dt.timedelta(seconds=1)
                name = dataclasses.replace(name, retrieved=max(name.retrieved, after))
            about = _metadata(f"s3://{self.api.archive_bucket}/{key}", answer, retrieved)
            self.store.put_new(f"{shelf.uri}/{name}", body, about)
            with self._lock:
                shelf.note(name)
        with self._lock:
            shelf.rows += _lines(body)
            shelf.bytes += len(body)

    def _fail(self, location: int, days: Iterable[str], error: Exception) -> None:
        """Note a failure of some days; raise what no other location can escape."""
        if _code(error) in _HOPELESS:
            raise PlatformError(f"the archive cannot be read: {error}") from None
        line = f"location {location}: {' '.join(str(error).split())}"
        _log.error("%s", line)
        with self._lock:
            for day in days:
                self.shelves[day].failures.append(line)


def _client(api: Api) -> Any:
    import boto3  # heavy, and only backfills need it
    from botocore import UNSIGNED
    from botocore.config import Config

    config = Config(
        signature_version=UNSIGNED,
        retries={"mode": "standard", "total_max_attempts": _TRIES},
        max_pool_connections=max(1, api.concurrency),
        connect_timeout=10,
        read_timeout=30,
        s3={"addressing_style": "path"} if api.archive_endpoint else {},
    )
    # A session of its own: the default one may be in use by other threads.
    return boto3.session.Session().client(
        "s3", region_name=api.archive_region, endpoint_url=api.archive_endpoint or None, config=config
    )


def _errors() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError

    return BotoCoreError, ClientError


def _code(error: Exception) -> str:
    response: Mapping[str, Any] = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))


def _all(
    months: list[Month],
    fetch: Callable[[Month], None],
    concurrency: int,
    progress: Callable[[int, int], None],
) -> None:
    """Fetch all months, some at a time; the first thing that must stop the run is raised."""
    progress(0, len(months))
    with ThreadPoolExecutor(concurrency, "openaq-archive") as pool:
        ahead = [pool.submit(fetch, month) for month in months]
        try:
            for done, one in enumerate(as_completed(ahead), 1):
                one.result()
                progress(done, len(months))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _lines(body: bytes) -> int:
    """How many rows a file has; none if it cannot be read, which the transform will tell."""
    try:
        return max(0, gzip.decompress(body).count(b"\n") - 1)
    except (OSError, EOFError, zlib.error):
        return 0


def _metadata(url: str, answer: Mapping[str, Any], retrieved: dt.datetime) -> dict[str, str]:
    """What is known of a file beside its bytes, as of an answer of the API."""
    written = answer.get("LastModified")
    return {
        "url": url,
        "status": "200",
        "retrieved": retrieved.astimezone(dt.UTC).isoformat(timespec="milliseconds"),
        "etag": str(answer.get("ETag", "")),
        "last-modified": written.isoformat() if written else "",
    }
