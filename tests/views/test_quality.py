"""Quality flags: every hour stays, with a flag (QARTOD: 1 good, 3 suspect, 4 fail, 9 missing) and a reason."""

import datetime as dt
import math
from typing import Any

import pytest
from support.air import HOUR, Air, back, fresh_air, hour, now_hour, of_day, station

DAY = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=6)


@pytest.fixture
def air() -> Air:
    """Return a lake with one station and no hours."""
    fresh = fresh_air()
    fresh.stations(station())
    return fresh


def flags(air: Air, rest: str = "ORDER BY sensor_id, period_from") -> list[tuple[int, str | None]]:
    """Return flag and reason of every hour, the oldest first."""
    return [(row["qc_flag"], row["qc_reason"]) for row in air.ask("view_hourly_quality", "qc_flag, qc_reason", rest)]


@pytest.mark.parametrize(
    ("value", "flag", "reason"),
    [
        (12.0, 1, None), (0.0, 1, None), (-5.0, 1, None), (-5.1, 3, "small negative"), (-10.0, 3, "small negative"),
        (-10.1, 4, "gross range"), (500.0, 1, None), (500.1, 3, "high"), (1000.0, 3, "high"), (1000.1, 4, "gross range"),
        (1e300, 4, "gross range"), (-999.0, 4, "sentinel"), (-9999.0, 4, "sentinel"), (-99.0, 4, "sentinel"),
        (985.0, 4, "sentinel"), (999.0, 4, "sentinel"), (9999.0, 4, "sentinel"), (99999.0, 4, "sentinel"),
        (math.nan, 9, "missing"), (math.inf, 9, "missing"), (-math.inf, 9, "missing"), (None, 9, "missing"),
    ],
)
def test_what_an_hour_of_particles_says(air: Air, value: float | None, flag: int, reason: str | None) -> None:
    """A value has one flag and one reason, and is valid only if it is good or suspect."""
    air.hours(hour(value))
    row = air.row("view_hourly_quality")
    assert (row["qc_flag"], row["qc_reason"]) == (flag, reason)
    assert row["value_valid"] == (value if flag in (1, 3) else None)
    assert row["value"] is None or math.isnan(row["value"]) or row["value"] == value
    assert row["qc_version"] and row["day_key"] == (now_hour() - HOUR).date().isoformat()


@pytest.mark.parametrize(
    ("parameter", "unit", "value", "flag"),
    [
        ("pm10", "µg/m³", 600.0, 1), ("pm10", "µg/m³", 601.0, 3), ("pm10", "µg/m³", 1500.5, 4), ("pm10", "µg/m³", -15.5, 4),
        ("o3", "ppb", -5.1, 4), ("o3", "ppb", -1.0, 3), ("o3", "ppm", -0.0051, 4), ("o3", "ppb", 201.0, 3), ("o3", "ppm", 1.3, 4),
        ("no2", "ppb", 251.0, 3), ("no2", "ppb", 4101.0, 4), ("so2", "ppb", 75.0, 1), ("so2", "ppm", 2.1, 4),
        ("co", "ppm", -0.4, 3), ("co", "ppm", -0.6, 4), ("co", "µg/m³", 909.0, 1), ("co", "µg/m³", 985.0, 1), ("co", "ppm", 266.0, 4),
    ],
)
def test_limits_of_each_pollutant_and_unit(air: Air, parameter: str, unit: str, value: float, flag: int) -> None:
    """Limits are those of the unit; 985 is an ordinary hour of carbon monoxide in µg/m³."""
    air.hours(hour(value, parameter=parameter, unit=unit))
    assert air.row("view_hourly_quality")["qc_flag"] == flag


def test_units(air: Air) -> None:
    """A Greek mu is read as a micro sign; an unknown unit fails; other parameters are not checked."""
    air.hours(
        hour(12.0, unit="μg/m³", sensor_id=1), hour(12.0, unit="ppm", sensor_id=2), hour(12.0, unit=None, sensor_id=3),
        hour(12.0, unit="c", parameter="temperature", sensor_id=4),
    )
    assert flags(air) == [(1, None), (4, "unit"), (4, "unit"), (2, "no rule")]
    assert {row["unit"] for row in air.ask("view_hourly_quality", "unit", "WHERE sensor_id = 1")} == {"µg/m³"}
    assert air.row()["us_reason"] == "too few valid hours"


def test_a_sentinel_behind_a_rounding(air: Air) -> None:
    """A shown 985 whose mean is 984.96 is a broken hour, and so is a mean of 985 behind another value."""
    air.hours(hour(985.0, average=984.96), hour(900.0, average=985.0, sensor_id=2))
    assert flags(air) == [(4, "sentinel")] * 2


