"""The page that the pipeline writes, in a real Chromium, against the views it was made from."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.page_reading import choose, count, marks, rows, switch, text
from support.runner_fixtures import copy_project

from openaq_assets.project.project import load
from openaq_assets.runs.query import ask

if TYPE_CHECKING:
    from support.chromium import Tab

    Show = Callable[..., Tab]

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page_real")]
PAGE = "dashboard/air_quality_overview.html"


@dataclass
class Lake:
    """A copy of the project, its lake, and the command line."""

    project: Path
    root: Path

    def call(self, *arguments: str) -> str:
        """Run a command that must succeed; return what it says."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENAQ_")}
        places = {"OPENAQ_ROOT": str(self.root), "OPENAQ_PROJECT": str(self.project)}
        command = [sys.executable, "-m", "openaq_assets.cli.main", *arguments]
        done = subprocess.run(
            command, env=kept | places, cwd=self.project, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows that prod answers with."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OPENAQ_ROOT", str(self.root))
            return ask(load(self.project), sql, "prod", "local").as_dicts()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The main job has run once over three days of the simulator."""
    folder = tmp_path_factory.mktemp("real")
    made = Lake(copy_project(folder / "project"), folder / "lake")
    output = made.call("run", "--job", "openaq_ingestion", "--days", "3")
    assert "air_quality_overview" in output
    return made


def test_counts_and_numbers_are_those_of_the_views(show_file: Show, lake: Lake) -> None:
    """Discs, rows, and index of every station equal view_latest_aqi; cells and means view_daily_average."""
    tab = show_file(lake.root / PAGE)
    latest = lake.ask(
        "SELECT location_id, us_aqi, vn_aqi, is_current FROM view_latest_aqi ORDER BY location_id"
    )
    days = lake.ask("SELECT location_id, local_day, avg_pm25, us_aqi FROM view_daily_average")
    assert len(latest) > 20
    assert count(tab, "#stations tr") == len(latest)
    for scheme in ("us", "vn"):
        switch(tab, "index", scheme)
        wanted = [[str(row["location_id"]), _number(row, scheme)] for row in latest]
        assert marks(tab) == wanted
    switch(tab, "index", "us")
    live = sum(row["is_current"] and row["us_aqi"] is not None for row in latest)
    assert f"{live} of {len(latest)} stations current" in text(tab, "#headline")
    known = tab.run(
        "served('prod').known.reduce((sum, one) => sum + one.marks.filter(Boolean).length, 0)"
    )
    means = tab.run(
        "served('prod').known.reduce((sum, one) => sum + one.mean.filter((v) => v != null).length, 0)"
    )
    assert (known, means) == (len(days), sum(row["avg_pm25"] is not None for row in days))
    assert text(tab, "#stamp") == "SYNTHETIC"


def _number(row: dict[str, Any], scheme: str) -> str:
    index = row[f"{scheme}_aqi"]
    return str(index) if row["is_current"] and index is not None else ""


def test_a_city_shows_its_stations_of_the_view(show_file: Show, lake: Lake) -> None:
    """The filter leaves exactly the stations that the view puts into the city."""
    tab = show_file(lake.root / PAGE)
    choose(tab, "city", "Hà Nội")
    wanted = lake.ask(
        "SELECT location_id FROM view_latest_aqi WHERE city = 'Hà Nội' ORDER BY location_id"
    )
    assert [int(number) for number, _ in marks(tab)] == [row["location_id"] for row in wanted]
    hours = lake.ask("SELECT count(DISTINCT hour) AS n FROM view_hour_of_day")
    assert sum(not row["chosen"] for row in rows(tab, "hours", "hours")) == hours[0]["n"]


def test_the_command_writes_the_page_and_pictures(
    show_file: Show, lake: Lake, tmp_path: Path
) -> None:
    """`dashboard --out` writes a page that works; `--png` five pictures; nothing half-written stays behind."""
    out = tmp_path / "new" / "page.html"
    assert lake.call("dashboard", "--out", str(out)) == f"wrote {out}\n"
    assert len(marks(show_file(out))) > 20
    output = lake.call("dashboard", "--png", str(tmp_path / "png"), "--env", "prod")
    assert [line.rpartition("/")[2] for line in output.split()[1::2]] == [
        "headline.png", "map.png", "trend.png", "heatmap.png", "hours.png",
    ]
    assert (
        sorted(path.name for path in tmp_path.rglob("*") if path.is_file() and path.name[0] == ".")
        == []
    )


def test_the_task_is_in_the_ledger_and_after_the_gate(lake: Lake) -> None:
    """The page is an asset like any: it runs after validation and its record says what it wrote."""
    import json

    records = json.loads(lake.call("records", "air_quality_overview", "--format", "json"))
    record = records["records"][0] if isinstance(records, dict) else records[0]
    assert record["state"] == "ok"
    assert record["facts"]["bytes"] == (lake.root / PAGE).stat().st_size
    assert "validate_prod_views" in lake.call("show", "air_quality_overview")
