"""Locations: the four ways to select stations, and the request of each."""

from typing import Any

import pytest

from openaq_assets.errors import FieldError
from openaq_assets.openaq.locations import Country, Location
from openaq_assets.openaq.requests import about_locations


@pytest.mark.parametrize(
    ("fields", "selector", "params"),
    [
        ({"country": Country("VN")}, "country=VN", {"iso": "VN"}),
        ({"id": 2178}, "id=2178", {}),
        ({"bbox": (105.7, 20.9, 106.0, 21.2)}, "bbox=105.7000,20.9000,106.0000,21.2000", {"bbox": "105.7000,20.9000,106.0000,21.2000"}),
        ({"near": (10.7769, 106.7009), "radius": 12000}, "near=10.7769,106.7009,12000",
         {"coordinates": "10.7769,106.7009", "radius": "12000"}),
    ],
)
def test_each_way_becomes_one_question(fields: Any, selector: str, params: Any) -> None:
    """A location is requested in the form of the API, and recorded in the same form."""
    location = Location(**fields)
    assert location.selector == selector
    assert dict(about_locations(selector).params) == params


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "none of"),
        ({"id": 0}, "OpenAQ location id"),
        ({"id": 1, "country": Country("VN")}, "both 'country' and 'id'"),
        ({"bbox": (1.0, 2.0, 3.0)}, "sides of a box"),
        ({"bbox": (106.0, 20.0, 105.0, 21.0)}, "sides of a box"),
        ({"near": (91.0, 0.0), "radius": 5}, "not a point"),
        ({"near": (1.0, 2.0)}, "must be given together"),
        ({"country": Country("VN"), "radius": 5}, "must be given together"),
        ({"near": (1.0, 2.0), "radius": 25001}, "25000 metres"),
    ],
)
def test_what_the_api_cannot_be_asked_is_refused(fields: Any, words: str) -> None:
    """A value that the API would ignore or answer with 500 is a mistake in the YAML."""
    with pytest.raises(FieldError, match=words):
        Location(**fields)
