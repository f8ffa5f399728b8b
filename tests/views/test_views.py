"""The serving views, queried through the memory platform with few rows each.

The index by the published cases: tests/views/test_cases.py. Quality: tests/views/test_quality.py. Any data:
tests/views/test_parity.py.
"""

import datetime as dt
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.air import HOUR, OSLO, Air, back, fresh_air, hour, now_hour, of_day, project, station

from openaq_assets.graph.contracts import pairs
from openaq_assets.graph.operations import Query
from openaq_assets.plugins.kinds.view import table_ref

TODAY = dt.datetime.now(dt.UTC).date()
DAY = TODAY - dt.timedelta(days=4)
NEWYEAR = dt.date(2026, 1, 10)


@pytest.fixture
def air() -> Air:
    """Return a lake whose tables are empty."""
    return fresh_air()


# --- the air now ---------------------------------------------------------------------------------


def test_nowcast_of_a_station(air: Air) -> None:
    """Particles have the NowCast of twelve hours by both schemes, with the number of hours behind it."""
    air.stations(station(license="CC BY 4.0", is_monitor=True))
    air.hours(*back([13, 16, 10, 21, 74, 64, 53, 82, 90, 75, 80, 50]))
    row = air.row()
    assert (row["us_aqi"], row["us_category"], row["us_colour"], row["us_pollutant"]) == (66, "Moderate", "#FFFF00", "pm25")
    assert (row["us_concentration"], row["us_unit"], row["us_method"], row["us_hours_used"]) == (17.4, "µg/m³", "nowcast", 12)
    assert (row["vn_aqi"], row["vn_category"], row["vn_hours_used"]) == (35, "Tốt", 12)
    assert (row["us_reason"], row["vn_reason"], row["as_of"], row["is_current"]) == (None, None, now_hour(), True)
    assert (row["license"], row["is_monitor"], row["lat_lon"]) == ("CC BY 4.0", True, "21.030000,105.850000")
    assert row["qc_version"]


@pytest.mark.parametrize(
    ("newest", "aqi"),
    [
        ([10, 10], 53), ([None, 10, 10], 53), ([10, None, 10], 53), ([10, None, None], None),
        ([None, None, 10, 10], None), ([10, None, None, *[10] * 9], None), ([10], None),
    ],
)
def test_two_of_the_three_newest_hours(air: Air, newest: list[float | None], aqi: int | None) -> None:
    """A NowCast needs two of the three newest hours; otherwise there is a reason and no number."""
    air.stations(station())
    air.hours(*back(newest))
    row = air.row()
    assert (row["us_aqi"], row["us_reason"]) == (aqi, None if aqi else "too few valid hours")


def test_all_zero_is_clean_air(air: Air) -> None:
    """Twelve measured zeros are AQI 0, Good, not a division by zero."""
    air.stations(station())
    air.hours(*back([0.0] * 12))
    row = air.row()
    assert (row["us_aqi"], row["us_category"], row["us_concentration"], row["vn_aqi"]) == (0, "Good", 0.0, 0)


def test_negatives_are_clipped(air: Air) -> None:
    """A small negative hour counts as zero in a NowCast and as it is in the mean of a day."""
    air.stations(station())
    air.hours(*back([-1.2, 3, 4, 5, 4, 3, 4, 5, 6, 5, 4, 3]), *of_day([-2.0, 4.0] * 10, DAY))
    assert (air.row()["us_concentration"], air.row()["us_aqi"]) == (1.8, 10)
    (day,) = air.ask("view_daily_average", rest=f"WHERE local_day = DATE '{DAY}'")
    assert (day["avg_pm25"], day["hours"]) == (1.0, 20)


def test_nine_point_one(air: Air) -> None:
    """A mean of 9.1 is Moderate, though a sum of floats divided by their count is 9.099999999999998."""
    assert sum([9.1] * 12) / 12 < 9.1
    air.stations(station(), station(2))
    air.hours(*back([9.1] * 12), *of_day([9.1] * 18, DAY), *of_day([9.0999] * 18, DAY, location_id=2, sensor_id=2))
    assert (air.row_of(1)["us_aqi"], air.row_of(1)["us_category"]) == (51, "Moderate")
    days = air.ask("view_daily_average", rest=f"WHERE local_day = DATE '{DAY}' ORDER BY location_id")
    assert [(row["us_aqi"], row["us_category"]) for row in days] == [(51, "Moderate"), (50, "Good")]


