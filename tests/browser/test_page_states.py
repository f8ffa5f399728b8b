"""The page in its odd states: nothing, old, synthetic, hostile, elsewhere, small screens; and its downloads."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import pytest
from support import page_sample as sample
from support.page_reading import EVIL, HANOI, choose, count_visible, drawn, marks, rows, settle, switch, text

from openaq_assets.openaq.dashboard.payload import Serving

if TYPE_CHECKING:
    from support.chromium import Tab

    Show = Callable[..., Tab]

pytestmark = pytest.mark.browser


def test_an_empty_environment_says_so(show: Show) -> None:
    """Without rows each part says that there is nothing and what to do, and nothing is drawn."""
    tab = show(sample.overview(environments={"prod": Serving()}))
    assert "No stations yet" in text(tab, "#headline")
    assert "Run the job openaq_ingestion" in text(tab, "#headline")
    notes = [text(tab, f"#{part}-note") for part in ("map", "trend", "heat", "hours")]
    assert notes == [
        "No stations to draw.",
        "No daily means yet.",
        "No days to show.",
        "No hourly pattern yet.",
    ]
    assert (marks(tab), text(tab, "#stations")) == ([], "No stations to list.")
    assert [count_visible(tab, f"#{chart}") for chart in ("trend", "heatmap", "hours")] == [0, 0, 0]
    assert tab.run("[...document.querySelectorAll('.csv')].every((button) => button.disabled)")


def test_the_empty_environment_fills_again(show: Show) -> None:
    """From an empty environment to a full one and back, every part follows."""
    full = sample.serving(seed=1)
    tab = show(sample.overview(environments={"dev": full, "prod": Serving()}))
    switch(tab, "env", "dev")
    assert len(marks(tab)) == 21
    assert count_visible(tab, "#trend svg") == count_visible(tab, "#heatmap svg") == 1
    before = drawn(tab)
    switch(tab, "env", "prod")
    assert marks(tab) == []
    switch(tab, "env", "dev")
    assert drawn(tab) == before


def test_a_problem_is_shown_in_its_own_environment_only(show: Show) -> None:
    """A problem of prod is shown under prod, and not under dev."""
    problem = "prod has no views yet. Run openaq-assets promote."
    environments = {"dev": sample.serving(seed=2), "prod": Serving(problem=problem)}
    tab = show(sample.overview(environments=environments))
    assert text(tab, "#problem") == f"prod cannot be shown: {problem}"
    switch(tab, "env", "dev")
    assert tab.run("document.getElementById('problem').hidden")
    assert len(marks(tab)) == 21


def test_when_all_stations_are_stale_no_number_is_shown(show: Show) -> None:
    """Old values give hollow discs, a reason per row and a headline without an index."""
    served = tuple(sample.station(n, HANOI, hours=9, latitude=21 + n / 50) for n in range(4))
    tab = show(sample.overview(environments={"prod": Serving(served)}))
    assert "No current value" in text(tab, "#headline")
    assert "0 of 4 stations current" in text(tab, "#headline")
    assert marks(tab) == [[str(n), ""] for n in range(4)]
    assert "4 stations without a current value" in text(tab, "#map-note")
    assert text(tab, "#stations").count("Last valid hour is 9 h old") == 4


def test_a_stale_row_that_still_has_a_number_shows_none(show: Show) -> None:
    """The page itself refuses to show an index that the view does not call current."""
    row = sample.station(
        1, HANOI, value=302.5, is_current=False, us_reason="too old", latitude=21.0
    )
    tab = show(sample.overview(environments={"prod": Serving((row,))}))
    assert marks(tab) == [["1", ""]]
    assert "too old" in text(tab, "#stations")
    assert "302.5" not in text(tab, "main")


def test_known_reasons_are_told_in_vietnamese(show: Show) -> None:
    """The reasons that the views give have a translation."""
    row = sample.station(1, HANOI, hours=9, us_reason="older than 3 hours")
    tab = show(sample.overview(environments={"prod": Serving((row,))}), "#lang=vi")
    assert "cũ hơn 3 giờ" in text(tab, "#stations")


def test_a_city_of_one_station_is_honest_about_it(show: Show) -> None:
    """One station has no median, no grey lines, one row of cells and its own days as the city's."""
    served = Serving(
        (sample.station(1, "Huế", value=20.0),),
        tuple(sample.day(1, "Huế", ago, 20.0 + ago) for ago in range(5)),
        tuple(sample.pattern(1, 20.0)),
    )
    tab = show(sample.overview(environments={"prod": served}), "#city=Hu%E1%BA%BF")
    assert "US AQI of the one current station" in text(tab, "#headline")
    assert "Median" not in text(tab, "main")
    assert {row["series"] for row in rows(tab, "trend", "lines")} == {"Huế"}
    assert {row["row"] for row in rows(tab, "heatmap", "cells")} == {"Huế 1"}
    assert count_visible(tab, "#insets figure") == 0
    assert "25 days without data" in text(tab, "#trend-note")


