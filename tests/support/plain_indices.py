"""The rules of the serving views again, hour by hour in plain Python with exact fractions, from docs/explanation/views.md alone."""

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

HOUR = dt.timedelta(hours=1)
WEIGHTS = {"o3": Fraction(48), "no2": Fraction("46.01"), "so2": Fraction("64.07"), "co": Fraction("28.01")}
VOLUME = Fraction("24.45")
ORDER = ("pm25", "pm10", "o3", "no2", "so2", "co")
SENTINELS = (-9999, -999, -99, 985, 999, 9999, 99999)
PER_PPB: Mapping[str, Callable[[Fraction], Fraction]] = {
    "ppb": lambda weight: Fraction(1), "ppm": lambda weight: Fraction(1000), "µg/m³": lambda weight: VOLUME / weight,
}
FAIL = {"pm25": (-10, 1000), "pm10": (-15, 1500), "o3": (-5, 1250), "no2": (-5, 4100), "so2": (-5, 2010), "co": (-500, 265000)}
US = {
    "pm25": (10, [(0, 90, 0, 50), (91, 354, 51, 100), (355, 554, 101, 150), (555, 1254, 151, 200), (1255, 2254, 201, 300), (2255, 3254, 301, 500)]),
    "pm10": (1, [(0, 54, 0, 50), (55, 154, 51, 100), (155, 254, 101, 150), (255, 354, 151, 200), (355, 424, 201, 300), (425, 604, 301, 500)]),
    "o3_8h": (1000, [(0, 54, 0, 50), (55, 70, 51, 100), (71, 85, 101, 150), (86, 105, 151, 200), (106, 200, 201, 300)]),
    "o3_1h": (1000, [(125, 164, 101, 150), (165, 204, 151, 200), (205, 404, 201, 300), (405, 604, 301, 500)]),
    "co": (10, [(0, 44, 0, 50), (45, 94, 51, 100), (95, 124, 101, 150), (125, 154, 151, 200), (155, 304, 201, 300), (305, 504, 301, 500)]),
    "so2_1h": (1, [(0, 35, 0, 50), (36, 75, 51, 100), (76, 185, 101, 150), (186, 304, 151, 200)]),
    "so2_24h": (1, [(305, 604, 201, 300), (605, 1004, 301, 500)]),
    "no2": (1, [(0, 53, 0, 50), (54, 100, 51, 100), (101, 360, 101, 150), (361, 649, 151, 200), (650, 1249, 201, 300), (1250, 2049, 301, 500)]),
}
VN = {
    "o3_1h": (0, 160, 200, 300, 400, 800, 1000, 1200), "o3_8h": (0, 100, 120, 170, 210, 400),
    "co": (0, 10000, 30000, 45000, 60000, 90000, 120000, 150000), "so2": (0, 125, 350, 550, 800, 1600, 2100, 2630),
    "no2": (0, 100, 200, 700, 1200, 2350, 3100, 3850), "pm10": (0, 50, 150, 250, 350, 420, 500, 600),
    "pm25": (0, 25, 50, 80, 150, 250, 350, 500),
}
VN_INDEX = (0, 50, 100, 150, 200, 300, 400, 500)
ENDLESS = ("pm25", "pm10", "o3_1h", "co", "so2_24h", "no2")


@dataclass(frozen=True)
class Hour:
    """An hour of a sensor; ``at`` counts hours of UTC."""

    location: int
    sensor: int
    parameter: str
    unit: str
    at: int
    value: float | None


def half_up(number: Fraction) -> int:
    """Return the nearest whole number, upwards from the middle."""
    return math.floor(number + Fraction(1, 2))


def six(number: Fraction) -> Fraction:
    """Return a number rounded to six decimals, as in a column."""
    return Fraction(half_up(abs(number) * 10**6), 10**6) * (1 if number >= 0 else -1)


def us_index(table: str, concentration: Fraction) -> int | None:
    """Return the US sub-index of a concentration in the unit of its table; None where the table has no line."""
    scale, lines = US[table]
    cut = math.floor(max(six(concentration), Fraction(0)) * scale)
    for n, (low, high, index_low, index_high) in enumerate(lines):
        last = n == len(lines) - 1 and table in ENDLESS
        if low <= cut and (cut <= high or last):
            return half_up(Fraction((index_high - index_low) * (cut - low), high - low) + index_low)
    return 200 if table == "so2_1h" and cut > 304 else None


def vn_index(table: str, concentration: Fraction) -> int | None:
    """Return the VN sub-index of a concentration in µg/m³."""
    points, value = VN[table], max(six(concentration), Fraction(0))
    if value >= points[-1]:
        if table == "o3_8h":
            return 300 if value == points[-1] else None
        return 500
    n = next(n for n in range(len(points)) if value < points[n + 1])
    rise = Fraction(VN_INDEX[n + 1] - VN_INDEX[n], points[n + 1] - points[n])
    return half_up(rise * (value - points[n]) + VN_INDEX[n])


