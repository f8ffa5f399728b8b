"""The page in a real Chromium without a network: contents and controls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import pytest
from support import page_sample as sample
from support.page_reading import (
    EVIL,
    HANOI,
    choose,
    chosen_line,
    count,
    drawn,
    expected,
    fills,
    marks,
    rows,
    settle,
    switch,
    text,
)

from openaq_assets.openaq.dashboard import payload as series
from openaq_assets.openaq.dashboard.page import bands, texts
from openaq_assets.openaq.dashboard.payload import Serving

if TYPE_CHECKING:
    from support.chromium import Tab

    Show = Callable[..., Tab]

pytestmark = pytest.mark.browser
CONTROLS = [
    "skip",
    "lang",
    "theme",
    "palette",
    "city",
    "index",
    "days",
    "env",
    "csv-days",
    "csv-stations",
]


def test_every_station_has_one_disc_and_one_row(show: Show) -> None:
    """Map and table show the same stations with the numbers of the view."""
    overview = sample.overview()
    tab = show(overview)
    assert marks(tab) == expected(overview.environments["prod"])
    assert count(tab, "#stations tr") == 21
    assert "18 of 21 stations current" in text(tab, "#headline")
    panels = tab.run("[...document.querySelectorAll('figcaption')].map((one) => one.innerText)")
    assert panels == [HANOI, "TP. Hồ Chí Minh"]


def test_every_day_of_every_city_is_a_cell(show: Show) -> None:
    """The heat map has a row a city and a cell a day: full, small for an incomplete day, a dot for none."""
    overview = sample.overview()
    tab = show(overview)
    days = series.window(overview.generated_at, overview.timezone, 30)
    stations = series.stations_of(overview.environments["prod"].daily)
    lines = {station.city: station.days for station in stations} | series.cities(stations)
    kinds = [_kind(line.get(day)) for line in lines.values() for day in days]
    shown = [row["kind"] for row in rows(tab, "heatmap", "cells")]
    assert sorted(shown) == sorted(kinds)
    assert {"full", "part", "none"} == set(kinds)
    assert count(tab, "#heatmap .mark-rect path") == len(kinds) == 8 * 30


def _kind(day: series.Day | None) -> str:
    if day is None or (day.us is None and day.mean is None):
        return "none"
    return "part" if day.incomplete or day.us is None else "full"


def test_the_trend_draws_the_means_and_both_limits(show: Show) -> None:
    """The bold line shows the city's means with their gaps; WHO and QCVN are named."""
    overview = sample.overview()
    tab = show(overview)
    days = series.window(overview.generated_at, overview.timezone, 30)
    stations = series.stations_of(overview.environments["prod"].daily)
    line = series.cities(stations)[HANOI]
    means = [None if day not in line else line[day].mean for day in days]
    assert chosen_line(tab) == [None if mean is None else round(mean * 10) / 10 for mean in means]
    assert means.count(None) == 4
    path = tab.run("""[...document.querySelectorAll('#trend .mark-line path')]
      .map((line) => line.getAttribute('d')).find((d) => d.lastIndexOf('M') > 0)""")
    assert path.count("M") == 2, "the line breaks at the gap"
    labels = tab.run(
        "[...document.querySelectorAll('#trend .mark-text text')].map((t) => t.textContent)"
    )
    assert {"WHO 15", "QCVN 45"} <= set(labels)
    assert "4 days without data: the line breaks." in text(tab, "#trend-note")


def test_the_hours_are_those_of_the_view(show: Show) -> None:
    """24 bars, weighted by the hours of the stations; a city is drawn beside all cities."""
    overview = sample.overview()
    serving = overview.environments["prod"]
    tab = show(overview)
    pattern = series.hours(serving.hours, series.stations_of(serving.daily))
    assert [row["mean"] for row in rows(tab, "hours", "hours")] == pattern["all"]
    choose(tab, "city", "Huế")
    chosen_means = [row["mean"] for row in rows(tab, "hours", "hours") if row["chosen"]]
    assert chosen_means == dict(pattern["cities"])["Huế"]
    assert len(rows(tab, "hours", "hours")) == 48


