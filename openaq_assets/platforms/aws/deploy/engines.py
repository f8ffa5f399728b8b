"""What ``doctor`` looks at in Glue and Athena: the job, the crawler, the work groups."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from openaq_assets.platforms.aws.deploy.account import Account
from openaq_assets.platforms.aws.deploy.bundle import script_key
from openaq_assets.platforms.aws.deploy.findings import DEPLOY, STACK, Finding, asked, judged, missing, note

GLUE_VERSION = "5.1"
LONGEST = 60  # minutes a job may run unnoticed
TABLE_LEVEL = 4  # <bucket>/dev/processed/<table>
_GONE = ("EntityNotFoundException",)


def job(account: Account) -> Iterator[Finding]:
    """Whether the Glue job is the one the pipeline starts, pinned and bounded."""
    name = account.settings.job
    answer = asked(f"job {name}", account.client("glue").get_job, _GONE, JobName=name)
    if answer is None:
        yield missing(f"job {name}", "there is none.", STACK)
        return
    found = answer["Job"]
    version, timeout = found.get("GlueVersion"), found.get("Timeout")
    script = f"s3://{account.bucket}/{script_key()}"
    given = found.get("DefaultArguments", {})
    bookmarks = given.get("--job-bookmark-option", "job-bookmark-disable")
    rules = [
        (version == GLUE_VERSION, f"Glue version {version}, not {GLUE_VERSION}"),
        (bool(timeout) and timeout <= LONGEST, f"it may run for {timeout or 480} minutes"),
        (found["Command"].get("Name") == "glueetl", "it is no Spark job"),
        (found["Command"].get("ScriptLocation") == script, f"its script is not {script}"),
        (bookmarks == "job-bookmark-disable", "bookmarks are on: it would skip corrected answers"),
    ]
    yield judged(f"job {name}", rules, f"Glue {version}, at most {timeout} minutes", STACK)
    if account.settings.transform == "local":
        yield note("transform", "local: the job is not used, days are made on the host, free.")


def crawler(account: Account) -> Iterator[Finding]:
    """Whether the crawler makes one table per folder and leaves the contract's columns alone."""
    name = account.settings.crawler
    answer = asked(f"crawler {name}", account.client("glue").get_crawler, _GONE, Name=name)
    if account.settings.catalog == "partitions":
        yield note("catalog", "partitions: days are registered directly, free; no crawler runs.")
    if answer is None:
        if account.settings.catalog == "crawler":
            yield missing(f"crawler {name}", "there is none.", STACK)
        return
    found = answer["Crawler"]
    yield judged(f"crawler {name}", _of_crawler(account, found), "one table per folder", STACK)
    yield from _last_crawl(name, found)


def _of_crawler(account: Account, found: Mapping[str, Any]) -> list[tuple[bool, str]]:
    grouping = json.loads(found.get("Configuration") or "{}").get("Grouping", {})
    target = f"{account.place.root}/dev/processed/"
    paths = [one.get("Path") for one in found.get("Targets", {}).get("S3Targets", ())]
    update = found.get("SchemaChangePolicy", {}).get("UpdateBehavior")
    database = str(account.place.database)
    return [
        (paths == [target], f"it reads {', '.join(map(str, paths)) or 'nothing'}, not {target}"),
        (found.get("DatabaseName") == database, f"it fills {found.get('DatabaseName')}, not {database}"),
        (
            grouping.get("TableLevelConfiguration") == TABLE_LEVEL,
            f"its table level is {grouping.get('TableLevelConfiguration')}, not {TABLE_LEVEL}",
        ),
        (
            grouping.get("TableGroupingPolicy") == "CombineCompatibleSchemas",
            "it may make a table of every day",
        ),
        (update == "LOG", "it changes the columns of tables"),
    ]


def _last_crawl(name: str, found: Mapping[str, Any]) -> Iterator[Finding]:
    last = found.get("LastCrawl", {})
    if last.get("Status") == "FAILED":
        says = " ".join(str(last.get("ErrorMessage", "no reason given")).split())
        yield missing(f"crawler {name}", f"its last crawl failed: {says}.", "Its log says more.")


def work_groups(account: Account) -> Iterator[Finding]:
    """Whether no query can scan, and cost, more than was meant; that of OWOX neither."""
    name = account.settings.workgroup
    found = _work_group(account, name)
    if found is None:
        yield missing(f"work group {name}", "there is none.", STACK)
    else:
        limit = found.get("BytesScannedCutoffPerQuery")
        engine = found.get("EngineVersion", {}).get("EffectiveEngineVersion", "")
        results = found.get("ResultConfiguration", {}).get("OutputLocation", "")
        rules = [
            (bool(limit), "a query may scan any amount"),
            ("2" not in engine, f"{engine}, not version 3"),
            (results.startswith(f"s3://{account.bucket}/"), "its results go to another bucket"),
        ]
        good = f"a query may scan {limit or 0:,} bytes"
        yield judged(f"work group {name}", rules, good, STACK)
    primary = _work_group(account, "primary") or {}
    limit = primary.get("BytesScannedCutoffPerQuery")
    enforced = primary.get("EnforceWorkGroupConfiguration", False)
    rules = [
        (bool(limit), "a query of OWOX may scan any amount"),
        (not enforced, "it overrides where OWOX puts its results"),
    ]
    yield judged("work group primary", rules, f"a query may scan {limit or 0:,} bytes", DEPLOY)


def _work_group(account: Account, name: str) -> Mapping[str, Any] | None:
    get = account.client("athena").get_work_group
    answer = asked(f"work group {name}", get, ("InvalidRequestException",), WorkGroup=name)
    found: Mapping[str, Any] | None = (answer or {}).get("WorkGroup", {}).get("Configuration")
    return found
