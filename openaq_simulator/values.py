"""Synthetic values: a pure function of seed, sensor and time, shaped like Vietnamese air."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zlib import crc32
from zoneinfo import ZoneInfo

from .rows import DAY, HOUR, Row
from .stations import Climate, Pollutant

_MASK = (1 << 64) - 1
#: Relative level by local hour: peaks at 7-8 and 19-20, as in recorded profiles.
_TRAFFIC = (
    0.86, 0.84, 0.83, 0.86, 0.92, 1.06, 1.20, 1.26, 1.18, 1.02, 0.94, 0.90,
    0.85, 0.82, 0.84, 0.90, 1.00, 1.10, 1.19, 1.25, 1.22, 1.14, 1.04, 0.94,
)  # fmt: skip  # a table of many short cells
_DECIMALS = {4: 0, 125: 0, 98: 1, 100: 2}
#: Values the API's ingest would keep; others become null with a flag.
FAULTY = -999.0
STUCK = 985.0


def uniform(seed: int, *keys: int) -> float:
    """Return a number in [0, 1) that depends only on the seed and the keys."""
    state = seed & _MASK
    for key in keys:
        state = (state ^ (key & _MASK)) * 0x9E3779B97F4A7C15 & _MASK
        state ^= state >> 29
        state = state * 0xBF58476D1CE4E5B9 & _MASK
        state ^= state >> 32
    return (state >> 11) / (1 << 53)


@lru_cache(maxsize=65536)
def _knot(seed: int, location: int, span: int, index: int) -> float:
    """Return a roughly normal number (mean 0, deviation about 1) for one knot of slow noise."""
    return 1.73 * (sum(uniform(seed, location, span, index, i) for i in range(4)) - 2)


def slow_noise(seed: int, location: int, span: int, end: int) -> float:
    """Return noise that moves smoothly between knots `span` seconds apart, because weather persists."""
    index, rest = divmod(end, span)
    share = rest / span
    weight = share * share * (3 - 2 * share)
    left, right = _knot(seed, location, span, index), _knot(seed, location, span, index + 1)
    return left + (right - left) * weight


@dataclass(frozen=True)
class Sensor:
    """A sensor: its parameter, its location, and what its synthetic rows depend on."""

    id: int
    parameter: Pollutant
    location_id: int
    city: str
    climate: Climate
    timezone: str
    seed: int
    first: int | None
    last: int | None
    step: int = HOUR
    traits: frozenset[str] = frozenset()


@lru_cache(maxsize=16384)
def _local(zone: str, end: int) -> tuple[int, float]:
    """Return the local hour of a period's start and the elapsed share of the year."""
    start = datetime.fromtimestamp(end - 1, ZoneInfo(zone))
    return start.hour, start.timetuple().tm_yday / 365.25


@lru_cache(maxsize=16384)
def _fine_dust(seed: int, location: int, city: str, climate: Climate, zone: str, end: int) -> float:
    """Return PM2.5 in µg/m³ of a location for the hour ending at `end`."""
    hour, season = _local(zone, end)
    level = climate.mean + climate.winter * math.cos(2 * math.pi * (season - 0.03))
    weather = 0.34 * slow_noise(seed, crc32(city.encode()), 60 * HOUR, end)
    weather += 0.16 * slow_noise(seed, location, 11 * HOUR, end)
    station = 0.82 + 0.42 * uniform(seed, location, 1)
    jitter = 0.92 + 0.16 * uniform(seed, location, end)
    return max(0.4, level * _TRAFFIC[hour] * math.exp(weather) * station * jitter)


