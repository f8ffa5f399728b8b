"""The asset catalog in a real Chromium without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from openaq_assets.cli.docs import render_catalog

if TYPE_CHECKING:
    from support.chromium import Tab

    Show = Callable[..., Tab]

EVIL = "</script><img src=x onerror=alert(1)> 'quoted' \u202e " + "long " * 100


def asset(key: str, kind: str, reads: list[str], columns: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one asset as ``docs.catalog`` returns it."""
    status = {"state": "ok", "partitions": "", "last": "2026-01-10T12:00:00Z", "due": []}
    record = {
        "at": "2026-01-10T12:00:00+00:00", "partition": "2026-01-10", "state": "ok", "rows": 12345, "bytes": 10,
        "objects": 1, "seconds": 0.5, "reason": "create: never materialized", "message": EVIL, "run": "r1", "version": "v",
    }
    return {
        "key": key, "kind": kind, "description": EVIL, "owner": EVIL, "tags": ["t"], "declaredAt": "conf/x.yaml:1",
        "partitions": "daily", "reads": reads, "readBy": [], "fingerprint": "f", "columns": columns, "sql": EVIL,
        "checks": [{"name": EVIL, "severity": "warn", "in": key}], "status": status, "records": [record],
    }


def column(name: str, *sources: list[str]) -> dict[str, Any]:
    """Return a column made from others."""
    return {
        "name": name, "type": "double", "unit": "µg/m³", "nullable": True, "description": EVIL, "from": list(sources),
    }


CATALOG: dict[str, Any] = {
    "project": "test", "environment": "dev", "generatedAt": "2026-01-10T13:00:00Z", "jobs": [],
    "assets": [
        asset("answers_raw", "raw", [], []),
        asset("answers", "processed", ["answers_raw"], [column("value", ["answers_raw", "value"])]),
        asset("view_one", "view", ["answers"], [column("mean", ["answers", "value"])]),
        asset("view_two", "view", ["view_one"], [column("index", ["view_one", "mean"])]),
    ],
}
for item in CATALOG["assets"]:
    item["readBy"] = [other["key"] for other in CATALOG["assets"] if item["key"] in other["reads"]]


@pytest.fixture
def catalog(tab: Tab, tmp_path: Path) -> Iterator[Show]:
    """Open the catalog from a file; afterwards nothing may have been requested or logged."""
    file = tmp_path / "catalog.html"
    file.write_text(render_catalog(CATALOG), encoding="utf-8")

    def opened(fragment: str = "", **screen: Any) -> Tab:
        tab.open(file.as_uri() + fragment, **screen)
        return tab

    yield opened
    tab.run("new Promise(requestAnimationFrame)")
    assert [url for url in tab.requests if not url.startswith(file.as_uri())] == []
    assert tab.complaints == []


def text(tab: Tab, selector: str) -> str:
    """Return the text of an element."""
    return str(tab.run(f"document.querySelector({selector!r}).textContent"))


def test_a_click_on_a_box_shows_the_asset(catalog: Show) -> None:
    """The graph, the list and the hash lead to the same description; its lineage is lit."""
    tab = catalog()
    tab.run(
        "document.querySelector('.node[data-key=answers] rect').parentNode.dispatchEvent(new MouseEvent('click'))"
    )
    tab.wait("document.querySelector('#asset h2').textContent.startsWith('answers ')")
    assert tab.run("location.hash") == "#answers"
    assert tab.run("document.querySelectorAll('.edges path.lit').length") == 3
    assert tab.run("document.querySelector('#list a[aria-current=true]').dataset.key") == "answers"
    assert "12,345" in text(tab, "#asset") and "60 min before this page" in text(tab, "#asset")


def test_a_link_to_a_column_shows_what_is_made_from_it(catalog: Show) -> None:
    """The hash names a column: it is marked, with every column made from it, near or far."""
    tab = catalog("#answers.value")
    assert text(tab, "tr.chosen td") == "value"
    assert "view_one.mean, view_two.index" in text(tab, "#asset")


def test_the_search_finds_by_column(catalog: Show) -> None:
    """Words narrow the list and dim the graph."""
    tab = catalog()
    tab.run(
        "(() => { const f = document.getElementById('find'); f.value = 'index view'; f.dispatchEvent(new Event('input')); })()"
    )
    assert text(tab, "#count") == "1 of 4 assets"
    assert tab.run("document.querySelectorAll('.node.off').length") == 3
    assert (
        tab.run("[...document.querySelectorAll('#list li')].filter(li => !li.hidden).length") == 1
    )


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_texts_stay_text_and_nothing_scrolls_sideways(catalog: Show, width: int) -> None:
    """Markup in descriptions, checks, messages and SQL is shown as it is, on any width."""
    tab = catalog("#view_one", width=width)
    assert (
        "<img src=x" in text(tab, "#asset")
        and tab.run("document.querySelectorAll('#asset img').length") == 0
    )
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")


def test_an_unknown_hash_says_so(catalog: Show) -> None:
    """A link to an asset that does not exist any more still opens a usable page."""
    tab = catalog("#nothing.at.all")
    assert text(tab, "#asset") == "Choose an asset."
