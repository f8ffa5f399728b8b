"""The checks of ``doctor`` on an account, in the order in which a person would fix it.

Each finding is ok, a note, or missing, in plain words and with the fix.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from openaq_assets.errors import PlatformError
from openaq_assets.platforms.aws.deploy.account import KEY_PARAMETER, SCRIPT, Account
from openaq_assets.platforms.aws.deploy.changes import PROJECT, SCRIPT_KEY, bundle

DEPLOY = "Run 'openaq-assets deploy'."
STACK = "Update the stack with infra/openaq.yaml (docs/how-to/aws.md)."
GLUE_VERSION = "5.1"
LONGEST = 60  # minutes that the job may run
TABLE_LEVEL = 4  # <bucket>/dev/processed/<table>
HOST_NAME = "openaq-airflow"
USER = "owox-integrator"
LEAST_VCPUS = 2  # a t3 has two
VCPU_QUOTA = "L-1216C47A"  # Running On-Demand Standard instances, in vCPUs
_GONE = "EntityNotFoundException"
_KEY_FIX = f"aws ssm put-parameter --type SecureString --name {KEY_PARAMETER} --value YOUR_OPENAQ_KEY"
_MARKS = {"ok": "ok     ", "note": "note   ", "missing": "MISSING"}
_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: ok, a note that is worth knowing, or something missing or wrong."""

    level: Literal["ok", "note", "missing"]
    what: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{_MARKS[self.level]} {self.what}: {self.message}" + (f" {self.fix}" if self.fix else "")


def findings(account: Account) -> Iterator[Finding]:
    """Yield all findings; raise PlatformError only without valid credentials or without a region."""
    number, arn = account.identity
    yield Finding("ok", "credentials", f"account {number}, {arn}, region {account.region}")
    for what, check in _CHECKS.items():
        try:
            yield from check(account)
        except PlatformError as error:  # the other checks go on
            if error.retryable or "denied" in str(error):
                yield Finding("note", what, f"could not be checked: {error}")
            else:
                yield Finding("missing", what, str(error))


def _judged(what: str, rules: Iterable[tuple[bool, str]], good: str, fix: str) -> Finding:
    """Return a finding: ``rules`` are pairs of whether a rule holds and what to say if it does not."""
    wrong = [message for holds, message in rules if not holds]
    return Finding("missing", what, f"{'; '.join(wrong)}.", fix) if wrong else Finding("ok", what, good)


# --- S3 and the catalog ------------------------------------------------------------------------------


def _bucket(account: Account) -> Iterator[Finding]:
    """Check that the bucket exists, in this region, private, encrypted, over TLS, and expires old objects."""
    what, bucket = f"bucket {account.bucket}", {"Bucket": account.bucket}
    if account.ask(what, "s3", "head_bucket", "404", "NoSuchBucket", **bucket) is None:
        yield Finding(
            "missing",
            what,
            "it does not exist.",
            f"{STACK} For another name of the bucket, set its parameter BucketName.",
        )
        return
    location = account.ask(what, "s3", "get_bucket_location", **bucket)["LocationConstraint"]
    region = {None: "us-east-1", "EU": "eu-west-1"}.get(location, location)
    rules = [(region == account.region, f"it is in {region}, and the region here is {account.region}")]
    yield _judged(what, rules, f"in {region}", "Set OPENAQ_REGION to the bucket's region.")
    yield from (_private(account), _encrypted(account), _over_tls(account), _cleaned(account))


def _private(account: Account) -> Finding:
    what, absent = "public access", "NoSuchPublicAccessBlockConfiguration"
    answer = account.ask(what, "s3", "get_public_access_block", absent, Bucket=account.bucket)
    blocks = (answer or {}).get("PublicAccessBlockConfiguration", {})
    rules = [(blocks.get(name, False), f"{name} is off") for name in _BLOCKS]
    return _judged(what, rules, "all of it is blocked", STACK)


def _encrypted(account: Account) -> Finding:
    absent = "ServerSideEncryptionConfigurationNotFoundError"
    answer = account.ask("encryption", "s3", "get_bucket_encryption", absent, Bucket=account.bucket)
    return _judged("encryption", [(answer is not None, "it is off")], "at rest", STACK)


