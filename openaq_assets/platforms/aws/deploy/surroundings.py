"""What ``doctor`` looks at around the pipeline: the key, the instance, the user of OWOX, money and quotas."""

from collections.abc import Iterator, Mapping
from typing import Any

from openaq_assets.platforms.aws.deploy.account import KEY_PARAMETER, Account
from openaq_assets.platforms.aws.deploy.findings import STACK, Finding, asked, fine, judged, missing, note

HOST_NAME = "openaq-airflow"
USER = "owox-integrator"
LEAST_VCPUS = 2  # a t3 has two
VCPU_QUOTA = "L-1216C47A"  # Running On-Demand Standard instances, in vCPUs
_KEY_FIX = f"aws ssm put-parameter --type SecureString --name {KEY_PARAMETER} --value YOUR_OPENAQ_KEY"


def key(account: Account) -> Iterator[Finding]:
    """Whether the key of the OpenAQ API is there, and encrypted."""
    get = account.client("ssm").get_parameter
    answer = asked(f"parameter {KEY_PARAMETER}", get, ("ParameterNotFound",), Name=KEY_PARAMETER)
    what = f"OpenAQ key {KEY_PARAMETER}"
    if answer is None:
        yield missing(what, "there is none.", f"Run: {_KEY_FIX}.")
        return
    secure = answer["Parameter"]["Type"] == "SecureString"
    yield judged(what, [(secure, "it is not encrypted")], "there, encrypted", f"Run: {_KEY_FIX} --overwrite.")


def instance(account: Account) -> Iterator[Finding]:
    """Whether the instance runs, gives containers credentials, and lets nobody in."""
    wanted = [
        {"Name": "tag:Name", "Values": [HOST_NAME]},
        {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
    ]
    answer = asked("instance", account.client("ec2").describe_instances, (), Filters=wanted)
    hosts = [one for group in answer["Reservations"] for one in group["Instances"]]
    if not hosts:
        yield note("instance", f"none is named {HOST_NAME}: Airflow runs elsewhere, or nowhere.")
    for host in hosts:
        yield _host(account, host)


def _host(account: Account, host: Mapping[str, Any]) -> Finding:
    options, state = host.get("MetadataOptions", {}), host["State"]["Name"]
    open_ports = _open_ports(account, [one["GroupId"] for one in host.get("SecurityGroups", ())])
    rules = [
        (state == "running", f"it is {state}"),
        ("IamInstanceProfile" in host, "it has no role"),
        (options.get("HttpTokens") == "required", "IMDSv1 is on"),
        (options.get("HttpPutResponseHopLimit", 2) >= 2, "hop limit 1: containers get no credentials"),
        (not open_ports, f"open to {', '.join(open_ports)}"),
    ]
    fix = STACK if state == "running" else f"aws ec2 start-instances --instance-ids {host['InstanceId']}"
    good = f"{host['InstanceId']}, {host['InstanceType']}, {state}"
    return judged(f"instance {HOST_NAME}", rules, good, fix)


def _open_ports(account: Account, groups: list[str]) -> list[str]:
    if not groups:
        return []
    describe = account.client("ec2").describe_security_groups
    answer = asked("security groups", describe, (), GroupIds=groups)
    return [
        f"{block.get('CidrIp') or block.get('CidrIpv6')} on port {rule.get('FromPort', 'any')}"
        for group in answer["SecurityGroups"]
        for rule in group["IpPermissions"]
        for block in (*rule.get("IpRanges", ()), *rule.get("Ipv6Ranges", ()))
    ]


def dashboard_user(account: Account) -> Iterator[Finding]:
    """Whether the user of OWOX is there, with its rights, a key, and no password."""
    iam = account.client("iam")
    what, gone = f"user {USER}", ("NoSuchEntity",)
    if asked(what, iam.get_user, gone, UserName=USER) is None:
        yield note(what, "there is none: OWOX cannot read.", STACK)
        return
    attached = asked(what, iam.list_attached_user_policies, (), UserName=USER)["AttachedPolicies"]
    names = [one["PolicyName"] for one in attached]
    password = asked(what, iam.get_login_profile, gone, UserName=USER)
    rules = [
        ("AWSQuicksightAthenaAccess" in names, "AWSQuicksightAthenaAccess is not attached"),
        (len(names) > 1, "nothing forbids it to drop tables"),
        (password is None, "it has a password"),
    ]
    yield judged(what, rules, f"{' and '.join(names)}; no password", STACK)
    if not asked(what, iam.list_access_keys, (), UserName=USER)["AccessKeyMetadata"]:
        yield note(what, "it has no access key yet.", f"aws iam create-access-key --user-name {USER}")


def money(account: Account) -> Iterator[Finding]:
    """Whether somebody is told when money is spent, and what plan the account is on."""
    number, _ = account.identity
    answer = asked(
        "budgets", account.client("budgets").describe_budgets, ("NotFoundException",), AccountId=number
    )
    names = [one["BudgetName"] for one in (answer or {}).get("Budgets", ())]
    yield judged("budget", [(bool(names), "nobody is told when money is spent")], ", ".join(names), STACK)
    yield from _plan(account)


def _plan(account: Account) -> Iterator[Finding]:
    """The free plan closes the account when it ends: better known before."""
    answer = asked(
        "the account's plan",
        account.client("freetier").get_account_plan_state,
        ("ResourceNotFoundException",),
    )
    if not answer:
        yield note("plan", "an account from before July 2025: twelve months of free tier.")
        return
    kind, credits = (answer.get("accountPlanType", "?"), answer.get("accountPlanRemainingCredits", {}))
    ends = answer.get("accountPlanExpirationDate")
    left = f", {credits.get('amount', 0):.2f} {credits.get('unit', 'USD')} of credits left" if credits else ""
    if kind == "FREE":
        when = f"{ends:%Y-%m-%d}" if ends else "an unknown day"
        fix = "Upgrade to the paid plan before (credits stay): the account is closed otherwise."
        yield note("plan", f"free until {when}{left}.", fix)
    else:
        yield fine("plan", f"{kind.lower()}{left}")


def quotas(account: Account) -> Iterator[Finding]:
    """Whether the account may run what the pipeline needs."""
    get = account.client("service-quotas").get_service_quota
    answer = asked(
        "the quota of vCPUs", get, ("NoSuchResourceException",), ServiceCode="ec2", QuotaCode=VCPU_QUOTA
    )
    if answer:
        value = answer["Quota"]["Value"]
        fix = "Ask for more in the console: Service Quotas, EC2, Running On-Demand Standard instances."
        rules = [(value >= LEAST_VCPUS, f"{value:.0f} vCPUs, and the instance needs {LEAST_VCPUS}")]
        yield judged("quota", rules, f"{value:.0f} vCPUs", fix)
