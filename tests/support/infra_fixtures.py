"""What the tests of deploy and doctor share."""

from __future__ import annotations

import re
from collections.abc import Callable

from click.testing import Result

from support.aws_account import AwsAccount

BUCKET = "openaq-data-pipeline"
Command = Callable[..., Result]


def keys(account: AwsAccount) -> list[str]:
    """Every key in the bucket."""
    pages = account.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return [one["Key"] for page in pages for one in page.get("Contents", ())]


def without_log(said: Result) -> Result:
    """What a person is told: Airflow's log speaks up where another test of this process has set it up."""
    lines = said.output_bytes.splitlines(keepends=True)
    said.output_bytes = b"".join(one for one in lines if not re.match(rb"\d{4}-\d\d-\d\dT", one))
    return said