def valid(hours: Iterable[Hour]) -> list[Hour]:
    """Return the hours that are measurements."""
    known = {(hour.sensor, hour.unit, hour.at): hour for hour in hours if sound(hour)}
    return [hour for (sensor, unit, at), hour in known.items()
            if any(known.get((sensor, unit, at - n), _NONE).value != hour.value for n in range(24))]


_NONE = Hour(0, 0, "", "", 0, None)


def sound(hour: Hour) -> bool:
    """Return whether an hour is a measurement, without looking at other hours."""
    if hour.value is None or not math.isfinite(hour.value) or hour.parameter not in FAIL:
        return False
    particle = hour.parameter.startswith("pm")
    if particle != (hour.unit == "µg/m³") and (particle or hour.unit not in PER_PPB):
        return False
    if hour.value in SENTINELS and not (hour.parameter == "co" and hour.value in (985, 999, 9999)):
        return False
    low, high = FAIL[hour.parameter]
    per = Fraction(1) if particle else PER_PPB[hour.unit](WEIGHTS[hour.parameter])
    return low <= Fraction(hour.value) * per <= high


def ppb(hour: Hour) -> Fraction:
    """Return a gas in ppb, a particle unchanged."""
    value = Fraction(str(hour.value))
    return value if hour.parameter.startswith("pm") else value * PER_PPB[hour.unit](WEIGHTS[hour.parameter])


def in_ugm3(parameter: str, value: Fraction) -> Fraction:
    """Return ppb as µg/m³; a particle unchanged."""
    return value if parameter.startswith("pm") else value * WEIGHTS[parameter] / VOLUME


def in_us(parameter: str, value: Fraction) -> Fraction:
    """Return ppb in the unit of the US index."""
    return value / 1000 if parameter in ("o3", "co") else value


def mean(values: Sequence[Fraction]) -> Fraction:
    """Return the mean."""
    return sum(values, Fraction(0)) / len(values)


Indices = dict[str, tuple[int, str]]


def highest(indices: Iterable[tuple[str, int | None]], particles_needed: bool) -> tuple[int, str] | None:
    """Return the highest index with its pollutant, the first in order among equals."""
    known = [(index, pollutant) for pollutant, index in indices if index is not None]
    if not known or (particles_needed and not any(pollutant.startswith("pm") for _, pollutant in known)):
        return None
    return max(known, key=lambda entry: (entry[0], -ORDER.index(entry[1])))


def best_sensor(hours: Iterable[Hour], rank: Callable[[list[Hour]], Any]) -> list[Hour]:
    """Return the hours of the sensor (and unit) that ranks lowest."""
    series: dict[tuple[int, str], list[Hour]] = defaultdict(list)
    for hour in hours:
        series[hour.sensor, hour.unit].append(hour)
    return min(series.items(), key=lambda entry: (rank(entry[1]), entry[0]))[1] if series else []


def nowcast(values: Mapping[int, Fraction]) -> Fraction | None:
    """Return the NowCast of hours by their age."""
    kept = {age: max(value, Fraction(0)) for age, value in values.items() if age < 12}
    if sum(1 for age in kept if age < 3) < 2:
        return None
    if max(kept.values()) == 0:
        return Fraction(0)
    weight = max(min(kept.values()) / max(kept.values()), Fraction(1, 2))
    return sum(weight**age * value for age, value in kept.items()) / sum(weight**age for age in kept)


def latest(hours: Sequence[Hour]) -> dict[int, dict[str, Any]]:
    """Return by location the newest valid hour and the present index of each scheme."""
    good, latest_by_location = valid(hours), {}
    for location in {hour.location for hour in good}:
        own = [hour for hour in good if hour.location == location]
        reported = [hour for hour in hours if hour.location == location and known_unit(hour)]
        now = max(hour.at for hour in reported)
        us: list[tuple[str, int | None]] = []
        vn: list[tuple[str, int | None]] = []
        for parameter in ORDER:
            of = best_sensor([hour for hour in own if hour.parameter == parameter], lambda some, now=now: rank_now(some, now))
            _now(parameter, {now - hour.at: ppb(hour) for hour in of}, us, vn)
        latest_by_location[location] = {"as_of": max(hour.at for hour in own), "us": highest(us, False), "vn": highest(vn, True)}
    return latest_by_location


def known_unit(hour: Hour) -> bool:
    """Return whether an hour's unit can be converted."""
    return hour.parameter in FAIL and (hour.unit == "µg/m³" or (not hour.parameter.startswith("pm") and hour.unit in PER_PPB))


