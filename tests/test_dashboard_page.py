"""The page as text: what can be known of it without a browser."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from openaq_assets.dashboard.page import Overview, Row, Serving, render

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "\"quoted\" 'and' `ticked` & <b>bold</b>",
    "line\u2028and\u2029paragraph",
    "\u202eright to left\u202c مرحبا",
    "__DATA__ __OUTLINE__ __TITLE__ \\g<0> \\1",
    "n" * 500,
)


class Elements(HTMLParser):
    """Collects tags, attributes, and the text of every script by its id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self._script = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._script = (dict(attrs).get("id") or "code") if tag == "script" else ""

    def handle_endtag(self, tag: str) -> None:
        self._script = ""

    def handle_data(self, data: str) -> None:
        if self._script:
            self.scripts[self._script] = self.scripts.get(self._script, "") + data


def island(page: str, name: str = "data") -> Any:
    """Return the JSON of one island, read as a browser's parser would find it."""
    return json.loads(Elements(page).scripts[name])


def latest(number: int = 1, **more: object) -> Row:
    """Return one row of `view_latest_aqi`."""
    return {
        "location_id": number, "location": f"Station {number}", "city": "Huế", "country": "VN",
        "provider": "AirGradient", "latitude": 16.4637123, "longitude": 107.59087,
        "as_of": "2026-11-22T23:00:00Z", "age_minutes": 30, "is_current": True, "pollutant": "pm25",
        "concentration": 35.44, "unit": "µg/m³", "aqi": 101, "reason": None,
        "category": "Unhealthy for Sensitive Groups", "colour": "#FF7E00", **more,
    }  # fmt: skip


def daily(number: int = 1, day: str = "2026-11-22", **more: object) -> Row:
    """Return one row of `view_daily_average`."""
    return {
        "location_id": number, "location": f"Station {number}", "city": "Huế", "local_day": day,
        "avg_pm25": 21.50499, "hours": 20, "coverage": 20 / 24, "is_incomplete": False,
        "valid_75": True, **more,
    }  # fmt: skip


def page_of(*rows: Row, days: tuple[Row, ...] = (), **more: Any) -> str:
    """Render these rows as `prod`."""
    return render(
        Overview("2026-11-22T23:30:00Z", environments={"prod": Serving(rows, days)}, **more)
    )


def test_the_page_names_no_address_to_load_from() -> None:
    """No src, href or CSS url() leads out of the file."""
    page = page_of(latest(), days=(daily(),))
    links = [
        v
        for _, attrs in Elements(page).tags
        for k, v in attrs.items()
        if k in ("src", "href", "action")
    ]
    assert links == ["data:,"]
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|\bimport\(", page)


def test_the_policy_allows_nothing_but_the_page_itself() -> None:
    """The content security policy comes before any script and refuses every other source."""
    tags = Elements(page_of()).tags
    policy = next(a["content"] for _, a in tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy == (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    assert [tag for tag, _ in tags[:4]] == ["html", "head", "meta", "meta"]


def test_latest_rows_come_back_as_given() -> None:
    """The island holds every column of every row, numbers rounded to what they mean."""
    table = island(page_of(latest(1), latest(2, aqi=None, city=None)))["environments"]["prod"][
        "latest"
    ]
    first, second = (dict(zip(table["fields"], row, strict=True)) for row in table["rows"])
    assert first == {**latest(1), "latitude": 16.46371, "concentration": 35.4}
    assert (second["location_id"], second["aqi"], second["city"]) == (2, None, None)


def test_daily_rows_store_names_and_days_once() -> None:
    """A daily row is six numbers: place, day, mean, hours, coverage, flags."""
    rows = (
        daily(),
        daily(day="2026-11-23", is_incomplete=True, valid_75=False),
        daily(2, avg_pm25=None),
    )
    table = island(page_of(days=rows))["environments"]["prod"]["daily"]
    assert table["places"] == [[1, "Station 1", "Huế"], [2, "Station 2", "Huế"]]
    assert table["days"] == ["2026-11-22", "2026-11-23"]
    assert table["rows"] == [
        [0, 0, 21.5, 20, 0.833, 2],
        [0, 1, 21.5, 20, 0.833, 1],
        [1, 0, None, 20, 0.833, 2],
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_stays_text(name: str) -> None:
    """A name, source, problem or title full of markup adds no element and survives unchanged."""
    page = render(
        Overview(
            "2026-11-22T23:30:00Z",
            title=name,
            sources=(name,),
            environments={
                "prod": Serving((latest(location=name, city=name, provider=name, reason=name),),
                                (daily(location=name, city=name),), name),
            },
        )
    )  # fmt: skip
    data = island(page)
    served = data["environments"]["prod"]
    assert [data["title"], *data["sources"], served["problem"]] == [name] * 3
    assert served["latest"]["rows"][0][1] == served["daily"]["places"][0][1] == name
    assert [t for t, _ in Elements(page).tags] == [t for t, _ in Elements(page_of(latest())).tags]
    assert not re.search("[\u2028\u2029]", Elements(page).scripts["data"])


def test_numbers_that_json_lacks_become_null() -> None:
    """NaN and infinity are shown as no value, not as broken JSON."""
    page = page_of(latest(concentration=float("nan"), latitude=float("inf")))
    row = island(page)["environments"]["prod"]["latest"]["rows"][0]
    assert row.count(None) == 3


@pytest.mark.parametrize("colour", ["red", "#FF7E00;x:y", "url(#a)", "#FFF", None, 3])
def test_only_six_digit_colours_reach_the_page(colour: object) -> None:
    """Anything but #RRGGBB is dropped and the page falls back to the band's colour."""
    table = island(page_of(latest(colour=colour)))["environments"]["prod"]["latest"]
    assert table["rows"][0][table["fields"].index("colour")] is None


def test_a_row_without_a_column_is_refused_by_name() -> None:
    """The error says which column a view must add."""
    row = {name: value for name, value in latest().items() if name != "age_minutes"}
    with pytest.raises(ValueError, match="age_minutes: a row given to the page lacks this column"):
        page_of(row)


def test_the_default_environment_must_be_there() -> None:
    """A default that is not served is a mistake of the caller, told with the names that are."""
    with pytest.raises(ValueError, match=r"no environment 'prod' \(given: dev\)"):
        Overview("2026-11-22T23:30:00Z", environments={"dev": Serving()})


def test_sixty_stations_a_month_and_two_environments_stay_small() -> None:
    """The file for 60 stations x 30 days x 2 environments is under 600 KB."""
    rows = tuple(latest(n, location=f"Trạm quan trắc tự động số {n}") for n in range(60))
    days = tuple(
        daily(n, f"2026-11-{d:02}", avg_pm25=n + d / 7) for n in range(60) for d in range(1, 31)
    )
    served = Serving(rows, days)
    page = render(Overview("2026-11-22T23:30:00Z", environments={"dev": served, "prod": served}))
    assert len(page.encode()) < 600_000


def test_the_outline_is_land_only_and_names_its_source() -> None:
    """The outline has coordinates inside its box, a source, and no names of countries."""
    outline = island(page_of(), "outline")
    west, south, east, north = outline["bbox"]
    rings = outline["focus"] + outline["land"]
    assert set(outline) == {"source", "bbox", "focus", "land"}
    assert "Natural Earth" in outline["source"]
    assert all(west <= x <= east for ring in rings for x in ring[::2])
    assert all(south <= y <= north for ring in rings for y in ring[1::2])
