"""The page, made by the same operation on every platform."""

from __future__ import annotations

import json
import re
from typing import Any

from support.runner_fixtures import Lake

from openaq_assets.graph.columns import Column, Name
from openaq_assets.graph.operations import CreateView, Load, Ref
from openaq_assets.openaq.dashboard.kind import VIEWS, publish

KINDS = {
    "location_id": "bigint", "hour": "bigint", "hours": "bigint", "age_minutes": "bigint", "local_day": "date",
    "as_of": "timestamp", "is_current": "boolean", "is_monitor": "boolean", "is_incomplete": "boolean",
    "latitude": "double", "longitude": "double", "avg_pm25": "double", "us_concentration": "double",
    "vn_concentration": "double", "us_aqi": "bigint", "vn_aqi": "bigint", "us_hours_used": "bigint",
    "vn_hours_used": "bigint",
}
VALUES = {
    "bigint": "7", "double": "CAST(21.5 AS double)", "boolean": "true", "timestamp": "CAST(now() AS timestamp)",
    "date": "CAST(current_date AS date)", "varchar": "'Đà Nẵng </script>'",
}


def make_views(lake: Lake) -> None:
    """Create views of one row each, with every column of the page."""
    source = Ref("one", "reference")
    lake.good(Load("n\n1\n", (Column(Name("n"), "bigint"),), source))
    for view, names, _ in VIEWS.values():
        columns: list[Any] = [Column(Name(name), KINDS.get(name, "varchar")) for name in names]
        chosen = ", ".join(
            f"CAST({VALUES[column.type]} AS {column.type}) AS {column.name}" for column in columns
        )
        lake.good(
            CreateView(Ref(view, "view"), f"SELECT {chosen} FROM one", tuple(columns), (source,))
        )


def island(body: bytes) -> Any:
    """Return the rows of a page."""
    return json.loads(re.findall(r'id="data">(.*?)</script>', body.decode(), re.DOTALL)[0])


def test_the_page_is_written_whole_above_the_environments(lake: Lake) -> None:
    """The page is at <root>/dashboard with the rows of its views, and its ticket has its size."""
    make_views(lake)
    ticket = lake.good(publish("overview", ("dev",)))
    uri = f"{lake.home.root}/dashboard/overview.html"
    body = lake.platform.objects.get(uri)
    assert body.startswith(b"<!doctype html>")
    assert body.rstrip().endswith(b"</html>")
    assert (ticket.facts[""].bytes, ticket.facts[""].rows) == (len(body), 2)
    served = island(body)["environments"]["dev"]
    assert served["problem"] == ""
    row = dict(zip(served["latest"]["fields"], served["latest"]["rows"][0], strict=True))
    assert (row["location_id"], row["location"], row["is_current"]) == (
        7,
        "Đà Nẵng </script>",
        True,
    )
    assert served["places"] == [[7, "Đà Nẵng </script>", "Đà Nẵng </script>"]]
    assert served["hours"]["all"][7] == 21.5


def test_a_page_without_its_views_says_so(lake: Lake) -> None:
    """Before the first run the page shows the problem in the engine's own words."""
    ticket = lake.do(publish("overview", ("dev",)))
    assert ticket.state == "succeeded", ticket.message
    served = island(lake.platform.objects.get(f"{lake.home.root}/dashboard/overview.html"))
    assert "view_latest_aqi" in served["environments"]["dev"]["problem"]
