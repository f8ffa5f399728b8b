"""The CloudFormation template: valid, private and bounded in cost, with exactly the intended rights."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from cfnlint import ManualArgs
from cfnlint.api import lint_file
from support.projects import REPOSITORY
from support.stack_template import PATH, Stack, raw

BUCKET = "openaq-data-pipeline"


@pytest.fixture(scope="module")
def stack() -> Stack:
    """Return the template with its defaults."""
    return Stack()


@pytest.mark.parametrize("region", ["us-east-1", "ap-southeast-1"])
def test_it_is_valid(region: str) -> None:
    """cfn-lint finds no error and no warning."""
    assert [str(finding) for finding in lint_file(PATH, config=ManualArgs(regions=[region]))] == []


def test_cfn_lint_is_awake(tmp_path: Path) -> None:
    """cfn-lint reports a wrong worker type and an unknown IAM action, so the test above can fail."""
    text = PATH.read_text(encoding="utf-8").replace("G.1X", "G.9Z").replace("glue:BatchStopJobRun", "glue:Halt")
    (tmp_path / "wrong.yaml").write_text(text, encoding="utf-8")
    findings = " ".join(str(finding) for finding in lint_file(tmp_path / "wrong.yaml"))
    assert "G.9Z" in findings and "halt" in findings.lower()


def test_buckets_are_private_encrypted_and_clean_up(stack: Stack) -> None:
    """Buckets are private and encrypted; query results and broken uploads expire, data do not."""
    buckets = stack.of("AWS::S3::Bucket")
    assert {bucket["BucketName"] for bucket in buckets.values()} == {BUCKET, f"aws-athena-query-results-{BUCKET}"}
    for bucket in buckets.values():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        assert any("AbortIncompleteMultipartUpload" in rule for rule in bucket["LifecycleConfiguration"]["Rules"])
    rules = buckets["Bucket"]["LifecycleConfiguration"]["Rules"]
    expired = {rule["Prefix"] for rule in rules if "ExpirationInDays" in rule}
    assert expired == {"athena-results/", "glue-tmp/"}, "data must never expire"


def test_raw_answers_outlive_the_stack(stack: Stack) -> None:
    """Deleting the stack, or renaming the bucket in it, keeps the data."""
    assert stack.resources["Bucket"]["DeletionPolicy"] == "Retain"
    assert stack.resources["Bucket"]["UpdateReplacePolicy"] == "Retain"


def test_every_bucket_is_over_tls_only(stack: Stack) -> None:
    """Each bucket has a policy that denies everyone every action without TLS, for it and its objects."""
    policies = stack.of("AWS::S3::BucketPolicy")
    assert {policy["Bucket"] for policy in policies.values()} == {
        bucket["BucketName"] for bucket in stack.of("AWS::S3::Bucket").values()
    }
    for policy in policies.values():
        denied = policy["PolicyDocument"]["Statement"][0]
        assert (denied["Effect"], denied["Principal"], denied["Action"]) == ("Deny", "*", "s3:*")
        assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        arn = f"arn:aws:s3:::{policy['Bucket']}"
        assert denied["Resource"] == [arn, f"{arn}/*"]


def test_job_is_pinned_and_bounded(stack: Stack) -> None:
    """The Glue version is fixed, a hung run ends within an hour, and there are no bookmarks."""
    (job,) = stack.of("AWS::Glue::Job").values()
    assert (job["Name"], job["GlueVersion"]) == ("openaq_raw_to_dev", "5.1")
    assert job["Timeout"] <= 60 and job["MaxRetries"] == 0
    assert (job["WorkerType"], job["NumberOfWorkers"]) == ("G.1X", 2)
    assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 2}
    assert job["DefaultArguments"]["--job-bookmark-option"] == "job-bookmark-disable"
    assert job["Command"]["ScriptLocation"] == f"s3://{BUCKET}/code/openaq_raw_to_dev.py"
    assert (REPOSITORY / "glue_jobs" / "openaq_raw_to_dev.py").is_file()


def test_crawler_makes_one_table_per_folder(stack: Stack) -> None:
    """The crawler reads only processed data of dev, at the level of table folders, and changes no columns."""
    (crawler,) = stack.of("AWS::Glue::Crawler").values()
    (target,) = crawler["Targets"]["S3Targets"]
    assert target["Path"] == f"s3://{BUCKET}/dev/processed/"
    configuration = json.loads(crawler["Configuration"])
    level = configuration["Grouping"]["TableLevelConfiguration"]
    table = f"{BUCKET}/dev/processed/measurements".split("/")
    assert table[level - 1] == "measurements", "the bucket is level 1"
    assert configuration["Grouping"]["TableGroupingPolicy"] == "CombineCompatibleSchemas"
    assert configuration["CrawlerOutput"]["Partitions"]["AddOrUpdateBehavior"] == "InheritFromTable"
    assert crawler["SchemaChangePolicy"] == {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"}
    assert crawler["DatabaseName"] == "openaq_dev"
    assert "Schedule" not in crawler, "every crawl costs $0.15"


def test_names_are_those_of_the_configuration(stack: Stack) -> None:
    """Bucket, databases, job, crawler and work group have the names of the profile aws."""
    from openaq_assets.project.project import load

    environment = load(REPOSITORY).environment("dev", "aws")
    assert environment.root == f"s3://{BUCKET}"
    names = {resource["DatabaseInput"]["Name"] for resource in stack.of("AWS::Glue::Database").values()}
    assert names == {str(sibling.database) for sibling in environment.siblings.values()}
    settings = environment.profile.settings["aws"]
    assert settings.job in {resource["Name"] for resource in stack.of("AWS::Glue::Job").values()}
    assert settings.crawler in {resource["Name"] for resource in stack.of("AWS::Glue::Crawler").values()}
    assert settings.workgroup in {resource["Name"] for resource in stack.of("AWS::Athena::WorkGroup").values()}


def test_queries_are_bounded(stack: Stack) -> None:
    """A query of the pipeline has a scan limit that no client can raise."""
    (group,) = stack.of("AWS::Athena::WorkGroup").values()
    configuration = group["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] == 1024**3
    assert configuration["ResultConfiguration"]["OutputLocation"] == f"s3://{BUCKET}/athena-results/"
    assert raw()["Parameters"]["QueryScanLimit"]["MinValue"] == 10_000_000, "Athena takes no less"


def test_instance_is_closed_and_cheap(stack: Stack) -> None:
    """No port is open, only IMDSv2 answers, the disk is encrypted, and T3 is not unlimited."""
    (host,) = stack.of("AWS::EC2::Instance").values()
    assert host["MetadataOptions"] == {
        "HttpTokens": "required", "HttpPutResponseHopLimit": 2, "HttpEndpoint": "enabled"
    }
    assert host["CreditSpecification"] == {"CPUCredits": "standard"}
    assert "KeyName" not in host
    assert all(device["Ebs"]["Encrypted"] for device in host["BlockDeviceMappings"])
    (firewall,) = stack.of("AWS::EC2::SecurityGroup").values()
    assert firewall["SecurityGroupIngress"] == []
    assert not stack.of("AWS::EC2::SecurityGroupIngress")


def test_instance_can_be_left_out() -> None:
    """Without the instance everything else is created, because Airflow may run elsewhere."""
    without = Stack(WithInstance="no")
    assert not without.of("AWS::EC2::Instance") and not without.of("AWS::IAM::InstanceProfile")
    assert without.of("AWS::Glue::Job") and without.of("AWS::IAM::User")


def test_user_is_for_programs_only(stack: Stack) -> None:
    """owox-integrator has no password, and no key whose secret would lie in the stack."""
    (user,) = stack.of("AWS::IAM::User").values()
    assert user["UserName"] == "owox-integrator" and "LoginProfile" not in user
    assert not stack.of("AWS::IAM::AccessKey")
    assert "secret" not in json.dumps(raw()["Outputs"], default=str).lower()


def test_money_is_told(stack: Stack) -> None:
    """The budget sends mail at half, at all, and at a forecast of all of it, before credits."""
    (budget,) = stack.of("AWS::Budgets::Budget").values()
    thresholds = [(notification["Notification"]["NotificationType"], notification["Notification"]["Threshold"]) for notification in budget["NotificationsWithSubscribers"]]
    assert thresholds == [("ACTUAL", 50), ("ACTUAL", 100), ("FORECASTED", 100)]
    assert budget["Budget"]["CostTypes"] == {"IncludeCredit": False}
    assert {notification["Address"] for each in budget["NotificationsWithSubscribers"] for notification in each["Subscribers"]} == {"me@example.org"}


def test_no_secret_is_written_in_it() -> None:
    """Neither the template nor the scripts hold a key or a password."""
    texts = [PATH, *sorted((REPOSITORY / "infra").rglob("docker/*.sh")), REPOSITORY / "docker-compose.yml", REPOSITORY / "Dockerfile"]
    for path in texts:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"AKIA[0-9A-Z]{16}|aws_secret_access_key\s*[=:]\s*\S|[0-9a-f]{64}", text), path
