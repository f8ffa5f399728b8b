"""Read what the page shows, and work its controls."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from openaq_assets.openaq.dashboard.payload import Row, Serving

if TYPE_CHECKING:
    from support.chromium import Tab

HANOI = "Hà Nội"
EVIL = "</script><script>window.hurt=1</script><img src=x onerror=window.hurt=2>\"'\u202e"


def text(tab: Tab, selector: str) -> str:
    """Return what a reader sees in the first element that matches; nothing if it is hidden."""
    seen = "(e) => e.checkVisibility() ? e.innerText : ''"
    return str(tab.run(f"({seen})(document.querySelector({json.dumps(selector)}))"))


def count(tab: Tab, selector: str) -> int:
    """Return how many elements match."""
    return int(tab.run(f"document.querySelectorAll({json.dumps(selector)}).length"))


def rows(tab: Tab, chart: str, data: str) -> list[dict[str, Any]]:
    """Return the rows a chart has drawn."""
    script = f"charts.get({json.dumps(chart)}).data({json.dumps(data)})"
    script += ".map((row) => ({...row, tip: row.tip?.()}))"
    return list(tab.run(script))


def marks(tab: Tab) -> list[list[str]]:
    """Return id and number of every disc on the visible maps, in order of id; the drawing must agree."""
    panels = tab.run("""[...document.querySelectorAll("#map, .inset")]
      .filter((node) => node.checkVisibility()).map((node) => node.id)""")
    drawn_rows = [row for panel in panels for row in rows(tab, panel, "discs")]
    drawn = tab.run("""[...document.querySelectorAll("#map, .inset")].filter((node) => node.checkVisibility())
      .flatMap((node) => [...node.querySelectorAll(".mark-text.number text")].map((one) => one.textContent))""")
    discs = count_visible(tab, ".mark-symbol.disc path")
    numbers = sorted(row["number"] for row in drawn_rows)
    assert (sorted(drawn), discs) == (numbers, len(drawn_rows))
    return sorted(([str(row["id"]), row["number"]] for row in drawn_rows), key=lambda entry: int(entry[0]))


def count_visible(tab: Tab, selector: str) -> int:
    """Return how many matching elements are not hidden."""
    visible = "filter((node) => node.checkVisibility()).length"
    return int(tab.run(f"[...document.querySelectorAll({json.dumps(selector)})].{visible}"))


def chosen_line(tab: Tab) -> list[float | None]:
    """Return the means of the highlighted trend line, day by day."""
    return [row["mean"] for row in rows(tab, "trend", "lines") if row["chosen"]]


def drawn(tab: Tab) -> list[Any]:
    """Return what every part shows: discs, trend, cells, hours, headline and table."""
    kept = ("row", "day", "kind", "colour")
    cells = [[row[name] for name in kept] for row in rows(tab, "heatmap", "cells")]
    hours = [[row["hour"], row["mean"]] for row in rows(tab, "hours", "hours")]
    return [
        marks(tab),
        chosen_line(tab),
        cells,
        hours,
        text(tab, "#headline"),
        text(tab, "#stations"),
    ]


def settle(tab: Tab) -> None:
    """Return when the charts have followed the controls."""
    tab.run("drawing.then(() => true)")


def switch(tab: Tab, name: str, value: object) -> None:
    """Click one side of a switch."""
    tab.run(f"document.querySelector('[name={name}][value=\"{value}\"]').click()")
    settle(tab)


def choose(tab: Tab, control: str, value: str) -> None:
    """Pick a value of a drop-down, as the control's own event would tell."""
    tab.run(f"document.getElementById('{control}').value = {json.dumps(value)}")
    event = "new Event('change', {bubbles: true})"
    tab.run(f"document.getElementById('{control}').dispatchEvent({event})")
    settle(tab)


def fills(tab: Tab, selector: str) -> list[str]:
    """Return the colours that drawn marks have on the screen."""
    script = "[...document.querySelectorAll({})].map((mark) => getComputedStyle(mark).fill)"
    return list(tab.run(script.format(json.dumps(selector))))


def expected(serving: Serving, city: str | None = None, scheme: str = "us") -> list[list[str]]:
    """Return the discs these rows must give."""
    chosen: Sequence[Row] = [row for row in serving.latest if city in (None, row["city"])]
    return [[str(row["location_id"]), _number(row[f"{scheme}_aqi"])] for row in chosen]


def _number(index: object) -> str:
    return "" if index is None else str(index)