def _over_tls(account: Account) -> Finding:
    call, absent = "get_bucket_policy", "NoSuchBucketPolicy"
    answer = account.ask("bucket policy", "s3", call, absent, Bucket=account.bucket)
    denied = any(
        statement["Effect"] == "Deny"
        and str(statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")).lower() == "false"
        for statement in (json.loads(answer["Policy"])["Statement"] if answer else ())
    )
    return _judged("TLS", [(denied, "requests without TLS are allowed")], "required", STACK)


def _cleaned(account: Account) -> Finding:
    call, absent = "get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"
    answer = account.ask("lifecycle", "s3", call, absent, Bucket=account.bucket)
    enabled = [rule for rule in (answer or {}).get("Rules", ()) if rule["Status"] == "Enabled"]
    prefixes = {rule.get("Prefix") or rule.get("Filter", {}).get("Prefix") for rule in enabled}
    expired = [
        (f"{folder}/" in prefixes, f"files below {folder}/ never expire")
        for folder in ("athena-results", "glue-tmp")
    ]
    broken_off = any("AbortIncompleteMultipartUpload" in rule for rule in enabled)
    expired.append((broken_off, "incomplete uploads are never deleted, and they cost money"))
    return _judged("lifecycle", expired, "results and temporary files expire", STACK)


def _databases(account: Account) -> Iterator[Finding]:
    """Check that every database of conf/environments.yaml exists."""
    for name in account.databases:
        answer = account.ask(f"database {name}", "glue", "get_database", _GONE, Name=name)
        yield _judged(f"database {name}", [(answer is not None, "it does not exist")], "there", DEPLOY)


def _code(account: Account) -> Iterator[Finding]:
    """Check that the uploaded script and project are the same as in this folder."""
    wanted, absent = bundle(account.root), ("404", "NoSuchKey", "NoSuchBucket")
    for what, key in ((SCRIPT, SCRIPT_KEY), ("code of the instance", f"{PROJECT}VERSION")):
        answer = account.ask(what, "s3", "head_object", *absent, Bucket=account.bucket, Key=key)
        if answer is None:
            yield Finding("missing", what, "it was never uploaded.", DEPLOY)
            continue
        same = answer["ETag"].strip('"') == hashlib.md5(wanted[key], usedforsecurity=False).hexdigest()
        rules = [(same, "the uploaded code is different from the code here")]
        yield _judged(what, rules, f"uploaded {answer['LastModified']:%Y-%m-%d %H:%M} UTC", DEPLOY)


# --- Glue and Athena ---------------------------------------------------------------------------------


def _job(account: Account) -> Iterator[Finding]:
    """Check the Glue job: its version, its time-out, its script, and that bookmarks are off."""
    name = account.settings.job
    answer = account.ask(f"job {name}", "glue", "get_job", _GONE, JobName=name)
    if answer is None:
        yield Finding("missing", f"job {name}", "it does not exist.", STACK)
        return
    job = answer["Job"]
    version, timeout = job.get("GlueVersion"), job.get("Timeout")
    script = f"s3://{account.bucket}/{SCRIPT_KEY}"
    bookmarks = job.get("DefaultArguments", {}).get("--job-bookmark-option", "job-bookmark-disable")
    rules = [
        (version == GLUE_VERSION, f"Glue version {version}, not {GLUE_VERSION}"),
        (bool(timeout) and timeout <= LONGEST, f"it may run for {timeout or 480} minutes"),
        (job["Command"].get("Name") == "glueetl", "it is not a Spark job"),
        (job["Command"].get("ScriptLocation") == script, f"its script is not {script}"),
        (bookmarks == "job-bookmark-disable", "job bookmarks are on, so corrected files would be skipped"),
    ]
    yield _judged(f"job {name}", rules, f"Glue {version}, at most {timeout} minutes", STACK)
    if account.settings.transform == "local":
        yield Finding(
            "note", "transform", "local: the job is not used; days are transformed on the host, at no cost."
        )


def _crawler(account: Account) -> Iterator[Finding]:
    """Check that the crawler makes one table per folder and never changes the declared columns."""
    name = account.settings.crawler
    answer = account.ask(f"crawler {name}", "glue", "get_crawler", _GONE, Name=name)
    if account.settings.catalog == "partitions":
        yield Finding(
            "note", "catalog", "partitions: days are registered directly, at no cost; no crawler runs."
        )
    if answer is None:
        if account.settings.catalog == "crawler":
            yield Finding("missing", f"crawler {name}", "it does not exist.", STACK)
        return
    crawler = answer["Crawler"]
    yield _judged(f"crawler {name}", _of_crawler(account, crawler), "one table per folder", STACK)
    last = crawler.get("LastCrawl", {})
    if last.get("Status") == "FAILED":
        reason = " ".join(str(last.get("ErrorMessage", "no reason given")).split())
        yield Finding("missing", f"crawler {name}", f"its last crawl failed: {reason}.", "See its log.")


def _of_crawler(account: Account, crawler: Mapping[str, Any]) -> list[tuple[bool, str]]:
    grouping = json.loads(crawler.get("Configuration") or "{}").get("Grouping", {})
    level, policy = grouping.get("TableLevelConfiguration"), grouping.get("TableGroupingPolicy")
    target = f"{account.environment.root}/dev/processed/"
    paths = [each.get("Path") for each in crawler.get("Targets", {}).get("S3Targets", ())]
    update = crawler.get("SchemaChangePolicy", {}).get("UpdateBehavior")
    filled, database = crawler.get("DatabaseName"), str(account.environment.database)
    return [
        (paths == [target], f"it reads {', '.join(map(str, paths)) or 'nothing'}, not {target}"),
        (filled == database, f"it fills {filled}, not {database}"),
        (level == TABLE_LEVEL, f"its table level is {level}, not {TABLE_LEVEL}"),
        (policy == "CombineCompatibleSchemas", "it may create one table for each day"),
        (update == "LOG", "it changes the columns of tables"),
    ]


def _work_groups(account: Account) -> Iterator[Finding]:
    """Check that work groups limit what a query may scan, also a query of OWOX."""
    name = account.settings.workgroup
    group = _work_group(account, name)
    if group is None:
        yield Finding("missing", f"work group {name}", "it does not exist.", STACK)
    else:
        limit = group.get("BytesScannedCutoffPerQuery")
        engine = group.get("EngineVersion", {}).get("EffectiveEngineVersion", "")
        results = group.get("ResultConfiguration", {}).get("OutputLocation", "")
        rules = [
            (bool(limit), "a query may scan any amount of data"),
            ("2" not in engine, f"{engine}, not version 3"),
            (results.startswith(f"s3://{account.bucket}/"), "its results go to another bucket"),
        ]
        yield _judged(f"work group {name}", rules, f"a query may scan {limit or 0:,} bytes", STACK)
    primary = _work_group(account, "primary") or {}
    limit = primary.get("BytesScannedCutoffPerQuery")
    rules = [
        (bool(limit), "a query of OWOX may scan any amount of data"),
        (not primary.get("EnforceWorkGroupConfiguration"), "it overrides the result location of OWOX"),
    ]
    yield _judged("work group primary", rules, f"a query may scan {limit or 0:,} bytes", DEPLOY)


def _work_group(account: Account, name: str) -> Mapping[str, Any] | None:
    what, absent = f"work group {name}", "InvalidRequestException"
    answer = account.ask(what, "athena", "get_work_group", absent, WorkGroup=name) or {}
    settings: Mapping[str, Any] | None = answer.get("WorkGroup", {}).get("Configuration")
    return settings


# --- outside of the pipeline: the key, the instance, the user of OWOX, money and quotas ---------------------


def _key(account: Account) -> Iterator[Finding]:
    """Check that the key of the OpenAQ API exists and is encrypted."""
    read, what = f"parameter {KEY_PARAMETER}", f"OpenAQ key {KEY_PARAMETER}"
    answer = account.ask(read, "ssm", "get_parameter", "ParameterNotFound", Name=KEY_PARAMETER)
    if answer is None:
        yield Finding("missing", what, "it does not exist.", f"Run: {_KEY_FIX}.")
        return
    secure = answer["Parameter"]["Type"] == "SecureString"
    yield _judged(
        what, [(secure, "it is not encrypted")], "there, encrypted", f"Run: {_KEY_FIX} --overwrite."
    )


def _instance(account: Account) -> Iterator[Finding]:
    """Check that the instance runs, has a role that containers can use, and no open ports."""
    wanted = [
        {"Name": "tag:Name", "Values": [HOST_NAME]},
        {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
    ]
    answer = account.ask("instance", "ec2", "describe_instances", Filters=wanted)
    hosts = [host for group in answer["Reservations"] for host in group["Instances"]]
    if not hosts:
        yield Finding(
            "note",
            "instance",
            f"there is no instance named {HOST_NAME}: Airflow runs somewhere else, or not at all.",
        )
    yield from (_host(account, host) for host in hosts)


def _host(account: Account, host: Mapping[str, Any]) -> Finding:
    options, state = host.get("MetadataOptions", {}), host["State"]["Name"]
    open_ports = _open_ports(account, [group["GroupId"] for group in host.get("SecurityGroups", ())])
    rules = [
        (state == "running", f"it is {state}"),
        ("IamInstanceProfile" in host, "it has no role"),
        (options.get("HttpTokens") == "required", "IMDSv1 is on"),
        (
            options.get("HttpPutResponseHopLimit", 2) >= 2,
            "the metadata hop limit is 1, so containers get no credentials",
        ),
        (not open_ports, f"open to {', '.join(open_ports)}"),
    ]
    fix = STACK if state == "running" else f"aws ec2 start-instances --instance-ids {host['InstanceId']}"
    good = f"{host['InstanceId']}, {host['InstanceType']}, {state}"
    return _judged(f"instance {HOST_NAME}", rules, good, fix)


def _open_ports(account: Account, groups: list[str]) -> list[str]:
    if not groups:
        return []
    answer = account.ask("security groups", "ec2", "describe_security_groups", GroupIds=groups)
    return [
        f"{block.get('CidrIp') or block.get('CidrIpv6')} on port {rule.get('FromPort', 'any')}"
        for group in answer["SecurityGroups"]
        for rule in group["IpPermissions"]
        for block in (*rule.get("IpRanges", ()), *rule.get("Ipv6Ranges", ()))
    ]


def _dashboard_user(account: Account) -> Iterator[Finding]:
    """Check that the user of OWOX exists, with its policies, an access key, and no password."""
    what, gone, user = f"user {USER}", "NoSuchEntity", {"UserName": USER}
    if account.ask(what, "iam", "get_user", gone, **user) is None:
        yield Finding("note", what, "it does not exist, so OWOX cannot read tables.", STACK)
        return
    attached = account.ask(what, "iam", "list_attached_user_policies", **user)["AttachedPolicies"]
    names = [policy["PolicyName"] for policy in attached]
    password = account.ask(what, "iam", "get_login_profile", gone, **user)
    rules = [
        ("AWSQuicksightAthenaAccess" in names, "AWSQuicksightAthenaAccess is not attached"),
        (len(names) > 1, "no policy forbids it to drop tables"),
        (password is None, "it has a password"),
    ]
    yield _judged(what, rules, f"{' and '.join(names)}; no password", STACK)
    if not account.ask(what, "iam", "list_access_keys", **user)["AccessKeyMetadata"]:
        yield Finding(
            "note", what, "it has no access key yet.", f"aws iam create-access-key --user-name {USER}"
        )


def _money(account: Account) -> Iterator[Finding]:
    """Check that a budget exists, which reports spending; yield also the plan of the account."""
    number, _ = account.identity
    answer = account.ask("budgets", "budgets", "describe_budgets", "NotFoundException", AccountId=number)
    names = [budget["BudgetName"] for budget in (answer or {}).get("Budgets", ())]
    yield _judged("budget", [(bool(names), "no budget sends an alert about costs")], ", ".join(names), STACK)
    yield from _plan(account)


def _plan(account: Account) -> Iterator[Finding]:
    """Yield the plan of the account and when it ends: at the end of a free plan, AWS closes the account."""
    what, absent = "the account's plan", "ResourceNotFoundException"
    answer = account.ask(what, "freetier", "get_account_plan_state", absent)
    if not answer:
        yield Finding(
            "note", "plan", "the account is from before July 2025 and has twelve months of free tier."
        )
        return
    kind, credit = answer.get("accountPlanType", "?"), answer.get("accountPlanRemainingCredits", {})
    ends = answer.get("accountPlanExpirationDate")
    left = f", {credit.get('amount', 0):.2f} {credit.get('unit', 'USD')} of credits left" if credit else ""
    if kind == "FREE":
        when = f"{ends:%Y-%m-%d}" if ends else "an unknown day"
        fix = "Upgrade to the paid plan before that day, or the account is closed; credits are kept."
        yield Finding("note", "plan", f"free until {when}{left}.", fix)
    else:
        yield Finding("ok", "plan", f"{kind.lower()}{left}")


def _quotas(account: Account) -> Iterator[Finding]:
    """Check that the quota of vCPUs is enough for the instance."""
    what, absent, quota = "the quota of vCPUs", "NoSuchResourceException", {"QuotaCode": VCPU_QUOTA}
    answer = account.ask(what, "service-quotas", "get_service_quota", absent, ServiceCode="ec2", **quota)
    if answer:
        value = answer["Quota"]["Value"]
        fix = "Ask for more in the console: Service Quotas, EC2, Running On-Demand Standard instances."
        rules = [(value >= LEAST_VCPUS, f"{value:.0f} vCPUs, and the instance needs {LEAST_VCPUS}")]
        yield _judged("quota", rules, f"{value:.0f} vCPUs", fix)


_CHECKS: Mapping[str, Callable[[Account], Iterator[Finding]]] = {
    "bucket": _bucket, "databases": _databases, "code": _code, "job": _job, "crawler": _crawler,
    "work groups": _work_groups, "OpenAQ key": _key, "instance": _instance, "user": _dashboard_user,
    "budget": _money, "quota": _quotas,
}  # fmt: skip  # a table of many short cells