#: The value of each parameter from PM2.5, noise in [0, 1), traffic, sun, °C, and the climate's °C.
_FORMULAS: Mapping[int, Callable[[float, float, float, float, float, float], float]] = {
    1: lambda dust, share, *_: dust * (1.32 + 0.4 * share) + 2,
    2: lambda dust, *_: dust,
    3: lambda dust, share, traffic, sun, *_: 14 + 62 * sun + 14 * share,
    4: lambda dust, share, traffic, *_: 240 + 11 * dust * traffic + 120 * share,
    5: lambda dust, share, traffic, *_: 6 + 0.42 * dust * traffic + 6 * share,
    6: lambda dust, share, *_: 3 + 0.13 * dust + 5 * share,
    19: lambda dust, share, *_: dust * (0.62 + 0.1 * share),
    98: lambda dust, share, traffic, sun, warm, mean: max(
        28.0, min(99.0, 78 - 2.4 * (warm - mean) + 8 * share)
    ),
    100: lambda dust, share, traffic, sun, warm, mean: warm + 1.2 * (share - 0.5),
    125: lambda dust, share, *_: dust * (46 + 8 * share),
}


def ordinary(sensor: Sensor, end: int) -> float:
    """Return the value before any instrument fault; `end` is the end of its period."""
    hour_end = -(-end // HOUR) * HOUR
    hour, season = _local(sensor.timezone, hour_end)
    dust = _fine_dust(sensor.seed, sensor.location_id, sensor.city, sensor.climate, sensor.timezone, hour_end)
    if sensor.step < HOUR:
        dust *= 0.94 + 0.12 * uniform(sensor.seed, sensor.location_id, 5, end)
    share = uniform(sensor.seed, sensor.id, 2, end)
    climate, sun = sensor.climate, max(0.0, math.sin(math.pi * (hour - 6) / 13))
    warm = climate.warmth - climate.seasonal_warmth * math.cos(2 * math.pi * season)
    warm += 4.2 * math.sin(math.pi * (hour - 9) / 12)
    formula = _FORMULAS.get(sensor.parameter.id, _FORMULAS[2])
    value = formula(dust, share, _TRAFFIC[hour], sun, warm, climate.warmth)
    return round(value, _DECIMALS.get(sensor.parameter.id, 1))


def _absent(sensor: Sensor, end: int) -> bool:
    """Return whether the row is missing: single hours anywhere, days at the outage station."""
    if uniform(sensor.seed, sensor.id, 3, end // HOUR) < 0.004:
        return True
    if "outage" not in sensor.traits:
        return False
    cycle, since = divmod(end, 45 * DAY)
    start = int(uniform(sensor.seed, sensor.location_id, 4, cycle) * 40) * DAY
    return start < since <= start + 119 * HOUR


def _troubled(sensor: Sensor, end: int, value: float) -> Row:
    """Apply the faults that a station is known for."""
    chance, traits = uniform(sensor.seed, sensor.id, 6, end), sensor.traits
    if chance < 0.006:
        if "null-flags" in traits:
            return Row(end, None, True)
        bad = {"minus999": FAULTY, "zero": 0.0, "negative": -round(0.1 + 350 * chance, 1)}
        for trait in filter(traits.__contains__, bad):
            return Row(end, bad[trait])
    if "stuck985" in traits and _is_stuck(sensor, end):
        return Row(end, STUCK)
    return Row(end, value)


def _is_stuck(sensor: Sensor, end: int) -> bool:
    """Return whether a dust sensor repeats its value: six hours in about every nine days."""
    if sensor.parameter.id != 2:
        return False
    cycle, since = divmod(end, 9 * DAY)
    start = int(uniform(sensor.seed, sensor.location_id, 7, cycle) * 200) * HOUR
    return start < since <= start + 6 * HOUR


def synthetic_rows(sensor: Sensor, after: int, until: int) -> Iterator[Row]:
    """Return the rows with period end in `(after, until]` (Unix seconds), in time order."""
    step = sensor.step
    for end in range((after // step + 1) * step, until + 1, step):
        if not _absent(sensor, end):
            value = ordinary(sensor, end)
            yield _troubled(sensor, end, value) if sensor.traits else Row(end, value)


def unix(text: str) -> int:
    """Return the Unix seconds of an API timestamp such as 2024-01-01T00:00:00Z."""
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp())
