"""``dashboard``: the Air Quality Overview as one HTML file, drawn from the views of environments."""

from collections.abc import Sequence
from dataclasses import dataclass

from openaq_assets.errors import Problem, nearest
from openaq_assets.graph.assets import Asset, AssetGraph, Kind, Reference
from openaq_assets.graph.columns import Name
from openaq_assets.graph.operations import Operation
from openaq_assets.openaq.dashboard.questions import VIEWS, publish


@dataclass(frozen=True, slots=True)
class DashboardFields:
    """Which environments the page can show; every one without a list."""

    environments: tuple[Name, ...] = ()


class Dashboard(Kind):
    """A page that people read: made whenever it is selected, because it says how old everything is."""

    name = "dashboard"
    fields = DashboardFields
    holds = "nothing"
    always = True

    def references(self, asset: Asset) -> Sequence[Reference]:
        """The views it shows."""
        return [Reference(view, is_table=True) for view, _, _ in VIEWS.values()]

    def problems(self, asset: Asset, graph: AssetGraph) -> Sequence[Problem]:
        """Environments that are not there."""
        known = graph.environments | graph.left_out
        return [
            asset.problem(f"environments[{n}]", f"there is no environment '{name}'.", nearest(name, known))
            for n, name in enumerate(asset.spec.environments)
            if known and name not in known
        ]

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """One Publish."""
        return [publish(asset.key, asset.spec.environments or sorted(graph.environments))]
