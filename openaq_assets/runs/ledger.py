"""Keep the ledger: what was made, when and from what, as small JSON objects beside the data.

    <root>/<environment>/ledger/<asset>/<partition or all>/
        <time>__<state>__<fingerprint>__<inputs>__<version>.json

The names contain everything that planning needs, so a plan needs one listing per asset and no reads.
Records are only added; the newest name is the current state.
"""

import datetime as dt
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from openaq_assets.graph.check_queries import CheckResult
from openaq_assets.graph.environment import Environment
from openaq_assets.graph.records import Facts, Materialization
from openaq_assets.platforms import ObjectStore

WHOLE = "all"
_STAMP = "%Y%m%dT%H%M%S%fZ"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NAME = re.compile(r"(\d{8}T\d{12}Z)__(ok|partial|failed)" + r"__([\w.:-]+?)" * 3 + r"\.json", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """The newest success of a partition, or its newest failure if it never succeeded."""

    at: dt.datetime
    state: str
    fingerprint: str
    inputs: str
    version: str
    uri: str
    failed_since: bool = False


@dataclass(frozen=True, slots=True)
class Ledger:
    """The records of one environment."""

    store: ObjectStore
    environment: Environment

    def _uri(self, *parts: str) -> str:
        return self.environment.uri("ledger", *parts)

    def append(self, record: Materialization) -> None:
        """Store a record, which is never changed afterwards."""
        stamp = dt.datetime.fromisoformat(record.at).strftime(_STAMP)
        name = "__".join(
            (stamp, record.state, record.fingerprint, record.inputs_digest, record.version or "none")
        )
        uri = self._uri(record.asset, record.partition or WHOLE, f"{name}.json")
        self.store.put_new(uri, json.dumps(asdict(record), ensure_ascii=False, indent=1).encode())

    def entries(self, asset: str) -> Mapping[str, Entry]:
        """Return the entry of every partition of an asset ('' for an asset without partitions)."""
        entries: dict[str, Entry] = {}
        folder = self._uri(asset)
        for uri in self.store.list(folder):  # in order: later names replace earlier
            partition, entry = _entry(uri, folder)
            if entry:
                before = entries.get(partition)
                if entry.state == "failed" and before and before.state != "failed":
                    entry = replace(before, failed_since=True)
                entries[partition] = entry
        return entries

    def history(self, asset: str) -> list[Entry]:
        """Return an entry for every record of an asset, newest first."""
        folder = self._uri(asset)
        entries = (_entry(uri, folder)[1] for uri in self.store.list(folder))
        return sorted((entry for entry in entries if entry), key=lambda entry: entry.at, reverse=True)

    def read(self, entry: Entry) -> Materialization:
        """Return the whole record of an entry; only the values in its name if it cannot be read."""
        asset, partition = entry.uri.split("/")[-3:-1]
        known: dict[str, Any] = {
            "asset": asset,
            "kind": "",
            "partition": "" if partition == WHOLE else partition,
            "state": entry.state,
            "fingerprint": entry.fingerprint,
            "version": entry.version,
            "at": entry.at.isoformat(),
        }
        try:
            body: dict[str, Any] = json.loads(self.store.get(entry.uri))
            facts = Facts.of(_only(Facts, body.pop("facts")))
            body["scope"] = tuple(body["scope"])
            checks = body.pop("checks", ())  # the records of older versions have none
            body["checks"] = tuple(CheckResult(**_only(CheckResult, check)) for check in checks)
            return Materialization(**_only(Materialization, body), facts=facts)
        except (AttributeError, FileNotFoundError, KeyError, TypeError, ValueError):
            return Materialization(**known)

    def latest(self, asset: str, partition: str = "") -> Materialization | None:
        """Return the record of a partition's entry; None if the partition was never made."""
        entry = self.entries(asset).get(partition)
        return self.read(entry) if entry else None


def state_of(entries: Collection[Entry]) -> str:
    """Return the state of an asset with these entries: failed, partial, ok or never made."""
    states = {entry.state for entry in entries} | {"failed" for entry in entries if entry.failed_since}
    return next((state for state in ("failed", "partial", "ok") if state in states), "never made")


def _only(kind: type, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that this version knows: a later version may have written the record."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in body.items() if name in names}


def _entry(uri: str, folder: str) -> tuple[str, Entry | None]:
    """Return the partition and entry in the name of a record; None for a file that is no record."""
    path = uri.removeprefix(f"{folder}/").split("/")
    match = _NAME.fullmatch(path[-1])
    if len(path) != 2 or not match or not (path[0] == WHOLE or _DAY.fullmatch(path[0])):
        return "", None
    stamp, state, fingerprint, inputs, version = match.groups()
    try:
        at = dt.datetime.strptime(stamp, _STAMP).replace(tzinfo=dt.UTC)
    except ValueError:
        return "", None
    partition = "" if path[0] == WHOLE else path[0]
    return partition, Entry(at, state, fingerprint, inputs, version, uri)
