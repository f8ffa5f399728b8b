"""Assets of the graph as Airflow's own, and materializations as their events.

An asset has the same name and URI in every deployment. An event is of one partition and has its record
as ``extra``.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from airflow.sdk import Asset
from airflow.sdk.definitions.asset import AssetUniqueKey
from airflow.sdk.execution_time.context import OutletEventAccessor, OutletEventAccessors

from openaq_assets.graph.partitions import summary
from openaq_assets.graph.records import Facts, Materialization
from openaq_assets.project.project import Project


def home_of(project: Project, environment: str, key: str) -> str:
    """Return the environment that holds an asset's data: the one that its tables are read from."""
    settings = project.environments.get(environment)
    of_tables = not project.graph[key].per_environment
    return settings.tables_from if settings and settings.tables_from and of_tables else environment


def airflow_asset(project: Project, environment: str, key: str) -> Asset:
    """Return the Airflow asset of a key as an environment sees it, named like ``dev.measurements``."""
    asset, home = project.graph[key], home_of(project, environment, key)
    owner = {"owner": asset.common.owner} if asset.common.owner else {}
    return Asset(
        name=f"{home}.{key}",
        # It names no disk or bucket, so it never changes. Provider packages normalise other schemes
        # than ``x-``.
        uri=f"x-openaq://{project.name}/{home}/{key}",
        group=asset.group,
        # Facts that change often are left out: they would change every DAG that reads the asset.
        extra={"kind": asset.kind.name, **owner},
    )


class _OneEvent(AssetUniqueKey):
    """A key of an asset that equals no other key.

    Airflow keeps one ``extra`` per asset key and task, but the records of several days need one each, so
    each event gets a key of its own. This relies on ``OutletEventAccessors._dict``, which a test guards.
    """

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def event_extra(record: Materialization) -> dict[str, Any]:
    """Return a record of the ledger as the ``extra`` of an event: flat JSON with rows and bytes on top."""
    body = asdict(record)
    facts = body.pop("facts")
    facts.pop("version")
    return dict(json.loads(json.dumps({**facts, **body})))


def summary_extra(records: Sequence[Materialization], version: str) -> dict[str, Any]:
    """Return one ``extra`` for all partitions of a materialization."""
    facts = sum((record.facts for record in records), Facts())
    last = records[-1]
    return {
        "rows": facts.rows,
        "bytes": facts.bytes,
        "objects": facts.objects,
        "quarantined": facts.quarantined,
        "failures": list(facts.failures),
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
    """Put the events of a materialization where Airflow collects them when the task succeeds.

    Consumers of the plain asset never see events with a partition key, so a run without a key adds a
    summary event without one.
    """
    for record in records:
        keys = {record.partition} if record.partition else set()
        _add(events, asset, event_extra(record), keys)
    if run_key is None and all(record.partition for record in records):
        _add(events, asset, summary_extra(records, version), set())


def _add(events: OutletEventAccessors, asset: Asset, extra: dict[str, Any], keys: set[str]) -> None:
    key = _OneEvent(name=asset.name, uri=asset.uri)
    events._dict[key] = OutletEventAccessor(key=key, extra=extra, partition_keys=keys)
