"""The serving views, asked through the memory platform with sparse rows: what they say must be right."""

import csv
import datetime as dt
import io
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runner_fixtures import ROOT, Lake, memory_root, place

from openaq_assets.contracts import pairs
from openaq_assets.kinds.view import table_ref
from openaq_assets.operations import Query
from openaq_assets.partitions import segment
from openaq_assets.platforms.memory import open_memory
from openaq_assets.platforms.recipe_polars import POLARS
from openaq_assets.project import Project, load

CASES = ROOT.parent / "shared" / "aqi"
HANOI, OSLO = ZoneInfo("Asia/Ho_Chi_Minh"), ZoneInfo("Europe/Oslo")
HOUR = dt.timedelta(hours=1)


def now_hour() -> dt.datetime:
    """The end of the last full hour, naive UTC."""
    return dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0, tzinfo=None)


@cache
def project() -> Project:
    """This project."""
    return load(ROOT)


@dataclass
class Air:
    """A lake with the project's reference tables and views over rows that a test writes."""

    lake: Lake

    def clear(self) -> None:
        """Forget every row."""
        store = self.lake.platform.objects
        for uri in list(store.list(self.lake.home.uri("processed"))):
            store.delete(uri)

    def stations(self, *rows: dict[str, Any]) -> None:
        """The inventory: one row per station; what is not said is NULL."""
        stamp = dt.datetime(2026, 1, 1)
        self.write("locations", "2026-01-01", [{"retrieved_at": stamp} | row for row in rows])

    def hours(self, *rows: dict[str, Any]) -> None:
        """The measurements, in the partition of the UTC day of their start."""
        by_day: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            by_day.setdefault(row["period_from"].date().isoformat(), []).append(row)
        for day, found in by_day.items():
            self.write("measurements", day, found)

    def write(self, table: str, day: str, rows: list[dict[str, Any]]) -> None:
        """One Parquet file of a table."""
        columns = project().graph.columns(table)
        schema = {str(one.name): POLARS[one.type] for one in columns if one.name not in ("year", "month", "day")}
        buffer = io.BytesIO()
        pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema).write_parquet(buffer)
        uri = self.lake.home.uri("processed", table, *segment(day).split("/"), "part-0.parquet")
        self.lake.platform.objects.put(uri, buffer.getvalue())

    def ask(self, view: str, columns: str = "*", rest: str = "ORDER BY location_id") -> list[dict[str, Any]]:
        """Rows of a view."""
        if columns == "*":
            columns = ", ".join(str(one.name) for one in project().graph.columns(view))
        query = Query("q", f"SELECT {columns} FROM {view} {rest}", (table_ref(project().graph, view),))
        from openaq_assets.environment import bind

        bound = bind(query, self.lake.home)
        assert isinstance(bound, Query)
        return self.lake.platform.read(bound).as_dicts()

    def one(self, view: str = "view_latest_aqi") -> dict[str, Any]:
        """The only row of a view."""
        (row,) = self.ask(view)
        return row


def open_air() -> Air:
    """An empty lake with everything that is not raw or processed."""
    home = place("memory", memory_root())
    lake = Lake(open_memory(home), home)
    for asset in project().graph:
        if asset.kind.name in ("reference", "catalog", "view"):
            for operation in asset.kind.operations(asset, project().graph, (), ()):
                lake.good(operation)
    return Air(lake)


@pytest.fixture
def air() -> Air:
    """A lake whose tables are empty."""
    found = shared_air()
    found.clear()
    return found


def station(number: int = 1, **more: Any) -> dict[str, Any]:
    """A station in Hanoi."""
    known = {"location_id": number, "name": f"S{number}", "country": "VN", "provider": "P"}
    return known | {"latitude": 21.03, "longitude": 105.85, "timezone": "Asia/Ho_Chi_Minh"} | more


def hour(value: float | None, end: dt.datetime | None = None, zone: ZoneInfo = HANOI, **more: Any) -> dict[str, Any]:
    """An hour of PM2.5 that ends then (the last full hour), of station and sensor 1."""
    until = end or now_hour()
    start = until - HOUR
    local = start.replace(tzinfo=dt.UTC).astimezone(zone).isoformat()
    known = {
        "location_id": 1, "sensor_id": 1, "parameter_id": 2, "parameter": "pm25", "unit": "µg/m³",
        "value": value, "average": value, "has_flags": False, "period_from": start, "period_to": until,
        "period_from_local": local, "retrieved_at": until,
    }  # fmt: skip
    return known | more


