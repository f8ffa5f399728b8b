"""IAM's rules, small: an explicit Deny wins, then an Allow, else denied; wildcards, conditions, no boundaries."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data

from support.stack_template import ACCOUNT, REGION, Stack

Statement = Mapping[str, Any]


def principal(stack: Stack, name: str) -> list[Statement]:
    """Return every statement of a role or user of the template, managed policies included."""
    properties = stack.resources[name]["Properties"]
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", ())]
    for arn in properties.get("ManagedPolicyArns", ()):
        own = arn.rpartition("/")[2]
        if own in stack.resources:
            documents.append(stack.resources[own]["Properties"]["PolicyDocument"])
        else:
            documents.append(managed()[own]["Document"])
    return [statement for document in documents for statement in _listed(document["Statement"])]


@cache
def managed() -> dict[str, Any]:
    """Return the policies of AWS itself, by name."""
    return dict(json.loads(aws_managed_policies_data))


def allows(statements: Iterable[Statement], action: str, resource: str = "*", **context: str) -> bool:
    """Return whether an action on a resource is allowed; ``context`` holds condition keys, ``s3_prefix='dev/'``."""
    given = {key.replace("_", ":", 1): value for key, value in context.items()}
    effects = {statement["Effect"] for statement in statements if _speaks(statement, action, resource, given)}
    return effects == {"Allow"}


def _speaks(statement: Statement, action: str, resource: str, given: Mapping[str, str]) -> bool:
    assert not {"NotAction", "NotResource", "NotPrincipal"} & statement.keys(), "this evaluator cannot tell"
    return (
        any(_like(action.lower(), pattern.lower()) for pattern in _listed(statement["Action"]))
        and any(_like(resource, pattern) for pattern in _listed(statement["Resource"]))
        and all(_holds(operator, keys, given) for operator, keys in statement.get("Condition", {}).items())
    )


def _holds(operator: str, keys: Mapping[str, Any], given: Mapping[str, str]) -> bool:
    for key, patterns in keys.items():
        if key not in given:
            if not operator.endswith("IfExists"):
                return False
            continue
        assert operator.startswith(("StringLike", "StringEquals")), operator
        if not any(_like(given[key], pattern) for pattern in _listed(patterns)):
            return False
    return True


def _like(text: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


BUCKET = "arn:aws:s3:::openaq-data-pipeline"

RESULTS = "arn:aws:s3:::aws-athena-query-results-openaq-data-pipeline"

RAW = "dev/raw/year=2026/month=11/day=20/measurements_raw__x.json"

PARQUET = "dev/processed/measurements/year=2026/month=11/day=20/part-0.parquet"

def glue(what: str) -> str:
    """Return the ARN of something of Glue."""
    return f"arn:aws:glue:{REGION}:{ACCOUNT}:{what}"

def group(name: str) -> str:
    """Return the ARN of a work group of Athena."""
    return f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/{name}"

def parameter(name: str) -> str:
    """Return the ARN of a parameter."""
    return f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{name}"

MAY = {
    "HostRole": [
        ("s3:PutObject", f"{BUCKET}/{RAW}"),
        ("s3:GetObject", f"{BUCKET}/{RAW}"),
        ("s3:PutObject", f"{BUCKET}/{PARQUET}"),
        ("s3:DeleteObject", f"{BUCKET}/{PARQUET}"),
        ("s3:PutObject", f"{BUCKET}/dev/ledger/measurements/2026-11-20/x.json"),
        ("s3:PutObject", f"{BUCKET}/source.json"),
        ("s3:PutObject", f"{BUCKET}/dashboard/air_quality_overview.html"),
        ("s3:PutObject", f"{BUCKET}/glue-tmp/operations/x.json"),
        ("s3:GetObject", f"{BUCKET}/code/project/VERSION"),
        ("s3:ListBucket", BUCKET),
        ("glue:StartJobRun", glue("job/openaq_raw_to_dev")),
        ("glue:BatchStopJobRun", glue("job/openaq_raw_to_dev")),
        ("glue:StartCrawler", glue("crawler/openaq_dev_processed")),
        ("glue:CreateTable", glue("table/openaq_dev/measurements")),
        ("glue:BatchCreatePartition", glue("table/openaq_dev/measurements")),
        ("glue:UpdateTable", glue("table/openaq_prod/view_latest_aqi")),
        ("glue:DeleteTable", glue("table/openaq_prod/view_latest_aqi")),
        ("athena:StartQueryExecution", group("openaq")),
        ("ssm:GetParameter", parameter("openaq/api-key")),
        ("ssmmessages:OpenDataChannel", "*"),
    ],
    "JobRole": [
        ("s3:GetObject", f"{BUCKET}/code/openaq_raw_to_dev.py"),
        ("s3:GetObject", f"{BUCKET}/{RAW}"),
        ("s3:PutObject", f"{BUCKET}/{PARQUET}"),
        ("s3:DeleteObject", f"{BUCKET}/{PARQUET}"),
        ("s3:PutObject", f"{BUCKET}/dev/quarantine/measurements/x.json"),
        ("s3:GetObject", f"{BUCKET}/glue-tmp/operations/x.json"),
        ("s3:PutObject", f"{BUCKET}/glue-tmp/facts/x.json"),
        ("logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws-glue/jobs/output:log-stream:x"),
    ],
    "CrawlerRole": [
        ("s3:GetObject", f"{BUCKET}/{PARQUET}"),
        ("s3:ListBucket", BUCKET),
        ("glue:CreateTable", glue("table/openaq_dev/measurements")),
        ("glue:BatchCreatePartition", glue("table/openaq_dev/measurements")),
    ],
    "DashboardUser": [
        ("athena:StartQueryExecution", group("primary")),
        ("athena:GetQueryResults", group("primary")),
        ("glue:GetTable", glue("table/openaq_prod/view_latest_aqi")),
        ("glue:GetPartitions", glue("table/openaq_dev/measurements")),
        ("s3:GetObject", f"{BUCKET}/{PARQUET}"),
        ("s3:GetObject", f"{BUCKET}/dev/reference/aqi_breakpoints/part-0.parquet"),
        ("s3:PutObject", f"{RESULTS}/owox-data-marts/x.csv"),
        ("s3:DeleteObject", f"{RESULTS}/owox-data-marts/x.csv"),
        ("s3:ListBucket", RESULTS),
        ("s3:GetBucketLocation", BUCKET),
        ("s3:GetBucketLocation", RESULTS),
        ("s3:PutObject", f"{BUCKET}/athena-results/owox/x.csv"),
        ("s3:DeleteObject", f"{BUCKET}/athena-results/owox/x.csv"),
    ],
}

MAY_NOT = {
    "HostRole": [
        ("s3:DeleteObject", f"{BUCKET}/{RAW}"),  # the one thing that cannot be made again
        ("s3:DeleteObjectVersion", f"{BUCKET}/{RAW}"),
        ("s3:PutObject", f"{BUCKET}/code/openaq_raw_to_dev.py"),  # it must not change what Glue runs
        ("s3:PutBucketPolicy", BUCKET),
        ("s3:DeleteBucket", BUCKET),
        ("s3:GetObject", "arn:aws:s3:::another-bucket/x"),
        ("glue:UpdateJob", glue("job/openaq_raw_to_dev")),
        ("glue:StartJobRun", glue("job/another")),
        ("glue:DeleteDatabase", glue("database/openaq_prod")),
        ("glue:GetTable", glue("table/payroll/people")),
        ("athena:StartQueryExecution", group("primary")),  # only the group with the limit that is enforced
        ("athena:UpdateWorkGroup", group("openaq")),
        ("ssm:GetParameter", parameter("payroll/password")),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/JobRole"),
        ("iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/owox-integrator"),
        ("ec2:RunInstances", "*"),
    ],
    "JobRole": [
        ("s3:PutObject", f"{BUCKET}/{RAW}"),
        ("s3:DeleteObject", f"{BUCKET}/{RAW}"),
        ("s3:PutObject", f"{BUCKET}/code/openaq_raw_to_dev.py"),
        ("s3:PutObject", f"{BUCKET}/prod/processed/x.parquet"),
        ("glue:DeleteTable", glue("table/openaq_dev/measurements")),
        ("ssm:GetParameter", parameter("openaq/api-key")),
    ],
    "CrawlerRole": [
        ("s3:GetObject", f"{BUCKET}/{RAW}"),
        ("s3:PutObject", f"{BUCKET}/{PARQUET}"),
        ("glue:DeleteTable", glue("table/openaq_dev/measurements")),
        ("glue:CreateTable", glue("table/openaq_prod/x")),
    ],
    "DashboardUser": [
        ("s3:GetObject", f"{BUCKET}/{RAW}"),
        ("s3:GetObject", f"{BUCKET}/dev/ledger/measurements/x.json"),
        ("s3:GetObject", f"{BUCKET}/code/project/VERSION"),
        ("s3:PutObject", f"{BUCKET}/{PARQUET}"),
        ("s3:DeleteObject", f"{BUCKET}/{PARQUET}"),
        ("s3:CreateBucket", "arn:aws:s3:::aws-athena-query-results-mine"),
        ("glue:CreateTable", glue("table/openaq_prod/x")),
        ("glue:UpdateTable", glue("table/openaq_prod/view_latest_aqi")),
        ("glue:DeleteTable", glue("table/openaq_dev/measurements")),
        ("glue:BatchDeleteTable", glue("table/openaq_dev/measurements")),
        ("glue:DeleteDatabase", glue("database/openaq_prod")),
        ("glue:BatchCreatePartition", glue("table/openaq_dev/measurements")),
        ("glue:DeletePartition", glue("table/openaq_dev/measurements")),
        ("athena:StartQueryExecution", group("openaq")),
        ("athena:UpdateWorkGroup", group("primary")),
        ("glue:StartJobRun", glue("job/openaq_raw_to_dev")),
        ("ssm:GetParameter", parameter("openaq/api-key")),
        ("iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/owox-integrator"),
    ],
}