def test_switching_environment_redraws_every_part(show: Show) -> None:
    """Dev shows dev's discs, lines, cells, rows and headline; Prod brings the former back."""
    overview = sample.overview()
    tab = show(overview)
    before = drawn(tab)
    switch(tab, "env", "dev")
    after = drawn(tab)
    assert after[0] == expected(overview.environments["dev"])
    assert all(old != new for old, new in zip(before, after, strict=True))
    switch(tab, "env", "prod")
    assert drawn(tab) == before


def test_two_quick_switches_end_with_the_second(show: Show) -> None:
    """Of two quick changes the second is shown."""
    overview = sample.overview()
    tab = show(overview)
    before = drawn(tab)
    click = "document.querySelector('[name=env][value=\"%s\"]').click()"
    tab.run(f"{click % 'dev'}; {click % 'prod'}")
    settle(tab)
    assert drawn(tab) == before


def test_the_city_filter_narrows_every_part(show: Show) -> None:
    """A city of one station keeps its disc and row, turns the others into dots and becomes the bold line."""
    overview = sample.overview()
    tab = show(overview)
    before = chosen_line(tab)
    choose(tab, "city", "Huế")
    assert marks(tab) == expected(overview.environments["prod"], "Huế")
    assert (
        count(tab, "#stations tr"),
        sum(row["small"] for row in rows(tab, "map", "stations")),
    ) == (1, 20)
    assert chosen_line(tab) != before
    assert text(tab, "#headline").startswith("Huế")
    assert "US AQI of the one current station" in text(tab, "#headline")
    assert {row["row"] for row in rows(tab, "heatmap", "cells")} == {"Huế 18"}


def test_a_crowded_city_is_drawn_large_with_its_stations(show: Show) -> None:
    """Its stations are discs with names, rows of the heat map and grey lines behind its mean."""
    overview = sample.overview()
    tab = show(overview)
    choose(tab, "city", HANOI)
    assert marks(tab) == expected(overview.environments["prod"], HANOI)
    labels = tab.run(
        "[...document.querySelectorAll('#map .label text')].map((one) => one.textContent)"
    )
    assert sorted(labels) == [f"Hà Nội {n}" for n in range(1, 8)]
    assert len({row["row"] for row in rows(tab, "heatmap", "cells")}) == 7
    assert len({row["series"] for row in rows(tab, "trend", "lines") if not row["chosen"]}) == 7
    assert text(tab, "#trend-keys").count("its stations") == 1


def test_the_index_switch_changes_numbers_words_and_cells(show: Show) -> None:
    """VN_AQI shows the numbers and words of VN_AQI everywhere, and says so."""
    overview = sample.overview()
    tab = show(overview)
    before = drawn(tab)
    switch(tab, "index", "vn")
    assert marks(tab) == expected(overview.environments["prod"], scheme="vn")
    after = drawn(tab)
    assert [old != new for old, new in zip(before, after, strict=True)] == [
        True,
        False,
        True,
        False,
        True,
        True,
    ]
    words = {band["en"][0] for band in bands()["vn"]}
    shown = set(
        tab.run(
            "[...document.querySelectorAll('tr:not(.stale) .category')].map((one) => one.textContent)"
        )
    )
    assert shown <= words
    assert "VN_AQI" in text(tab, "#headline") + text(tab, "#map-title") + text(tab, "#heat-title")
    assert "US AQI" not in text(tab, "main")


@pytest.mark.parametrize("days", [90, 365])
def test_the_period_widens_trend_and_cells(show: Show, days: int) -> None:
    """A longer period draws more days of the same rows."""
    served = sample.serving(seed=1, days=400)
    tab = show(sample.overview(environments={"prod": served}))
    switch(tab, "days", days)
    assert len(chosen_line(tab)) == days
    assert len(rows(tab, "heatmap", "cells")) == 8 * (days if days < 91 else 52)
    assert ("a cell is a week" in text(tab, "#heat-note")) == (days > 90)
    assert sum(mean is not None for mean in chosen_line(tab)) == days - 4