@pytest.mark.parametrize(
    ("ppm", "aqi"), [(0.072, 105), (0.076, 119), (0.080, 133), (0.084, 147), (0.0789, 126), (0.0709, 100)]
)
def test_half_up_and_truncated(air: Air, ppm: float, aqi: int) -> None:
    """Ozone is truncated to 0.001 ppm and the index rounded half up, where half-even gives one less."""
    air.stations(station())
    air.hours(*of_day([ppm] * 22, DAY, 7, parameter="o3", unit="ppm"))
    assert air.day(DAY)["us_aqi"] == aqi


def test_units_are_converted_before_truncation(air: Air) -> None:
    """The same nitrogen dioxide in ppb, ppm and µg/m³ has one index by each scheme."""
    air.stations(*(station(n) for n in range(1, 5)))
    same = ((100.0, "ppb"), (0.1, "ppm"), (100 * 46.01 / 24.45, "µg/m³"), (0.1 * 46.01 / 24.45, "mg/m³"))
    for_each = [
        row
        for n, (value, unit) in enumerate(same, 1)
        for row in (
            *back([value], location_id=n, sensor_id=n, parameter="no2", unit=unit),
            *back([1.0, 1.0], location_id=n, sensor_id=10 + n),
        )
    ]
    air.hours(*for_each)
    rows = air.ask("view_latest_aqi")
    assert [(row["us_aqi"], row["us_pollutant"], row["us_unit"]) for row in rows] == [(100, "no2", "ppb")] * 4
    assert [row["us_concentration"] for row in rows] == [100.0] * 4
    assert [row["vn_aqi"] for row in rows] == [94] * 4  # 188.18 µg/m³


def test_ozone_now_is_a_surrogate(air: Air) -> None:
    """Ozone now is 0.85 times the hour plus 4.5 ppb, is marked so, and may be two hours old."""
    air.stations(station(), station(2), station(3))
    ozone = {"parameter": "o3", "unit": "ppb"}
    air.hours(
        *back([80.0], **ozone), *back([None, None, 80.0], location_id=2, sensor_id=2, **ozone),
        *back([None, None, None, 80.0], location_id=3, sensor_id=3, **ozone),
    )
    rows = air.ask("view_latest_aqi")
    actual = [(row["us_method"], row["us_concentration"], row["us_aqi"], row["us_hours_used"]) for row in rows]
    assert actual == [("nowcast_surrogate", 0.072, 105, 1)] * 2 + [(None, None, None, None)]
    assert [row["vn_reason"] for row in rows[:2]] == ["VN_AQI needs PM2.5 or PM10", "too few valid hours"]


def test_eight_hours_of_carbon_monoxide(air: Air) -> None:
    """Carbon monoxide needs six of the eight newest hours."""
    air.stations(station(), station(2))
    carbon = {"parameter": "co", "unit": "ppm"}
    air.hours(
        *back([9.5, None, 9.5, 9.5, 9.5, None, 9.5, 9.5], **carbon),
        *back([9.5, None, 9.5, 9.5, None, None, 9.5, 9.5, 9.5], location_id=2, sensor_id=2, **carbon),
    )
    rows = air.ask("view_latest_aqi")
    assert [(row["us_aqi"], row["us_method"], row["us_hours_used"]) for row in rows] == [(101, "mean_8h", 6), (None, None, None)]


def test_gases_of_another_hour_drop_out(air: Air) -> None:
    """Nitrogen dioxide counts in its hour only; the newest hour of the station is now."""
    air.stations(station())
    air.hours(*back([10.0, 10.0]), *back([None, 300.0], sensor_id=2, parameter="no2", unit="ppb"))
    assert (air.row()["us_pollutant"], air.row()["us_aqi"]) == ("pm25", 53)


def test_vietnam_needs_particles(air: Air) -> None:
    """With gases alone there is no VN_AQI, now or of a day, but a US AQI."""
    air.stations(station())
    air.hours(*back([100.0], parameter="no2"), *of_day([100.0, 90.0] * 10, DAY, parameter="no2"))
    row, day = air.row(), air.day(DAY)
    assert (row["us_aqi"], row["vn_aqi"], row["vn_category"], row["vn_reason"]) == (50, None, None, "VN_AQI needs PM2.5 or PM10")
    assert (day["us_pollutant"], day["vn_aqi"], day["vn_category"], day["vn_pollutant"]) == ("no2", None, None, None)