# --- the AQI -------------------------------------------------------------------------------------


def cases(name: str) -> list[tuple[str, float, int]]:
    """The PM2.5 cases of the US scheme that count: id, concentration, AQI."""
    if not (CASES / name).exists():
        pytest.skip(f"{name} is not beside this project (../shared/aqi)")
    with Path(CASES / name).open(encoding="utf-8", newline="") as file:
        return [
            (row["id"], float(row["concentration"]), int(row.get("expected_aqi") or row["expected"]))
            for row in csv.DictReader(file)
            if (row["scheme"], row["pollutant"]) == ("US_EPA_2024", "pm25_24h")
            and row.get("status", "ok") == "ok"
        ]  # fmt: skip


@pytest.mark.parametrize("name", ["official_examples.csv", "computed_cases.csv"])
def test_published_aqi_values(air: Air, name: str) -> None:
    """Every published PM2.5 value that a station may report gives the published AQI."""
    known = cases(name)
    air.stations(*(station(n) for n in range(len(known))))
    air.hours(*(hour(value, location_id=n, sensor_id=n) for n, (_, value, _) in enumerate(known)))
    found = {row["location_id"]: row for row in air.ask("view_latest_aqi")}
    usable = [(n, case) for n, case in enumerate(known) if 0 <= case[1] <= 1000 and case[1] not in (985, 999)]
    assert len(usable) > 30
    wrong = [(case, found[n]["aqi"]) for n, case in usable if found[n]["aqi"] != case[2]]
    assert wrong == []
    assert all(found[n]["aqi"] is None for n in range(len(known)) if n not in dict(usable))


@pytest.mark.parametrize(
    ("value", "aqi", "category"),
    [
        (0.0, 0, "Good"), (9.0, 50, "Good"), (9.05, 50, "Good"), (9.099, 50, "Good"),
        (sum([9.1] * 12) / 12, 51, "Moderate"),  # 9.099999999999998
        (9.1, 51, "Moderate"), (35.49, 100, "Moderate"), (35.5, 101, "Unhealthy for Sensitive Groups"),
        (0.9, 5, "Good"), (0.99, 5, "Good"), (1.0, 6, "Good"), (1.1, 6, "Good"),  # 5.56 and 6.11
        (225.4, 300, "Very Unhealthy"), (225.5, 301, "Hazardous"), (325.4, 500, "Hazardous"),
        (325.5, 500, "Hazardous"), (400.0, 649, "Hazardous"), (1000.0, 1844, "Hazardous"),
    ],
)  # fmt: skip
def test_aqi_at_the_edges(air: Air, value: float, aqi: int, category: str) -> None:
    """Concentrations are truncated, the index is rounded half up, and above 500 the line goes on."""
    air.stations(station())
    air.hours(hour(value))
    row = air.one()
    assert (row["aqi"], row["category"], row["pollutant"], row["reason"]) == (aqi, category, "pm25", None)
    assert row["concentration"] == value


@pytest.mark.parametrize(
    "value", [-999.0, -9999.0, -0.1, 985.0, 999.0, 9999.0, 99999.0, 1000.1, math.nan, math.inf, -math.inf, None]
)
def test_what_is_no_measurement(air: Air, value: float | None) -> None:
    """Sentinels, negatives, NaN, infinities and NULL never become an AQI; the hour before counts."""
    air.stations(station())
    air.hours(hour(value, has_flags=value is None))
    row = air.one()
    assert (row["aqi"], row["as_of"], row["is_current"]) == (None, None, False)
    assert row["reason"] == "no valid PM2.5 in the last 30 days"
    air.hours(hour(value), hour(12.0, now_hour() - HOUR))
    assert (air.one()["aqi"], air.one()["as_of"]) == (56, now_hour() - HOUR)
    assert [row["hours"] for row in air.ask("view_daily_average")] == [1]


def test_a_sentinel_behind_a_rounding(air: Air) -> None:
    """A shown 985 whose mean is 984.96 is a broken hour, and so is a mean of 985 behind another value."""
    air.stations(station(), station(2))
    air.hours(hour(985.0, average=984.96), hour(900.0, average=985.0, location_id=2, sensor_id=2))
    assert [row["aqi"] for row in air.ask("view_latest_aqi")] == [None, None]


