"""What ``deploy`` would change: found by looking, shown, and only then done. Nothing found, nothing done."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from openaq_assets.errors import PlatformError
from openaq_assets.platforms.aws.deploy.account import KEY_PARAMETER, STACK_TEMPLATE, Account
from openaq_assets.platforms.aws.deploy.bundle import PROJECT, bundle
from openaq_assets.platforms.aws.errors import asking, code_of

# A folder in the console; a bucket has none until something lies below it.
FOLDERS = ("athena-results/", "dev/processed/", "dev/raw/", "prod/processed/", "prod/raw/")
LIMIT = 1_073_741_824  # bytes; that of the template for the work group 'openaq'


@dataclass(frozen=True)
class Change:
    """One thing to do: ``+`` add, ``~`` change, ``-`` remove; ``do`` does it.

    ``folder`` is where a file lies, so that many can be told as one line.
    """

    sign: str
    what: str
    do: Callable[[], object]
    folder: str = ""

    def __str__(self) -> str:
        return f"{self.sign} {self.what}"


def find_changes(account: Account, root: Path, environ: Mapping[str, str]) -> list[Change]:
    """What differs between this project and the account, in the order to be done."""
    _require_bucket(account)
    found = [*_folders(account), *_databases(account), *_primary(account)]
    found += _key(account, environ.get("OPENAQ_API_KEY", ""))
    return [*found, *_uploads(account, bundle(root))]


def lines(changes: Sequence[Change], most: int) -> Iterator[str]:
    """What to show: every change, or for more than so many files how many there are in each folder."""
    files = [one for one in changes if one.folder]
    yield from (str(one) for one in changes if not one.folder or len(files) <= most)
    if len(files) > most:
        counted = Counter((one.sign, one.folder) for one in files)
        yield from (f"{sign} {folder}: {times} files" for (sign, folder), times in counted.items())


def _require_bucket(account: Account) -> None:
    from botocore.exceptions import ClientError

    with asking(f"look into the bucket {account.bucket}"):
        try:
            account.client("s3").head_bucket(Bucket=account.bucket)
        except ClientError as error:
            if code_of(error) not in ("404", "NoSuchBucket"):
                raise
            remedy = f"Create the stack of {STACK_TEMPLATE} first: docs/aws.md, step 1."
            text = f"there is no bucket '{account.bucket}'. {remedy}"
            raise PlatformError(text) from None


def _folders(account: Account) -> Iterator[Change]:
    s3 = account.client("s3")
    for name in FOLDERS:
        with asking(f"list {name}"):
            answer = s3.list_objects_v2(Bucket=account.bucket, Prefix=name, MaxKeys=1)
        if not answer["KeyCount"]:
            yield Change("+", f"folder {name}", partial(s3.put_object, Bucket=account.bucket, Key=name))


def _databases(account: Account) -> Iterator[Change]:
    """The databases of conf/environments.yaml; the template has the two it comes with."""
    glue = account.client("glue")
    with asking("list the databases"):
        pages = glue.get_paginator("get_databases").paginate()
        there = {one["Name"] for page in pages for one in page["DatabaseList"]}
    for name in account.databases:
        if name not in there:
            yield Change("+", f"database {name}", partial(glue.create_database, DatabaseInput={"Name": name}))


def _uploads(account: Account, wanted: Mapping[str, bytes]) -> Iterator[Change]:
    s3, bucket = account.client("s3"), account.bucket
    there = _etags(account)
    for key, body in wanted.items():
        # Objects encrypted by S3 itself and put in one piece have their MD5 as ETag.
        same = there.get(key) == hashlib.md5(body, usedforsecurity=False).hexdigest()
        if not same:
            what = f"{key} ({len(body):,} bytes)"
            put = partial(s3.put_object, Bucket=bucket, Key=key, Body=body)
            yield Change("~" if key in there else "+", what, put, _folder(key))
    for key in sorted(there):
        if key.startswith(PROJECT) and key not in wanted:
            remove = partial(s3.delete_object, Bucket=bucket, Key=key)
            yield Change("-", key, remove, _folder(key))


def _folder(key: str) -> str:
    """Where a file lies, as deep as a person cares: ``code/project/conf/``."""
    return "/".join(key.split("/")[:3][: max(1, key.count("/"))]) + "/"


def _etags(account: Account) -> dict[str, str]:
    with asking("list the code that was uploaded"):
        pages = account.client("s3").get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=account.bucket, Prefix=PROJECT.partition("/")[0] + "/")
        return {one["Key"]: one["ETag"].strip('"') for page in found for one in page.get("Contents", ())}


def _primary(account: Account) -> Iterator[Change]:
    """A limit for the work group OWOX uses. CloudFormation cannot change it: it comes with the account."""
    athena = account.client("athena")
    with asking("read the work group primary"):
        found = athena.get_work_group(WorkGroup="primary")["WorkGroup"].get("Configuration", {})
    limit, enforced = (
        found.get("BytesScannedCutoffPerQuery"),
        found.get("EnforceWorkGroupConfiguration", False),
    )
    if limit and not enforced:
        return
    # A limit that is there is somebody's choice; enforcing would send OWOX's results elsewhere.
    updates = {"EnforceWorkGroupConfiguration": False, "BytesScannedCutoffPerQuery": limit or LIMIT}
    yield Change(
        "~",
        f"work group primary: a query may scan {limit or LIMIT:,} bytes, results go where a client says",
        partial(athena.update_work_group, WorkGroup="primary", ConfigurationUpdates=updates),
    )


def _key(account: Account, key: str) -> Iterator[Change]:
    """The key of the OpenAQ API, if this shell has one and the account has none or another."""
    from botocore.exceptions import ClientError

    ssm = account.client("ssm")
    if not key:
        return
    with asking(f"read the parameter {KEY_PARAMETER}"):
        try:
            found = ssm.get_parameter(Name=KEY_PARAMETER, WithDecryption=True)["Parameter"]["Value"]
        except ClientError as error:
            if code_of(error) != "ParameterNotFound":
                raise
            found = ""
    if found != key:
        put = partial(ssm.put_parameter, Name=KEY_PARAMETER, Value=key, Type="SecureString", Overwrite=True)
        yield Change(
            "~" if found else "+", f"parameter {KEY_PARAMETER} (from OPENAQ_API_KEY, encrypted)", put
        )


def carry_out(change: Change) -> None:
    """Do it; raises PlatformError with AWS's reason."""
    with asking(f"change {change.what}"):
        change.do()
