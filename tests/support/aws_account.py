"""An AWS account on loopback: moto's server, the two calls it lacks, and the stack of the template made with boto3.

moto's own CloudFormation reports success and makes neither Glue nor Athena nor budgets nor bucket policies, so
the resources are made one by one from the same properties; nothing of ours is replaced.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app

from support.iam_rules import managed
from support.loopback import serving
from support.stack_template import REGION, Stack

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}
UPDATE, PLAN = "AmazonAthena.UpdateWorkGroup", "AWSFreeTierService.GetAccountPlanState"


class AwsAccount:
    """The endpoint at ``url``; ``client`` gives an administrator's clients."""

    def __init__(self) -> None:
        self.url = ""
        self.plan: dict[str, Any] | None = None
        self.refused: set[str] = set()  # actions answered with AccessDenied: 'GetCrawler'
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._clients: dict[str, Any] = {}

    def client(self, service: str, **keys: str) -> Any:
        """Return a client of an administrator, or of the owner of these keys."""
        given = keys or {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        if keys or service not in self._clients:
            made = boto3.client(service, endpoint_url=self.url, region_name=REGION, **given)
            if keys:
                return made
            self._clients[service] = made
        return self._clients[service]

    def fresh(self) -> None:
        """Reset the account to an empty one."""
        urlopen(Request(f"{self.url}/moto-api/reset", method="POST")).read()
        self.plan, self.refused = {"accountId": "123456789012", "accountPlanType": "PAID"}, set()

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if target.rpartition(".")[2] in self.refused:
            return _answer(start_response, "400 Bad Request", {"__type": "AccessDeniedException", "message": "no"})
        if target == PLAN:
            if self.plan is None:
                return _answer(start_response, "400 Bad Request", {"__type": "ResourceNotFoundException", "message": "none"})
            return _answer(start_response, "200 OK", self.plan)
        if target == UPDATE:
            body = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
            self._update(body)
            return _answer(start_response, "200 OK", {})
        return list(self._moto(environ, start_response))

    def _update(self, body: Mapping[str, Any]) -> None:
        from moto.athena.models import athena_backends

        group = athena_backends["123456789012"][REGION].work_groups[body["WorkGroup"]]
        group.configuration = {**group.configuration, **body["ConfigurationUpdates"]}


def _answer(start_response: Any, status: str, body: Mapping[str, Any]) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "application/x-amz-json-1.1")])
    return [json.dumps(body, default=lambda value: value.timestamp() if isinstance(value, dt.datetime) else str(value)).encode()]


@contextmanager
def listening() -> Iterator[AwsAccount]:
    """Yield the account while it listens."""
    account = AwsAccount()
    with serving(account) as account.url:
        yield account


# --- the stack -------------------------------------------------------------------------------------


def build(account: AwsAccount, stack: Stack) -> None:
    """Make the resources of the template, as CloudFormation does."""
    makers: Mapping[str, Callable[[AwsAccount, str, dict[str, Any]], None]] = {
        "AWS::S3::Bucket": _bucket,
        "AWS::S3::BucketPolicy": _bucket_policy,
        "AWS::Glue::Database": lambda a, _, properties: a.client("glue").create_database(DatabaseInput=properties["DatabaseInput"]),
        "AWS::Glue::Job": lambda a, _, properties: a.client("glue").create_job(**properties),
        "AWS::Glue::Crawler": lambda a, _, properties: a.client("glue").create_crawler(**properties),
        "AWS::Athena::WorkGroup": _work_group,
        "AWS::IAM::ManagedPolicy": _policy,
        "AWS::IAM::Role": _role,
        "AWS::IAM::User": _user,
        "AWS::IAM::InstanceProfile": _profile,
        "AWS::EC2::SecurityGroup": _firewall,
        "AWS::EC2::Instance": _instance,
        "AWS::Budgets::Budget": _budget,
    }
    order = list(makers)
    for name, resource in sorted(stack.resources.items(), key=lambda each: order.index(each[1]["Type"])):
        makers[resource["Type"]](account, name, resource["Properties"])