def test_synthetic_data_are_announced(show: Show) -> None:
    """The banner and the mark are there for simulated data and only for them."""
    tab = show(sample.overview())
    assert (text(tab, "#synthetic"), text(tab, "#stamp")) == ("", "")
    tab = show(sample.overview(synthetic=True))
    assert text(tab, "#synthetic") == "Synthetic data from the bundled simulator, not measurements."
    assert text(tab, "#stamp") == "SYNTHETIC"


def test_an_old_page_says_how_old_it_is(show: Show) -> None:
    """A file opened days after it was made warns that its values were current then."""
    overview = sample.overview()
    assert show(overview).run("document.getElementById('old').hidden")
    tab = show(replace(overview, generated_at="2028-01-01T00:00:00Z"))
    assert text(tab, "#old") == ""
    tab = show(replace(overview, generated_at="2020-01-01T00:00:00Z"))
    assert "This page was made" in text(tab, "#old")


def test_days_before_the_period_are_told_by_the_newest(show: Show) -> None:
    """A lake that stopped two months ago has no trend of thirty days, but says of when its newest day is."""
    days = tuple(sample.day(1, "Huế", ago, 20.0) for ago in range(60, 70))
    tab = show(sample.overview(environments={"prod": Serving((), days)}))
    assert "No daily mean in this period; the newest is of" in text(tab, "#trend-note")
    switch(tab, "days", 90)
    assert count_visible(tab, "#trend svg") == 1


def test_times_are_local(show: Show) -> None:
    """UTC instants are shown in the zone of the overview, whatever the reader's own zone."""
    row = sample.station(1, HANOI, as_of="2026-11-22T20:00:00Z")
    tab = show(
        sample.overview(generated_at="2026-11-22T20:10:00Z", environments={"prod": Serving((row,))})
    )
    assert "23 Nov 2026, 03:00" in text(tab, "#headline")
    assert "(UTC+7)" in text(tab, "#made")


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland"])
def test_days_stay_days_in_every_zone_of_a_reader(show: Show, tab: Tab, zone: str) -> None:
    """A day's cell and tick have that day's date east and west of Greenwich."""
    tab.call("Emulation.setTimezoneOverride", timezoneId=zone)
    try:
        overview = sample.overview(generated_at="2026-11-22T20:10:00Z")
        days = tuple(
            sample.day(1, "Huế", 0, 20.0) | {"local_day": f"2026-11-{n}"} for n in (21, 22, 23)
        )
        show(replace(overview, environments={"prod": Serving((), days)}))
        tips = [row["tip"] for row in rows(tab, "heatmap", "cells") if row["kind"] == "full"]
        assert [tip.split("\n")[0].rsplit(" · ")[-1] for tip in tips] == [
            "21 Nov",
            "22 Nov",
            "23 Nov",
        ]
        ticks = tab.run(
            "[...document.querySelectorAll('#trend .role-axis-label text')].map((t) => t.textContent)"
        )
        assert any("Nov" in tick for tick in ticks)
    finally:
        tab.call("Emulation.setTimezoneOverride", timezoneId="")


