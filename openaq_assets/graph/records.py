"""Define what the ledger keeps: the facts of a partition, and the record of how it was made."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from openaq_assets.graph.check_queries import CheckResult
from openaq_assets.graph.operations import digest


@dataclass(frozen=True, slots=True)
class Facts:
    """Measured facts of one partition, or of a whole asset, after an operation."""

    rows: int = 0
    bytes: int = 0
    objects: int = 0
    version: str = ""
    quarantined: int = 0
    failures: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()  # reported once, also if the same is run again

    def __add__(self, other: "Facts") -> "Facts":
        """Return the sum of both; the version is that of ``other`` if it has one."""
        return Facts(
            self.rows + other.rows,
            self.bytes + other.bytes,
            self.objects + other.objects,
            other.version or self.version,
            self.quarantined + other.quarantined,
            self.failures + other.failures,
            self.notices + other.notices,
        )

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Facts":
        """Return the facts in a decoded JSON object."""
        lists = {name: tuple(value) for name, value in body.items() if isinstance(value, list)}
        return cls(**{**body, **lists})


Outcome = Literal["ok", "partial", "failed"]


@dataclass(frozen=True, slots=True)
class Materialization:
    """A record of the ledger: the state of one partition of an asset, and how it was made.

    ``inputs`` maps each upstream asset to the version that was read; ``scope`` lists the selectors covered.
    """

    asset: str
    kind: str
    partition: str
    state: Outcome
    fingerprint: str
    version: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    scope: tuple[str, ...] = ()
    facts: Facts = field(default_factory=Facts)
    seconds: float = 0.0
    dollars: float = 0.0
    environment: str = ""
    platform: str = ""
    run: str = ""
    reason: str = ""
    message: str = ""
    at: str = ""
    checks: tuple[CheckResult, ...] = ()

    @property
    def inputs_digest(self) -> str:
        """Return the digest of inputs and scope that is part of the record's name."""
        return inputs_digest(self.inputs, self.scope)


def inputs_digest(inputs: Mapping[str, str], scope: Iterable[str]) -> str:
    """Return twelve hex digits that identify the versions read and the scope covered."""
    return digest([dict(sorted(inputs.items())), sorted(scope)])
