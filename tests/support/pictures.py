"""Write the pictures of docs/img: ``python tests/support/pictures.py PAGE FOLDER`` (``make pictures``)."""

from __future__ import annotations

import base64
import datetime as dt
import sys
import tempfile
from pathlib import Path

from openaq_assets.openaq.dashboard.page import render
from openaq_assets.openaq.dashboard.payload import Overview, Serving
from support import chromium

#: name, width, height, state, whether of the page without stations
SHOTS = (
    ("overview", 1280, 1360, "", False),
    ("city", 1280, 1360, "#city=Hà Nội&palette=assist", False),
    ("dark", 1280, 1360, "#theme=dark&index=vn", False),
    ("vietnamese", 1280, 1360, "#lang=vi&index=vn", False),
    ("phone", 390, 1900, "", False),
    ("empty", 1280, 900, "", True),
)


def main(page: Path, folder: Path) -> None:
    """Show the page in every state and keep what is seen."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        empty = Path(work) / "empty.html"
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        served = {"dev": Serving(), "prod": Serving()}
        empty.write_text(render(Overview(now, environments=served)), encoding="utf-8")
        with chromium.browser(Path(work) / "profile") as tab:
            for name, width, height, state, is_empty in SHOTS:
                tab.open(
                    (empty if is_empty else page).absolute().as_uri() + state,
                    width=width,
                    height=height,
                )
                tab.wait("performance.getEntriesByName('drawn').length > 0")
                clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
                shot = tab.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
                (folder / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))
                print(f"wrote {folder / name}.png")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
