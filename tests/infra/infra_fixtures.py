"""What the tests of deploy and doctor share."""

from __future__ import annotations

from collections.abc import Callable

from aws_account import AwsAccount
from click.testing import Result

BUCKET = "openaq-data-pipeline"
Command = Callable[..., Result]


def keys(account: AwsAccount) -> list[str]:
    """Every key in the bucket."""
    pages = account.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return [one["Key"] for page in pages for one in page.get("Contents", ())]
