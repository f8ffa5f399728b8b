"""A job that may not cost what it would is stopped by its first task, before anything is done."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from support import aws_account
from support.aws_account import KEYS, REGION

BUCKET = "openaq-max-cost"
Runner = Callable[..., dict[str, Any]]


def test_job_beyond_its_limit_is_stopped(project: Any, dag_test: Runner) -> None:
    """Airflow obeys ``max_cost`` of a job on AWS: every task that could start fails, and the bucket stays empty."""
    project.edit("conf/openaq.yaml", "    days: 3 ", "    max_cost: 0.10\n    days: 3 ")
    with aws_account.listening() as account:
        account.fresh()
        s3 = account.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        where = {**KEYS, "AWS_ENDPOINT_URL": account.url, "OPENAQ_PROFILE": "aws"}
        answer = dag_test(dataclasses.replace(project, lake=f"s3://{BUCKET}", api=where))
        kept = s3.list_objects_v2(Bucket=BUCKET)["KeyCount"]
    assert answer["state"] == "failed"
    assert answer["states"]["locations_raw"] == answer["states"]["cities"] == "failed"
    assert set(answer["states"].values()) <= {"failed", "upstream_failed"}
    assert kept == 0 and answer["events"] == []


def test_job_on_this_machine_has_no_price(project: Any, dag_test: Runner) -> None:
    """The same limit stops nothing where nothing costs."""
    project.edit("conf/openaq.yaml", "    days: 3 ", "    max_cost: 0\n    days: 3 ")
    answer = dag_test(project, only=["cities"])
    assert answer["states"]["cities"] == "success"
