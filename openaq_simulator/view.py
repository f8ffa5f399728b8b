"""The world as a request sees it: at a moment, under the faults that change rows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .faults import ROW_FAULTS, Fault, struck_rows
from .rows import Row
from .world import Sensor, World


@dataclass(frozen=True)
class View:
    """A world as seen at a moment (Unix seconds) under the faults that change rows."""

    world: World
    now: int
    faults: tuple[Fault, ...] = ()
    null_raw_breaks: bool = False

    def of(self, sensor: Sensor) -> "View":
        """Give the view with only the faults that strike this sensor."""
        return replace(self, faults=tuple(
            fault for fault in self.faults if fault.strikes("", sensor.id, sensor.location_id)
        ))  # fmt: skip


def sensor_of(view: View, key: int) -> Sensor | None:
    """Give a sensor by id, None if it is unknown or has vanished."""
    sensor = view.world.sensors.get(key)
    if sensor and any(
        fault.name == "vanished" and fault.strikes("", sensor.id, sensor.location_id) for fault in view.faults
    ):
        return None
    return sensor


def raw_rows(view: View, sensor: Sensor, after: int, until: int) -> Iterator[Row]:
    """Give the rows that exist at the view's moment, as the row faults leave them."""
    rows = view.world.raw_rows(sensor, after, min(until, view.now))
    return struck_rows(rows, (f for f in view.faults if f.name in ROW_FAULTS), view.now)
