"""Usage of AWS and its cost: pure functions of operations, measured facts, and rates.

Usage adds up, and so do dollars; more days, bytes or seconds never cost less. Free tiers and credits are
left out, because they end.
"""

import datetime as dt
import operator
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field, fields
from types import MappingProxyType
from typing import Any

from openaq_assets.errors import FieldError
from openaq_assets.graph.fields import field_doc
from openaq_assets.graph.operations import CreateView, Load, Operation, Query, Register, Transform
from openaq_assets.platforms.aws.settings import Aws

HOURS_PER_MONTH, DAYS_PER_MONTH = 730, 30
_TERABYTE, _GIGABYTE = 10**12, 10**9


@dataclass(frozen=True, slots=True)
class _Prices:
    def __post_init__(self) -> None:
        for declared in fields(self):
            price = getattr(self, declared.name)
            if isinstance(price, int | float) and price < 0:
                raise FieldError(
                    declared.name, f"expected a price of 0 or more, got {price}.", "Write 0 or more."
                )


@dataclass(frozen=True, slots=True)
class GlueRates(_Prices):
    """Glue: dollars per DPU and hour, DPUs of a job or crawler, and the minimum of billed seconds."""

    dpu_hour: float = field(metadata=field_doc("US dollars per DPU and hour.", 0.44))
    dpus: int = field(default=2, metadata=field_doc("The DPUs of a job or crawler.", 2))
    job_minimum_seconds: int = field(
        default=60, metadata=field_doc("The fewest seconds that are billed for a job.", 60)
    )
    crawler_minimum_seconds: int = field(
        default=600, metadata=field_doc("The fewest seconds that are billed for a crawl.", 600)
    )


@dataclass(frozen=True, slots=True)
class AthenaRates(_Prices):
    """Athena: dollars per terabyte scanned, and the minimum of billed bytes of a query."""

    terabyte: float = field(metadata=field_doc("US dollars per terabyte scanned.", 5.0))
    minimum_bytes: int = field(
        default=10_000_000, metadata=field_doc("The fewest bytes that are billed for a query.", 10_000_000)
    )


@dataclass(frozen=True, slots=True)
class S3Rates(_Prices):
    """S3: dollars per thousand requests, and per gigabyte and month."""

    thousand_writes: float = field(metadata=field_doc("US dollars per thousand PUT or LIST requests.", 0.005))
    thousand_reads: float = field(metadata=field_doc("US dollars per thousand GET requests.", 0.0004))
    gigabyte_month: float = field(metadata=field_doc("US dollars per gigabyte and month of storage.", 0.025))


@dataclass(frozen=True, slots=True)
class HostRates(_Prices):
    """The instance: dollars per hour by type, of its address, and of its disk."""

    hour: Mapping[str, float] = field(
        metadata=field_doc("US dollars per hour, by type of the instance.", {"t3.small": 0.0264})
    )
    address_hour: float = field(
        default=0.0, metadata=field_doc("US dollars per hour of a public IPv4 address.", 0.005)
    )
    disk_gigabyte_month: float = field(
        default=0.0, metadata=field_doc("US dollars per gigabyte and month of the disk.", 0.096)
    )
    disk_gigabytes: int = field(default=20, metadata=field_doc("The size of the disk in gigabytes.", 20))


@dataclass(frozen=True, slots=True)
class Rates:
    """The fields of conf/rates.yaml: prices of a region as they were on a day."""

    version: int = field(metadata=field_doc("The version of this file's format.", 1))
    as_of: dt.date = field(metadata=field_doc("The day on which these were the prices.", "2026-11-23"))
    glue: GlueRates = field(metadata=field_doc("Prices of Glue jobs and crawlers."))
    athena: AthenaRates = field(metadata=field_doc("Prices of Athena queries."))
    s3: S3Rates = field(metadata=field_doc("Prices of S3 requests and storage."))
    host: HostRates = field(metadata=field_doc("Prices of the instance that runs Airflow."))
    region: str = field(
        default="", metadata=field_doc("The region that the prices are of.", "ap-southeast-1")
    )


