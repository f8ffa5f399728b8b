"""Read what the page shows, and work its controls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from openaq_assets.dashboard.page import Serving

if TYPE_CHECKING:
    from chromium import Tab

HANOI = "Hà Nội"
EVIL = "</script><script>window.hurt=1</script><img src=x onerror=window.hurt=2>\"'\u202e"


def text(tab: Tab, selector: str) -> str:
    """Return what a reader sees in the first element that matches; nothing if it is hidden."""
    seen = "(e) => e.checkVisibility() ? e.innerText : ''"
    return str(tab.run(f"({seen})(document.querySelector({selector!r}))"))


def count(tab: Tab, selector: str) -> int:
    """Return how many elements match."""
    return int(tab.run(f"document.querySelectorAll({selector!r}).length"))


def marks(tab: Tab) -> list[list[str]]:
    """Return id and number of every station mark on the maps, in order of id."""
    script = """[...document.querySelectorAll(".station")]
      .sort((a, b) => a.dataset.id - b.dataset.id)
      .map((mark) => [mark.dataset.id, mark.querySelector("text")?.textContent ?? ""])"""
    return list(tab.run(script))


def places(tab: Tab) -> list[list[float]]:
    """Return where the numbers of the station marks stand, in the units of their map."""
    script = """[...document.querySelectorAll(".station text")]
      .map((text) => ["x", "y"].map((name) => Number(text.getAttribute(name))))"""
    return list(tab.run(script))


def drawn(tab: Tab) -> list[Any]:
    """Return what every part shows: marks, trend, headline and table."""
    return [marks(tab), chosen_line(tab), text(tab, "#headline"), text(tab, "#stations")]


def switch(tab: Tab, environment: str) -> None:
    """Click one side of the environment switch."""
    tab.run(f"document.querySelector('[value={environment}]').click()")


def chosen_line(tab: Tab) -> str:
    """Return the path of the highlighted trend line."""
    return str(tab.run("document.querySelector('.line.chosen').getAttribute('d')"))


def choose_city(tab: Tab, city: str) -> None:
    """Pick a city as the control's own event would tell."""
    tab.run(f"document.getElementById('city').value = {json.dumps(city)}")
    tab.run("document.getElementById('city').dispatchEvent(new Event('change', {bubbles: true}))")


def expected(serving: Serving, city: str | None = None) -> list[list[str]]:
    """Return the marks these rows must give."""
    rows = [row for row in serving.latest if city in (None, row["city"])]
    return [[str(r["location_id"]), "" if r["aqi"] is None else str(r["aqi"])] for r in rows]
