"""Facts of a partition, and the record of how it was made: what the ledger keeps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from openaq_assets.graph.check_queries import CheckResult
from openaq_assets.graph.operations import digest


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of one partition (or the whole) of an asset after an operation."""

    rows: int = 0
    bytes: int = 0
    objects: int = 0
    version: str = ""
    quarantined: int = 0
    failures: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()  # said once, whatever is run again

    def __add__(self, other: "Facts") -> "Facts":
        """Both together; the version is of whichever has one last."""
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
        """The facts that JSON says."""
        lists = {name: tuple(one) for name, one in body.items() if isinstance(one, list)}
        return cls(**{**body, **lists})


Outcome = Literal["ok", "partial", "failed"]


@dataclass(frozen=True, slots=True)
class Materialization:
    """One record: what an asset's partition is, and how it came to be.

    ``inputs`` maps each upstream asset to the version read; ``scope`` lists the selectors covered.
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
        """What the record's name says of its inputs and scope."""
        return inputs_digest(self.inputs, self.scope)


def inputs_digest(inputs: Mapping[str, str], scope: Iterable[str]) -> str:
    """Twelve hex digits of the versions read and the scope covered."""
    return digest([dict(sorted(inputs.items())), sorted(scope)])
