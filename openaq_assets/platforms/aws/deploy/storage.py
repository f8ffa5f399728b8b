"""What ``doctor`` looks at in S3 and the catalog: the bucket, its rules, the databases, the uploaded code."""

import hashlib
import json
from collections.abc import Iterable, Iterator

from openaq_assets.platforms.aws.deploy.account import SCRIPT, Account
from openaq_assets.platforms.aws.deploy.bundle import PROJECT, bundle, script_key
from openaq_assets.platforms.aws.deploy.findings import DEPLOY, STACK, Finding, asked, fine, judged, missing

_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_NO_BUCKET = ("404", "NoSuchBucket")


def bucket(account: Account) -> Iterable[Finding]:
    """Whether the bucket is there, ours, in this region, private, encrypted, over TLS, and cleans up."""
    s3, name = account.client("s3"), account.bucket
    what = f"bucket {name}"
    if asked(what, s3.head_bucket, _NO_BUCKET, Bucket=name) is None:
        yield missing(what, "there is none.", f"{STACK} Another name: its parameter BucketName.")
        return
    said = asked(what, s3.get_bucket_location, (), Bucket=name)["LocationConstraint"]
    place = {None: "us-east-1", "EU": "eu-west-1"}.get(said, said)
    rules = [(place == account.region, f"it is in {place}, and the region here is {account.region}")]
    yield judged(what, rules, f"in {place}", "Set OPENAQ_REGION to the bucket's region.")
    yield _private(account)
    yield _encrypted(account)
    yield _over_tls(account)
    yield _cleaned(account)


def _private(account: Account) -> Finding:
    answer = asked(
        "public access", account.client("s3").get_public_access_block,
        ("NoSuchPublicAccessBlockConfiguration",), Bucket=account.bucket,
    )  # fmt: skip
    found = (answer or {}).get("PublicAccessBlockConfiguration", {})
    rules = [(found.get(one, False), f"{one} is off") for one in _BLOCKS]
    return judged("public access", rules, "all of it is blocked", STACK)


def _encrypted(account: Account) -> Finding:
    codes = ("ServerSideEncryptionConfigurationNotFoundError",)
    get = account.client("s3").get_bucket_encryption
    found = asked("encryption", get, codes, Bucket=account.bucket)
    return judged("encryption", [(found is not None, "it is off")], "at rest", STACK)


def _over_tls(account: Account) -> Finding:
    get = account.client("s3").get_bucket_policy
    answer = asked("bucket policy", get, ("NoSuchBucketPolicy",), Bucket=account.bucket)
    policy = json.loads(answer["Policy"]) if answer else {"Statement": []}
    denied = any(
        one["Effect"] == "Deny"
        and str(one.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")).lower() == "false"
        for one in policy["Statement"]
    )
    return judged("TLS", [(denied, "requests without it are answered")], "required", STACK)


def _cleaned(account: Account) -> Finding:
    codes = ("NoSuchLifecycleConfiguration",)
    get = account.client("s3").get_bucket_lifecycle_configuration
    answer = asked("lifecycle", get, codes, Bucket=account.bucket)
    rules = [one for one in (answer or {}).get("Rules", ()) if one["Status"] == "Enabled"]
    prefixes = {one.get("Prefix") or one.get("Filter", {}).get("Prefix") for one in rules}
    expired = [
        (f"{one}/" in prefixes, f"nothing below {one}/ ever expires")
        for one in ("athena-results", "glue-tmp")
    ]
    broken_off = any("AbortIncompleteMultipartUpload" in one for one in rules)
    expired.append((broken_off, "uploads that were broken off stay, and cost"))
    return judged("lifecycle", expired, "results and leftovers expire", STACK)


def databases(account: Account) -> Iterator[Finding]:
    """Whether every database of conf/environments.yaml is there."""
    for name in account.databases:
        get = account.client("glue").get_database
        found = asked(f"database {name}", get, ("EntityNotFoundException",), Name=name)
        yield judged(f"database {name}", [(found is not None, "there is none")], "there", DEPLOY)


def code(account: Account) -> Iterator[Finding]:
    """Whether the script and the project that were uploaded are those of this folder."""
    wanted = bundle(account.project.root)
    for what, key in ((SCRIPT, script_key()), ("code of the instance", f"{PROJECT}VERSION")):
        answer = asked(
            what, account.client("s3").head_object, ("404", "NoSuchKey", "NoSuchBucket"),
            Bucket=account.bucket, Key=key,
        )  # fmt: skip
        if answer is None:
            yield missing(what, "it was never uploaded.", DEPLOY)
            continue
        same = answer["ETag"].strip('"') == hashlib.md5(wanted[key], usedforsecurity=False).hexdigest()
        rules = [(same, "what was uploaded is not what is here")]
        yield judged(what, rules, f"uploaded {answer['LastModified']:%Y-%m-%d %H:%M} UTC", DEPLOY)


def is_there(account: Account) -> Finding:
    """Who we are, and where."""
    number, arn = account.identity
    return fine("credentials", f"account {number}, {arn}, region {account.region}")
