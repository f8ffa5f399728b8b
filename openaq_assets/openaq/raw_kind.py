"""``raw``: answers of the OpenAQ API exactly as received, one object per page, never overwritten."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from openaq_assets.errors import Problem, nearest
from openaq_assets.graph.assets import Asset, AssetGraph, Kind, Reference
from openaq_assets.graph.columns import Duration, Name
from openaq_assets.graph.fields import field_doc
from openaq_assets.graph.operations import Operation, Ref
from openaq_assets.openaq.locations import Location
from openaq_assets.openaq.operations import Fetch, FullPass

LOCATIONS = "conf/locations.yaml"
_FORTNIGHT, _THREE_DAYS = Duration(days=14), Duration(days=3)


@dataclass(frozen=True, slots=True)
class RawFields:
    """The data to fetch from the API."""

    endpoint: Literal["locations", "hours", "measurements", "archive"] = field(
        metadata=field_doc(
            "The data to fetch: the inventory, hourly means, raw measurements, or files of the archive."
        )
    )
    inventory: Name | None = field(
        default=None,
        metadata=field_doc(
            "The raw asset of endpoint `locations` whose sensors are fetched.", "locations_raw"
        ),
    )
    locations: tuple[Name, ...] = field(
        default=(),
        metadata=field_doc("The entries of conf/locations.yaml to read; by default all.", ["vietnam"]),
    )
    parameters: tuple[Name, ...] = field(
        default=(), metadata=field_doc("The parameters to read; by default all.", ["pm25", "pm10"])
    )
    active_within: Duration = field(
        default=_FORTNIGHT,
        metadata=field_doc("Sensors without a measurement for longer than this are not fetched.", "14 days"),
    )
    full_pass: FullPass = field(
        default="never",
        metadata=field_doc(
            "The days on which sensors without recent measurements are fetched too: Sundays, or each first."
        ),
    )
    lookback: Duration = field(
        default=_THREE_DAYS,
        metadata=field_doc(
            "The time back from today whose days are read again, because rows may arrive late.", "3 days"
        ),
    )


class Raw(Kind):
    """The raw layer, the only data that cannot be rebuilt."""

    name = "raw"
    holds = "nothing"
    pool = "openaq_api"
    fields = RawFields
    partitions = "daily"

    def references(self, asset: Asset) -> Sequence[Reference]:
        """Return the inventory whose sensors are fetched."""
        return [Reference(asset.spec.inventory, where="inventory")] if asset.spec.inventory else []

    def problems(self, asset: Asset, graph: AssetGraph) -> Sequence[Problem]:
        """Return locations that are not declared, and data without an inventory."""
        problems = [
            asset.problem(
                f"locations[{index}]", f"there is no location '{name}'.", nearest(name, _locations(graph))
            )
            for index, name in enumerate(asset.spec.locations)
            if name not in _locations(graph)
        ]
        if asset.spec.endpoint != "locations" and not asset.spec.inventory:
            hint = "Add 'inventory: ' and the name of a raw asset with endpoint 'locations'."
            problems.append(
                asset.problem(
                    "endpoint", "this endpoint needs an inventory, which lists the sensors to fetch.", hint
                )
            )
        if asset.spec.active_within.days < 1:
            message = "expected at least one day."
            problems.append(asset.problem("active_within", message, "Write '1 day' or more."))
        if asset.spec.endpoint == "locations" and asset.partitions != "snapshot":
            hint = "Add 'partitions: snapshot'."
            problems.append(
                asset.problem(
                    "endpoint", "the list of locations can be fetched only for the current day.", hint
                )
            )
        return problems

    def scope(self, asset: Asset, graph: AssetGraph) -> tuple[str, ...]:
        """Return the selectors of the asset's locations (all declared by default), without repetition."""
        names = asset.spec.locations or tuple(_locations(graph))
        return tuple(sorted({_locations(graph)[name].selector for name in names}))

    def lookback(self, asset: Asset) -> dt.timedelta:
        """Return the time back from today that is read again, because rows may arrive late."""
        return dt.timedelta(days=asset.spec.lookback.days, seconds=asset.spec.lookback.seconds)

    def operations(
        self, asset: Asset, graph: AssetGraph, partitions: tuple[str, ...], scope: tuple[str, ...]
    ) -> Sequence[Operation]:
        """Return one Fetch for all the days, so that one object holds the rate limit."""
        fetch = Fetch(
            endpoint=asset.spec.endpoint,
            locations=scope,
            into=Ref(asset.key, "raw", partitions),
            inventory=Ref(asset.spec.inventory, "raw") if asset.spec.inventory else None,
            parameters=asset.spec.parameters,
            active_within_days=asset.spec.active_within.days,
            full_pass=asset.spec.full_pass,
            settled_after_hours=int(asset.spec.lookback.total_seconds() // 3600),
        )
        return [fetch]

    def source(self, asset: Asset) -> str:
        """Return ``archive`` or ``api``, the source of its days; '' for an inventory, which has none."""
        sources = {"locations": "", "archive": "archive"}
        return sources.get(asset.spec.endpoint, "api")


def _locations(graph: AssetGraph) -> Mapping[str, Location]:
    """Return the locations that conf/locations.yaml declares."""
    locations: Mapping[str, Location] = graph.conf.get(LOCATIONS, {})
    return locations