def test_beyond_500(air: Air) -> None:
    """The US line goes on above 500 and stays Hazardous; VN_AQI ends at 500."""
    air.stations(station())
    air.hours(*back([600.0, 600.0]))
    row = air.row()
    assert (row["us_aqi"], row["us_category"], row["vn_aqi"], row["vn_category"]) == (1047, "Hazardous", 500, "Nguy hại")


def test_the_same_air_by_two_schemes(air: Air) -> None:
    """45 µg/m³ is 124, orange, in the US and 90, yellow, in Viet Nam."""
    air.stations(station())
    air.hours(*back([45.0, 45.0]))
    row = air.row()
    assert (row["us_aqi"], row["us_colour"], row["vn_aqi"], row["vn_colour"]) == (124, "#FF7E00", 90, "#FFFF00")


# --- current or not ------------------------------------------------------------------------------


@pytest.mark.parametrize(("hours", "current"), [(0, True), (2, True), (4, False), (24, False), (24 * 29, False)])
def test_old_hours_have_no_index(air: Air, hours: int, current: bool) -> None:
    """After three hours only the time of the newest hour is left: no index, category, colour or concentration."""
    air.stations(station())
    end = now_hour() - hours * HOUR
    air.hours(*back([50.0, 50.0], end))
    row = air.row()
    assert (row["as_of"], row["is_current"]) == (end, current)
    shown = ("aqi", "category", "colour", "pollutant", "concentration", "unit", "method", "hours_used")
    assert {row[f"{scheme}_{name}"] is not None for scheme in ("us", "vn") for name in shown} == {current}
    assert row["us_reason"] == row["vn_reason"] == (None if current else "older than 3 hours")
    assert hours * 60 <= row["age_minutes"] <= hours * 60 + 61


def test_the_window_of_thirty_days(air: Air) -> None:
    """The thirtieth day back still has a time; a station silent for longer than the files that are read has none."""
    midnight = dt.datetime(TODAY.year, TODAY.month, TODAY.day)
    air.stations(station(), station(2))
    last, gone = midnight - dt.timedelta(days=30) + HOUR, midnight - dt.timedelta(days=45)
    air.hours(hour(50.0, last), hour(50.0, gone, location_id=2, sensor_id=2))
    assert [row["as_of"] for row in air.ask("view_latest_aqi")] == [last, None]
    assert air.ask("view_latest_aqi")[1]["us_reason"] == "no valid hour in the last 30 days"


def test_an_hour_of_the_future(air: Air) -> None:
    """An hour that has not ended is not the latest, and not of any day."""
    air.stations(station())
    air.hours(hour(200.0, now_hour() + 3 * HOUR), *back([12.0, 12.0]))
    assert (air.row()["us_aqi"], air.row()["as_of"]) == (56, now_hour())
    assert sum(row["hours"] for row in air.ask("view_daily_average")) == 2


def test_broken_hours_are_not_skipped_over(air: Air) -> None:
    """A station with only sentinels now has no index, although good hours are less than three hours old."""
    air.stations(station())
    air.hours(*back([-999.0, -999.0, 10.0, 10.0, 10.0]))
    row = air.row()
    assert (row["us_aqi"], row["is_current"], row["us_reason"]) == (None, True, "too few valid hours")
    assert row["as_of"] == now_hour() - 2 * HOUR


def test_a_station_that_never_reported(air: Air) -> None:
    """A station without any hour has a row with the reason, and none in the daily view."""
    air.stations(station())
    row = air.row()
    assert (row["location"], row["city"]) == ("S1", "Hà Nội")
    assert (row["us_aqi"], row["vn_aqi"], row["age_minutes"], row["is_current"]) == (None, None, None, False)
    assert row["us_reason"] == row["vn_reason"] == "no valid hour in the last 30 days"
    assert air.ask("view_daily_average") == []


def test_no_data_at_all(air: Air) -> None:
    """Views over empty tables are empty, not errors."""
    for asset in project().graph:
        if asset.kind.name == "view":
            assert air.ask(asset.key, rest="") == []


# --- sensors -------------------------------------------------------------------------------------


