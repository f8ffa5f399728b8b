"""The permissions of each principal of the template, and the actions it is denied."""

from __future__ import annotations

import pytest
from support.iam_rules import BUCKET, MAY, MAY_NOT, PARQUET, RESULTS, allows, glue, principal
from support.stack_template import ACCOUNT, Stack

WRITES = [
    f"glue:{verb}{what}"
    for what in ("Database", "Table", "Partition")
    for verb in ("Create", "Update", "Delete")
] + ["glue:BatchCreatePartition", "glue:BatchDeletePartition", "glue:BatchDeleteTable", "glue:BatchUpdatePartition",
     "glue:DeleteTableVersion", "glue:CreateUserDefinedFunction", "glue:PutResourcePolicy", "glue:ImportCatalogToGlue"]


@pytest.fixture(scope="module")
def stack() -> Stack:
    """Return the template with its defaults."""
    return Stack()


def _each(table: dict[str, list[tuple[str, str]]]) -> list[tuple[str, str, str]]:
    return [(who, action, resource) for who, rights in table.items() for action, resource in rights]


@pytest.mark.parametrize(("who", "action", "resource"), _each(MAY))
def test_may(stack: Stack, who: str, action: str, resource: str) -> None:
    """Everything that the pipeline or the dashboard needs is allowed."""
    assert allows(principal(stack, who), action, resource)


@pytest.mark.parametrize(("who", "action", "resource"), _each(MAY_NOT))
def test_may_not(stack: Stack, who: str, action: str, resource: str) -> None:
    """Everything else is denied."""
    assert not allows(principal(stack, who), action, resource)


@pytest.mark.parametrize("action", WRITES)
def test_dashboard_never_writes_the_catalog(stack: Stack, action: str) -> None:
    """OWOX is denied every change of a table, a database or a partition, on every resource."""
    for resource in (glue("table/openaq_prod/view_latest_aqi"), glue("database/openaq_prod"), glue("catalog"), "*"):
        assert not allows(principal(stack, "DashboardUser"), action, resource)


def test_dashboard_lists_data_and_nothing_else(stack: Stack) -> None:
    """Athena may list the files of tables for OWOX; raw answers and code cannot even be listed."""
    rights = principal(stack, "DashboardUser")
    assert allows(rights, "s3:ListBucket", BUCKET, s3_prefix="dev/processed/measurements/year=2026/")
    for prefix in ("dev/raw/", "code/", "dev/ledger/", ""):
        assert not allows(rights, "s3:ListBucket", BUCKET, s3_prefix=prefix)


def test_managed_policy_alone_is_not_enough_and_too_much(stack: Stack) -> None:
    """With the managed policy alone, OWOX reads nothing and may drop tables; hence the second policy."""
    properties = stack.resources["DashboardUser"]["Properties"]
    properties["ManagedPolicyArns"] = properties["ManagedPolicyArns"][:1]
    alone = principal(stack, "DashboardUser")
    try:
        assert allows(alone, "glue:DeleteTable", glue("table/openaq_prod/view_latest_aqi"))
        assert not allows(alone, "s3:GetObject", f"{BUCKET}/{PARQUET}")
        assert not allows(alone, "s3:DeleteObject", f"{RESULTS}/x.csv")
    finally:
        properties["ManagedPolicyArns"] = [*properties["ManagedPolicyArns"], f"arn:aws:iam::{ACCOUNT}:policy/DashboardAccess"]


@pytest.mark.parametrize("role", ["HostRole", "JobRole", "CrawlerRole"])
def test_no_role_has_all_of_anything(stack: Stack, role: str) -> None:
    """No statement allows every action, or (but for Session Manager, which has no resources) every resource."""
    for statement in principal(stack, role):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if statement["Effect"] == "Allow":
            assert not any("*" in action for action in actions)
            assert statement["Resource"] != "*" or statement["Sid"] == "SessionManager"


def test_glue_roles_are_for_this_account(stack: Stack) -> None:
    """Glue of another account cannot use our roles."""
    for role in ("JobRole", "CrawlerRole"):
        (trust,) = stack.resources[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "glue.amazonaws.com"}
        assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_policies_fit(stack: Stack) -> None:
    """IAM's limits: 6,144 characters for a managed policy, 10,240 for all inline policies of a role."""
    import json

    for resource in stack.of("AWS::IAM::ManagedPolicy").values():
        assert len(json.dumps(resource["PolicyDocument"], separators=(",", ":"))) < 6144
    for resource in stack.of("AWS::IAM::Role").values():
        size = sum(len(json.dumps(each["PolicyDocument"], separators=(",", ":"))) for each in resource["Policies"])
        assert size < 10240
