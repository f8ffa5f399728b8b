"""``python -m benchmarks.page``: size, first paint, charts drawn and switching of the page, for a year of 60 stations.

Measured in headless Chromium from a file, each load in a fresh tab with an empty cache; medians.
"""

import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE), str(HERE / "browser")]

import chromium
from support.page_years import year_of

from openaq_assets.openaq.dashboard.page import render

LOADS = 9
#: What is switched, to and fro: the selector of a control and what is done to it.
SWITCHES = {
    "environment": "document.querySelector('[name=env][value=%s]').click()",
    "index": "document.querySelector('[name=index][value=%s]').click()",
    "city": "(() => { const c = document.getElementById('city'); c.value = '%s'; c.dispatchEvent(new Event('change')); })()",
    "language": "(() => { const c = document.getElementById('lang'); c.value = '%s'; c.dispatchEvent(new Event('change')); })()",
    "palette": "(() => { const c = document.getElementById('palette'); c.value = '%s'; c.dispatchEvent(new Event('change')); })()",
    "30 to 365 days": "document.querySelector('[name=days][value=\"%s\"]').click()",
}
VALUES = {
    "environment": ("dev", "prod"), "index": ("vn", "us"), "city": ("Thành phố 3", ""), "language": ("vi", "en"),
    "palette": ("assist", "standard"), "30 to 365 days": ("365", "30"),
}
MEASURED = """(async () => {
  const start = performance.now();
  %s;
  await drawing;
  document.body.getBoundingClientRect();
  return performance.now() - start;
})()"""


def measured(tab: chromium.Tab, page: Path) -> Iterator[tuple[str, float]]:
    """Yield each quantity with its median, in milliseconds."""
    paints, drawings = [], []
    for _ in range(LOADS):
        tab.open(page.as_uri())
        for entry in ("drawn", "first-contentful-paint"):
            tab.wait(f"performance.getEntriesByName('{entry}').length > 0")
        entry = "performance.getEntriesByName('%s')[0].startTime"
        paints.append(tab.run(entry % "first-contentful-paint"))
        drawings.append(tab.run(entry % "drawn"))
    yield "first contentful paint", statistics.median(paints)
    yield "all charts drawn", statistics.median(drawings)
    for name, script in SWITCHES.items():
        seconds = [
            tab.run(MEASURED % (script % value)) for _ in range(LOADS) for value in VALUES[name]
        ]
        yield f"switch {name}", statistics.median(seconds)


def main() -> None:
    """Make the page, measure it, print a table."""
    started = time.perf_counter()
    overview = year_of(60, 14)
    html = render(overview).encode()
    first = time.perf_counter() - started
    started = time.perf_counter()
    render(overview)
    again = time.perf_counter() - started
    print(
        f"{platform.processor() or platform.machine()}, medians of {LOADS} loads, 60 stations x 365 days x 2 environments"
    )
    print(
        f"{'size':26} {len(html) / 1e6:8.3f} MB\n{'made, first time':26} {first:8.2f} s\n{'made again':26} {again:8.2f} s"
    )
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_bytes(html)
        with chromium.browser(Path(folder) / "profile") as tab:
            for name, milliseconds in measured(tab, page):
                print(f"{name:26} {milliseconds:8.0f} ms")


if __name__ == "__main__":
    main()