@dataclass(frozen=True, slots=True)
class Usage:
    """Usage: billed seconds of the job and the crawler, bytes scanned and stored, requests to S3."""

    job_seconds: float = 0.0
    crawler_seconds: float = 0.0
    scanned: float = 0.0
    writes: float = 0.0
    reads: float = 0.0
    kept: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        """Return the sum of both."""
        return Usage(*map(operator.add, astuple(self), astuple(other)))

    def times(self, number: float) -> "Usage":
        """Return the usage multiplied by a number."""
        return Usage(*(value * number for value in astuple(self)))


@dataclass(frozen=True, slots=True)
class Known:
    """Averages of one partition of an asset in the ledger; ``table_*`` are totals of what its queries read.

    The defaults are for an asset that was never made: 200 objects of 5 kB each.
    """

    objects: float = 200.0
    bytes: float = 1_000_000.0
    seconds: float = 0.0
    table_bytes: float = 10_000_000.0
    table_files: float = 31.0
    measured: bool = False


def dollars(usage: Usage, rates: Rates) -> float:
    """Return the cost of usage in dollars, without the cost of storage."""
    dpu_seconds = (usage.job_seconds + usage.crawler_seconds) * rates.glue.dpus
    return (
        dpu_seconds * rates.glue.dpu_hour / 3600
        + usage.scanned * rates.athena.terabyte / _TERABYTE
        + usage.writes * rates.s3.thousand_writes / 1000
        + usage.reads * rates.s3.thousand_reads / 1000
    )


def keeping(usage: Usage, rates: Rates) -> float:
    """Return the cost of storage in dollars per month."""
    return usage.kept * rates.s3.gigabyte_month / _GIGABYTE


def host_month(rates: Rates, kind: str) -> float:
    """Return the cost in dollars of an instance that runs all month; raise KeyError for an unknown type."""
    hourly = rates.host.hour[kind] + rates.host.address_hour
    disk = rates.host.disk_gigabytes * rates.host.disk_gigabyte_month
    return hourly * HOURS_PER_MONTH + disk


OwnUsage = Callable[[Any, int, Known, Aws, Rates], Usage]


def usage_of(
    operation: Operation,
    days: int,
    known: Known,
    aws: Aws,
    rates: Rates,
    own: Mapping[type, OwnUsage] = MappingProxyType({}),
) -> Usage:
    """Return the usage of an operation on so many partitions.

    ``own`` are the functions that return the usage of the operations of plugins.
    """
    if price := own.get(type(operation)):
        return price(operation, days, known, aws, rates)
    match operation:
        case Transform():
            return _transform(days, known, aws, rates)
        case Register():
            seconds = (
                max(rates.glue.crawler_minimum_seconds, known.seconds) if aws.catalog == "crawler" else 0.0
            )
            return Usage(crawler_seconds=seconds, writes=1 + days / 1000)
        case Load():
            return Usage(writes=2, kept=known.bytes if known.measured else 0)
        case CreateView():  # free in Athena, but it writes a result
            return Usage(writes=2)
        case Query():  # each file is listed and read twice: its footer and its rows
            scanned = max(rates.athena.minimum_bytes, known.table_bytes)
            files = known.table_files
            return Usage(scanned=scanned, reads=2 * files, writes=2 + files / 1000)
    return Usage()


_JOB_STARTS, _JOB_PER_DAY = 60.0, 10.0  # seconds: 150 files took 16-24 s of Spark once it ran


def _transform(days: int, known: Known, aws: Aws, rates: Rates) -> Usage:
    """Return the usage of a Transform, which reads every raw object and writes one file per day."""
    requests = Usage(reads=known.objects * days, writes=3.0 * days, kept=known.bytes * days / 100)
    if aws.transform != "glue":
        return requests
    guessed = _JOB_STARTS + _JOB_PER_DAY * days
    seconds = known.seconds * days if known.measured and known.seconds else guessed
    return requests + Usage(job_seconds=max(rates.glue.job_minimum_seconds, seconds))


def shown(amount: float) -> str:
    """Return dollars as text for people: ``$0``, ``< $0.01``, ``$12.34``."""
    if amount <= 0:
        return "$0"
    return "< $0.01" if amount < 0.01 else f"${amount:,.2f}"
