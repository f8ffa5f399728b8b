"""*parity*: for any hourly data the serving views equal a plain computation with exact fractions."""

import datetime as dt
import importlib.util
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.air import HOUR, fresh_air, hour, now_hour, station


def _plain() -> ModuleType:
    """Return the module beside this file."""
    import sys

    spec = importlib.util.spec_from_file_location("plain", Path(__file__).parents[1] / "support" / "plain_indices.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["plain"] = module
    spec.loader.exec_module(module)
    return module


plain = _plain()
UNITS = {"pm25": ("µg/m³", "µg/m³", "ppm"), "pm10": ("µg/m³",)}
GASES = ("ppb", "ppm", "µg/m³")
TOP = {"pm25": 400, "pm10": 700, "o3": 300, "no2": 1500, "so2": 900, "co": 60000}  # particles in µg/m³, gases in ppb
ODD = (None, -999.0, 985.0, 999.0, math.nan, math.inf, -3.0, -20.0, 0.0)


@st.composite
def series(draw: st.DrawFn, location: int, sensor: int) -> list[Any]:
    """Draw the hours of one sensor over some days: levels, gaps, broken values, constant stretches."""
    parameter = draw(st.sampled_from(plain.ORDER))
    unit = draw(st.sampled_from(UNITS.get(parameter, GASES)))
    factor = {"ppm": 0.001, "µg/m³": 1.0, "ppb": 1.0}[unit]
    level = draw(st.integers(0, TOP[parameter]))
    span = draw(st.integers(1, 60))
    first = draw(st.integers(0, 60 - span))
    swing = draw(st.sampled_from([0, 3, level]))
    gaps = draw(st.sets(st.integers(0, 59), max_size=12))
    odd = draw(st.dictionaries(st.integers(0, 59), st.sampled_from(ODD), max_size=6))
    seed = draw(st.randoms(use_true_random=False))
    drawn = []
    for at in range(first, first + span):
        if at not in gaps:
            value = round((level + seed.uniform(-swing, swing)) * factor, 4 if unit == "ppm" else 1)
            drawn.append(plain.Hour(location, sensor, parameter, unit, at, odd.get(at, value)))
    return drawn


@st.composite
def lakes(draw: st.DrawFn) -> list[Any]:
    """Draw some stations with some sensors each."""
    return [
        row
        for location in range(1, draw(st.integers(1, 4)) + 1)
        for sensor in range(draw(st.integers(1, 5)))
        for row in draw(series(location, location * 10 + sensor))
    ]


def filled(hours: list[Any], start: dt.datetime) -> Any:
    """Return the shared lake with these hours, where hour 0 is at ``start``."""
    air = fresh_air()
    air.stations(*(station(number) for number in range(1, 5)))
    air.hours(
        *(
            hour(
                moment.value, start + (moment.at + 1) * HOUR, location_id=moment.location, sensor_id=moment.sensor,
                parameter=moment.parameter, unit=moment.unit,
            )
            for moment in hours
        )
    )
    return air


@settings(deadline=None)
@given(lakes())
def test_the_air_now(hours: list[Any]) -> None:
    """*parity*: view_latest_aqi has the indices, pollutants and times of the plain computation."""
    start = now_hour() - 60 * HOUR
    expected = plain.latest(hours)
    for row in filled(hours, start).ask("view_latest_aqi"):
        known = expected.get(row["location_id"])
        as_of = start + (known["as_of"] + 1) * HOUR if known else None
        assert row["as_of"] == as_of
        current = known is not None and known["as_of"] >= 57
        assert row["is_current"] == current or known["as_of"] == 57
        for scheme in ("us", "vn"):
            index_and_pollutant = (row[f"{scheme}_aqi"], row[f"{scheme}_pollutant"])
            assert index_and_pollutant == ((known[scheme] if row["is_current"] else None) or (None, None))
            assert (row[f"{scheme}_reason"] is None) == (index_and_pollutant[0] is not None)


@settings(deadline=None)
@given(lakes(), st.sampled_from([3, 12, 35, 398, 900]))
def test_the_days(hours: list[Any], ago: int) -> None:
    """*parity*: view_daily_average has the means, hours and indices of the plain computation, in every era."""
    start = dt.datetime.combine(now_hour().date() - dt.timedelta(days=ago), dt.time())
    expected = plain.daily(hours)
    rows = filled(hours, start).ask("view_daily_average")
    named = {(row["location_id"], (row["local_day"] - start.date()).days): row for row in rows}
    assert named.keys() == expected.keys()
    for key, known in expected.items():
        row = named[key]
        for parameter in plain.ORDER:
            value = known[parameter]
            assert row[f"avg_{parameter}"] == (None if value is None else pytest.approx(float(value), abs=2e-6, rel=1e-12))
        assert (row["hours"], row["coverage"]) == (known["hours"], known["hours"] / 24)
        assert (row["is_incomplete"], row["valid_75"]) == (known["hours"] < 12, known["hours"] >= 18)
        for scheme in ("us", "vn"):
            assert (row[f"{scheme}_aqi"], row[f"{scheme}_pollutant"]) == (known[scheme] or (None, None))
