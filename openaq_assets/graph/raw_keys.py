"""Make and parse the names of raw objects, which hold what the body of an answer does not contain.

    <asset>__location=7__sensor=9__page=0001__20260109T031500Z__0123456789ab.json

A measurement row has no sensor id, so the name of its object does. The time of retrieval and the digest
of the content make every name unique: no object is ever overwritten.
"""

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(
    r"(?P<asset>[a-z][a-z0-9_]*?)__(?P<parts>(?:[a-z]+=[A-Za-z0-9.,:-]+__)*)"
    r"(?P<retrieved>\d{8}T\d{6}Z)__(?P<digest>[0-9a-f]{12})\.(?P<extension>json|csv\.gz)\Z",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class RawKey:
    """The parsed name of a raw object; ``request`` identifies the request, whenever it was sent."""

    asset: str
    parts: tuple[tuple[str, str], ...]
    retrieved: dt.datetime
    digest: str
    extension: str = "json"

    @property
    def request(self) -> str:
        """Return the name up to the time of retrieval."""
        return "".join((self.asset, "__", *(f"{name}={value}__" for name, value in self.parts)))

    @property
    def values(self) -> Mapping[str, str]:
        """Return the parts by name."""
        return dict(self.parts)

    def __str__(self) -> str:
        return f"{self.request}{self.retrieved.strftime(_STAMP)}__{self.digest}.{self.extension}"


def raw_key(
    asset: str, parts: Mapping[str, str], retrieved: dt.datetime, body: bytes, extension: str = "json"
) -> RawKey:
    """Return the name under which the body of an answer is stored."""
    stamp = retrieved.astimezone(dt.UTC).replace(microsecond=0)
    content = hashlib.sha256(body).hexdigest()[:12]
    return RawKey(asset, tuple(parts.items()), stamp, content, extension)


def parse_raw_key(name: str) -> RawKey | None:
    """Return the parsed name of a path's last segment, or None if it is not a raw object's name."""
    match = _NAME.match(name.rsplit("/", 1)[-1])
    if not match:
        return None
    pairs = [part.split("=") for part in match["parts"].split("__") if part]
    parts = tuple([(name, value) for name, value in pairs])
    try:
        retrieved = _time(match["retrieved"])
    except ValueError:
        return None
    return RawKey(match["asset"], parts, retrieved, match["digest"], match["extension"])


def _time(text: str) -> dt.datetime:
    """Return what ``strptime`` would return, at a tenth of its cost: there are many names."""
    if text[9:11] > "23":  # later versions of Python read hour 24 as the next day
        raise ValueError("there is no such hour")
    return dt.datetime.fromisoformat(text)