def test_the_mean_in_full_is_used(air: Air) -> None:
    """The full mean decides, not the three digits that are shown; without one the shown value counts."""
    air.stations(station(), station(2))
    air.hours(hour(9.1, average=9.0999), hour(9.1, average=None, location_id=2, sensor_id=2))
    assert [row["aqi"] for row in air.ask("view_latest_aqi")] == [50, 51]


def test_zero_is_clean_air(air: Air) -> None:
    """A measured zero is AQI 0, Good."""
    air.stations(station())
    air.hours(hour(0.0))
    assert (air.one()["aqi"], air.one()["category"]) == (0, "Good")


@pytest.mark.parametrize("broken", [985.0, -999.0, -9.0, 1000.5, math.nan, None])
def test_a_broken_value_does_not_spoil_its_hour(air: Air, broken: float | None) -> None:
    """Of the archive's rows within an hour only measurements are averaged, not a sentinel among them."""
    air.stations(station())
    start = now_hour() - HOUR
    rows = [
        hour(value, start + dt.timedelta(minutes=minute), period_to_local="2026-01-10T12:00:00+07:00")
        for minute, value in ((15, 10.0), (30, broken), (45, 20.0))
    ]
    air.write("archive_measurements", start.date().isoformat(), rows)
    assert [(row["value"], row["period_to"]) for row in air.ask("view_valid_hours")] == [(15.0, now_hour())]


def test_a_greek_mu_is_a_micro_sign(air: Air) -> None:
    """Both spellings of the unit count; another unit does not."""
    air.stations(station(), station(2))
    air.hours(hour(12.0, unit="μg/m³"), hour(12.0, unit="ppm", location_id=2, sensor_id=2))
    rows = air.ask("view_latest_aqi")
    assert [(row["aqi"], row["unit"]) for row in rows] == [(56, "µg/m³"), (None, None)]


# --- current or not ------------------------------------------------------------------------------


@pytest.mark.parametrize(("hours", "current"), [(0, True), (2, True), (4, False), (24, False), (24 * 29, False)])
def test_old_hours_have_no_aqi(air: Air, hours: int, current: bool) -> None:
    """After three hours the value is still told with its time, but no AQI, category or colour."""
    air.stations(station())
    end = now_hour() - hours * HOUR
    air.hours(hour(50.0, end))
    row = air.one()
    assert (row["as_of"], row["concentration"], row["is_current"]) == (end, 50.0, current)
    assert (row["aqi"] is not None, row["category"] is not None, row["colour"] is not None) == (current,) * 3
    assert row["reason"] == (None if current else "older than 3 hours")
    assert hours * 60 <= row["age_minutes"] <= hours * 60 + 61


def test_the_window_of_thirty_days(air: Air) -> None:
    """The thirtieth day back still counts, as in Athena; the thirty-first does not."""
    today = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    air.stations(station(), station(2))
    last, gone = today - dt.timedelta(days=30) + HOUR, today - dt.timedelta(days=31) + HOUR
    air.hours(hour(50.0, last), hour(50.0, gone, location_id=2, sensor_id=2))
    assert [row["as_of"] for row in air.ask("view_latest_aqi")] == [last, None]


def test_an_hour_of_the_future(air: Air) -> None:
    """An hour that has not ended is not the latest."""
    air.stations(station())
    air.hours(hour(200.0, now_hour() + 3 * HOUR), hour(12.0))
    assert (air.one()["aqi"], air.one()["as_of"]) == (56, now_hour())


def test_a_station_that_never_reported(air: Air) -> None:
    """A station without any hour has a row with the reason, and none in the daily view."""
    air.stations(station())
    row = air.one()
    assert (row["location"], row["city"]) == ("S1", "Hà Nội")
    assert (row["aqi"], row["age_minutes"], row["is_current"]) == (None, None, False)
    assert row["reason"] == "no valid PM2.5 in the last 30 days"
    assert air.ask("view_daily_average") == []


def test_no_data_at_all(air: Air) -> None:
    """Views over empty tables are empty, not errors."""
    for view in ("view_stations", "view_valid_hours", "view_latest_aqi", "view_daily_average"):
        assert air.ask(view) == []


