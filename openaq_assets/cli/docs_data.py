"""The asset catalog: what every asset promises, where its columns come from, and how it stands."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from openaq_assets.graph.assets import Asset
from openaq_assets.graph.check_queries import check_queries
from openaq_assets.graph.operations import CreateView, Query
from openaq_assets.graph.partitions import summary
from openaq_assets.graph.records import Materialization
from openaq_assets.project.project import Project
from openaq_assets.runs.context import open_platform
from openaq_assets.runs.ledger import Ledger, state_of
from openaq_assets.runs.plan import PlanState, make_request
from openaq_assets.sql.lineage import column_lineage

RECORDS = 8


def catalog(project: Project, env: str = "dev", profile: str | None = None) -> dict[str, Any]:
    """Everything the catalog page shows, as JSON values; reads names of the ledger and a few records."""
    place, platform = open_platform(project, env, profile)
    ledger = Ledger(platform.objects, place)
    plan_state = PlanState(project.graph, ledger, make_request(project.graph))
    promises = _promises(project)
    return {
        "project": project.name,
        "environment": env,
        "generatedAt": dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "assets": [_asset(project, plan_state, asset, promises) for asset in project.graph],
        "jobs": [
            {"name": name, "description": job.description, "schedule": str(job.schedule)}
            for name, job in sorted(project.jobs.items())
        ],
    }  # fmt: skip


def newest_records(
    project: Project, asset: str, env: str = "dev", profile: str | None = None, newest: int = RECORDS
) -> list[Materialization]:
    """The newest records of an asset, newest first; raises SelectionError for an unknown environment."""
    place, platform = open_platform(project, env, profile)
    return _records(Ledger(platform.objects, place), asset, newest)


def _records(ledger: Ledger, asset: str, newest: int) -> list[Materialization]:
    return [ledger.read(one) for one in ledger.history(asset)[:newest]]


def _asset(
    project: Project, plan_state: PlanState, asset: Asset, promises: Sequence[tuple[str, Query]]
) -> dict[str, Any]:
    graph = project.graph
    common = asset.common
    return {
        "key": asset.key,
        "kind": asset.kind.name,
        "description": common.description,
        "owner": common.owner,
        "tags": list(common.tags),
        "declaredAt": f"{asset.at.path}:{asset.at.line}",
        "partitions": asset.partitions or "",
        "reads": list(graph.upstream[asset.key]),
        "readBy": sorted(graph.downstream(asset.key)),
        "fingerprint": plan_state.fingerprints[asset.key],
        "columns": _columns(project, asset),
        "checks": _checks(project, asset, promises),
        "sql": next((one.sql for one in _operations(project, asset) if isinstance(one, CreateView)), "")
        if asset.holds == "view" else "",
        "standing": _standing(plan_state, asset),
        "records": [_record(one) for one in _records(plan_state.ledger, asset.key, RECORDS)],
    }  # fmt: skip


def _operations(project: Project, asset: Asset) -> Sequence[Any]:
    return project.graph.answers[asset.key].operations


def _columns(project: Project, asset: Asset) -> list[dict[str, Any]]:
    lineage = column_lineage(project.graph, asset.key)
    return [
        {
            "name": str(one.name),
            "type": one.type,
            "unit": one.unit,
            "nullable": one.nullable,
            "description": one.description,
            "from": [[source.asset, source.column] for source in lineage.get(str(one.name), ())],
        }
        for one in project.graph.columns(asset.key)
    ]


def _promises(project: Project) -> list[tuple[str, Query]]:
    """Every question whose answer is judged, and the asset that asks it."""
    return [
        (asset.key, entry.query)
        for asset in project.graph
        if asset.holds == "nothing"
        for entry in check_queries(project.graph.answers[asset.key].checks)
    ]


def _checks(project: Project, asset: Asset, promises: Sequence[tuple[str, Query]]) -> list[dict[str, str]]:
    """The promises an asset makes itself, and those other assets make about its tables."""
    names = {asset.key, *project.graph.tables[asset.key]}
    return [
        {"name": one.name, "severity": one.severity, "in": owner}
        for owner, one in promises
        if owner == asset.key or names & {ref.asset for ref in one.inputs}
    ]


def _standing(plan_state: PlanState, asset: Asset) -> dict[str, Any]:
    entries = plan_state.entries(asset.key)
    good = [name for name, one in entries.items() if one.state != "failed"]
    steps = [step for step in plan_state.steps(asset.key) if step.runs]
    last = max((one.at for one in entries.values()), default=None)
    return {
        "state": state_of(entries.values()),
        "partitions": summary(name for name in good if name),
        "last": last.strftime("%Y-%m-%dT%H:%M:%SZ") if last else None,
        "due": [f"{step.partition or 'all of it'}: {step.reason}" for step in steps],
    }


def _record(one: Materialization) -> dict[str, Any]:
    return {
        "at": one.at,
        "partition": one.partition,
        "state": one.state,
        "rows": one.facts.rows,
        "bytes": one.facts.bytes,
        "objects": one.facts.objects,
        "seconds": one.seconds,
        "reason": one.reason,
        "message": one.message or "; ".join(one.facts.failures[:3]),
        "run": one.run,
        "version": one.version,
    }
