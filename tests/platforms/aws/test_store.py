"""Objects in S3 beyond the laws, which are in tests/platforms."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.aws_endpoint import BUCKET, Endpoint
from support.runner_fixtures import Lake, environment_on

from openaq_assets.errors import PlatformError
from openaq_assets.platforms.aws.platform import open_aws


def test_metadata_is_kept(lake: Lake, endpoint: Endpoint) -> None:
    """The headers of an object hold its metadata, one line each, as much as S3 takes."""
    uri = lake.home.uri("raw", "a.json")
    metadata = {"url": "https://api.openaq.org/v3/x?y=1", "status": "200", "odd": " two\nlines ", "long": "x" * 3000, "z": "1"}
    assert lake.platform.objects.put_new(uri, b"{}", metadata)
    stored = endpoint.client("s3").head_object(Bucket=BUCKET, Key="dev/raw/a.json")["Metadata"]
    assert stored == {"url": metadata["url"], "status": "200", "odd": "two lines"}


def test_listing_thousands(lake: Lake, endpoint: Endpoint) -> None:
    """A listing has every page, in order, without markers of folders."""
    s3 = endpoint.client("s3")
    names = [f"dev/raw/{number:05d}.json" for number in range(1100)]
    with ThreadPoolExecutor(4) as threads:
        for key in [*names, "dev/raw/", "dev/raw/sub/", "dev/raw/sub_$folder$"]:
            threads.submit(s3.put_object, Bucket=BUCKET, Key=key, Body=b"")
    assert list(lake.platform.objects.list(lake.home.uri("raw"))) == [f"s3://{BUCKET}/{name}" for name in names]
    assert len(endpoint.called("S3.ListObjectsV2")) == 2


def test_another_writer_at_the_same_moment(lake: Lake, endpoint: Endpoint) -> None:
    """A write with a conflict is repeated; if the conflict stays, it is reported and may be retried."""
    uri = lake.home.uri("raw", "a.json")
    endpoint.fail("S3.PutObject", "ConditionalRequestConflict", status=409)
    assert lake.platform.objects.put_new(uri, b"x")
    endpoint.fail("S3.PutObject", "ConditionalRequestConflict", status=409, times=99)
    with pytest.raises(PlatformError, match="other processes keep changing it") as error:
        lake.platform.objects.put_new(lake.home.uri("raw", "b.json"), b"x")
    assert error.value.retryable


def test_a_lost_answer_writes_once(lake: Lake, endpoint: Endpoint) -> None:
    """A PUT whose answer is lost is repeated; the object is there, once and whole."""
    uri = lake.home.uri("raw", "a.json")
    endpoint.fail("S3.PutObject", "InternalError", status=500, after=True)
    lake.platform.objects.put_new(uri, b"body")
    assert lake.platform.objects.get(uri) == b"body"
    assert not lake.platform.objects.put_new(uri, b"other")


@pytest.mark.parametrize("root", ["lake", "/var/lake", "s3://", "s3://B", "https://bucket"])
def test_a_root_that_is_not_in_s3(root: str) -> None:
    """A profile whose root is a folder is an error that names the variable to set."""
    with pytest.raises(PlatformError, match=r"is not in S3\. Set OPENAQ_ROOT=s3://<bucket>\."):
        open_aws(environment_on("aws", root))
