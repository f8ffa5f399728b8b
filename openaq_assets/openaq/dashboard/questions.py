"""What the page asks of the views of an environment; it is known without the page itself."""

from collections.abc import Iterable

from openaq_assets.graph.operations import ABOVE, Query, Ref
from openaq_assets.openaq.operations import Publish

STATION_FIELDS = (
    "location_id", "location", "city", "country", "provider", "license", "latitude", "longitude",
    "timezone", "is_monitor", "as_of", "age_minutes", "is_current",
    "us_aqi", "us_pollutant", "us_concentration", "us_unit", "us_method", "us_hours_used", "us_reason",
    "vn_aqi", "vn_pollutant", "vn_concentration", "vn_unit", "vn_method", "vn_hours_used", "vn_reason",
    "qc_version",
)  # fmt: skip
DAY_FIELDS = (
    "location_id", "location", "city", "local_day", "avg_pm25", "hours", "is_incomplete", "us_aqi",
    "vn_aqi",
)  # fmt: skip
HOUR_FIELDS = ("location_id", "hour", "avg_pm25", "hours")
_YEAR = "CAST(date_add('day', -365, current_date) AS date)"
VIEWS = {
    "latest": ("view_latest_aqi", STATION_FIELDS, "ORDER BY location_id"),
    "daily": (
        "view_daily_average", DAY_FIELDS,
        f"WHERE local_day >= {_YEAR} ORDER BY location_id, local_day",
    ),
    "hours": ("view_hour_of_day", HOUR_FIELDS, "ORDER BY location_id, hour"),
}  # fmt: skip


def publish(asset: str, environments: Iterable[str]) -> Publish:
    """The operation that makes the page of these environments, naming no place."""
    queries = tuple(_query(env, part) for env in environments for part in VIEWS)
    return Publish(queries, Ref(asset, "dashboard", environment=ABOVE))


def _query(environment: str, part: str) -> Query:
    view, columns, rest = VIEWS[part]
    sql = f"SELECT {', '.join(columns)} FROM {view} {rest}"
    return Query(f"{environment}.{part}", sql, (Ref(view, "view", environment=environment),))
