"""The page as text: the properties that need no browser."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from support.page_years import daily, hour, latest, year_of

from openaq_assets.openaq.dashboard import charts
from openaq_assets.openaq.dashboard.page import bands, render, style_sheet, texts
from openaq_assets.openaq.dashboard.payload import Overview, Row, Serving
from openaq_assets.openaq.dashboard.pictures import pictures

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "\"quoted\" 'and' `ticked` & <b>bold</b>",
    "line\u2028and\u2029paragraph",
    "\u202eright to left\u202c مرحبا",
    "__DATA__ __OUTLINE__ __TITLE__ __SCRIPT__ \\g<0> \\1",
    "n" * 500,
)


class Elements(HTMLParser):
    """Collects tags, attributes, and the text of every script and style by its id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        code = f"{tag}{sum(name == tag for name, _ in self.tags)}"
        self._open = (dict(attrs).get("id") or code) if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open] = self.texts.get(self._open, "") + data


def island(page: str, name: str = "data") -> Any:
    """Return the JSON of one island, read as a browser's parser would find it."""
    return json.loads(Elements(page).texts[name])


def page_of(
    *rows: Row, days: tuple[Row, ...] = (), hours: tuple[Row, ...] = (), **more: Any
) -> str:
    """Render these rows as `prod`."""
    served = {"prod": Serving(rows, days, hours)}
    return render(Overview("2026-11-22T23:30:00Z", environments=served, **more))


