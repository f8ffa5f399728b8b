"""The changes of ``deploy``: the differences between project and account, first shown, then carried out."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from openaq_assets.errors import PlatformError
from openaq_assets.platforms.aws.deploy.account import CODE, KEY_PARAMETER, SCRIPT, STACK_TEMPLATE, Account
from openaq_assets.platforms.aws.errors import ask, asking

# Folders to see in the console; a bucket shows none while nothing lies below it.
FOLDERS = ("athena-results/", "dev/processed/", "dev/raw/", "prod/processed/", "prod/raw/")
LIMIT = 1_073_741_824  # bytes; the same as in the template for the work group 'openaq'
PROJECT = f"{CODE}/project/"
SCRIPT_KEY = f"{CODE}/{SCRIPT.rpartition('/')[2]}"  # where the Glue job looks for its script
_FOLDERS = ("conf", "views", "dags", "plugins", "glue_jobs", "openaq_assets", "openaq_simulator", "infra")
_FILES = (
    "Dockerfile", ".dockerignore", "docker-compose.yml", "requirements.txt", "setup.cfg",
    "pyproject.toml", "README.md", "LICENSE",
)  # fmt: skip  # a table of many short cells
_IGNORED = {"__pycache__", ".DS_Store"}


@dataclass(frozen=True)
class Change:
    """One change: ``+`` add, ``~`` change, ``-`` remove; ``do`` carries it out.

    ``folder`` is that of an uploaded file, so that many files can be shown as one line.
    """

    sign: str
    what: str
    do: Callable[[], object]
    folder: str = ""

    def __str__(self) -> str:
        return f"{self.sign} {self.what}"


def find_changes(account: Account, root: Path, environ: Mapping[str, str]) -> list[Change]:
    """Return the changes that bring the account to the state of this project, in order."""
    _require_bucket(account)
    key = _key(account, environ.get("OPENAQ_API_KEY", ""))
    settings = [*_folders(account), *_databases(account), *_primary(account), *key]
    return [*settings, *_uploads(account, bundle(root))]


def lines(changes: Sequence[Change], most: int) -> Iterator[str]:
    """Yield the lines to show: every change, or the number per folder for more than ``most`` files."""
    files = [change for change in changes if change.folder]
    yield from (str(change) for change in changes if not change.folder or len(files) <= most)
    if len(files) > most:
        counted = Counter((change.sign, change.folder) for change in files)
        yield from (f"{sign} {folder}: {times} files" for (sign, folder), times in counted.items())


def _require_bucket(account: Account) -> None:
    what, absent = f"look into the bucket {account.bucket}", ("404", "NoSuchBucket")
    if account.ask(what, "s3", "head_bucket", *absent, Bucket=account.bucket) is None:
        remedy = f"Create the stack of {STACK_TEMPLATE} first: docs/how-to/aws.md, step 1."
        raise PlatformError(f"there is no bucket '{account.bucket}'. {remedy}")


def _folders(account: Account) -> Iterator[Change]:
    bucket, put = account.bucket, account.client("s3").put_object
    for name in FOLDERS:
        answer = account.ask(f"list {name}", "s3", "list_objects_v2", Bucket=bucket, Prefix=name, MaxKeys=1)
        if not answer["KeyCount"]:
            yield Change("+", f"folder {name}", partial(put, Bucket=bucket, Key=name))


def _databases(account: Account) -> Iterator[Change]:
    """Yield the missing databases of conf/environments.yaml; the template makes only two."""
    glue = account.client("glue")
    pages = glue.get_paginator("get_databases").paginate()
    there = ask("list the databases", lambda: set(pages.search("DatabaseList[].Name")))
    for name in account.databases:
        if name not in there:
            yield Change("+", f"database {name}", partial(glue.create_database, DatabaseInput={"Name": name}))


def _uploads(account: Account, wanted: Mapping[str, bytes]) -> Iterator[Change]:
    s3, bucket = account.client("s3"), account.bucket
    there = _etags(account)
    for key, body in wanted.items():
        # The ETag of an object is its MD5 if S3 encrypts it and it was uploaded in one part.
        if there.get(key) != hashlib.md5(body, usedforsecurity=False).hexdigest():
            what = f"{key} ({len(body):,} bytes)"
            put = partial(s3.put_object, Bucket=bucket, Key=key, Body=body)
            yield Change("~" if key in there else "+", what, put, _folder(key))
    for key in sorted(there):
        if key.startswith(PROJECT) and key not in wanted:
            yield Change("-", key, partial(s3.delete_object, Bucket=bucket, Key=key), _folder(key))


def _folder(key: str) -> str:
    """Return the folder of a file, at most three levels deep: ``code/project/conf/``."""
    return "/".join(key.split("/")[:3][: max(1, key.count("/"))]) + "/"


def _etags(account: Account) -> dict[str, str]:
    with asking("list the code that was uploaded"):
        pages = account.client("s3").get_paginator("list_objects_v2")
        pages = pages.paginate(Bucket=account.bucket, Prefix=f"{CODE}/")
        return {each["Key"]: each["ETag"].strip('"') for page in pages for each in page.get("Contents", ())}


def _primary(account: Account) -> Iterator[Change]:
    """Yield the limit of the work group of OWOX, which every account has: CloudFormation cannot set it."""
    answer = account.ask("read the work group primary", "athena", "get_work_group", WorkGroup="primary")
    settings = answer["WorkGroup"].get("Configuration", {})
    limit = settings.get("BytesScannedCutoffPerQuery")
    if limit and not settings.get("EnforceWorkGroupConfiguration"):
        return
    # A limit that is set stays; to enforce settings would send OWOX's results elsewhere.
    updates = {"EnforceWorkGroupConfiguration": False, "BytesScannedCutoffPerQuery": limit or LIMIT}
    update = account.client("athena").update_work_group
    what = f"work group primary: a query may scan {limit or LIMIT:,} bytes, results go where a client says"
    yield Change("~", what, partial(update, WorkGroup="primary", ConfigurationUpdates=updates))


def _key(account: Account, key: str) -> Iterator[Change]:
    """Yield the key of the OpenAQ API, if this shell has one that the account lacks."""
    if not key:
        return
    what = f"read the parameter {KEY_PARAMETER}"
    answer = account.ask(
        what, "ssm", "get_parameter", "ParameterNotFound", Name=KEY_PARAMETER, WithDecryption=True
    )
    if answer and answer["Parameter"]["Value"] == key:
        return
    put = account.client("ssm").put_parameter
    put = partial(put, Name=KEY_PARAMETER, Value=key, Type="SecureString", Overwrite=True)
    yield Change("~" if answer else "+", f"parameter {KEY_PARAMETER} (from OPENAQ_API_KEY, encrypted)", put)


def carry_out(change: Change) -> None:
    """Carry out a change; raise PlatformError with AWS's reason."""
    ask(f"change {change.what}", change.do)


# --- uploads: the files of the instance's image, and the script of the Glue job ---------------


def bundle(root: Path) -> Mapping[str, bytes]:
    """Return every object to upload, by key; ``VERSION`` is a digest of all project files."""
    objects = {f"{PROJECT}{name}": (root / name).read_bytes() for name in _names(root)}
    version = hashlib.sha256()
    for key, body in objects.items():
        version.update(f"{key}\0{len(body)}\0".encode() + body)
    objects[f"{PROJECT}VERSION"] = version.hexdigest().encode()
    if (root / SCRIPT).is_file():
        objects[SCRIPT_KEY] = (root / SCRIPT).read_bytes()
    return objects


def _names(root: Path) -> Iterator[str]:
    yield from (name for name in sorted(_FILES) if (root / name).is_file())
    for folder in sorted(_FOLDERS):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and not _IGNORED & set(path.parts) and path.suffix != ".pyc":
                yield path.relative_to(root).as_posix()
