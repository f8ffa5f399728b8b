"""Pages in the Airflow UI: Air Quality Overview and Asset graph (menu Browse), behind Airflow's login.

Every Airflow process imports this file, so nothing heavy is imported before the api-server needs it.
"""

import sys
from pathlib import Path
from typing import Any

from airflow.plugins_manager import AirflowPlugin

PROJECT = Path(__file__).resolve().parents[1]


def _view(name: str, href: str) -> dict[str, Any]:
    route = name.lower().replace(" ", "-")
    return {
        "name": name,
        "href": f"openaq/{href}/",
        "destination": "nav",
        "category": "browse",
        "url_route": route,
    }


class OpenaqPages(AirflowPlugin):
    """A plugin of Airflow that adds the pages to the menu, and their application to the api-server."""

    name = "openaq_pages"
    external_views: list[Any] = [_view("Air Quality Overview", "overview"), _view("Asset graph", "assets")]
    fastapi_apps: list[Any] = []

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Build the application, in the api-server only."""
        if cls.fastapi_apps or not any("api" in word for word in sys.argv[:3]):
            return
        from openaq_assets.airflow.ui import Page, build_app

        pages = {"overview": Page("Air Quality Overview", ("dashboard",))}
        cls.fastapi_apps = [{"app": build_app(PROJECT, pages), "url_prefix": "/openaq", "name": "openaq"}]
