"""``openaq-assets doctor``: nothing is missing after stack and deploy, and every defect is reported with its remedy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from support.aws_account import AwsAccount, build
from support.infra_fixtures import BUCKET, Command
from support.projects import REPOSITORY
from support.stack_template import Stack

from openaq_assets.platforms.aws.deploy.account import open_account
from openaq_assets.platforms.aws.deploy.changes import carry_out, find_changes
from openaq_assets.project.project import load


@pytest.fixture
def deployed(account: AwsAccount) -> AwsAccount:
    """Yield an account as docs/how-to/aws.md leaves it, with the uploaded files that doctor checks."""
    build(account, Stack())
    opened = open_account(REPOSITORY, load(REPOSITORY).environment("dev", "aws"), "aws")
    for change in find_changes(opened, REPOSITORY, {"OPENAQ_API_KEY": "c" * 64}):
        if not change.folder or "VERSION" in change.what or "code/openaq_raw_to_dev" in change.what:
            carry_out(change)
    account.client("iam").create_access_key(UserName="owox-integrator")
    return account


def test_nothing_is_missing(deployed: AwsAccount, command: Command) -> None:
    """After stack, deploy and a key every line is ok and the exit code is 0."""
    result = command("doctor")
    assert "MISSING" not in result.output, result.output
    assert result.exit_code == 0 and result.output.endswith("Nothing is missing.\n")
    for what in ("credentials", "public access", "TLS", "lifecycle", "database openaq_dev", "job openaq_raw_to_dev",
                 "crawler openaq_dev_processed", "work group openaq", "work group primary", "instance",
                 "OpenAQ key", "user owox-integrator", "budget", "plan", "code of the instance"):
        assert f"ok      {what}" in result.output, what
    assert command("doctor", "--only-missing").output == "Nothing is missing.\n"


def _job(account: AwsAccount, **changed: Any) -> None:
    glue = account.client("glue")
    job = glue.get_job(JobName="openaq_raw_to_dev")["Job"]
    glue.delete_job(JobName="openaq_raw_to_dev")
    kept = {name: job[name] for name in ("Name", "Role", "Command", "GlueVersion", "Timeout", "DefaultArguments")}
    glue.create_job(**{**kept, **changed})


def _crawler(account: AwsAccount, **changed: Any) -> None:
    glue = account.client("glue")
    (kept,) = Stack().of("AWS::Glue::Crawler").values()
    glue.delete_crawler(Name=kept["Name"])
    glue.create_crawler(**{**kept, **changed})


def _open_a_port(account: AwsAccount) -> None:
    ec2 = account.client("ec2")
    group = next(security_group for security_group in ec2.describe_security_groups()["SecurityGroups"] if security_group["GroupName"] == "HostFirewall")
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[rule])


def _stop(account: AwsAccount) -> None:
    ec2 = account.client("ec2")
    hosts = [instance["InstanceId"] for each in ec2.describe_instances()["Reservations"] for instance in each["Instances"]]
    ec2.stop_instances(InstanceIds=hosts)


def _detach(account: AwsAccount) -> None:
    iam = account.client("iam")
    for policy in iam.list_attached_user_policies(UserName="owox-integrator")["AttachedPolicies"]:
        if policy["PolicyName"] == "DashboardAccess":
            iam.detach_user_policy(UserName="owox-integrator", PolicyArn=policy["PolicyArn"])


BROKEN: dict[str, tuple[Callable[[AwsAccount], Any], str, str]] = {
    "public": (lambda a: a.client("s3").delete_public_access_block(Bucket=BUCKET),
               "public access: BlockPublicAcls is off", "Update the stack"),
    "no policy": (lambda a: a.client("s3").delete_bucket_policy(Bucket=BUCKET),
                  "TLS: requests without TLS are allowed", "Update the stack"),
    "no lifecycle": (lambda a: a.client("s3").delete_bucket_lifecycle(Bucket=BUCKET),
                     "files below athena-results/ never expire", "Update the stack"),
    "no database": (lambda a: a.client("glue").delete_database(Name="openaq_prod"),
                    "database openaq_prod: it does not exist.", "openaq-assets deploy"),
    "no job": (lambda a: a.client("glue").delete_job(JobName="openaq_raw_to_dev"),
               "job openaq_raw_to_dev: it does not exist.", "Update the stack"),
    "unpinned job": (lambda a: _job(a, GlueVersion="6.0"), "Glue version 6.0, not 5.1", "Update the stack"),
    "endless job": (lambda a: _job(a, Timeout=480), "it may run for 480 minutes", "Update the stack"),
    "bookmarks": (lambda a: _job(a, DefaultArguments={"--job-bookmark-option": "job-bookmark-enable"}),
                  "bookmarks are on", "Update the stack"),
    "other script": (lambda a: _job(a, Command={"Name": "glueetl", "ScriptLocation": "s3://x/y.py"}),
                     "its script is not s3://openaq-data-pipeline/code/openaq_raw_to_dev.py", "Update the stack"),
    "no crawler": (lambda a: a.client("glue").delete_crawler(Name="openaq_dev_processed"),
                   "crawler openaq_dev_processed: it does not exist.", "Update the stack"),
    "wrong level": (lambda a: _crawler(a, Configuration='{"Version":1.0,"Grouping":{"TableGroupingPolicy":"CombineCompatibleSchemas","TableLevelConfiguration":3}}'),
                    "its table level is 3, not 4", "Update the stack"),
    "wrong target": (lambda a: _crawler(a, Targets={"S3Targets": [{"Path": f"s3://{BUCKET}/dev/"}]}),
                     f"it reads s3://{BUCKET}/dev/, not s3://{BUCKET}/dev/processed/", "Update the stack"),
    "no work group": (lambda a: a.client("athena").delete_work_group(WorkGroup="openaq"),
                      "work group openaq: it does not exist.", "Update the stack"),
    "primary enforces": (lambda a: a.client("athena").update_work_group(
                             WorkGroup="primary", ConfigurationUpdates={"EnforceWorkGroupConfiguration": True}),
                         "work group primary: it overrides the result location of OWOX.", "openaq-assets deploy"),
    "no key": (lambda a: a.client("ssm").delete_parameter(Name="/openaq/api-key"),
               "OpenAQ key /openaq/api-key: it does not exist.", "aws ssm put-parameter"),
    "plain key": (lambda a: a.client("ssm").put_parameter(Name="/openaq/api-key", Value="x", Type="String", Overwrite=True),
                  "it is not encrypted", "aws ssm put-parameter"),
    "open port": (_open_a_port, "open to 0.0.0.0/0 on port 22", "Update the stack"),
    "stopped": (_stop, "instance openaq-airflow: it is stopped", "aws ec2 start-instances"),
    "user may drop tables": (_detach, "no policy forbids it to drop tables", "Update the stack"),
    "password": (lambda a: a.client("iam").create_login_profile(UserName="owox-integrator", Password="Pw-123456789"),
                 "it has a password", "Update the stack"),
    "no budget": (lambda a: a.client("budgets").delete_budget(AccountId="123456789012", BudgetName="openaq-monthly"),
                  "budget: no budget sends an alert about costs.", "Update the stack"),
    "old script": (lambda a: a.client("s3").put_object(Bucket=BUCKET, Key="code/openaq_raw_to_dev.py", Body=b"old"),
                   "the uploaded code is different from the code here", "openaq-assets deploy"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_what_is_broken_is_said(deployed: AwsAccount, command: Command, how: str) -> None:
    """One line has the defect and the remedy, and the exit code is 1."""
    spoil, says, fix = BROKEN[how]
    spoil(deployed)
    result = command("doctor", "--only-missing")
    lines = [line for line in result.output.splitlines() if says in line]
    assert len(lines) == 1 and lines[0].startswith("MISSING") and fix in lines[0], result.output
    assert result.exit_code == 1 and result.output.endswith(" missing.\n")


def test_empty_account(account: AwsAccount, command: Command) -> None:
    """In an empty account every check reports, and none breaks the others."""
    result = command("doctor")
    assert result.exit_code == 1
    for what in ("bucket", "database openaq_dev", "job", "crawler", "work group openaq", "OpenAQ key", "budget"):
        assert f"MISSING {what}" in result.output
    assert "Traceback" not in result.output


def test_what_may_not_be_looked_at_is_a_note(deployed: AwsAccount, command: Command) -> None:
    """A missing right gives a note about one resource, which does not count as missing."""
    deployed.refused = {"GetCrawler"}
    result = command("doctor")
    assert "note    crawler: could not be checked: " in result.output
    assert result.exit_code == 0, result.output


def test_free_plan_is_told_with_its_end(deployed: AwsAccount, command: Command) -> None:
    """For an account that will be closed, a note has the day, the credits and the remedy."""
    end = dt.datetime(2027, 5, 1, tzinfo=dt.UTC)
    deployed.plan = {
        "accountPlanType": "FREE", "accountPlanRemainingCredits": {"amount": 87.5, "unit": "USD"},
        "accountPlanExpirationDate": end,
    }
    result = command("doctor").output
    assert "note    plan: free until 2027-05-01, 87.50 USD of credits left. Upgrade to the paid plan" in result
    deployed.plan = None
    assert "note    plan: the account is from before July 2025" in command("doctor").output


def test_no_instance_is_a_note(account: AwsAccount, command: Command) -> None:
    """Without an instance there is a note, because Airflow may run elsewhere."""
    build(account, Stack(WithInstance="no"))
    assert "note    instance: there is no instance named openaq-airflow" in command("doctor").output


def test_doctor_changes_nothing(deployed: AwsAccount, command: Command) -> None:
    """The command only reads: the account is the same afterwards."""
    before = deployed.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"]
    command("doctor")
    assert deployed.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == before
