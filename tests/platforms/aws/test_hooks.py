"""Credentials: Airflow's connection where there is one, else the default chain."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.aws_endpoint import BUCKET, REGION, Endpoint

from openaq_assets.platforms.aws.clients import AwsHooks
from openaq_assets.platforms.aws.s3 import S3Store
from openaq_assets.platforms.aws.settings import Aws


def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove everything that the default chain could use."""
    for name in [variable for variable in os.environ if variable.startswith("AWS_") and "FILE" not in variable and "METADATA" not in variable]:
        monkeypatch.delenv(name)


def test_the_connection_of_airflow(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Endpoint, region and keys come from the connection, if the environment or a task has it."""
    no_variables(monkeypatch)
    extra = {"region_name": REGION, "endpoint_url": endpoint.url}
    connection = {"conn_type": "aws", "login": "testing", "password": "testing", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
    hooks = AwsHooks(Aws(connection="lake"))
    assert hooks.connection == "lake"
    store = S3Store(hooks)
    store.put(f"s3://{BUCKET}/a.txt", b"x")
    assert store.get(f"s3://{BUCKET}/a.txt") == b"x"
    assert hooks.console("/x?region={0}") == f"https://{REGION}.console.aws.amazon.com/x?region={REGION}"


def test_the_default_chain(endpoint: Endpoint) -> None:
    """Outside of a task, and without such a connection, it is boto3's own; the profile's region wins."""
    assert AwsHooks(Aws()).connection is None
    assert AwsHooks(Aws(connection="")).connection is None
    hooks = AwsHooks(Aws(region="ap-southeast-1"))
    assert hooks.s3.conn_region_name == "ap-southeast-1"


def test_inside_a_task(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task of Airflow uses the connection that the profile names."""
    monkeypatch.setenv("AIRFLOW_CTX_DAG_ID", "openaq_ingestion")
    assert AwsHooks(Aws()).connection == "aws_default"
    assert AwsHooks(Aws(connection="")).connection is None


def test_airflow_is_a_quiet_guest(endpoint: Endpoint, tmp_path: Path) -> None:
    """Importing the hooks changes neither logging nor variables, and prints and makes nothing at home."""
    code = (
        "import logging, os; logging.basicConfig(level='WARNING'); before = dict(os.environ)\n"
        "from openaq_assets.platforms.aws.clients import AwsHooks\n"
        "from openaq_assets.platforms.aws.settings import Aws\n"
        "hooks = AwsHooks(Aws()); hooks.s3; hooks.athena; hooks.catalog\n"
        "assert dict(os.environ) == before and len(logging.getLogger().handlers) == 1\n"
        "assert logging.getLogger().level == logging.WARNING"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**kept, "HOME": str(tmp_path)}, check=False, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert not list(tmp_path.iterdir())
