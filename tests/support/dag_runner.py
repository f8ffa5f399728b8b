"""Runs DAGs with ``dag.test``, one per line of JSON on stdin, and answers with a line on stdout.

A process of its own: Airflow keeps its settings and database per process.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # Airflow prints; only answers go to the real stdout

from airflow.utils.db import initdb

initdb()

from airflow import settings
from airflow.models.asset import AssetEvent, AssetModel

from openaq_assets.airflow.factory import build_dags


def run(order: dict[str, Any]) -> dict[str, Any]:
    """Run one DAG to its end, without retries."""
    for name in ("OPENAQ_API_KEY", "OPENAQ_API_URL", "OPENAQ_PROFILE"):
        os.environ.pop(name, None)
    os.environ.update(order["environ"])
    dag = build_dags(order["environ"]["OPENAQ_PROJECT"])[order["dag"]]
    for task in dag.tasks:
        task.retries = 0
    done = dag.test(run_conf=order["conf"])
    session = settings.Session()
    rows = session.query(AssetEvent, AssetModel.name).join(AssetModel, AssetModel.id == AssetEvent.asset_id)
    events = [
        {"asset": name, "partition_key": event.partition_key, "extra": event.extra}
        for event, name in rows.filter(AssetEvent.source_run_id == done.run_id).order_by(AssetEvent.id)
    ]
    states = {ti.task_id: str(ti.state) for ti in done.get_task_instances(session=session)}
    return {"state": str(done.state), "states": states, "events": events, "run_id": done.run_id}


for line in sys.stdin:
    answers.write(json.dumps(run(json.loads(line)), default=str) + "\n")
    answers.flush()
