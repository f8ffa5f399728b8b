"""Materializations as Airflow asset events: one per partition, with its own record as ``extra``."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from airflow.sdk import Asset
from airflow.sdk.definitions.asset import AssetUniqueKey
from airflow.sdk.execution_time.context import OutletEventAccessor, OutletEventAccessors

from openaq_assets.graph.partitions import summary
from openaq_assets.graph.records import Materialization


class _OneEvent(AssetUniqueKey):
    """The key of an asset, equal to nothing else.

    Airflow keeps one ``extra`` per asset key and task; records of several days need one each. A key
    of its own per event gives that. It leans on ``OutletEventAccessors._dict``: guarded by a test.
    """

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def event_extra(record: Materialization) -> dict[str, Any]:
    """The ledger's record as the ``extra`` of an event: flat, JSON, rows and bytes on top."""
    body = asdict(record)
    facts = body.pop("facts")
    facts.pop("version")
    return dict(json.loads(json.dumps({**facts, **body})))


def summary_extra(records: Sequence[Materialization], version: str) -> dict[str, Any]:
    """All partitions of one materialization together."""
    facts = [record.facts for record in records]
    last = records[-1]
    return {
        "rows": sum(one.rows for one in facts),
        "bytes": sum(one.bytes for one in facts),
        "objects": sum(one.objects for one in facts),
        "quarantined": sum(one.quarantined for one in facts),
        "failures": [line for one in facts for line in one.failures],
        "partitions": summary(record.partition for record in records),
        "seconds": round(sum(record.seconds for record in records), 3),
        "version": version,
        "fingerprint": last.fingerprint,
        "asset": last.asset,
        "run": last.run,
    }


def emit(
    events: OutletEventAccessors,
    asset: Asset,
    records: Sequence[Materialization],
    *,
    version: str,
    run_key: str | None,
) -> None:
    """Put the events of one materialization where Airflow collects them when the task succeeds.

    Consumers of the plain asset are never told of events with a partition key: a run without a key
    adds a summary without one for them.
    """
    for record in records:
        keys = {record.partition} if record.partition else set()
        _add(events, asset, event_extra(record), keys)
    if run_key is None and all(record.partition for record in records):
        _add(events, asset, summary_extra(records, version), set())


def _add(events: OutletEventAccessors, asset: Asset, extra: dict[str, Any], keys: set[str]) -> None:
    key = _OneEvent(name=asset.name, uri=asset.uri)
    events._dict[key] = OutletEventAccessor(key=key, extra=extra, partition_keys=keys)