def test_two_sensors_of_one_parameter(air: Air) -> None:
    """Two PM2.5 sensors give one latest row (the lower sensor id) and one hour of their mean."""
    air.stations(station())
    air.hours(hour(20.0, sensor_id=8), hour(10.0, sensor_id=9), hour(99.0, sensor_id=3, parameter="pm10"))
    assert air.one()["concentration"] == 20.0
    daily = air.one("view_daily_average")
    assert (daily["avg_pm25"], daily["avg_pm10"], daily["hours"]) == (15.0, 99.0, 1)


# --- places --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("latitude", "longitude", "city"),
    [
        (21.0285, 105.8542, "Hà Nội"), (10.85, 106.77, "TP. Hồ Chí Minh"), (10.9574, 106.8427, "Biên Hòa"),
        (59.92, 10.75, "Oslo"), (15.0, 103.0, None), (-21.0285, -105.8542, None), (None, None, None),
        (21.0285, None, None),
    ],
)  # fmt: skip
def test_city_by_coordinates(air: Air, latitude: float | None, longitude: float | None, city: str | None) -> None:
    """A station belongs to the nearest city whose radius it lies in, or to none; it is never lost."""
    air.stations(station(latitude=latitude, longitude=longitude))
    assert air.one("view_stations")["city"] == city


def test_the_newest_inventory_counts(air: Air) -> None:
    """A station that moved and was renamed is where the newest inventory says, once."""
    air.stations(station())
    moved = station(name="New", latitude=16.05, longitude=108.2, retrieved_at=dt.datetime(2026, 1, 2))
    air.write("locations", "2026-01-02", [moved])
    row = air.one("view_stations")
    assert (row["location"], row["city"]) == ("New", "Đà Nẵng")


# --- days ----------------------------------------------------------------------------------------


def days(air: Air) -> dict[str, int]:
    """Hours per local day."""
    return {str(row["local_day"]): row["hours"] for row in air.ask("view_daily_average")}


def test_the_hour_that_ends_at_midnight(air: Air) -> None:
    """The hour from 23:00 to 00:00 local time belongs to the day that ends, the next one to the new day."""
    air.stations(station())
    midnight = dt.datetime(2026, 1, 10, 17)  # 2026-01-11 00:00 in Viet Nam
    air.hours(hour(1.0, midnight - HOUR), hour(2.0, midnight), hour(4.0, midnight + HOUR))
    rows = air.ask("view_daily_average", rest="ORDER BY local_day")
    assert [(str(row["local_day"]), row["avg_pm25"]) for row in rows] == [("2026-01-10", 1.5), ("2026-01-11", 4.0)]


