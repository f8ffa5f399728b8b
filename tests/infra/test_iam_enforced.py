"""Requests for objects of the bucket with the keys of each principal, while moto enforces their policies.

moto can enforce no more than this: for Glue, Athena and SSM it checks every resource at once, so a right to
one table counts as none, and it knows no conditions. test_iam.py tests those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError
from support.aws_account import AwsAccount, build
from support.iam_rules import MAY, MAY_NOT
from support.stack_template import ACCOUNT, Stack

Keys = Mapping[str, str]
CALLS = {"s3:GetObject": "get_object", "s3:PutObject": "put_object", "s3:DeleteObject": "delete_object"}
S3 = "arn:aws:s3:::"


def permissions() -> list[tuple[str, str, str, bool]]:
    """Return who does which action to which object of a bucket, and whether that is allowed."""
    return [
        (who, action, resource, may)
        for may, table in ((True, MAY), (False, MAY_NOT))
        for who, rights in table.items()
        for action, resource in rights
        if action in CALLS and "another-bucket" not in resource
    ]


@pytest.fixture
def enforced(account: AwsAccount) -> Iterator[Mapping[str, Keys]]:
    """Yield the keys of each principal of the stack, in an account that enforces their policies."""
    stack = Stack()
    build(account, stack)
    for _, _, resource, _ in permissions():
        bucket, _, key = resource.removeprefix(S3).partition("/")
        account.client("s3").put_object(Bucket=bucket, Key=key, Body=b"x")
    keys: dict[str, Keys] = {}
    for name in {who for who, _, _, _ in permissions()}:
        if name in stack.of("AWS::IAM::User"):
            user = stack.resources[name]["Properties"]["UserName"]
            made = account.client("iam").create_access_key(UserName=user)["AccessKey"]
        else:
            arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
            made = account.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        keys[name] = _keys(made)
    _enforce(account, "0")
    try:
        yield keys
    finally:
        _enforce(account, "inf")


def _keys(made: Mapping[str, Any]) -> Keys:
    keys = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
    return {**keys, "aws_session_token": made["SessionToken"]} if "SessionToken" in made else keys


def _enforce(account: AwsAccount, after: str) -> None:
    """Authorize requests from now on (``0``), or never (``inf``)."""
    text = {"Content-Type": "text/plain"}
    urlopen(Request(f"{account.url}/moto-api/reset-auth", after.encode(), text, method="POST")).read()


def test_objects_are_as_the_policies_say(account: AwsAccount, enforced: Mapping[str, Keys]) -> None:
    """Each principal may read, write and remove its own objects, and no others."""
    differences = []
    for who, action, resource, _ in permissions():
        bucket, _, key = resource.removeprefix(S3).partition("/")
        body = {"Body": b"y"} if action == "s3:PutObject" else {}
        try:
            getattr(account.client("s3", **enforced[who]), CALLS[action])(Bucket=bucket, Key=key, **body)
            done = True
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in ("AccessDenied", "NoSuchKey"):  # another has just removed what it may read
                raise
            done = code == "NoSuchKey"
        differences.append((who, action, resource, done))
    assert differences == permissions()
    assert {may for _, _, _, may in permissions()} == {True, False} and len(differences) > 25


def test_keys_that_are_none_open_nothing(account: AwsAccount, enforced: Mapping[str, Keys]) -> None:
    """An unknown key is refused everywhere, so the enforcement works."""
    nobody = account.client("s3", aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="x" * 40)
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        nobody.get_object(Bucket="openaq-data-pipeline", Key="source.json")