def rank_now(some: Sequence[Hour], now: int) -> tuple[int, int]:
    """Return the newest hour first, then the most hours of the last twelve."""
    return now - max(hour.at for hour in some), -sum(1 for hour in some if now - hour.at < 12)


def _now(parameter: str, ages: Mapping[int, Fraction], us: list[Any], vn: list[Any]) -> None:
    if parameter.startswith("pm"):
        cast = nowcast(ages)
        if cast is not None:
            us.append((parameter, us_index(parameter, cast)))
            vn.append((parameter, vn_index(parameter, cast)))
        return
    if parameter == "o3":
        recent = next((ages[age] for age in range(3) if age in ages), None)
        if recent is not None:
            us.append(("o3", us_index("o3_8h", in_us("o3", Fraction("0.85") * recent + Fraction("4.5")))))
    if parameter == "co" and sum(1 for age in ages if age < 8) >= 6:
        us.append(("co", us_index("co", in_us("co", mean([value for age, value in ages.items() if age < 8])))))
    whole_day = [value for age, value in ages.items() if age < 24]
    if parameter == "so2" and len(whole_day) >= 18:
        us.append(("so2", us_index("so2_24h", mean(whole_day))))
    if 0 in ages:
        if parameter != "co":
            us.append((parameter, us_index({"o3": "o3_1h", "so2": "so2_1h"}.get(parameter, parameter), in_us(parameter, ages[0]))))
        vn.append((parameter, vn_index("o3_1h" if parameter == "o3" else parameter, in_ugm3(parameter, ages[0]))))


def daily(hours: Sequence[Hour], ahead: int = 7) -> dict[tuple[int, int], dict[str, Any]]:
    """Return by (location, local day) the means, hours and indices of the day; days count from hour 0."""
    good, days = valid(hours), {}
    for location, day in {(hour.location, (hour.at + ahead) // 24) for hour in good}:
        row: dict[str, Any] = {"hours": 0}
        us: list[tuple[str, int | None]] = []
        vn: list[tuple[str, int | None]] = []
        for parameter in ORDER:
            own = [hour for hour in good if hour.location == location and hour.parameter == parameter]
            of = best_sensor([hour for hour in own if (hour.at + ahead) // 24 == day], lambda some: -len(some))
            if not of:
                row[parameter] = None
                continue
            sensor = (of[0].sensor, of[0].unit)
            clock = {hour.at + ahead - 24 * day: ppb(hour) for hour in own if (hour.sensor, hour.unit) == sensor}
            row[parameter] = in_ugm3(parameter, mean([value for at, value in clock.items() if 0 <= at < 24]))
            if parameter == "pm25":
                row["hours"] = len(of)
            _day(parameter, clock, us, vn)
        # Gases alone would call a day clean whose PM2.5 is known for too few hours.
        us_shown = us if row["pm25"] is None or row["hours"] >= 18 else []
        days[location, day] = row | {"us": highest(us_shown, False), "vn": highest(vn, True)}
    return days


def _eight(clock: Mapping[int, Fraction], first: int) -> Fraction | None:
    there = [clock[at] for at in range(first, first + 8) if at in clock]
    return mean(there) if len(there) >= 6 else None


def _day(parameter: str, clock: Mapping[int, Fraction], us: list[Any], vn: list[Any]) -> None:
    today = [value for at, value in clock.items() if 0 <= at < 24]
    if parameter == "o3":
        begun = [average for average in (_eight(clock, first) for first in range(7, 24)) if average is not None]
        if len(begun) >= 13:
            us.append(("o3", us_index("o3_8h", in_us("o3", max(begun)))))
    if len(today) < 18:
        return
    if parameter.startswith("pm"):
        us.append((parameter, us_index(parameter, mean(today))))
        vn.append((parameter, vn_index(parameter, mean(today))))
        return
    ended = [average for average in (_eight(clock, last - 7) for last in range(24)) if average is not None]
    top = max(today)
    vn.append((parameter, vn_index("o3_1h" if parameter == "o3" else parameter, in_ugm3(parameter, top))))
    if parameter == "o3" and ended:
        vn.append(("o3", vn_index("o3_8h", in_ugm3("o3", max(ended)))))
        us.append(("o3", us_index("o3_1h", in_us("o3", top))))
    if parameter == "co" and ended:
        us.append(("co", us_index("co", in_us("co", max(ended)))))
    if parameter == "no2":
        us.append(("no2", us_index("no2", top)))
    if parameter == "so2":
        us += [("so2", us_index("so2_1h", top)), ("so2", us_index("so2_24h", mean(today)))]
