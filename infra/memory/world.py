"""A synthetic world with a given number of live sensors: stations of the simulator, repeated."""

import copy
from dataclasses import replace

from openaq_simulator import World

PARAMETERS = ("pm25", "pm10", "no2", "o3", "so2", "co")  # the parameters of conf/assets/raw.yaml


def world_of(wanted: int) -> World:
    """Return a world of exactly that many Vietnamese sensors, all of them live and hourly."""
    base = World.synthetic(foreign=())
    hourly = [
        location
        for location in base.locations
        if all(_is_usable(base, sensor["id"]) for sensor in location["sensors"])
    ]
    locations, sensors = [], {}
    while len(sensors) < wanted:
        location = copy.deepcopy(hourly[len(locations) % len(hourly)])
        location["id"] += 1_000_000 * (len(locations) // len(hourly))
        kept = location["sensors"][: wanted - len(sensors)]
        for sensor in kept:
            new = 70_000_001 + len(sensors)
            sensors[new] = replace(base.sensors[sensor["id"]], id=new, location_id=location["id"])
            sensor["id"] = new
        location["sensors"] = kept
        locations.append(location)
    locations.sort(key=lambda location: location["id"])
    return World(tuple(locations), sensors)


def _is_usable(world: World, sensor_id: int) -> bool:
    sensor = world.sensors[sensor_id]
    return sensor.parameter.name in PARAMETERS and sensor.last is None and sensor.step == 3600
