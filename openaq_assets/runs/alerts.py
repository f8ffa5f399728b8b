"""Send alerts: one message about a run or promotion that failed, to the channels of a profile.

An alert that cannot be sent never fails the run it is about. The addresses of webhooks are secrets: no
log contains them.
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
log.addHandler(logging.NullHandler())  # the command line prints failures itself; Airflow reads the log


def send_alert(project: "Project", profile: Profile, alert: Alert) -> None:
    """Pass an alert to every plugin that implements ``notify``; a failing plugin stops no other."""
    project.plugins.manager.hook.notify(alert=alert, profile=profile)


@hookimpl
def notify(alert: Alert, profile: Profile) -> None:
    """Send an alert to the log and to webhooks; Airflow sends e-mail and uses its own connections."""
    for channel in wanted(profile, alert):
        if channel.to == "log":
            log.log(logging.ERROR if alert.level == "failed" else logging.WARNING, "%s", alert.text)
        elif channel.to == "webhook" and channel.url:
            deliver("webhook", lambda url=channel.url: post(url, alert))


def wanted(profile: Profile, alert: Alert) -> list[Notify]:
    """Return the channels of a profile that accept the level of an alert."""
    return [channel for channel in profile.notify if alert.level in channel.on]


def deliver(what: str, send: Any) -> None:
    """Call ``send``, and log the type and status of an error, never the address, if it fails."""
    try:
        send()
    except Exception as error:  # noqa: BLE001 - an alert that cannot be sent never fails a run
        status = getattr(getattr(error, "response", None), "status_code", "")
        log.warning("%s could not be sent: %s %s", what, type(error).__name__, status)


def post(url: str, alert: Alert) -> None:
    """Send an alert to a URL as JSON; ``text`` is the whole message, which chat services show."""
    import httpx

    body = {"text": alert.text, **asdict(alert)}
    with _silenced("httpx"), httpx.Client(timeout=TIMEOUT_SECONDS) as client:
        client.post(url, json=body).raise_for_status()


@contextmanager
def _silenced(name: str) -> Iterator[None]:
    """Drop the records of a library that logs the address of each request, while the block runs."""
    logger = logging.getLogger(name)
    logger.addFilter(_drop_record)
    try:
        yield
    finally:
        logger.removeFilter(_drop_record)


def _drop_record(record: logging.LogRecord) -> bool:
    return False


# --- the content of alerts ------------------------------------------------------------------------


def send_run_alert(run: "Run", results: "Sequence[Result]") -> None:
    """Send one alert about all failures and warnings of a run; none if there are no such results."""
    failed = [result for result in results if result.state == "failed"]
    warned = [result for result in results if result.state == "partial" or result.warning]
    if not failed and not warned:
        return
    blocked = [result.asset for result in results if result.state == "blocked"]
    word = "failed" if failed else "needs a look"
    names = ", ".join(result.asset for result in failed or warned)
    lines = [f"{result.asset}: {result.message or result.warning}" for result in failed]
    lines += [
        f"{result.asset}: {result.warning or result.message}" for result in warned if result not in failed
    ]
    lines += [f"not run: {', '.join(blocked)}"] if blocked else []
    _send(run, "run", "failed" if failed else "warned", f"{names} {word}", lines, names.split(", "))


@contextmanager
def alert_on_failure(run: "Run", what: str, target: str) -> Iterator[None]:
    """Send an alert if the promotion or rollback in the block fails, and raise its error again."""
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
    """Return an alert whose title names the project and the environment."""
    full_title = f"{project.name} {environment}: {title}"
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return Alert(kind, level, full_title, tuple(lines), project.name, environment, tuple(assets), now, link)
