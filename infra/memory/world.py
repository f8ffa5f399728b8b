"""A synthetic world with a given number of live sensors: stations of the simulator, repeated."""

import copy
from dataclasses import replace

from openaq_simulator import World

ASKED_FOR = ("pm25", "pm10", "no2", "o3", "so2", "co")  # the parameters of conf/assets/raw.yaml


def world_of(wanted: int) -> World:
    """Return a world of exactly that many Vietnamese sensors, all of them live and hourly."""
    base = World.synthetic(foreign=())
    hourly = [
        place for place in base.locations if all(_is_asked(base, one["id"]) for one in place["sensors"])
    ]
    locations, sensors = [], {}
    while len(sensors) < wanted:
        place = copy.deepcopy(hourly[len(locations) % len(hourly)])
        place["id"] += 1_000_000 * (len(locations) // len(hourly))
        kept = place["sensors"][: wanted - len(sensors)]
        for one in kept:
            new = 70_000_001 + len(sensors)
            sensors[new] = replace(base.sensors[one["id"]], id=new, location_id=place["id"])
            one["id"] = new
        place["sensors"] = kept
        locations.append(place)
    locations.sort(key=lambda place: place["id"])
    return World(tuple(locations), sensors)


def _is_asked(world: World, sensor_id: int) -> bool:
    sensor = world.sensors[sensor_id]
    return sensor.parameter.name in ASKED_FOR and sensor.last is None and sensor.step == 3600
