"""Alerts: one readable message after a run, check or promotion that failed, to where a profile says.

What cannot be told never fails what it is about. Addresses of webhooks are secrets: they are in no log.
"""

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from openaq_assets.errors import PlatformError, PromotionError, sentence
from openaq_assets.graph.alerts import Alert, Notify
from openaq_assets.graph.environment import Profile
from openaq_assets.markers import hookimpl

if TYPE_CHECKING:
    from openaq_assets.project.project import Project
    from openaq_assets.runs.context import Result, Run

TIMEOUT_SECONDS = 10.0
log = logging.getLogger(__name__)
log.addHandler(logging.NullHandler())  # the command line says it already; Airflow's log listens


def send_alert(project: "Project", profile: Profile, alert: Alert) -> None:
    """Hand an alert to every plugin that implements ``notify``; one that fails keeps no other."""
    project.plugins.manager.hook.notify(alert=alert, profile=profile)


@hookimpl
def notify(alert: Alert, profile: Profile) -> None:
    """To the log and to webhooks. E-mail and Airflow's connections are Airflow's to use."""
    for channel in wanted(profile, alert):
        if channel.to == "log":
            log.log(logging.ERROR if alert.level == "failed" else logging.WARNING, "%s", alert.text)
        elif channel.to == "webhook" and channel.url:
            deliver("webhook", lambda url=channel.url: post(url, alert))


def wanted(profile: Profile, alert: Alert) -> list[Notify]:
    """The channels of a profile that want such an alert."""
    return [one for one in profile.notify if alert.level in one.on]


def deliver(what: str, send: Any) -> None:
    """Send, and say in the log if that fails: by the kind of failure, never with the address."""
    try:
        send()
    except Exception as error:  # noqa: BLE001 - an alert that cannot be sent never fails a run
        status = getattr(getattr(error, "response", None), "status_code", "")
        log.warning("%s could not be told: %s %s", what, type(error).__name__, status)


def post(url: str, alert: Alert) -> None:
    """The alert as JSON; ``text`` is the whole message, which chat services show."""
    import httpx

    body = {"text": alert.text, **asdict(alert)}
    with _unheard("httpx"), httpx.Client(timeout=TIMEOUT_SECONDS) as client:
        client.post(url, json=body).raise_for_status()


@contextmanager
def _unheard(name: str) -> Iterator[None]:
    """A library that logs the address of each request is not listened to meanwhile."""
    logger = logging.getLogger(name)
    logger.addFilter(_nothing)
    try:
        yield
    finally:
        logger.removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    return False


# --- what there is to tell ------------------------------------------------------------------------


def send_run_alert(run: "Run", results: "Sequence[Result]") -> None:
    """One alert about all that failed or was warned of in a run; none if all is well."""
    failed = [one for one in results if one.state == "failed"]
    warned = [one for one in results if one.state == "partial" or one.warning]
    if not failed and not warned:
        return
    blocked = [one.asset for one in results if one.state == "blocked"]
    worse = failed or warned
    word = "failed" if failed else "needs a look"
    names = ", ".join(one.asset for one in worse)
    lines = [f"{one.asset}: {one.message or one.warning}" for one in failed]
    lines += [f"{one.asset}: {one.warning or one.message}" for one in warned if one not in failed]
    lines += [f"not run: {', '.join(blocked)}"] if blocked else []
    _send(run, "run", "failed" if failed else "warned", f"{names} {word}", lines, names.split(", "))


@contextmanager
def alert_on_failure(run: "Run", what: str, target: str) -> Iterator[None]:
    """Tell of a promotion or rollback that fails, and let the error pass."""
    try:
        yield
    except (PromotionError, PlatformError) as error:
        _send(run, "promotion", "failed", f"{what} to {target} failed", [sentence(str(error))], [])
        raise


def _send(run: "Run", kind: Any, level: Any, title: str, lines: Sequence[str], assets: Sequence[str]) -> None:
    alert = alert_of(run.project, run.environment.name, kind, level, title, lines, assets)
    send_alert(run.project, run.environment.profile, alert)


def alert_of(
    project: "Project",
    environment: str,
    kind: Literal["run", "promotion"],
    level: Literal["failed", "warned"],
    title: str,
    lines: Sequence[str],
    assets: Sequence[str],
    link: str = "",
) -> Alert:
    """An alert that says which project and environment it is about."""
    whole = f"{project.name} {environment}: {title}"
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return Alert(kind, level, whole, tuple(lines), project.name, environment, tuple(assets), now, link)
