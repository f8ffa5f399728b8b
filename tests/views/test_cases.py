"""Published and computed index values, all of them through the views: rows in, SELECT out."""

import csv
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.air import Air, back, fresh_air, of_day, station
from support.runner_fixtures import ROOT

CASES = ROOT.parent / "shared" / "aqi"
SCHEMES = {"US_EPA_2024": "us_epa_2024", "VN_AQI_1459": "vn_aqi_1459"}
UNITS = {"ug/m3": "µg/m³"}
DAY = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=4)
AGES = tuple(f"c{n}" for n in range(1, 13))


def read(name: str) -> list[dict[str, str]]:
    """The rows of a file of cases."""
    if not (CASES / name).exists():
        pytest.skip(f"{name} is not beside this project (../shared/aqi)")
    with Path(CASES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@dataclass
class Case:
    """A concentration as a statistic of its own station, and the index it must have (None: no index)."""

    name: str
    scheme: str
    metric: str
    value: float
    unit: str
    expected: int | None
    category: str = ""
    number: int = field(default=0)

    @property
    def pollutant(self) -> str:
        return self.metric.split("_")[0]


def single_cases() -> list[Case]:
    """Every case that is one concentration and its index, numbered."""
    cases = [
        case(row, row["expected"], "") for row in read("official_examples.csv")
        if row["scheme"] in SCHEMES and row["status"] == "ok" and row["concentration"] and not row["inputs"].startswith("so2_")
    ]
    cases += [case(row, row["expected_aqi"], row["category"]) for row in read("computed_cases.csv")]
    for number, numbered in enumerate(cases, 1):
        numbered.number = number
    return cases


def case(row: Mapping[str, str], expected: str, category: str) -> Case:
    """A row as a case."""
    unit = UNITS.get(row["unit"], row["unit"])
    wanted = int(expected) if expected.isdigit() else None
    return Case(row["id"], SCHEMES[row["scheme"]], row["pollutant"], float(row["concentration"]), unit, wanted, category)


def newest(case: Case) -> list[dict[str, Any]]:
    """Hours of which the view of now makes the case's statistic."""
    counts = {"pm25": 2, "pm10": 2, "co_8h": 6, "so2_24h": 18}
    count = counts.get(case.metric, counts.get(case.pollutant, 1))
    if case.metric == "co_1h":
        count = 1
    return back([case.value] * count, **sensor(case))


def daily(case: Case) -> list[dict[str, Any]]:
    """Hours of a day of which the daily view makes the case's statistic, short of a flat line of 24 hours."""
    if case.metric == "o3_8h" and case.scheme == "us_epa_2024":
        return of_day([case.value] * 22, DAY, 7, **sensor(case))
    if case.metric.endswith("_1h"):
        return of_day([0.0] * 10 + [case.value] + [0.0] * 10, DAY, **sensor(case))
    return of_day([case.value] * 20, DAY, **sensor(case))


def sensor(case: Case) -> dict[str, Any]:
    """Whose hours these are."""
    return {"location_id": case.number, "sensor_id": case.number, "parameter": case.pollutant, "unit": case.unit}


def indices_of(air: Air, view: str, cases: Sequence[Case], feed: Any, where: str = "") -> dict[tuple[int, str], int]:
    """(station, scheme/metric) -> index, after writing every case's hours."""
    air.stations(*(station(case.number) for case in cases))
    air.hours(*(row for case in cases for row in feed(case)))
    rows = air.ask(view, "location_id, scheme, metric, aqi", f"WHERE scheme IS NOT NULL {where}")
    return {(row["location_id"], f"{row['scheme']}/{row['metric']}"): row["aqi"] for row in rows}


def wrong(cases: Sequence[Case], indices: Mapping[tuple[int, str], int]) -> list[Any]:
    """The cases that have another index than they must."""
    compared = ((case, indices.get((case.number, f"{case.scheme}/{case.metric}"))) for case in cases)
    return [(entry.name, entry.metric, entry.value, entry.expected, index) for entry, index in compared if index != entry.expected]


def test_every_case_in_the_daily_view() -> None:
    """Each concentration as the statistic of a day has exactly the index that is published or computed for it."""
    cases = single_cases()
    indices = indices_of(fresh_air(trusting=True), "view_daily_index", cases, daily, f"AND local_day = DATE '{DAY}'")
    assert len(cases) > 900
    assert wrong(cases, indices) == []


def test_every_case_in_the_view_of_now() -> None:
    """The same, as the statistic of the newest hours; eight hours of ozone exist only for days."""
    cases = [case for case in single_cases() if case.metric != "o3_8h"]
    assert wrong(cases, indices_of(fresh_air(trusting=True), "view_latest_index", cases, newest)) == []


@pytest.mark.parametrize("feed", [newest, daily])
def test_the_views_people_read(feed: Any) -> None:
    """The public views tell the highest index of each station, with its category, and no VN_AQI without particles."""
    cases = single_cases()
    view = "view_latest_index" if feed is newest else "view_daily_index"
    public = "view_latest_aqi" if feed is newest else "view_daily_average"
    air = fresh_air(trusting=True)
    day = "" if feed is newest else f"AND local_day = DATE '{DAY}'"
    parts: dict[tuple[int, str], int] = {}
    for (number, name), index in indices_of(air, view, cases, feed, day).items():
        key = (number, name[:2])
        parts[key] = max(index, parts.get(key, 0))
    rows = {row["location_id"]: row for row in air.ask(public, rest=day.replace("AND", "WHERE") + " ORDER BY location_id")}
    for case in cases:
        row, particles = rows.get(case.number, {}), case.pollutant in ("pm25", "pm10")
        assert row.get("us_aqi") == parts.get((case.number, "us")), case
        assert row.get("vn_aqi") == (parts.get((case.number, "vn")) if particles else None), case
        shown = row.get(f"{case.scheme[:2]}_aqi")
        if case.category and shown == case.expected and shown is not None:
            assert row[f"{case.scheme[:2]}_category"] == case.category, case


def test_the_rules_of_quality_stand_before_the_index() -> None:
    """With this project's own rules every case whose hours they let pass has its index, and the others none."""
    air = fresh_air()
    cases = [case for case in single_cases() if case.metric != "o3_8h"]
    indices = indices_of(air, "view_latest_index", cases, newest)
    rows = air.ask("view_hourly_quality", "location_id, qc_flag", "WHERE qc_flag NOT IN (1, 3)")
    broken = {row["location_id"] for row in rows}
    passed = [case for case in cases if case.number not in broken]
    assert len(passed) > 0.97 * len(cases)
    assert wrong(passed, indices) == []
    assert not broken & {number for number, _ in indices}


def test_nowcasts() -> None:
    """Every series has its NowCast to six decimals, its truncated value and its index by both schemes."""
    cases = read("nowcast_cases.csv")
    air = fresh_air(trusting=True)
    rows = air_of_nowcasts(air, cases)
    assert len(cases) > 20
    for number, case in enumerate(cases, 1):
        got = {name: rows.get((number, name)) for name in ("us_epa_2024/pm25_24h", "us_epa_2024/pm10_24h", "vn_aqi_1459/pm25")}
        if not case["nowcast_raw"]:
            if case["us_aqi_pm25_2024"] == "" and "all zero" not in case["case"]:
                assert set(got.values()) == {None}, case["id"]
            continue
        pm25, pm10, vn = got["us_epa_2024/pm25_24h"], got["us_epa_2024/pm10_24h"], got["vn_aqi_1459/pm25"]
        assert pm25 and pm10 and vn, case["id"]
        assert pm25["concentration"] == pytest.approx(float(case["nowcast_raw"]), abs=1.5e-6), case["id"]
        assert pm25["truncated"] == float(case["nowcast_pm25_trunc"]), case["id"]
        assert pm10["truncated"] == float(case["nowcast_pm10_trunc"]), case["id"]
        indices = [str(row["aqi"]) for row in (pm25, pm10, vn)]
        assert indices == [case["us_aqi_pm25_2024"], case["us_aqi_pm10"], case["vn_aqi_pm25_normalised"]], case["id"]
        assert pm25["method"] == "nowcast" and pm25["hours"] == sum(1 for age in AGES if case[age])


def air_of_nowcasts(air: Air, cases: Sequence[Mapping[str, str]]) -> dict[tuple[int, str], dict[str, Any]]:
    """(station, scheme/metric) -> row, of series c1 (newest) to c12; a missing hour is a row without value."""
    air.stations(*(station(number) for number in range(1, len(cases) + 1)))
    hours = []
    for number, case in enumerate(cases, 1):
        series = [float(case[age]) if case[age] else None for age in AGES]
        hours += back(series, location_id=number, sensor_id=number)
        hours += back(series, location_id=number, sensor_id=9000 + number, parameter="pm10")
    air.hours(*hours)
    rows = air.ask("view_latest_index", rest="WHERE scheme IS NOT NULL")
    return {(row["location_id"], f"{row['scheme']}/{row['metric']}"): row for row in rows}


def test_official_nowcasts() -> None:
    """The worked examples of EPA and of the Decision: 28.4, 17.4 and 20.3."""
    rows = [row for row in read("official_examples.csv") if row["kind"] == "nowcast_worked_example"]
    series = [dict(zip(AGES, row["inputs"].split(";"))) for row in rows]
    indices = air_of_nowcasts(fresh_air(trusting=True), series)
    for number, row in enumerate(rows, 1):
        now = indices[number, "us_epa_2024/pm25_24h"]
        shown = now["truncated"] if row["scheme"].startswith("US") else round(now["concentration"], 1)
        assert shown == float(row["expected"]), row["id"]
    assert len(rows) == 3


def parts(text: str) -> dict[str, float]:
    """``a=1;b=2`` as numbers."""
    return {name: float(value) for name, value in (part.split("=") for part in text.split(";"))}


def test_worked_examples_of_several_pollutants() -> None:
    """The overall examples: the highest index and its pollutant; the printed 60 of the Decision is 59 by its formula."""
    rows = {row["id"]: row for row in read("official_examples.csv") if row["pollutant"].startswith("overall")}
    air = fresh_air()
    air.stations(station(1), station(2), station(3))
    us, hourly, vn = (parts(next(r["inputs"] for r in rows.values() if r["pollutant"] == name and r["scheme"] == scheme))
                      for name, scheme in (("overall", "US_EPA_2024"), ("overall_hourly", "VN_AQI_1459"), ("overall_daily", "VN_AQI_1459")))
    rest = (8 * vn["o3_8h"] - vn["o3_1h"]) / 7
    air.hours(
        *of_day([us["o3_8h"]] * 22, DAY, 7, location_id=1, sensor_id=1, parameter="o3", unit="ppm"),
        *of_day([us["pm25_24h"]] * 20, DAY, location_id=1, sensor_id=2),
        *of_day([us["co_8h"]] * 20, DAY, location_id=1, sensor_id=3, parameter="co", unit="ppm"),
        *back([hourly["o3_1h"]], location_id=2, sensor_id=4, parameter="o3"),
        *back([hourly["no2_1h"]], location_id=2, sensor_id=5, parameter="no2"),
        *back([hourly["pm25"]] * 2, location_id=2, sensor_id=6),
        *of_day([0.0] * 7 + [rest] * 4 + [vn["o3_1h"]] + [rest] * 3 + [0.0] * 7, DAY, location_id=3, sensor_id=7, parameter="o3"),
        *of_day([0.0] * 7 + [vn["no2_1h"]] + [0.0] * 14, DAY, location_id=3, sensor_id=8, parameter="no2"),
        *of_day([vn["pm25"]] * 20, DAY, location_id=3, sensor_id=9),
    )
    daily = {row["location_id"]: row for row in air.ask("view_daily_average", rest=f"WHERE local_day = DATE '{DAY}'")}
    latest = {row["location_id"]: row for row in air.ask("view_latest_aqi")}
    assert (daily[1]["us_aqi"], daily[1]["us_pollutant"]) == (126, "o3")
    assert (latest[2]["vn_aqi"], latest[2]["vn_pollutant"], latest[2]["vn_concentration"]) == (59, "no2", 118.7)
    assert (daily[3]["vn_aqi"], daily[3]["vn_pollutant"]) == (110, "pm25")
    index = air.ask("view_daily_index", rest=f"WHERE location_id = 3 AND local_day = DATE '{DAY}' AND scheme = 'vn_aqi_1459'")
    assert {row["metric"]: row["aqi"] for row in index} == {"pm25": 110, "o3_8h": 45, "o3_1h": 36, "no2_1h": 65}


def eight_hours() -> Iterator[tuple[dict[str, str], list[float]]]:
    """The printed eight-hour means of the Decision with their hours."""
    for row in read("official_examples.csv"):
        if row["scheme"] == "VN_AQI_1459_O3_8H_MEAN" and row["inputs"]:
            yield row, [float(part) for part in row["inputs"].split(";")]


def test_eight_hour_means_of_the_decision() -> None:
    """Its 24 means are found again, but for the one that is printed wrong; the highest of the day is 74.4."""
    air = fresh_air()
    printed = list(eight_hours())
    air.stations(*(station(number) for number in range(len(printed) + 1)))
    whole = [*printed[0][1], *(hours[-1] for _, hours in printed[1:])]
    rows = of_day(whole, DAY - dt.timedelta(days=1), 17, location_id=0, sensor_id=1000, parameter="o3")
    for number, (_, hours) in enumerate(printed, 1):
        rows += of_day([*[0.0] * 7, *hours, *[0.0] * 12], DAY - dt.timedelta(days=1), 17, location_id=number, sensor_id=number, parameter="o3")
    air.hours(*rows)
    where = f"WHERE local_day = DATE '{DAY}' AND metric = 'o3_8h' AND scheme = 'vn_aqi_1459'"
    concentrations = {row["location_id"]: row["concentration"] for row in air.ask("view_daily_index", rest=where)}
    off = [row["id"] for n, (row, _) in enumerate(printed, 1) if abs(concentrations[n] - float(row["expected"])) > 0.0500001]
    assert off == [row["id"] for row, _ in printed if row["status"] == "erratum"] == ["OFF-0115"]
    assert concentrations[0] == pytest.approx(74.3875)


def test_sulphur_dioxide_above_304() -> None:
    """An hour of 305 ppb or more is exactly 200 while the mean of the day is below 305, then the day's line counts."""
    air = fresh_air()
    air.stations(station(1), station(2))
    hot = {"parameter": "so2", "unit": "ppb"}
    air.hours(
        *of_day([400.0] + [(63.75 * 18 - 400) / 17] * 17, DAY, location_id=1, sensor_id=1, **hot),
        *of_day([400.0] * 18, DAY, location_id=2, sensor_id=2, **hot),
        *back([400.0], location_id=1, sensor_id=1, **hot),
        *back([400.0] * 18, location_id=2, sensor_id=2, **hot),
    )
    daily = air.ask("view_daily_average", "us_aqi, us_category", f"WHERE local_day = DATE '{DAY}' ORDER BY location_id")
    latest = air.ask("view_latest_aqi", "us_aqi, us_category, us_method")
    assert [row["us_aqi"] for row in daily] == [row["us_aqi"] for row in latest] == [200, 232]
    assert [row["us_method"] for row in latest] == ["mean_1h", "mean_24h"]
    assert [row["us_category"] for row in latest] == ["Unhealthy", "Very Unhealthy"]


def test_the_disputed_and_the_printed() -> None:
    """OFF-0005 (0.162 ppm for an hour) is 147 by the formula, whatever a copy of the document is said to print."""
    air = fresh_air()
    air.stations(station(1))
    air.hours(*back([0.162], parameter="o3", unit="ppm"))
    indices = {row["metric"]: row["aqi"] for row in air.ask("view_latest_index", rest="WHERE scheme = 'us_epa_2024'")}
    assert indices["o3_1h"] == 147