def test_one_sensor_speaks_now(air: Air) -> None:
    """Of two sensors the one with the newest hour is used, then the one with more hours, then the lower id."""
    air.stations(station(1), station(2), station(3))
    air.hours(
        *back([None, 20.0, 20.0, 20.0], sensor_id=1), *back([30.0, 30.0], sensor_id=2),
        *back([20.0, 20.0], location_id=2, sensor_id=3), *back([30.0, 30.0, 30.0], location_id=2, sensor_id=4),
        *back([20.0, 20.0], location_id=3, sensor_id=5), *back([30.0, 30.0], location_id=3, sensor_id=6),
    )
    assert [row["us_concentration"] for row in air.ask("view_latest_aqi")] == [30.0, 30.0, 20.0]


def test_sensors_and_units_are_not_mixed(air: Air) -> None:
    """The sensor with most hours is used for a day; a mean never mixes two sensors or two units."""
    air.stations(station())
    air.hours(
        *of_day([0.02] * 12, DAY, parameter="o3", unit="ppm", sensor_id=1),
        *of_day([90.0] * 13, DAY, parameter="o3", sensor_id=2),
        *of_day([10.0] * 12, DAY, sensor_id=8), *of_day([20.0] * 12, DAY, 12, sensor_id=7),
    )
    row = air.day(DAY)
    assert (row["avg_o3"], row["avg_pm25"], row["hours"]) == (90.0, 20.0, 12)


# --- places --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("latitude", "longitude", "city"),
    [
        (21.0285, 105.8542, "Hà Nội"), (10.85, 106.77, "TP. Hồ Chí Minh"), (10.9574, 106.8427, "Biên Hòa"),
        (59.92, 10.75, "Oslo"), (15.0, 103.0, None), (-21.0285, -105.8542, None), (None, None, None),
        (21.0285, None, None),
    ],
)
def test_city_by_coordinates(air: Air, latitude: float | None, longitude: float | None, city: str | None) -> None:
    """A station belongs to the nearest city whose radius contains it, or to none; it is never lost."""
    air.stations(station(latitude=latitude, longitude=longitude))
    assert air.row("view_stations")["city"] == city


def test_the_newest_inventory_counts(air: Air) -> None:
    """A station that moved and was renamed appears once, as in the newest inventory."""
    air.stations(station())
    moved = station(name="New", latitude=16.05, longitude=108.2, retrieved_at=dt.datetime(2026, 1, 2))
    air.write("locations", "2026-01-02", [moved])
    row = air.row("view_stations")
    assert (row["location"], row["city"]) == ("New", "Đà Nẵng")


# --- days ----------------------------------------------------------------------------------------


def days(air: Air) -> dict[str, int]:
    """Return the number of hours per local day."""
    return {str(row["local_day"]): row["hours"] for row in air.ask("view_daily_average")}


@pytest.mark.parametrize("day", [DAY, NEWYEAR, dt.date(2019, 12, 31), TODAY - dt.timedelta(days=33), TODAY - dt.timedelta(days=400)])
def test_the_hour_that_ends_at_midnight(air: Air, day: dt.date) -> None:
    """The hour from 23:00 to 00:00 local time belongs to the day that ends, in every era."""
    air.stations(station())
    air.hours(*of_day([1.0, 2.0, 4.0], day, 22))
    rows = air.ask("view_daily_average", rest="ORDER BY local_day")
    actual = [(row["local_day"], row["avg_pm25"], row["hours"]) for row in rows]
    assert actual == [(day, 1.5, 2), (day + dt.timedelta(days=1), 4.0, 1)]


def test_every_day_is_told_once(air: Air) -> None:
    """Around the days on which the eras meet, no hour and no day is lost or doubled."""
    air.stations(station())
    rows = [
        row
        for ago in (*range(28, 42), *range(394, 408))
        for row in of_day([float(hour) for hour in range(24)], TODAY - dt.timedelta(days=ago))
    ]
    air.hours(*rows)
    by_day = air.ask("view_daily_average", rest="ORDER BY local_day")
    assert [(TODAY - row["local_day"]).days for row in by_day] == [*range(407, 393, -1), *range(41, 27, -1)]
    assert {(row["hours"], row["avg_pm25"]) for row in by_day} == {(24, 11.5)}
    assert len(air.ask("view_hourly_quality", "period_from", "")) == len(rows)