def test_the_page_names_no_address_to_load_from() -> None:
    """No src, href or CSS url() leads out of the file."""
    page = page_of(latest(), days=(daily(),))
    elements = Elements(page)
    links = [
        v for _, attrs in elements.tags for k, v in attrs.items() if k in ("src", "href", "action")
    ]
    assert links == ["data:,", "#stations-title"]
    own = elements.texts["style1"] + elements.texts["script6"]
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|\bimport\(|https?:", own)


def test_the_policy_allows_these_very_scripts_and_nothing_else() -> None:
    """The content security policy comes before any script and names the digest of each one and of the style."""
    elements = Elements(page_of(latest()))
    policy = next(
        a["content"] for _, a in elements.tags if a.get("http-equiv") == "Content-Security-Policy"
    )
    digests = [_digest(elements.texts[name]) for name in ("script6", "script7", "style1")]
    assert policy == (
        f"default-src 'none'; script-src {digests[0]} {digests[1]}; style-src {digests[2]}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    assert [tag for tag, _ in elements.tags[:4]] == ["html", "head", "meta", "meta"]
    assert not any(
        "style" in attrs or any(name.startswith("on") for name in attrs) for _, attrs in elements.tags
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_library_comes_whole_from_the_package() -> None:
    """The drawing library is inside one function and cannot end its script element."""
    library = Elements(page_of()).texts["script7"]
    assert library == charts.library()
    assert library.startswith("function drawingLibrary() {")
    assert "vegaEmbed" in library
    assert not re.search("</script|<!--", library, re.IGNORECASE)


def test_latest_rows_come_back_as_given() -> None:
    """The island holds every column of every row, numbers rounded to what they mean."""
    page = page_of(latest(1), latest(2, us_aqi=None, city=None))
    table = island(page)["environments"]["prod"]["latest"]
    first, second = (dict(zip(table["fields"], row, strict=True)) for row in table["rows"])
    assert first == {
        **latest(1),
        "latitude": 16.46371,
        "us_concentration": 35.445,
        "vn_concentration": 35.445,
    }
    assert (second["location_id"], second["us_aqi"], second["city"]) == (2, None, None)


def test_days_are_packed_by_station() -> None:
    """A station's days are one text a quantity: tenths, two indices, a letter for the hours."""
    rows = (
        daily(day="2026-11-20", hours=24),
        daily(day="2026-11-22", hours=9, is_incomplete=True, avg_pm25=None, us_aqi=None),
        daily(2, day="2026-11-23", avg_pm25=5.04, city=None, hours=0, vn_aqi=None),
        daily(2, day="2020-01-01"),
    )
    page = island(page_of(days=rows))
    served = page["environments"]["prod"]
    assert (page["firstDay"], page["dayCount"]) == ("2025-11-24", 365)
    assert served["places"] == [[1, "Station 1", "Huế"], [2, "Station 2", None]]
    assert served["daily"] == [
        [361, "03T______", "1A____", "0h__0h", "y.J"],
        [364, "00o", "1A", "__", "a"],
    ]
    assert served["cities"] == []


def test_a_city_is_the_mean_of_its_complete_stations() -> None:
    """Means of PM2.5, medians of indices half up; an incomplete station counts only where there is no other."""
    rows = (
        daily(1, avg_pm25=10.0, us_aqi=50, vn_aqi=20),
        daily(2, avg_pm25=21.0, us_aqi=71, vn_aqi=43),
        daily(3, avg_pm25=90.0, is_incomplete=True, hours=3),
        daily(
            1, day="2026-11-21", avg_pm25=30.0, is_incomplete=True, hours=4, us_aqi=90, vn_aqi=60
        ),
    )
    [[city, packed]] = island(page_of(days=rows))["environments"]["prod"]["cities"]
    assert (city, packed) == ("Huế", [362, "04q02V", "1S0z", "0y0W", "Bc"])


def test_hours_are_weighted_by_their_number() -> None:
    """A city's hour is the mean over its valid hours, not over its stations."""
    rows = (hour(1, 7, 10.0, 30), hour(2, 7, 40.0, 10), hour(1, 8, 5.0, 0), hour(3, 7, 100.0, 1))
    days = (daily(1), daily(2), daily(3, city="Vinh"))
    pattern = island(page_of(days=days, hours=rows))["environments"]["prod"]["hours"]
    means = {city: values[7] for city, values in pattern["cities"]}
    assert means == {"Huế": 17.5, "Vinh": 100.0}
    assert pattern["all"][7] == round((300 + 400 + 100) / 41, 1)
    assert pattern["all"][8] is None


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_stays_text(name: str) -> None:
    """A name, source, problem or title with markup adds no element and stays unchanged."""
    rows = (latest(location=name, city=name, provider=name, us_reason=name),)
    served = Serving(rows, (daily(location=name, city=name),), (), name)
    overview = Overview(
        "2026-11-22T23:30:00Z", title=name, sources=(name,), environments={"prod": served}
    )
    page = render(overview)
    data = island(page)
    shown = data["environments"]["prod"]
    assert [data["title"], *data["sources"], shown["problem"]] == [name] * 3
    assert shown["latest"]["rows"][0][1] == shown["places"][0][1] == name
    assert [t for t, _ in Elements(page).tags] == [t for t, _ in Elements(page_of(latest())).tags]
    assert not re.search("[\u2028\u2029]", Elements(page).texts["data"])


def test_numbers_that_json_lacks_become_null() -> None:
    """NaN and infinity are shown as no value, not as broken JSON."""
    page = page_of(
        latest(us_concentration=float("nan"), latitude=float("inf")),
        days=(daily(avg_pm25=float("nan")),),
    )
    served = island(page)["environments"]["prod"]
    row = dict(zip(served["latest"]["fields"], served["latest"]["rows"][0], strict=True))
    assert (row["us_concentration"], row["latitude"], served["daily"][0][1]) == (None, None, "___")


@pytest.mark.parametrize("column", ["age_minutes", "vn_aqi", "license"])
def test_a_row_without_a_column_is_refused_by_name(column: str) -> None:
    """The error says which column a view must add."""
    row = {name: value for name, value in latest().items() if name != column}
    with pytest.raises(ValueError, match=f"{column}: a row given to the page lacks this column"):
        page_of(row)


def test_the_default_environment_must_be_there() -> None:
    """A default that is not served raises an error with the environments that are."""
    with pytest.raises(ValueError, match=r"no environment 'prod' \(given: dev\)"):
        Overview("2026-11-22T23:30:00Z", environments={"dev": Serving()})


@pytest.mark.parametrize("cities", [14, 30])
def test_a_year_of_sixty_stations_and_two_environments_is_under_1_8_mb(cities: int) -> None:
    """60 stations x 365 days x 2 environments, all values different, with two stations a city or more."""
    page = render(year_of(60, cities))
    assert len(page.encode()) < 1_800_000


def test_every_text_is_there_in_both_languages() -> None:
    """The same keys with the same holes; Vietnamese has no singular of its own."""
    english, vietnamese = texts()["en"], texts()["vi"]
    plural = {key for key in english if key.endswith(".one")}
    assert set(english) - plural == set(vietnamese) - {"reasons"}
    for key in set(english) - plural:
        assert set(re.findall(r"\{\w+\}", english[key])) == set(
            re.findall(r"\{\w+\}", vietnamese[key])
        ), key


def test_every_text_the_script_asks_for_exists() -> None:
    """Every key in the markup, in calls, and made of a number has a text."""
    script = Elements(page_of()).texts["script6"]
    keys = set(re.findall(r'\bt\("(\w+)"', script)) | set(
        re.findall(r'data-t="(\w+)"', charts.resource("page.html"))
    )
    counted = set(re.findall(r'\bcount\("(\w+)"', script))
    english = texts()["en"]
    assert keys - set(english) == set()
    assert {f"{key}.other" for key in counted} - set(english) - {
        "minutes.other",
        "hours.other",
    } == set()
    assert len(keys) > 50


def reviewed(table: str) -> list[dict[str, str]]:
    """Return the rows of a reviewed table."""
    text = (ROOT / f"conf/reference/{table}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def test_bands_and_limits_are_those_of_the_reviewed_tables() -> None:
    """Bounds, colours, words and advice of the page are those of conf/reference, as are the limits it draws."""
    rows = reviewed("aqi_categories")
    for scheme, key in (("us_epa_2024", "us"), ("vn_aqi_1459", "vn")):
        bands_of_scheme = [row for row in rows if row["scheme"] == scheme]
        for band, row in zip(bands()[key], bands_of_scheme, strict=True):
            assert band["to"] in (None, int(row["aqi_hi"] or 0))
            assert (band["colour"], band["assist"]) == (row["colour"], row["colour_assist"])
            assert band["en"] == [row["name_en"], row["health_en"]]
            assert band["vi"] == [row["name_vi"], row["health_vi"]]
    limits = reviewed("limits")
    day = [
        row
        for row in limits
        if (row["pollutant"], row["averaging"], row["valid_to"]) == ("pm25", "24h", "")
    ]
    values = {
        row["standard"]: float(row["value"]) for row in day if row["level"] in ("aqg", "limit")
    }
    assert [entry["value"] for entry in bands()["limits"]] == [
        values["who_aqg_2021"],
        values["qcvn_05_2023"],
    ]


def test_both_indices_share_their_colours() -> None:
    """One set of CSS variables serves US AQI and VN_AQI, in both palettes."""
    us, vn = (
        [(band["colour"], band["assist"], band["ink"]) for band in bands()[key]]
        for key in ("us", "vn")
    )
    assert us == vn
    assert style_sheet().count("--aqi-5:") == 2


def test_the_outline_is_land_only_and_names_its_source() -> None:
    """The outline has coordinates inside its box, a source, and no names of countries or islands."""
    outline = island(page_of(), "outline")
    west, south, east, north = outline["bbox"]
    rings = outline["focus"] + outline["land"]
    assert set(outline) == {"source", "bbox", "focus", "land"}
    assert "Natural Earth" in outline["source"]
    assert all(west <= x <= east for ring in rings for x in ring[::2])
    assert all(south <= y <= north for ring in rings for y in ring[1::2])


def test_pictures_are_drawn_without_a_browser() -> None:
    """Five PNG files of a full overview; one of a lake without days has no trend."""
    rows = tuple(latest(n, latitude=16.0 + n / 10, us_aqi=40 * n) for n in range(1, 5))
    days = tuple(daily(n, f"2026-11-{day}") for n in range(1, 5) for day in range(10, 23))
    served = Serving(rows, days, tuple(hour(1, at) for at in range(24)))
    overview = Overview("2026-11-22T23:30:00Z", environments={"prod": served, "dev": Serving()})
    drawn = pictures(overview, "prod", "vi")
    assert list(drawn) == ["headline", "map", "trend", "heatmap", "hours"]
    assert list(pictures(overview, "dev")) == ["headline", "map"]
    for body in drawn.values():
        width, height = (int.from_bytes(body[n : n + 4], "big") for n in (16, 20))
        assert body[:8] == b"\x89PNG\r\n\x1a\n"
        assert 500 < width < 2500
        assert 200 < height < 2500


def test_a_picture_of_hostile_names_is_still_a_picture() -> None:
    """Names full of markup are text of the chart; synthetic data change the picture by their mark."""
    rows = tuple(latest(n, location=name, city=name) for n, name in enumerate(HOSTILE))
    days = tuple(daily(n, city=name, location=name) for n, name in enumerate(HOSTILE))
    served = {"prod": Serving(rows, days)}
    drawn = pictures(Overview("2026-11-22T23:30:00Z", environments=served), "prod")
    marked = pictures(Overview("2026-11-22T23:30:00Z", environments=served, synthetic=True), "prod")
    assert list(drawn) == ["headline", "map", "trend", "heatmap"]
    assert [name for name in drawn if marked[name] == drawn[name]] == []