def test_the_palette_recolours_badges_discs_and_cells(show: Show) -> None:
    """The colours for colour vision replace the standard ones everywhere, without other numbers."""
    tab = show(sample.overview())
    places = ("#map .disc path", "#heatmap .mark-rect path")
    before, numbers = [set(fills(tab, element)) for element in places], marks(tab)
    choose(tab, "palette", "assist")
    after = [set(fills(tab, element)) for element in places]
    assist = {_rgb(band["assist"]) for band in bands()["us"]}
    standard = {_rgb(band["colour"]) for band in bands()["us"]}
    for old, new in zip(before, after, strict=True):
        assert old & standard
        assert new & assist
        assert not new & standard
    assert marks(tab) == numbers
    badge = tab.run("getComputedStyle(document.querySelector('.badge.big')).backgroundColor")
    assert badge in assist


def _rgb(colour: str) -> str:
    return "rgb({}, {}, {})".format(*(int(colour[n : n + 2], 16) for n in (1, 3, 5)))


def test_the_theme_can_be_chosen(show: Show) -> None:
    """Dark and light are independent of the system's setting; badges keep the colours of their bands."""
    tab = show(sample.overview())
    seen = []
    for theme in ("dark", "light", "auto"):
        choose(tab, "theme", theme)
        seen.append(
            tab.run("""[getComputedStyle(document.body).backgroundColor,
          getComputedStyle(document.querySelector('#trend .mark-text text')).fill,
          getComputedStyle(document.querySelector('td .badge')).backgroundColor]""")
        )
    assert seen[0][0] != seen[1][0]
    assert seen[0][1] != seen[1][1]
    assert seen[0][2] == seen[1][2]
    assert seen[1] == seen[2]


def test_the_language_changes_every_text(show: Show) -> None:
    """Vietnamese leaves no English sentence behind, in the charts' names and notes as well."""
    tab = show(sample.overview(synthetic=True))
    choose(tab, "lang", "vi")
    assert tab.run("document.documentElement.lang") == "vi"
    page = tab.run(
        "document.body.innerText + [...document.querySelectorAll('[aria-label]')].map((n) => n.ariaLabel)"
    )
    english = texts()["en"].items()
    same = {key for key, words in english if texts()["vi"].get(key) == words}
    for key, words in english:
        if (
            key not in same
            and "{" not in words
            and len(words) > 9
            and key not in ("language", "synthetic")
        ):
            assert words not in page, key
    assert "Chất lượng không khí" in page
    assert "PM2.5 trung bình ngày của" in page
    choose(tab, "lang", "en")
    assert "Daily mean PM2.5" in text(tab, "main")


def test_numbers_and_days_are_written_as_in_the_language(show: Show) -> None:
    """A Vietnamese reader finds a decimal comma and day/month."""
    tab = show(sample.overview(), "#lang=vi")
    tip = rows(tab, "heatmap", "cells")[0]["tip"]
    assert "," in tip.split("µg/m³")[0].rsplit("\n", 1)[-1]
    ticks = tab.run(
        "[...document.querySelectorAll('#heatmap .role-axis-label text')].map((t) => t.textContent)"
    )
    assert any(tick.count("/") == 1 for tick in ticks)


def test_the_hash_restores_the_state(show: Show) -> None:
    """The address that the controls write brings the page back, without a history entry."""
    overview = sample.overview()
    tab = show(overview)
    entries = tab.run("history.length")
    choose(tab, "city", HANOI)
    switch(tab, "env", "dev")
    switch(tab, "index", "vn")
    choose(tab, "palette", "assist")
    choose(tab, "theme", "dark")
    choose(tab, "lang", "vi")
    switch(tab, "days", 90)
    fragment = tab.run("location.hash")
    assert f"env=dev&city={quote_plus(HANOI)}" in fragment
    assert tab.run("history.length") == entries
    seen = [*drawn(tab), _words(tab), tab.run("({...state})")]
    tab = show(overview, fragment)
    assert [*drawn(tab), _words(tab), tab.run("({...state})")] == seen
    assert marks(tab) == expected(overview.environments["dev"], HANOI, "vn")
    assert tab.run("document.getElementById('city').value") == HANOI


def _words(tab: Tab) -> str:
    """Return every text outside the charts."""
    script = "[...document.querySelectorAll('h1, h2, .keys, .note, .legend, th, footer')].map((one) => one.innerText)"
    return "\n".join(tab.run(script))


