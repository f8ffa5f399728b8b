"""Helpers of the tests of deploy and doctor."""

from __future__ import annotations

import re
from collections.abc import Callable

from click.testing import Result

from support.aws_account import AwsAccount

BUCKET = "openaq-data-pipeline"
Command = Callable[..., Result]


def keys(account: AwsAccount) -> list[str]:
    """Return every key in the bucket."""
    pages = account.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


def without_log(result: Result) -> Result:
    """Return the output without lines of Airflow's log, which another test of this process may have set up."""
    lines = result.output_bytes.splitlines(keepends=True)
    result.output_bytes = b"".join(line for line in lines if not re.match(rb"\d{4}-\d\d-\d\dT", line))
    return result