@pytest.mark.parametrize(("day", "length"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_days_of_daylight_saving(air: Air, day: str, length: int) -> None:
    """In Oslo the days of the change have 23 and 25 hours, each hour counted once."""
    air.stations(station(timezone="Europe/Oslo", latitude=59.91, longitude=10.75, country="NO"))
    around = dt.datetime.fromisoformat(day) - dt.timedelta(days=1)
    air.hours(*(hour(5.0, around + (n + 1) * HOUR, OSLO) for n in range(72)))
    assert days(air)[day] == length


@pytest.mark.parametrize(
    ("count", "incomplete", "valid"), [(1, True, False), (11, True, False), (12, False, False), (17, False, False),
                                       (18, False, True), (24, False, True)],
)  # fmt: skip
def test_coverage(air: Air, count: int, incomplete: bool, valid: bool) -> None:
    """Half of the hours make a day complete enough to show, eighteen make it valid."""
    air.stations(station())
    first = dt.datetime(2026, 1, 9, 17)  # midnight in Viet Nam
    air.hours(*(hour(10.0, first + (n + 1) * HOUR) for n in range(count)))
    row = air.one("view_daily_average")
    assert (row["hours"], row["coverage"]) == (count, count / 24)
    assert (row["is_incomplete"], row["valid_75"]) == (incomplete, valid)


def test_invalid_hours_lower_coverage(air: Air) -> None:
    """Hours that are no measurement are gaps, not zeros."""
    air.stations(station())
    first = dt.datetime(2026, 1, 9, 17)
    values = [10.0] * 11 + [-999.0] * 6 + [None] * 6 + [985.0]
    air.hours(*(hour(value, first + (n + 1) * HOUR) for n, value in enumerate(values)))
    row = air.one("view_daily_average")
    assert (row["avg_pm25"], row["hours"], row["is_incomplete"]) == (10.0, 11, True)


@pytest.mark.parametrize("local", ["", "yesterday", None, "2026-13-40T00:00:00+07:00"])
def test_a_stamp_that_is_no_date(air: Air, local: str | None) -> None:
    """One unreadable local stamp leaves its hour out of the daily view and breaks nothing else."""
    air.stations(station())
    air.hours(hour(10.0, period_from_local=local), hour(30.0, now_hour() - HOUR))
    assert [row["avg_pm25"] for row in air.ask("view_daily_average")] == [30.0]
    assert air.one()["concentration"] == 10.0


# --- contracts, and any data ---------------------------------------------------------------------


def test_types_are_as_promised(air: Air) -> None:
    """Every view answers with exactly the names and types of its contract."""
    air.stations(station())
    air.hours(hour(12.0))
    for asset in project().graph:
        if asset.kind.name == "view":
            columns = asset.kind.columns(asset)
            query = Query("c", f"SELECT * FROM {asset.key}", (table_ref(project().graph, asset.key),), "contract", tuple(columns))
            air.lake.good(query)
            assert pairs(columns)


values = st.one_of(
    st.floats(0, 1000), st.sampled_from([0.0, -1.0, -999.0, 985.0, 999.0, 1000.0, 1000.5, math.nan, None, 9.1])
)
readings = st.lists(
    st.tuples(
        st.integers(1, 2),  # location
        st.integers(0, 1),  # which of its sensors
        st.sampled_from(["pm25", "pm25", "pm10", "o3"]),
        st.integers(0, 71),  # hour
        values,
        st.one_of(st.none(), values),  # the mean in full
    ),
    max_size=60,
    unique_by=lambda one: one[:4],
)
START = dt.datetime(2026, 1, 9)


def plain_daily(found: list[Any]) -> dict[tuple[int, str], tuple[float | None, float | None, int]]:
    """Location and local day -> mean PM2.5, mean PM10 and hours of PM2.5, in plain Python."""
    hourly: dict[Any, list[float]] = {}
    upper = {"pm25": 1000.0, "pm10": 1500.0}
    for location, _, parameter, at, shown, average in found:
        value = shown if average is None else average
        if parameter not in upper or shown is None:
            continue
        if not 0 <= value <= upper[parameter] or {value, shown} & {985.0, 999.0}:
            continue
        local = START + at * HOUR + 7 * HOUR
        hourly.setdefault((location, str(local.date()), parameter, at), []).append(value)
    daily: dict[tuple[int, str], dict[str, list[float]]] = {}
    for (location, day, parameter, _), several in hourly.items():
        of_day = daily.setdefault((location, day), {"pm25": [], "pm10": []})
        of_day[parameter].append(math.fsum(several) / len(several))
    return {
        key: (*(math.fsum(one) / len(one) if one else None for one in by.values()), len(by["pm25"]))  # type: ignore[misc]
        for key, by in daily.items()
    }


@settings(deadline=None)
@given(readings)
def test_daily_equals_plain_python(found: list[Any]) -> None:
    """For any hourly data the daily view equals a computation without SQL."""
    air = shared_air()
    air.clear()
    air.stations(station(1), station(2))
    air.hours(
        *(
            hour(
                value, START + (at + 1) * HOUR, average=average, parameter=parameter, location_id=location,
                sensor_id=location * 100 + sensor * 10 + len(parameter),
            )
            for location, sensor, parameter, at, value, average in found
        )
    )  # fmt: skip
    rows = {(row["location_id"], str(row["local_day"])): row for row in air.ask("view_daily_average")}
    expected = plain_daily(found)
    assert rows.keys() == expected.keys()
    for key, (pm25, pm10, count) in expected.items():
        row = rows[key]
        assert row["avg_pm25"] == (pm25 if pm25 is None else pytest.approx(pm25, abs=1e-6))
        assert row["avg_pm10"] == (pm10 if pm10 is None else pytest.approx(pm10, abs=1e-6))
        assert (row["hours"], row["coverage"]) == (count, count / 24)
        assert (row["is_incomplete"], row["valid_75"]) == (count < 12, count >= 18)


@cache
def shared_air() -> Air:
    """One lake for all tests of this process: views are made once."""
    return open_air()