def test_a_hash_that_fits_nothing_is_harmless(show: Show) -> None:
    """An unknown environment, index or language gives the default; an unknown city shows no station."""
    tab = show(sample.overview(), f"#env=nowhere&index=x&lang=xx&days=7&city={quote_plus(EVIL)}")
    assert tab.run("[state.env, state.index, state.lang, state.days]") == ["prod", "us", "en", 30]
    assert "There are no stations in" in text(tab, "#headline")
    assert tab.run("window.hurt") is None


def test_a_new_hash_redraws(show: Show) -> None:
    """Following a link to another city on an open page draws that city."""
    overview = sample.overview()
    tab = show(overview)
    tab.run(f"location.hash = 'env=dev&city={quote_plus(HANOI)}'")
    tab.wait("state.env === 'dev'")
    settle(tab)
    assert marks(tab) == expected(overview.environments["dev"], HANOI)


def test_a_disc_a_cell_and_a_name_lead_to_their_city(show: Show) -> None:
    """Clicking a disc of the map, a cell, or the city in the table chooses the city."""
    tab = show(sample.overview())
    tab.run("document.querySelector('#stations [data-city=\"Huế\"]').click()")
    settle(tab)
    assert tab.run("[state.city, document.activeElement.id]") == ["Huế", "city"]
    choose(tab, "city", "")
    hue = next(row for row in rows(tab, "map", "discs") if row["city"] == "Huế")
    box = tab.run(
        "(({left, top}) => [left + scrollX, top + scrollY])(document.querySelector('#map svg').getBoundingClientRect())"
    )
    tab.click(box[0] + hue["x"], box[1] + hue["y"])
    tab.wait("state.city === 'Huế'")
    settle(tab)


def test_pointing_at_a_mark_tells_about_it(show: Show) -> None:
    """The tip of a disc has the station's name, its index and how old it is, as text."""
    served = Serving((sample.station(1, HANOI, location=EVIL, value=60.0),))
    tab = show(sample.overview(environments={"prod": served}))
    at = tab.run("""(({left, top, width, height}) => [left + width / 2, top + height / 2])
      (document.querySelector('#map .disc path').getBoundingClientRect())""")
    tab.call("Input.dispatchMouseEvent", type="mouseMoved", x=at[0], y=at[1])
    tab.wait("!document.getElementById('tip').hidden")
    assert "US AQI 154 · Unhealthy" in text(tab, "#tip")
    assert EVIL[:30] in text(tab, "#tip")
    assert count(tab, "#tip img") == 0


def test_the_keyboard_reaches_and_works_every_control(show: Show) -> None:
    """Tab goes through every control in order; an arrow changes a switch; the skip link leads to the stations."""
    overview = sample.overview()
    tab = show(overview)
    seen = []
    for _ in CONTROLS:
        tab.press("Tab", 9)
        seen.append(
            tab.run("((node) => node.id || node.name || node.className)(document.activeElement)")
        )
    assert seen[:9] == CONTROLS[:9]
    tab.press("Tab", 9)
    assert tab.run("document.activeElement.dataset.city") == "Hà Nội"
    assert tab.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    tab.run("document.querySelector('[name=env]:checked').focus()")
    tab.press("ArrowLeft", 37)
    settle(tab)
    assert marks(tab) == expected(overview.environments["dev"])
    tab.run("document.querySelector('.skip').focus()")
    tab.press("Enter", 13)
    tab.wait("document.activeElement.id === 'stations-title'")


@pytest.mark.parametrize(
    ("fragment", "screen"),
    [
        ("", {}),
        ("#theme=dark&palette=assist", {}),
        ("#lang=vi&index=vn", {"width": 390, "height": 844}),
    ],
)
def test_axe_finds_nothing_serious(
    show: Show, axe: str, fragment: str, screen: dict[str, int]
) -> None:
    """axe-core has no serious or critical complaint, on a phone and in the dark either."""
    tab = show(sample.overview(synthetic=True), fragment, **screen)
    tab.call("Page.bringToFront")
    tab.run(f"{axe}; true")
    violations = tab.run("axe.run(document).then(({violations}) => violations)")
    serious = [violation for violation in violations if violation["impact"] in ("serious", "critical")]
    assert [(violation["id"], violation["nodes"][0]["html"][:200]) for violation in serious] == []
