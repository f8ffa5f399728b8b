"""A local HTTP server that answers as the OpenAQ v3 API does, with synthetic data and faults.

with Simulator(World.synthetic(seed=7), faults=["500once"]) as api:
    httpx.get(f"{api.url}/locations", params={"iso": "VN"}, headers={"X-API-Key": "0" * 64})
"""

from .faults import FAULTS, Fault, parse_fault
from .rows import Row
from .simulator import Simulator
from .state import RequestRecord
from .world import World

__all__ = ["FAULTS", "Fault", "RequestRecord", "Row", "Simulator", "World", "parse_fault"]