@pytest.mark.parametrize(("day", "length"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_days_of_daylight_saving(air: Air, day: str, length: int) -> None:
    """In Oslo the days of the change have 23 and 25 hours, each hour counted once."""
    air.stations(station(timezone="Europe/Oslo", latitude=59.91, longitude=10.75, country="NO"))
    around = dt.datetime.fromisoformat(day) - dt.timedelta(days=1)
    air.hours(*(hour(5.0 + n % 2, around + (n + 1) * HOUR, OSLO) for n in range(72)))
    assert days(air)[day] == length


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kolkata", "Asia/Kathmandu"])
def test_any_time_zone(air: Air, zone: str) -> None:
    """A day is the station's own, fourteen hours ahead of UTC, eleven behind it, or at half past."""
    air.stations(station())
    air.hours(*of_day([float(n) for n in range(24)], DAY, zone=ZoneInfo(zone)))
    (row,) = air.ask("view_daily_average") if "Kat" not in zone and "Kol" not in zone else [None]
    if row:
        assert (row["local_day"], row["hours"]) == (DAY, 24)
    else:  # an hour from half past to half past is not the hour of the API, and is told as that
        assert {row["qc_reason"] for row in air.ask("view_hourly_quality", "qc_reason", "")} == {"not an hour"}


@pytest.mark.parametrize(
    ("count", "incomplete", "valid"), [(1, True, False), (11, True, False), (12, False, False), (17, False, False),
                                       (18, False, True), (24, False, True)],
)
def test_coverage(air: Air, count: int, incomplete: bool, valid: bool) -> None:
    """A day with half of its hours is complete enough to show; eighteen hours make it valid and give it an index."""
    air.stations(station())
    air.hours(*of_day([10.0, 11.0] * (count // 2) + [10.0] * (count % 2), NEWYEAR))
    row = air.row("view_daily_average")
    assert (row["hours"], row["coverage"]) == (count, count / 24)
    assert (row["is_incomplete"], row["valid_75"]) == (incomplete, valid)
    assert (row["us_aqi"] is not None, row["vn_aqi"] is not None, row["exceeds_who"] is not None) == (valid,) * 3


def test_invalid_hours_lower_coverage(air: Air) -> None:
    """Invalid hours count as gaps, not as zeros."""
    air.stations(station())
    air.hours(*of_day([10.0] * 11 + [-999.0] * 6 + [985.0], NEWYEAR))
    row = air.row("view_daily_average")
    assert (row["avg_pm25"], row["hours"], row["is_incomplete"]) == (10.0, 11, True)


def test_a_day_without_particles(air: Air) -> None:
    """A day of gases alone has a row: no hours of PM2.5, and the mean of what there is in µg/m³."""
    air.stations(station())
    air.hours(*of_day([1.0, 3.0] * 10, NEWYEAR, parameter="co", unit="ppm"))
    row = air.row("view_daily_average")
    assert (row["avg_co"], row["avg_pm25"], row["hours"], row["us_pollutant"]) == (2291.206544, None, 0, "co")


@pytest.mark.parametrize("local", ["", "yesterday", None, "2026-13-40T00:00:00+05:45"])
def test_a_stamp_that_is_no_date(air: Air, local: str | None) -> None:
    """One unreadable local stamp leaves its hour out of the daily view and breaks nothing else."""
    air.stations(station())
    air.hours(hour(10.0, period_from_local=local), hour(30.0, now_hour() - HOUR))
    assert [row["avg_pm25"] for row in air.ask("view_daily_average")] == [30.0]
    assert air.row()["us_hours_used"] == 2


def test_ozone_of_a_day_begins_at_seven(air: Air) -> None:
    """Eight hours of ozone count on the day they begin in, from 07:00 on; US needs 13 of 17, six of eight hours each."""
    air.stations(station(1), station(2), station(3))
    ozone = {"parameter": "o3", "unit": "ppm"}
    night = [0.1] * 7 + [0.03] * 22
    air.hours(
        *of_day(night, DAY, location_id=1, sensor_id=1, **ozone),
        *of_day([0.06] * 19, DAY, 7, location_id=2, sensor_id=2, **ozone),
        *of_day([0.06] * 16, DAY, 7, location_id=3, sensor_id=3, **ozone),
    )
    rows = air.ask("view_daily_average", rest=f"WHERE local_day = DATE '{DAY}' ORDER BY location_id")
    assert [row["us_aqi"] for row in rows] == [28, 67, None]


def test_limits_of_a_day(air: Air) -> None:
    """A valid day above any 24-hour limit exceeds it; QCVN's limit of PM2.5 fell from 50 to 45 in 2026."""
    air.stations(*(station(n) for n in range(1, 6)))
    old, new = dt.date(2025, 12, 31), dt.date(2026, 1, 1)
    air.hours(
        *(row for n, (day, level) in enumerate([(old, 47.0), (new, 47.0), (new, 15.0), (new, 16.0)], 1)
          for row in of_day([level - 1, level + 1] * 10, day, location_id=n, sensor_id=n)),
        *of_day([24.0, 27.0] * 10, new, location_id=5, sensor_id=5, parameter="no2"),
    )
    exceedances = {row["location_id"]: (row["exceeds_who"], row["exceeds_qcvn"]) for row in air.ask("view_daily_average")}
    assert exceedances == {1: (True, False), 2: (True, True), 3: (False, False), 4: (True, False), 5: (True, False)}


# --- the hours of a day, and one source for a dashboard ------------------------------------------


def test_hours_of_the_day(air: Air) -> None:
    """The mean of each local hour over the last thirty days; hour 0 ends at one o'clock."""
    air.stations(station())
    older = TODAY - dt.timedelta(days=60)
    air.hours(*of_day([10.0, 20.0], DAY), *of_day([30.0], DAY - dt.timedelta(days=1)), *of_day([99.0], older))
    actual = [(row["hour"], row["avg_pm25"], row["hours"]) for row in air.ask("view_hour_of_day", rest="ORDER BY hour")]
    assert actual == [(0, 20.0, 2), (1, 20.0, 1)]


def test_one_source_for_map_and_trend(air: Air) -> None:
    """Every day of the last year is a row; the newest is marked and holds the air now, all ids and dates as text."""
    air.stations(station(), station(2, latitude=None))
    air.hours(
        *back([10.0, 10.0]), *of_day([5.0, 6.0] * 12, DAY), *of_day([5.0], TODAY - dt.timedelta(days=364)),
        *of_day([5.0], TODAY - dt.timedelta(days=380)), *of_day([7.0], DAY, location_id=2, sensor_id=2),
    )
    rows = air.ask("view_air_quality_overview", rest="ORDER BY location_id, local_day")
    newest = now_hour() - HOUR + dt.timedelta(hours=7)
    first = {row["day"]: row for row in rows if row["location_id"] == "1"}
    assert (TODAY - dt.timedelta(days=364)).strftime("%Y%m%d") in first and newest.strftime("%Y%m%d") in first
    assert (TODAY - dt.timedelta(days=380)).strftime("%Y%m%d") not in first
    marked = {row["location_id"]: row for row in rows if row["is_latest"]}
    assert marked.keys() == {"1", "2"}
    assert marked["1"]["latest_us_aqi"] == 53 and marked["1"]["latest_is_current"] is True
    assert marked["1"]["latest_as_of"] == now_hour().strftime("%Y%m%d%H%M%S")
    assert (marked["2"]["latest_us_aqi"], marked["2"]["latest_is_current"], marked["2"]["lat_lon"]) == (None, False, None)
    assert all(row["latest_as_of"] is None for row in rows if not row["is_latest"])


# --- contracts -----------------------------------------------------------------------------------


def test_types_are_as_promised(air: Air) -> None:
    """Every view returns exactly the names and types of its contract."""
    air.stations(station())
    air.hours(hour(12.0))
    for asset in project().graph:
        if asset.kind.name == "view":
            columns = asset.kind.columns(asset)
            query = Query("c", f"SELECT * FROM {asset.key}", (table_ref(project().graph, asset.key),), "contract", tuple(columns))
            air.lake.good(query)
            assert pairs(columns)


def test_a_breakpoint_is_data() -> None:
    """Every index table is complete: its lines meet, rise and end, and each has a category with a colour."""
    rows: dict[Any, list[dict[str, Any]]] = {}
    for row in fresh_air().ask("aqi_breakpoints", rest="ORDER BY c_lo"):
        rows.setdefault((row["scheme"], row["metric"]), []).append(row)
    assert len(rows) == 16
    for (scheme, _), lines in rows.items():
        for before, after in pairwise(lines):
            assert before["c_next"] == after["c_lo"] and before["aqi_hi"] <= after["aqi_lo"]
            assert before["c_hi"] <= after["c_lo"] and before["c_lo"] < before["c_hi"]
        assert lines[0]["c_lo"] == 0 or scheme == "us_epa_2024"
    bands = fresh_air().ask("aqi_categories", rest="ORDER BY scheme, band")
    assert [row["band"] for row in bands] == [1, 2, 3, 4, 5, 6] * 2
    assert all(row[name] for row in bands for name in ("colour_assist", "health_en", "health_vi", "name_en", "name_vi"))
