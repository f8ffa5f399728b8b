"""Names of raw objects: everything needed to use an answer that its body does not say.

    <asset>__location=7__sensor=9__page=0001__20260109T031500Z__0123456789ab.json

A measurement row carries no sensor id, so the name does. Retrieval time and content digest make each
answer its own object: nothing is ever overwritten.
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
    """The parsed name of a raw object; ``request`` identifies the question, whenever asked."""

    asset: str
    parts: tuple[tuple[str, str], ...]
    retrieved: dt.datetime
    digest: str
    extension: str = "json"

    @property
    def request(self) -> str:
        """The name up to the retrieval time."""
        return "".join((self.asset, "__", *(f"{name}={value}__" for name, value in self.parts)))

    @property
    def values(self) -> Mapping[str, str]:
        """The parts by name."""
        return dict(self.parts)

    def __str__(self) -> str:
        return f"{self.request}{self.retrieved.strftime(_STAMP)}__{self.digest}.{self.extension}"


def raw_key(
    asset: str, parts: Mapping[str, str], retrieved: dt.datetime, body: bytes, extension: str = "json"
) -> RawKey:
    """The name under which an answer is stored."""
    stamp = retrieved.astimezone(dt.UTC).replace(microsecond=0)
    content = hashlib.sha256(body).hexdigest()[:12]
    return RawKey(asset, tuple(parts.items()), stamp, content, extension)


def parse_raw_key(name: str) -> RawKey | None:
    """The parsed name (of a path's last segment), or None if it is not one of ours."""
    found = _NAME.match(name.rsplit("/", 1)[-1])
    if not found:
        return None
    pairs = [part.split("=") for part in found["parts"].split("__") if part]
    parts = tuple([(name, value) for name, value in pairs])
    try:
        retrieved = _time(found["retrieved"])
    except ValueError:
        return None
    return RawKey(found["asset"], parts, retrieved, found["digest"], found["extension"])


def _time(text: str) -> dt.datetime:
    """What ``strptime`` would say, at a tenth of its cost: there are many names."""
    if text[9:11] > "23":  # which later Pythons take for the next day
        raise ValueError("no such hour")
    return dt.datetime.fromisoformat(text)
