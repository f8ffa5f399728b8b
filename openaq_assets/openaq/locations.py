"""Selections of stations, as conf/locations.yaml names them and as the API takes them."""

import re
from dataclasses import dataclass, field

from openaq_assets.errors import FieldError
from openaq_assets.graph.fields import field_doc
from openaq_assets.openaq.requests import is_box


class Country(str):
    """An ISO 3166-1 code of two letters."""

    __slots__ = ()
    noun = "a country code"
    pattern = re.compile(r"[A-Z]{2}\Z", re.ASCII)

    @classmethod
    def parse(cls, text: str) -> "Country":
        """Return the code; raise ValueError with the remedy."""
        if cls.pattern.match(text):
            return cls(text)
        if cls.pattern.match(text.upper()):
            raise ValueError(f"Write '{text.upper()}'.")
        raise ValueError("Write two capital letters (ISO 3166-1), like VN.")


@dataclass(frozen=True, slots=True)
class Location:
    """A selection of stations: a country, one OpenAQ id, a box, or a circle around a point."""

    country: Country | None = field(
        default=None,
        metadata=field_doc("All stations of a country, by its ISO 3166-1 code in capital letters.", "VN"),
    )
    id: int | None = field(
        default=None, metadata=field_doc("One station, by its OpenAQ location id.", 3276359)
    )
    bbox: tuple[float, ...] = field(
        default=(),
        metadata=field_doc(
            "All stations in a box: west, south, east and north in degrees.", [105.7, 20.9, 106.0, 21.2]
        ),
    )
    near: tuple[float, ...] = field(
        default=(),
        metadata=field_doc(
            "All stations around a point: latitude and longitude in degrees.", [10.7769, 106.7009]
        ),
    )
    radius: int | None = field(
        default=None,
        metadata=field_doc("The distance from the point of `near` in metres, up to 25000.", 12000),
    )
    description: str = field(
        default="", metadata=field_doc("A description of the entry.", "CMT8, Ho Chi Minh City.")
    )

    def __post_init__(self) -> None:
        kinds = [name for name in ("country", "id", "bbox", "near") if getattr(self, name)]
        if not kinds and self.id is None:
            hint = "Add one, like 'country: VN'."
            raise FieldError("", "the location has none of 'country', 'id', 'bbox' and 'near'.", hint)
        if len(kinds) > 1:
            raise FieldError(
                kinds[1], f"the location has both '{kinds[0]}' and '{kinds[1]}'.", "Keep one of them."
            )
        if self.id is not None and not 1 <= self.id <= 2**31 - 1:
            message = f"expected an OpenAQ location id, got {self.id}."
            raise FieldError("id", message, "Write a number from 1 to 2147483647.")
        if self.bbox and not (len(self.bbox) == 4 and is_box(*self.bbox)):
            hint = "Write [west, south, east, north] in degrees."
            raise FieldError("bbox", "these numbers are not the sides of a box.", hint)
        if self.near and not _is_point(self.near):
            hint = "Write [latitude, longitude] in degrees."
            raise FieldError("near", "these numbers are not a point.", hint)
        if bool(self.near) != (self.radius is not None):
            message = "'near' and 'radius' must be given together."
            raise FieldError("radius", message, "Write both: a point, and a radius of 1 to 25000 metres.")
        if self.radius is not None and not 1 <= self.radius <= 25_000:
            message = f"expected a radius of 1 to 25000 metres, got {self.radius}."
            raise FieldError("radius", message, "Write a number from 1 to 25000.")

    @property
    def selector(self) -> str:
        """Return the text by which it is requested and recorded.

        It is ``country=VN``, ``id=2178``, ``bbox=W,S,E,N`` or ``near=LAT,LON,METRES``.
        """
        if self.bbox:
            return "bbox=" + ",".join(f"{side:.4f}" for side in self.bbox)
        if self.near:
            return "near=" + ",".join(f"{part:.4f}" for part in self.near) + f",{self.radius}"
        return f"country={self.country}" if self.country else f"id={self.id}"


def _is_point(parts: tuple[float, ...]) -> bool:
    return len(parts) == 2 and abs(parts[0]) <= 90 and abs(parts[1]) <= 180
