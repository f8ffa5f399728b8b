"""``dashboard``: the Air Quality Overview as one HTML file, and its queries of the views of environments."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from openaq_assets.errors import Problem, nearest
from openaq_assets.graph.assets import Asset, AssetGraph, Kind, Reference
from openaq_assets.graph.columns import Name
from openaq_assets.graph.fields import field_doc
from openaq_assets.graph.operations import ABOVE, Operation, Query, Ref
from openaq_assets.openaq.operations import Publish

STATION_FIELDS = (
    "location_id", "location", "city", "country", "provider", "license", "latitude", "longitude",
    "timezone", "is_monitor", "as_of", "age_minutes", "is_current",
    "us_aqi", "us_pollutant", "us_concentration", "us_unit", "us_method", "us_hours_used", "us_reason",
    "vn_aqi", "vn_pollutant", "vn_concentration", "vn_unit", "vn_method", "vn_hours_used", "vn_reason",
    "qc_version",
)  # fmt: skip  # a table of many short cells
DAY_FIELDS = (
    "location_id", "location", "city", "local_day", "avg_pm25", "hours", "is_incomplete", "us_aqi",
    "vn_aqi",
)  # fmt: skip  # a table of many short cells
HOUR_FIELDS = ("location_id", "hour", "avg_pm25", "hours")
_YEAR = "CAST(date_add('day', -365, current_date) AS date)"
VIEWS = {
    "latest": ("view_latest_aqi", STATION_FIELDS, "ORDER BY location_id"),
    "daily": (
        "view_daily_average",
        DAY_FIELDS,
        f"WHERE local_day >= {_YEAR} ORDER BY location_id, local_day",
    ),
    "hours": ("view_hour_of_day", HOUR_FIELDS, "ORDER BY location_id, hour"),
}


@dataclass(frozen=True, slots=True)
class DashboardFields:
    """The environments that the page can show; by default all."""

    environments: tuple[Name, ...] = field(
        default=(),
        metadata=field_doc("The environments that the page can show; by default all.", ["prod", "dev"]),
    )


class Dashboard(Kind):
    """A page that people read; it shows how old everything is, so it is made whenever it is selected."""

    name = "dashboard"
    fields = DashboardFields
    holds = "nothing"
    always = True

    def references(self, asset: Asset) -> Sequence[Reference]:
        """Return the views that the page shows."""
        return [Reference(view, is_table=True) for view, _, _ in VIEWS.values()]

    def problems(self, asset: Asset, graph: AssetGraph) -> Sequence[Problem]:
        """Return environments that do not exist."""
        known = graph.environments | graph.left_out
        return [
            asset.problem(f"environments[{n}]", f"there is no environment '{name}'.", nearest(name, known))
            for n, name in enumerate(asset.spec.environments)
            if known and name not in known
        ]

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """Return one Publish."""
        return [publish(asset.key, asset.spec.environments or sorted(graph.environments))]


def publish(asset: str, environments: Iterable[str]) -> Publish:
    """Return the operation that makes the page of these environments, without any location."""
    queries = tuple(_query(env, part) for env in environments for part in VIEWS)
    return Publish(queries, Ref(asset, "dashboard", environment=ABOVE))


def _query(environment: str, part: str) -> Query:
    view, columns, rest = VIEWS[part]
    sql = f"SELECT {', '.join(columns)} FROM {view} {rest}"
    return Query(f"{environment}.{part}", sql, (Ref(view, "view", environment=environment),))
