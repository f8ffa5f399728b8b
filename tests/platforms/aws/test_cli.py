"""The command line with the profile ``aws``: the same words, and nothing of Airflow's on the terminal."""

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.aws_endpoint import BUCKET, Endpoint, crawl_of
from support.runner_fixtures import copy_project

Command = Callable[..., subprocess.CompletedProcess[str]]
ROOT = f"s3://{BUCKET}"


@pytest.fixture
def command(endpoint: Endpoint, tmp_path: Path) -> Command:
    """Return ``openaq-assets --profile aws`` in a copy of the project, whose API is the simulator."""
    crawl_of(endpoint, ROOT)
    root = copy_project(tmp_path / "project")
    places = root / "conf/environments.yaml"
    text = places.read_text(encoding="utf-8")
    text = text.replace("    aws:\n", "      without_key: simulate\n    aws:\n", 1)
    places.write_text(text.replace("transform: glue ", "transform: local "), encoding="utf-8")
    home = tmp_path / "home"
    home.mkdir()

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        environ = {**kept, "OPENAQ_PROJECT": str(root), "OPENAQ_ROOT": ROOT, "HOME": str(home)}
        call = [sys.executable, "-m", "openaq_assets.cli.main", "--profile", "aws", *arguments]
        done = subprocess.run(call, env=environ, cwd=root, check=False, capture_output=True, text=True, timeout=300)
        assert not list(home.iterdir())  # importing Airflow makes no home of its own
        return done

    return run


def test_run_and_status(command: Command, endpoint: Endpoint) -> None:
    """A run fills the account, the next finds it up to date, and what is printed is ours alone."""
    day = str(dt.datetime.now(dt.UTC).date() - dt.timedelta(days=9))
    arguments = ("run", "locations_raw", "measurements_raw", "measurements", "cities", "--from", day, "--to", day)
    first = command(*arguments)
    assert first.returncode == 0, first.stderr
    keys = [entry["Key"] for entry in endpoint.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]]
    year, month, date = day.split("-")
    assert f"dev/processed/measurements/year={year}/month={month}/day={date}/part-0.parquet" in keys
    assert "dev/reference/cities/part-0.parquet" in keys
    second = command("status")
    assert second.returncode == 0, second.stderr
    for output in (first.stdout, second.stdout):
        assert "[info" not in output and "airflow" not in output.lower() and "botocore" not in output
    assert "measurements" in second.stdout


def test_a_bucket_that_is_denied(command: Command, endpoint: Endpoint) -> None:
    """An account that refuses is one line and exit code 3."""
    endpoint.fail("S3.ListObjectsV2", "AccessDenied", status=403, times=999)
    done = command("status")
    assert done.returncode == 3, done.stdout + done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith(f"error: cannot list {ROOT}/") and "access is denied" in line
    assert "Traceback" not in done.stderr