def test_the_mean_in_full_is_used(air: Air) -> None:
    """The full mean decides, not the three digits that are shown; without one the shown value counts."""
    air.hours(hour(9.1, average=9.0999), hour(9.1, average=None, sensor_id=2))
    assert [row["value_valid"] for row in air.ask("view_hourly_quality", "value_valid", "ORDER BY sensor_id")] == [9.0999, 9.1]


def test_nothing_is_dropped(air: Air) -> None:
    """There are as many hours as rows, with any value and at any time."""
    days = (DAY, DAY - dt.timedelta(days=30), DAY - dt.timedelta(days=500))
    rows = [row for day in days for row in of_day([1.0, -999.0, 2000.0, math.nan, 5.0], day)]
    air.hours(*rows, hour(None))
    assert len(flags(air)) == len(rows) + 1


@pytest.mark.parametrize("day", [DAY, DAY - dt.timedelta(days=36), DAY - dt.timedelta(days=600)])
def test_flat_lines(air: Air, day: dt.date) -> None:
    """A value is suspect from the sixth identical hour on and fails from the 24th on; a change resets this."""
    air.hours(*of_day([7.0] * 30 + [8.0], day))
    reasons = flags(air)
    assert reasons[:5] == [(1, None)] * 5
    assert reasons[5:23] == [(3, "flat line")] * 18
    assert reasons[23:30] == [(4, "flat line of 24 hours")] * 7
    assert reasons[30] == (1, None)


@pytest.mark.parametrize("breaker", [None, -999.0, 7.5])
def test_a_gap_ends_a_flat_line(air: Air, breaker: float | None) -> None:
    """A missing, broken or different hour in between begins the count anew; so does a missing row."""
    air.hours(*of_day([7.0] * 5 + [breaker] + [7.0] * 5, DAY))
    assert not any(reason == "flat line" for _, reason in flags(air))


def test_a_stuck_station_is_not_current_air(air: Air) -> None:
    """A monitor that repeats one number for a day or longer has no index."""
    air.hours(*back([50.0] * 40))
    assert (air.row()["us_aqi"], air.row()["us_reason"]) == (None, "older than 3 hours")


@pytest.mark.parametrize(
    ("hours", "spikes"),
    [
        ([20.0, 150.0, 20.0], [1]), ([20.0, 120.0, 20.0], []), ([150.0, 20.0, 150.0], [1]), ([20.0, 150.0, 280.0], []),
        ([20.0, 150.0], []), ([150.0, 20.0], []), ([20.0, 150.0, -999.0], []), ([20.0, 150.0, None, 20.0], []),
    ],
)
def test_spikes_are_doubted_and_kept(air: Air, hours: list[float | None], spikes: list[int]) -> None:
    """An hour further than 100 µg/m³ from both neighbours, on one side of them, is suspect; a broken hour is no neighbour."""
    air.hours(*of_day(hours, DAY))
    assert [n for n, hour in enumerate(flags(air)) if hour[1] == "spike"] == spikes
    kept = [row["value_valid"] for row in air.ask("view_hourly_quality", "value_valid", "ORDER BY period_from")]
    assert [hour for hour in kept if hour is not None] == [hour for hour in hours if hour is not None and hour >= 0]


def test_hours_that_are_none(air: Air) -> None:
    """An hour of the future, and a period that is not a full hour, fail with their reason."""
    start = now_hour() - HOUR
    air.hours(
        hour(5.0, now_hour() + 2 * HOUR, sensor_id=1),
        hour(5.0, sensor_id=2) | {"period_to": start + dt.timedelta(minutes=30)},
        hour(5.0, now_hour() - dt.timedelta(minutes=30), sensor_id=3),
    )
    assert flags(air) == [(4, "future"), (4, "not an hour"), (4, "not an hour")]


@pytest.mark.parametrize("broken", [985.0, -999.0, -11.0, 1000.5, math.nan, None])
def test_a_broken_value_does_not_spoil_its_hour(air: Air, broken: float | None) -> None:
    """Of the archive's rows within an hour only measurements are averaged, not a sentinel among them."""
    assert archived(air, 10.0, broken, 20.0)["value_valid"] == 15.0


def test_an_archived_hour_of_broken_values(air: Air) -> None:
    """An archived hour with only broken values stays, with its reason."""
    assert archived(air, 985.0, 985.0)["qc_reason"] == "sentinel"


def archived(air: Air, *values: float | None) -> dict[str, Any]:
    """Return the only hour of these rows of the archive."""
    start = now_hour() - HOUR
    local = (now_hour() + 7 * HOUR).isoformat() + "+07:00"
    step = dt.timedelta(minutes=60 / (len(values) + 1))
    rows = [
        hour(value, start + (n + 1) * step, period_to_local=local) for n, value in enumerate(values)
    ]
    air.write("archive_measurements", start.date().isoformat(), rows)
    return air.row("view_hourly_quality")
