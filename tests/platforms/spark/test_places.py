"""The stores of the Glue job: files, and objects in S3 (moto); these tests need no Spark."""

import datetime as dt
import hashlib
import runpy
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

SCRIPT = Path(__file__).resolve().parents[3] / "glue_jobs" / "openaq_raw_to_dev.py"
DAY = "2026-01-10"
FOLDER = "year=2026/month=01/day=10"


@pytest.fixture
def job() -> dict[str, Any]:
    """Return the script's functions: loading it starts nothing and needs no pyspark."""
    return runpy.run_path(str(SCRIPT))


@pytest.fixture(params=["files", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield an empty place."""
    if request.param == "files":
        yield str(tmp_path / "lake [of] 'Việt' *")
        return
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    try:
        bucket = uuid.uuid4().hex  # one process of moto has one memory
        boto3.client("s3").create_bucket(Bucket=bucket)
        yield f"s3://{bucket}/home"
    finally:
        server.stop()


def test_objects_are_read_listed_and_replaced(job: dict[str, Any], root: str) -> None:
    """Listing is of a folder and not of its namesakes, in order; deleting what is not there is nothing."""
    there = job["store"](root)
    assert there.list(f"{root}/none") == []
    for name in ("a/2", "a/1/x", "ab/1"):
        there.put(f"{root}/{name}", b"old")
    there.put(f"{root}/a/2", b"new")
    assert there.list(f"{root}/a") == [f"{root}/a/1/x", f"{root}/a/2"]
    assert there.get(f"{root}/a/2") == b"new"
    assert not there.put(f"{root}/ab/1", b"newer", new=True) and there.put(f"{root}/ab/2", b"first", new=True)
    assert [there.get(f"{root}/ab/{name}") for name in "12"] == [b"old", b"first"]
    there.remove(f"{root}/a/nothing")
    there.remove(f"{root}/ab/2")
    there.remove(f"{root}/a")
    assert there.list(root) == [f"{root}/ab/1"]


def test_a_day_is_replaced_and_its_strays_go(job: dict[str, Any], root: str) -> None:
    """The staged file takes the place of the old one; a file beside it is gone; other days stay."""
    there = job["store"](root)
    for name in (f"t/{FOLDER}/part-0.parquet", f"t/{FOLDER}/part-00001.parquet", "t/year=2026/month=01/day=11/part-0.parquet"):
        there.put(f"{root}/{name}", b"old")
    there.put(f"{root}/staged", b"new")
    facts = job["publish"](there, f"{root}/staged", f"{root}/t/{FOLDER}")
    assert facts == {"bytes": 3, "version": hashlib.sha256(b"new").hexdigest()[:12]}
    assert [there.get(uri) for uri in there.list(f"{root}/t")] == [b"new", b"old"]


def test_a_failed_copy_leaves_the_old_day(job: dict[str, Any], root: str) -> None:
    """If the staged file cannot be read, the day and the files beside it are as they were."""
    there = job["store"](root)
    for name in ("part-0.parquet", "part-00001.parquet"):
        there.put(f"{root}/t/{FOLDER}/{name}", b"old")
    with pytest.raises(Exception, match=r"NoSuchKey|No such file"):
        job["publish"](there, f"{root}/staged", f"{root}/t/{FOLDER}")
    assert [there.get(uri) for uri in there.list(f"{root}/t")] == [b"old", b"old"]


def test_what_killed_runs_left_goes_after_a_day(job: dict[str, Any], root: str) -> None:
    """Staging folders of the asset that were begun a day ago or earlier are forgotten; nothing else is touched."""
    there, now = job["store"](root), dt.datetime.now(dt.UTC)
    begun = [f"{now - dt.timedelta(hours=hours):%Y%m%dT%H%M%SZ}" for hours in (1, 25)]
    names = [f"{asset}-{when}-{'0' * 32}" for asset in ("answers", "other") for when in begun]
    for name in (*names, "answers", "answers-20200101"):
        there.put(f"{root}/_staging/{name}/table/_temporary/0/part-0", b"x")
    job["sweep"](f"{root}/_staging", "answers")
    left = {uri.removeprefix(f"{root}/_staging/").split("/")[0] for uri in there.list(f"{root}/_staging")}
    assert left == {names[0], names[2], names[3], "answers", "answers-20200101"}


def test_raw_objects_are_those_of_the_asset(job: dict[str, Any], root: str) -> None:
    """Objects of other assets, and what is no raw object, lie in the same folder and do not count."""
    names = [
        "answers_raw__location=7__page=0001__20260110T120000Z__0123456789ab.json",
        "answers_raw__from=2026-01-10T00:00Z__20260110T120000Z__0123456789ab.csv.gz",
        "answers_raw__location=7__20269910T120000Z__0123456789ab.json",
        "other_raw__location=7__page=0001__20260110T120000Z__0123456789ab.json", "notes.txt",
    ]
    for name in names:
        job["store"](root).put(f"{root}/raw/{FOLDER}/{name}", b"{}")
    near = {DAY: [DAY], "2026-01-11": [DAY, "2026-01-11"]}
    objects = job["raw_objects"]({"uri": f"{root}/raw", "asset": "answers_raw"}, near)
    assert objects == [(DAY, f"{root}/raw/{FOLDER}/{name}") for name in sorted(names[:2])]
