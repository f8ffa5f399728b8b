"""Everything ``doctor`` looks at, in the order a person would mend it."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from openaq_assets.platforms.aws.deploy import engines, storage, surroundings
from openaq_assets.platforms.aws.deploy.account import Account
from openaq_assets.platforms.aws.deploy.findings import Finding, looked

_CHECKS: Mapping[str, Callable[[Account], Iterable[Finding]]] = {
    "bucket": storage.bucket,
    "databases": storage.databases,
    "code": storage.code,
    "job": engines.job,
    "crawler": engines.crawler,
    "work groups": engines.work_groups,
    "OpenAQ key": surroundings.key,
    "instance": surroundings.instance,
    "user": surroundings.dashboard_user,
    "budget": surroundings.money,
    "quota": surroundings.quotas,
}


def findings(account: Account) -> Iterator[Finding]:
    """What is found; raises PlatformError only if there are no valid credentials or no region."""
    yield storage.is_there(account)
    for what, check in _CHECKS.items():
        yield from looked(what, lambda check=check: check(account))  # type: ignore[misc]