@pytest.mark.parametrize(
    "fragment", ["", f"#city={quote_plus(HANOI)}", "#env=dev&lang=vi&days=365"]
)
def test_a_phone_needs_no_sideways_scroll(show: Show, fragment: str) -> None:
    """At 390 px nothing is wider than the screen; charts follow when the screen is turned."""
    tab = show(sample.overview(synthetic=True), fragment, width=390, height=844)
    assert tab.run("[document.documentElement.scrollWidth, innerWidth]") == [390, 390]
    width = tab.run("document.querySelector('#trend svg').getBoundingClientRect().width")
    assert width <= 390
    tab.resize(800, 900)
    tab.wait(f"document.querySelector('#trend svg').getBoundingClientRect().width > {width} + 200")
    settle(tab)


def test_hostile_names_harm_nothing(show: Show) -> None:
    """Markup, quotes, right-to-left text and 500 characters stay text, on a phone too."""
    served = (
        sample.station(
            1, EVIL, location=EVIL, provider=EVIL, license=EVIL, us_pollutant=EVIL, us_unit=EVIL
        ),
        sample.station(2, "X" * 500, location="W" * 500, latitude=21.0, provider="P" * 500),
        sample.station(3, None, location="a b " * 125, hours=9, us_reason=EVIL * 3, latitude=10.0),
        sample.station(4, EVIL, location=EVIL, latitude=16.1),
    )
    days = (
        sample.day(1, EVIL, 1, 30.0) | {"location": EVIL},
        sample.day(4, EVIL, 1, 40.0) | {"location": EVIL},
        sample.day(2, "X" * 500, 2, 70.0),
    )
    overview = sample.overview(
        title=EVIL,
        sources=(EVIL, "S" * 500),
        environments={"prod": Serving(served, days, (), EVIL)},
    )
    tab = show(overview, width=390, height=844)
    for _ in range(2):  # all cities, then the hostile one
        actual = tab.run("[window.hurt ?? null, document.images.length, document.scripts.length]")
        assert actual == [None, 0, 7]
        assert tab.run("document.documentElement.scrollWidth") == 390
        assert EVIL in tab.run("document.getElementById('stations').textContent")
        choose(tab, "city", EVIL)
    assert [number for number, _ in marks(tab)] == ["1", "4"]
    assert len(rows(tab, "heatmap", "cells")) == 60, "two stations of one name are two rows"
    assert len({row["row"] for row in rows(tab, "heatmap", "cells")}) == 2


def test_dark_mode_follows_the_system(show: Show) -> None:
    """Without a choice the page has the reader's colour scheme, charts included."""
    seen = []
    for dark in (False, True):
        tab = show(sample.overview(), dark=dark)
        seen.append(
            tab.run("""[getComputedStyle(document.body).backgroundColor,
          getComputedStyle(document.querySelector('#heatmap .role-axis-label text')).fill]""")
        )
    assert seen[0][0] != seen[1][0]
    assert seen[0][1] != seen[1][1]


def test_stations_elsewhere_are_still_on_the_map(show: Show) -> None:
    """Outside the outline the map follows its stations and says that the land is missing."""
    served = (
        sample.station(1, "Oslo", latitude=59.9, longitude=10.7),
        sample.station(2, "Bergen", latitude=60.4, longitude=5.3),
        sample.station(3, "Nowhere", latitude=None),
    )
    tab = show(sample.overview(environments={"prod": Serving(served)}))
    assert [mark[0] for mark in marks(tab)] == ["1", "2"]
    assert "1 station without coordinates" in text(tab, "#map-note")
    assert "outline covers Viet Nam" in text(tab, "#map-note")
    width, height = tab.run(
        "(({clientWidth, clientHeight}) => [clientWidth, clientHeight])(document.getElementById('map'))"
    )
    assert all(0 < row["x"] < width and 0 < row["y"] < height for row in rows(tab, "map", "discs"))