def _bucket(account: AwsAccount, _: str, properties: dict[str, Any]) -> None:
    s3, name = account.client("s3"), properties["BucketName"]
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"])
    encryption = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    rules = [{"ApplyServerSideEncryptionByDefault": each["ServerSideEncryptionByDefault"]} for each in encryption]
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
    s3.put_bucket_lifecycle_configuration(
        Bucket=name, LifecycleConfiguration={"Rules": [_rule(each) for each in properties["LifecycleConfiguration"]["Rules"]]}
    )


def _rule(declared: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"ID": declared["Id"], "Status": declared["Status"], "Filter": {"Prefix": declared.get("Prefix", "")}}
    if "ExpirationInDays" in declared:
        made["Expiration"] = {"Days": declared["ExpirationInDays"]}
    if "AbortIncompleteMultipartUpload" in declared:
        made["AbortIncompleteMultipartUpload"] = declared["AbortIncompleteMultipartUpload"]
    return made


def _bucket_policy(account: AwsAccount, _: str, properties: dict[str, Any]) -> None:
    # moto takes no notice of conditions: with the objects in it, the policy would deny everything.
    statements = [{**each, "Resource": each["Resource"][0]} for each in properties["PolicyDocument"]["Statement"]]
    document = {**properties["PolicyDocument"], "Statement": statements}
    account.client("s3").put_bucket_policy(Bucket=properties["Bucket"], Policy=json.dumps(document))


def _work_group(account: AwsAccount, _: str, properties: dict[str, Any]) -> None:
    account.client("athena").create_work_group(
        Name=properties["Name"], Description=properties["Description"], Configuration=properties["WorkGroupConfiguration"]
    )


def _policy(account: AwsAccount, name: str, properties: dict[str, Any]) -> None:
    account.client("iam").create_policy(PolicyName=name, PolicyDocument=json.dumps(properties["PolicyDocument"]))


def _role(account: AwsAccount, name: str, properties: dict[str, Any]) -> None:
    iam = account.client("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"]))
    for each in properties["Policies"]:
        document = json.dumps(each["PolicyDocument"])
        iam.put_role_policy(RoleName=name, PolicyName=each["PolicyName"], PolicyDocument=document)


def _user(account: AwsAccount, _: str, properties: dict[str, Any]) -> None:
    iam = account.client("iam")
    iam.create_user(UserName=properties["UserName"])
    for given in properties["ManagedPolicyArns"]:
        arn = given
        if ":aws:policy/" in arn:  # loading all of AWS's own takes moto ten seconds: this one is enough
            document = json.dumps(managed()[arn.rpartition("/")[2]]["Document"])
            made = iam.create_policy(PolicyName=arn.rpartition("/")[2], PolicyDocument=document)
            arn = made["Policy"]["Arn"]
        iam.attach_user_policy(UserName=properties["UserName"], PolicyArn=arn)


def _profile(account: AwsAccount, name: str, properties: dict[str, Any]) -> None:
    iam = account.client("iam")
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=properties["Roles"][0])


def _firewall(account: AwsAccount, name: str, properties: dict[str, Any]) -> None:
    made = account.client("ec2").create_security_group(GroupName=name, Description=properties["GroupDescription"])
    if properties["SecurityGroupIngress"]:
        account.client("ec2").authorize_security_group_ingress(GroupId=made["GroupId"], IpPermissions=properties["SecurityGroupIngress"])


def _instance(account: AwsAccount, _: str, properties: dict[str, Any]) -> None:
    ec2 = account.client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    groups = [each["GroupId"] for each in ec2.describe_security_groups()["SecurityGroups"] if each["GroupName"] == "HostFirewall"]
    made = ec2.run_instances(
        ImageId=image, InstanceType=properties["InstanceType"], MinCount=1, MaxCount=1, SecurityGroupIds=groups,
        IamInstanceProfile={"Name": properties["IamInstanceProfile"]}, UserData=properties["UserData"],
        TagSpecifications=[{"ResourceType": "instance", "Tags": properties["Tags"]}],
    )
    options = dict(properties["MetadataOptions"])
    ec2.modify_instance_metadata_options(InstanceId=made["Instances"][0]["InstanceId"], **options)


def _budget(account: AwsAccount, _: str, properties: dict[str, Any]) -> None:
    limit = {**properties["Budget"]["BudgetLimit"], "Amount": str(properties["Budget"]["BudgetLimit"]["Amount"])}
    account.client("budgets").create_budget(
        AccountId="123456789012", Budget={**properties["Budget"], "BudgetLimit": limit}
    )
