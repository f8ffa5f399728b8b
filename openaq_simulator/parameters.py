"""Parameters of requests, read and refused by pydantic in the API's two rounds.

First each parameter is read by its type alone. Then the request's model checks what its fields add to the
types, and whether they fit together. A bound within a union is part of the type.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Self

import pydantic
from fastapi import HTTPException
from fastapi import Request as HttpRequest
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, Field, ValidationError, create_model

from .errors import Broken

BOX = r"-?\d{1,3}\.?\d*,-?\d{1,2}\.?\d*,-?\d{1,3}\.?\d*,-?\d{1,2}\.?\d*"
#: The version of pydantic that the API runs, which its errors name.
ERRORS_URL = "https://errors.pydantic.dev/2.11/v/"


@dataclass(frozen=True)
class Criteria:
    """The id in a request's path, and the values of the parameters that were sent."""

    id: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def limit(self) -> int:
        """Return the number of rows per page: 100 by default."""
        return int(self.values.get("limit", 100))

    @property
    def page(self) -> int:
        """Return the page number: 1 by default."""
        return int(self.values.get("page", 1))

    @property
    def offset(self) -> int:
        """Return the number of rows before this page, cut off beyond the size of any table."""
        return min((self.page - 1) * self.limit, 1 << 40)


_IDS = pydantic.TypeAdapter(list[Annotated[int, pydantic.BeforeValidator(str.strip)]])


OrderBy = StrEnum("OrderBy", {"ID": "id"})
SortOrder = StrEnum("SortOrder", {"ASC": "asc", "DESC": "desc"})
ParameterType = StrEnum("ParameterType", {"POLLUTANT": "pollutant", "WEATHER": "meteorological"})


def _read_ids(given: Any) -> Any:
    """Read numbers between commas; return a value that is already read as it is."""
    return _IDS.validate_python(given.split(",")) if isinstance(given, str) else given


def _cut(number: float) -> float:
    """Cut a number to four decimals."""
    whole, decimals = str(number).split(".")
    return float(f"{whole}.{decimals[:4]}")


def _read_point(text: str) -> tuple[float, ...]:
    """Read latitude and longitude."""
    latitude, longitude = point = tuple(map(float, text.split(",")))
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise ValueError("out of range")
    return tuple(map(_cut, point))


def _read_box(text: str) -> tuple[float, ...]:
    """Read the west, south, east and north of a box."""
    west, south, east, north = box = tuple(map(float, text.split(",")))
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise ValueError("out of range")
    return tuple(map(_cut, box))


Id = Annotated[int, Field(ge=1)]
Ids = Annotated[Any, AfterValidator(_read_ids)]
Radius = Annotated[int, Field(gt=0, le=25000)]
Text = Annotated[str | None, Field(min_length=1)]

ID_LISTS = (
    "countries_id", "providers_id", "parameters_id", "owner_contacts_id", "manufacturers_id",
    "licenses_id", "instruments_id",
)  # fmt: skip  # a table of many short cells
MOMENTS = ("datetime_from", "datetime_to", "datetime_min", "date_from", "date_to")

#: Type and default of each parameter of a query.
FIELDS: Mapping[str, tuple[Any, Any]] = {
    "limit": (Annotated[int, Field(gt=0, le=1000)], 100),
    "page": (Annotated[int, Field(gt=0)], 1),
    "order_by": (OrderBy | None, None),
    "sort_order": (SortOrder | None, None),
    "parameter_type": (ParameterType | None, None),
    "radius": (Radius | None, None),
    "iso": (Text, None),
    "coordinates": (Annotated[Text, AfterValidator(_read_point)], None),
    "bbox": (Annotated[Text, Field(pattern=BOX), AfterValidator(_read_box)], None),
    **dict.fromkeys(("monitor", "mobile"), (bool | None, None)),
    **dict.fromkeys(ID_LISTS, (Ids | None, None)),
    **dict.fromkeys(MOMENTS, (datetime | date | None, None)),
}


class Request(BaseModel):
    """The parameters of a path, and the rules of how they fit together."""

    model_config = pydantic.ConfigDict(str_strip_whitespace=True)

    @pydantic.model_validator(mode="before")
    @classmethod
    def check_combinations(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Refuse filters that exclude or need each other."""
        point = given.keys() & {"coordinates", "radius"}
        countries = given.keys() & {"iso", "countries_id"}
        if len(point) == 1 or (point and "bbox" in given) or len(countries) == 2:
            raise ValueError("these filters do not fit together")
        return given

    @pydantic.model_validator(mode="after")
    def check_order(self) -> Self:
        """Refuse a window that ends before it starts."""
        for kind, name in (("datetime", "date/time"), ("date", "date")):
            start, end = (getattr(self, f"{kind}_{side}", None) for side in ("from", "to"))
            if start is not None and end is not None and end <= start:
                raise RequestValidationError(
                    f"{name.capitalize()} from must be older than the {name} to. User passed {start} - {end}"
                )
        return self


def request_model(path: str, names: Sequence[str]) -> type[Request]:
    """Return the model of a path's parameters; one stands in the path itself."""
    fields: dict[str, Any] = dict(FIELDS)
    if "{" in path:
        name = path.partition("{")[2].partition("}")[0]
        # The bound of a country's id belongs to its type, so the first round refuses a wrong id.
        fields[name] = (Id | None if name == "countries_id" else Id, ...)
    chosen: dict[str, Any] = {name: fields[name] for name in names}
    return create_model("Parameters", __base__=Request, **chosen)


def criteria_reader(model: type[Request]) -> Callable[[HttpRequest], Awaitable[Criteria]]:
    """Return the dependency that reads a request by the types of its model, then by the model."""
    required = [name for name, info in model.model_fields.items() if info.is_required()]
    names = sorted(model.model_fields, key=lambda name: name not in required)
    types: dict[str, Any] = {
        name: (model.model_fields[name].annotation, ... if name in required else None) for name in names
    }
    by_types = create_model("Types", **types)

    async def read(request: HttpRequest) -> Criteria:
        sent = dict(request.query_params) | request.path_params
        try:
            typed = by_types(**sent)
        except ValidationError as error:
            raise RequestValidationError(_located(error, required)) from None
        return _criteria(model, {name: getattr(typed, name) for name in typed.model_fields_set})

    return read


def _located(error: ValidationError, path: Sequence[str]) -> list[Any]:
    """Return the errors of a request, each with the part of the request that it is about."""
    return [
        {**problem, "loc": ("path" if problem["loc"][0] in path else "query", *problem["loc"])}
        for problem in error.errors(include_url=False)
    ]


def _criteria(model: type[Request], sent: Mapping[str, Any]) -> Criteria:
    """Check the parameters that were sent against the model."""
    try:
        request = model(**sent)
    except TypeError as error:  # one end of the window has a time zone, the other has none
        raise Broken from error
    except ValidationError as error:
        raise _refusal(error) from None
    values = {name: getattr(request, name) for name in sent}
    ids = [values.pop(name) for name, info in model.model_fields.items() if info.is_required()]
    return Criteria(ids[0] if ids else 0, values)


def _refusal(error: ValidationError) -> Exception:
    """Return the API's answer to a failed model, which cannot write a ValueError as JSON."""
    if any(problem["type"] == "value_error" for problem in error.errors()):
        return Broken()
    problems = _located(error, ())
    return HTTPException(422, [problem | {"url": ERRORS_URL + problem["type"]} for problem in problems])