def test_crowded_discs_do_not_cover_each_other(show: Show) -> None:
    """Twelve stations within a kilometre are twelve readable discs inside the panel."""
    served = tuple(
        sample.station(n, HANOI, latitude=21.03 + n / 2000, longitude=105.84, value=20.0 + n)
        for n in range(12)
    )
    tab = show(
        sample.overview(environments={"prod": Serving(served)}), f"#city={quote_plus(HANOI)}"
    )
    places = [(row["x"], row["y"]) for row in rows(tab, "map", "discs")]
    radius = tab.run("charts.get('map').signal('radius')")
    gaps = [
        ((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5
        for n, a in enumerate(places) for b in places[:n]
    ]
    assert len(places) == 12
    assert min(gaps) > 1.6 * radius


def saved(tab: Tab, folder: Path, button: str) -> str:
    """Click a download and return what was saved."""
    tab.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    tab.run("""(() => { const make = URL.createObjectURL;
      URL.createObjectURL = (blob) => { window.last = blob.arrayBuffer().then((body) => [...new Uint8Array(body)]);
        URL.createObjectURL = make; return make(blob); }; })()""")
    tab.run(f"document.getElementById('{button}').click()")
    return bytes(tab.run("window.last")).decode("utf-8")


def test_the_stations_csv_is_the_view_and_runs_no_formula(show: Show, tmp_path: Path) -> None:
    """It begins with a byte-order mark, has every column of the environment, and formulas are text."""
    names = ("=1+1", "+1", "-1", "@SUM(A1)", '"quoted", and\nbroken', "\tTab", "Đường Láng")
    served = tuple(sample.station(n, HANOI, location=name) for n, name in enumerate(names))
    tab = show(sample.overview(environments={"prod": Serving(served)}))
    body = saved(tab, tmp_path, "csv-stations")
    assert body.startswith("\ufefflocation_id,location,city,")
    table = list(csv.DictReader(io.StringIO(body.removeprefix("\ufeff"), newline="")))
    assert [row["location"] for row in table] == [
        "'=1+1", "'+1", "'-1", "'@SUM(A1)", '"quoted", and\nbroken', "'\tTab", "Đường Láng",
    ]
    assert [row["us_aqi"] for row in table] == [str(row["us_aqi"]) for row in served]
    assert {row["latitude"] for row in table} == {"16"}


def test_the_days_csv_has_the_days_that_are_shown(show: Show, tmp_path: Path) -> None:
    """It follows environment, city and period, and has one line a station and day of the view."""
    served = sample.serving(seed=1, days=60)
    tab = show(sample.overview(environments={"prod": served}))
    table = list(
        csv.DictReader(io.StringIO(saved(tab, tmp_path, "csv-days").removeprefix("\ufeff")))
    )
    assert len(table) == sum(30 - 4 * (row["city"] == HANOI) for row in served.latest)
    choose(tab, "city", "Huế")
    switch(tab, "days", 90)
    table = list(
        csv.DictReader(io.StringIO(saved(tab, tmp_path, "csv-days").removeprefix("\ufeff")))
    )
    wanted = [row for row in served.daily if row["city"] == "Huế"]
    assert len(table) == len(wanted) == 60
    newest = max(wanted, key=lambda row: str(row["local_day"]))
    assert table[-1]["local_day"] == newest["local_day"]
    assert float(table[-1]["avg_pm25"]) == pytest.approx(float(str(newest["avg_pm25"])), abs=0.06)
    assert (table[-1]["hours"], table[-1]["is_incomplete"]) == ("9", "true")


def test_the_name_of_a_download_says_what_it_is(show: Show) -> None:
    """Environment, date and that the data are synthetic are in the name of the file."""
    tab = show(sample.overview(synthetic=True, generated_at="2026-11-22T20:10:00Z"))
    name = tab.run("""new Promise((told) => {
      HTMLAnchorElement.prototype.click = function () { told(this.download); };
      document.getElementById('csv-days').click(); })""")
    assert name == "air_quality_days_prod_2026-11-22_synthetic.csv"
