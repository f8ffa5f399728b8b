"""Rows as the API's JSON text, and pages of them.

Texts are built from strings, because rendering is most of the work.
"""

import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from .parameters import Criteria
from .rows import Period, Row, Summary, significant
from .stations import Pollutant
from .values import Sensor
from .world import Json, parameter_json

_SUMMARY = "{" + ",".join(f'"{key}":%s' for key in Summary._fields) + "}"
NO_SUMMARY = _SUMMARY.replace("%s", "null")


def utc_text(moment: int) -> str:
    """Return Unix seconds as 2024-01-29T15:00:00Z."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_json(moment: int, zone: str) -> Json:
    """Return a moment in UTC and local time as the API's object."""
    return {"utc": utc_text(moment), "local": datetime.fromtimestamp(moment, ZoneInfo(zone)).isoformat()}


@lru_cache(maxsize=65536)
def _moment(moment: int, zone: str) -> str:
    return text_of(moment_json(moment, zone))


def text_of(value: object) -> str:
    """Return compact JSON with unescaped UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@cache
def _parameter(pollutant: Pollutant) -> str:
    return text_of(parameter_json(pollutant, display=False))


def _number(value: float | None) -> str:
    """Return a float with its decimal point; null for null and NaN."""
    return "null" if value is None or not math.isfinite(value) else repr(float(value))


@cache
def clock_text(seconds: int) -> str:
    """Return a duration as HH:MM:SS, with as many hours as it has."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"


def _flags(flagged: bool) -> str:
    return f'"flagInfo":{{"hasFlags":{"true" if flagged else "false"}}}'


def _span(first: int, last: int, zone: str) -> str:
    return f'"datetimeFrom":{_moment(first, zone)},"datetimeTo":{_moment(last, zone)}'


def raw_text(row: Row, sensor: Sensor) -> str:
    """Return a raw row as JSON text."""
    interval = clock_text(sensor.step)
    span = _span(row.end - sensor.step, row.end, sensor.timezone)
    return (
        f'{{"value":{_number(row.value)},{_flags(row.flagged)},'
        f'"parameter":{_parameter(sensor.parameter)},'
        f'"period":{{"label":"raw","interval":"{interval}",{span}}},'
        f'"coordinates":null,"summary":null,"coverage":{{"expectedCount":1,'
        f'"expectedInterval":"{interval}","observedCount":1,"observedInterval":"{interval}",'
        f'"percentComplete":100.0,"percentCoverage":100.0,{span}}}}}'
    )


def coverage_text(observed: int, step: int, duration: int, first: int, last: int, zone: str) -> str:
    """Return the coverage of a period of `duration` seconds by values `step` seconds apart."""
    expected = duration / step
    percent = math.floor(100 * observed / expected + 0.5) if expected else 0
    return (
        f'{{"expectedCount":{math.floor(expected + 0.5)},'
        f'"expectedInterval":"{clock_text(duration)}","observedCount":{observed},'
        f'"observedInterval":"{clock_text(step * observed)}","percentComplete":{percent}.0,'
        f'"percentCoverage":{percent}.0,{_span(first, last, zone)}}}'
    )


def _summary(summary: Summary | None) -> str:
    if summary is None:
        return NO_SUMMARY
    if summary.sd is None:  # of a single value
        return _SUMMARY % (*[_number(summary.avg)] * 8, "null")
    return _SUMMARY % tuple(map(_number, summary))


def period_text(period: Period, sensor: Sensor, label: str, interval: str, coverage: str) -> str:
    """Return a summarised period as JSON text."""
    value = None if period.value is None else significant(period.value)
    return (
        f'{{"value":{_number(value)},{_flags(period.flagged)},'
        f'"parameter":{_parameter(sensor.parameter)},'
        f'"period":{{"label":"{label}","interval":"{interval}",'
        f"{_span(period.start, period.end, sensor.timezone)}}},"
        f'"coordinates":null,"summary":{_summary(period.summary)},"coverage":{coverage}}}'
    )


class Page(NamedTuple):
    """The rows of a page as JSON texts, and the value of `meta.found`."""

    results: Sequence[str]
    total: int | str


def total_of(count: int, limit: int) -> int | str:
    """Return `meta.found` for a page of `count` rows whose total the API does not count."""
    return f">{limit}" if count == limit else count


def sliced(
    items: Sequence[Json], criteria: Criteria, counted: bool, shape: Callable[[Json], Json] = Json
) -> Page:
    """Return a page of objects, each as `shape` makes it; `counted` pages have the true total."""
    shown = items[criteria.offset : criteria.offset + criteria.limit]
    total = len(items) if counted and shown else total_of(len(shown), criteria.limit)
    return Page([text_of(shape(item)) for item in shown], total)
