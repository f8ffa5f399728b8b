"""The page in a real Chromium without a network: odd data, odd readers, odd screens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import pytest
import sample
from reading import EVIL, HANOI, choose_city, count, marks, places, switch, text

from openaq_assets.dashboard.page import Serving

if TYPE_CHECKING:
    from chromium import Tab

    Show = Callable[..., Tab]


def test_an_environment_without_stations_says_so(show: Show) -> None:
    """Empty is not an error and not a zero."""
    tab = show(sample.overview(environments={"prod": Serving()}))
    assert "There are no stations in this environment yet." in text(tab, "#headline")
    assert text(tab, "#trend-note") == "No daily means yet."
    assert text(tab, "#map-note") == "No stations to draw."
    assert (count(tab, ".station"), count(tab, ".line"), text(tab, "#stations")) == (
        0,
        0,
        "No stations to list.",
    )


def test_a_problem_is_shown_in_its_own_environment_only(show: Show) -> None:
    """What is wrong with prod is said under prod, and not under dev."""
    problem = "prod has no views yet. Run openaq-assets promote."
    environments = {"dev": sample.serving(seed=2), "prod": Serving(problem=problem)}
    tab = show(sample.overview(environments=environments))
    assert text(tab, "#problem") == problem
    switch(tab, "dev")
    assert tab.run("document.getElementById('problem').hidden")
    assert count(tab, ".station") == 21


def test_when_all_stations_are_stale_no_number_is_shown(show: Show) -> None:
    """Old values give hollow marks, a reason per row and a headline without an index."""
    rows = tuple(sample.station(n, HANOI, hours=9, latitude=21 + n / 50) for n in range(4))
    tab = show(sample.overview(environments={"prod": Serving(rows)}))
    assert "No current value" in text(tab, "#headline")
    assert "0 of 4 stations current" in text(tab, "#headline")
    assert marks(tab) == [[str(n), ""] for n in range(4)]
    assert count(tab, ".station .hollow") == 4
    assert text(tab, "#stations").count("Last valid hour is 9 h old") == 4


def test_a_stale_row_that_still_has_a_number_shows_none(show: Show) -> None:
    """The page itself refuses to show an index that the view does not call current."""
    row = sample.station(1, HANOI, value=302.5, is_current=False, reason="too old")
    tab = show(sample.overview(environments={"prod": Serving((row,))}))
    assert marks(tab) == [["1", ""]]
    assert "too old" in text(tab, "#stations")
    assert "302.5" not in text(tab, "main")


def test_synthetic_data_is_announced(show: Show) -> None:
    """The banner is there for simulated data and only for it."""
    assert show(sample.overview()).run("document.getElementById('synthetic').hidden")
    tab = show(sample.overview(synthetic=True))
    assert text(tab, "#synthetic") == "Synthetic data from the bundled simulator, not measurements."


def test_an_old_page_says_how_old_it_is(show: Show) -> None:
    """A file opened days after it was made warns that its values were current then."""
    overview = sample.overview()
    assert show(overview).run("document.getElementById('old').hidden")
    tab = show(replace(overview, generated_at="2020-01-01T00:00:00Z"))
    assert "This page was made" in text(tab, "#old")
    assert "No daily mean in the last 30 days; the newest is of" in text(tab, "#trend-note")


def test_times_are_local(show: Show) -> None:
    """UTC instants are shown in the zone of the overview, whatever the reader's own zone."""
    row = sample.station(1, HANOI, as_of="2026-11-22T20:00:00Z")
    tab = show(
        sample.overview(generated_at="2026-11-22T20:10:00Z", environments={"prod": Serving((row,))})
    )
    assert "23 Nov 2026, 03:00" in text(tab, "#headline")
    assert "(UTC+7)" in text(tab, "#made")


@pytest.mark.parametrize("fragment", ["", f"#city={quote_plus(HANOI)}", "#env=dev"])
def test_a_phone_needs_no_sideways_scroll(show: Show, fragment: str) -> None:
    """At 390 px nothing is wider than the screen, the table included."""
    tab = show(sample.overview(synthetic=True), fragment, width=390, height=844)
    assert tab.run("[document.documentElement.scrollWidth, innerWidth]") == [390, 390]
    width = tab.run("document.getElementById('trend').viewBox.baseVal.width")
    tab.resize(800, 900)
    tab.wait(f"document.getElementById('trend').viewBox.baseVal.width > {width}")


def test_hostile_names_harm_nothing(show: Show) -> None:
    """Markup, quotes, right-to-left text and 500 characters stay text, on a phone too."""
    rows = (
        sample.station(1, EVIL, location=EVIL, provider=EVIL, category=EVIL),
        sample.station(2, "X" * 500, location="W" * 500, latitude=21.0, provider="P" * 500),
        sample.station(3, None, location="a b " * 125, hours=9, reason=EVIL * 3, latitude=10.0),
    )
    days = (sample.day(1, EVIL, 1, 30.0), sample.day(2, "X" * 500, 2, 70.0))
    overview = sample.overview(
        title=EVIL, sources=(EVIL, "S" * 500), environments={"prod": Serving(rows, days, EVIL)}
    )
    tab = show(overview, width=390, height=844)
    assert tab.run("[window.hurt ?? null, document.images.length, document.scripts.length]") == [
        None,
        0,
        3,
    ]
    assert tab.run("document.documentElement.scrollWidth") == 390
    assert EVIL in tab.run("document.getElementById('stations').textContent")
    choose_city(tab, EVIL)
    assert marks(tab) == [["1", str(rows[0]["aqi"])]]


def test_dark_mode_changes_the_colours(show: Show) -> None:
    """The page follows the reader's colour scheme; badges keep the colours of their bands."""
    seen = []
    for dark in (False, True):
        tab = show(sample.overview(), dark=dark)
        seen.append(
            tab.run("""[getComputedStyle(document.body).backgroundColor,
          getComputedStyle(document.querySelector('td .badge')).backgroundColor]""")
        )
    assert seen[0][0] != seen[1][0]
    assert seen[0][1] == seen[1][1]


def test_stations_elsewhere_are_still_on_the_map(show: Show) -> None:
    """Outside the outline the map follows its stations and says that the land is missing."""
    rows = (
        sample.station(1, "Oslo", latitude=59.9, longitude=10.7),
        sample.station(2, "Bergen", latitude=60.4, longitude=5.3),
        sample.station(3, "Nowhere", latitude=None),
    )
    tab = show(sample.overview(environments={"prod": Serving(rows)}))
    assert [mark[0] for mark in marks(tab)] == ["1", "2"]
    assert "1 station without coordinates" in text(tab, "#map-note")
    assert "outline covers Viet Nam" in text(tab, "#map-note")
    assert all(0 < x < 300 and 0 < y < 564 for x, y in places(tab))


def test_switching_is_quick(show: Show) -> None:
    """Sixty stations over thirty days redraw well inside 150 ms."""
    rows = tuple(sample.station(n, f"City {n % 12}", latitude=9 + n / 5) for n in range(60))
    days = tuple(
        sample.day(n, f"City {n % 12}", ago, 10.0 + n) for n in range(60) for ago in range(30)
    )
    served = Serving(rows, days)
    tab = show(sample.overview(environments={"dev": served, "prod": served}))
    script = """(() => {
      const start = performance.now();
      document.querySelector("[value=%s]").click();
      document.body.getBoundingClientRect();
      return performance.now() - start;
    })()"""
    assert min(tab.run(script % name) for name in ("dev", "prod") * 3) < 150
