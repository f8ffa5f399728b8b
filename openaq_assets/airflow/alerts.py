"""Alerts that need Airflow: e-mail by its SMTP connection, webhooks whose address is in a connection."""

import html
import logging
from typing import Any

from airflow.sdk import BaseHook, Context

from openaq_assets.graph.alerts import Alert, Notify
from openaq_assets.graph.environment import Profile
from openaq_assets.markers import hookimpl
from openaq_assets.project.project import Project, load
from openaq_assets.runs.alerts import alert_of, deliver, post, send_alert, wanted

NAME = __name__
SMTP_CONNECTION = "smtp_default"
log = logging.getLogger(__name__)


class AirflowChannels:
    """A plugin that sends alerts by the connections of Airflow."""

    @hookimpl
    def notify(self, alert: Alert, profile: Profile) -> None:
        """Send an alert to the channels that need one of Airflow's connections."""
        for channel in wanted(profile, alert):
            if channel.to == "email":
                deliver("e-mail", lambda channel=channel: send_email(channel, alert))
            elif channel.to == "webhook" and channel.connection and not channel.url:
                deliver("webhook", lambda channel=channel: post(address(channel), alert))


def with_airflow(project: Project) -> Project:
    """Return the project, with alerts that also go to Airflow's channels."""
    manager = project.plugins.manager
    if not manager.has_plugin(NAME):
        manager.register(AirflowChannels(), NAME)
    return project


def send_email(channel: Notify, alert: Alert) -> None:
    """Send an alert as an e-mail over the SMTP connection.

    The sender is that of the channel, or else of the connection.
    """
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    with SmtpHook(smtp_conn_id=channel.connection or SMTP_CONNECTION) as hook:
        hook.send_email_smtp(
            to=list(channel.recipients),
            subject=" ".join(alert.title.split())[:200],
            html_content=f"<pre>{html.escape(alert.text)}</pre>",
            from_email=channel.sender or None,
        )


def address(channel: Notify) -> str:
    """Return the address that a connection holds: its password if that is an address, else its host.

    Raises ValueError if neither is an address.
    """
    connection = BaseHook.get_connection(channel.connection)
    for text in (connection.password, connection.host):
        if text and text.startswith(("https://", "http://")):
            return str(text)
    raise ValueError("neither the password nor the host of the connection is a web address")


def tell_failure(context: Context) -> None:
    """Send an alert for a task that failed for good; Airflow calls this."""
    task: Any = context["task"]
    try:
        project = with_airflow(load(task.project_root, strict=False))
        profile = project.environment(task.environment).profile
        reason = " ".join(str(context.get("exception") or "it failed").split())
        link = str(getattr(context["ti"], "log_url", "") or "")
        title = f"{task.task_id} failed"
        alert = alert_of(project, task.environment, "run", "failed", title, [reason], [task.task_id], link)
        send_alert(project, profile, alert)
    except Exception as error:  # noqa: BLE001 - a message must not hide why the task failed
        log.warning("the alert about the failure could not be sent: %s", type(error).__name__)
