"""The page in a real Chromium without a network: contents and controls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import sample
from reading import (
    EVIL,
    HANOI,
    choose_city,
    chosen_line,
    count,
    drawn,
    expected,
    marks,
    places,
    switch,
    text,
)

from openaq_assets.dashboard.page import Serving

if TYPE_CHECKING:
    from chromium import Tab

    Show = Callable[..., Tab]


def test_every_station_has_one_mark_and_one_row(show: Show) -> None:
    """Map and table show the same stations with the numbers of the view."""
    overview = sample.overview()
    tab = show(overview)
    assert marks(tab) == expected(overview.environments["prod"])
    assert count(tab, "#stations tr") == 21
    assert text(tab, "#headline").count("18 of 21 stations current") == 1
    assert count(tab, "#insets svg") == 2


def test_switching_environment_redraws_every_part(show: Show) -> None:
    """Dev shows dev's marks, line, rows and headline; Prod brings the former back."""
    overview = sample.overview()
    tab = show(overview)
    before = drawn(tab)
    switch(tab, "dev")
    after = drawn(tab)
    assert after[0] == expected(overview.environments["dev"])
    assert all(old != new for old, new in zip(before, after, strict=True))
    switch(tab, "prod")
    again = drawn(tab)
    assert again == before


def test_the_city_filter_narrows_every_part(show: Show) -> None:
    """A city keeps its marks and rows, turns the others into dots and becomes the bold line."""
    overview = sample.overview()
    tab = show(overview)
    before = chosen_line(tab)
    choose_city(tab, "Huế")
    assert marks(tab) == expected(overview.environments["prod"], "Huế")
    assert (count(tab, "#stations tr"), count(tab, "#map .other")) == (1, 21)
    assert chosen_line(tab) != before
    assert text(tab, "#headline").startswith("Huế")
    assert "Median" not in text(tab, "#headline")


def test_the_hash_restores_the_state(show: Show) -> None:
    """The address that the controls write brings the page back, without a history entry."""
    overview = sample.overview()
    tab = show(overview)
    entries = tab.run("history.length")
    choose_city(tab, HANOI)
    switch(tab, "dev")
    fragment = tab.run("location.hash")
    assert fragment == f"#env=dev&city={quote_plus(HANOI)}"
    assert tab.run("history.length") == entries
    seen = [*drawn(tab), text(tab, "main")]
    tab = show(overview, fragment)
    assert [*drawn(tab), text(tab, "main")] == seen
    assert marks(tab) == expected(overview.environments["dev"], HANOI)
    assert tab.run("document.getElementById('city').value") == HANOI


def test_a_hash_that_fits_nothing_is_harmless(show: Show) -> None:
    """An unknown environment gives the default; an unknown city is said to have no station."""
    tab = show(sample.overview(), f"#env=nowhere&city={quote_plus(EVIL)}")
    assert tab.run("document.querySelector('#environments :checked').value") == "prod"
    assert "There are no stations in" in text(tab, "#headline")
    assert tab.run("window.hurt") is None


def test_a_new_hash_redraws(show: Show) -> None:
    """Following a link to another city on an open page draws that city."""
    overview = sample.overview()
    tab = show(overview)
    tab.run(f"location.hash = 'env=dev&city={quote_plus(HANOI)}'")
    tab.wait("document.querySelector('#environments :checked').value === 'dev'")
    assert marks(tab) == expected(overview.environments["dev"], HANOI)


def test_the_keyboard_reaches_and_works_the_controls(show: Show) -> None:
    """Tab goes from city to environment; an arrow switches the environment."""
    overview = sample.overview()
    tab = show(overview)
    seen = []
    for _ in range(2):
        tab.press("Tab", 9)
        seen.append(tab.run("document.activeElement.id || document.activeElement.value"))
    assert seen == ["city", "prod"]
    tab.press("ArrowLeft", 37)
    assert marks(tab) == expected(overview.environments["dev"])


def test_every_control_has_a_name(show: Show) -> None:
    """A screen reader finds both controls, both environments and all pictures by name."""
    tab = show(sample.overview())
    nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
    named = [
        (n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n["ignored"]
    ]
    assert ("combobox", "City") in named
    assert {("radio", "Dev"), ("radio", "Prod")} <= set(named)
    assert ("group", "Environment") in named
    pictures = [name for role, name in named if role in ("image", "img")]
    assert len(pictures) == 4 and all(pictures)


def test_gaps_break_the_line_and_incomplete_days_are_hollow(show: Show) -> None:
    """Four days without data split the bold line; its half-empty days have hollow points."""
    tab = show(sample.overview(), f"#city={quote_plus(HANOI)}")
    assert chosen_line(tab).count("M") == 2
    assert chosen_line(tab).count("L") == 30 - 4 - 2
    assert count(tab, "circle.point.chosen.incomplete") == 2
    assert "4 days without data" in text(tab, "#trend-note")
    assert tab.run("[...document.querySelectorAll('.limit-name')].map(t => t.textContent)") == [
        "WHO 15",
        "QCVN 45",
    ]


def test_a_city_mean_leaves_incomplete_stations_out(show: Show) -> None:
    """A half-empty station counts only where its city has no complete one that day."""
    days = (
        sample.day(1, "Huế", 2, 10.0),
        sample.day(2, "Huế", 2, 20.0),
        sample.day(3, "Huế", 2, 90.0, hours=3),
        sample.day(3, "Huế", 1, 70.0, hours=3),
        sample.day(1, "Huế", 1, None, hours=0),
    )
    tab = show(sample.overview(environments={"prod": Serving(daily=days)}))
    titles = tab.run("[...document.querySelectorAll('.point title')].map((t) => t.textContent)")
    assert [title.split(" · ", 2)[2] for title in titles] == [
        "15.0 µg/m³ · 2 stations",
        "70.0 µg/m³ · 1 station · incomplete day",
    ]


def test_numbers_are_readable_on_their_colour(show: Show) -> None:
    """Bands 1 to 4 have black numbers, 5 and 6 white, each beside its word."""
    values = (5.0, 20.0, 45.0, 90.0, 180.0, 300.0)
    rows = tuple(
        sample.station(n, f"City {n}", value=v, latitude=10.0 + 2 * n) for n, v in enumerate(values)
    )
    tab = show(sample.overview(environments={"prod": Serving(rows)}))
    colours = tab.run(
        "[...document.querySelectorAll('td .badge')].map(b => getComputedStyle(b).color)"
    )
    assert colours == ["rgb(255, 255, 255)"] * 2 + ["rgb(0, 0, 0)"] * 4
    fills = tab.run(
        "[...document.querySelectorAll('.station text')].map(t => getComputedStyle(t).fill)"
    )
    assert sorted(fills) == sorted(colours)
    words = tab.run("[...document.querySelectorAll('td .badge + span')].map(s => s.textContent)")
    assert words == [band[3] for band in reversed(sample.BANDS)]


def test_marks_do_not_cover_each_other(show: Show) -> None:
    """Stations at one place are pushed apart, so that every number can be read."""
    rows = tuple(sample.station(n, "Huế", latitude=16.46, longitude=107.59) for n in range(12))
    tab = show(sample.overview(environments={"prod": Serving(rows)}))
    spots = places(tab)
    nearest = min(
        ((ax - bx) ** 2 + (ay - by) ** 2) ** 0.5
        for i, (ax, ay) in enumerate(spots) for bx, by in spots[:i]
    )  # fmt: skip
    assert len(spots) == 12 and nearest > 20
