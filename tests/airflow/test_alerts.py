"""Alerts that Airflow sends: e-mail by its SMTP connection, webhooks whose address is in a connection."""

from __future__ import annotations

import json
import logging
import socket
from pathlib import Path
from typing import Any

import pytest
from support.mail_server import mail_server
from support.projects import write_files
from support.webhook import SECRET, webhook

from openaq_assets.airflow.alerts import tell_failure, with_airflow
from openaq_assets.graph.alerts import Alert
from openaq_assets.project.project import load
from openaq_assets.runs.alerts import send_alert

ALERT = Alert("run", "failed", "tiny dev: sums failed", ("sums: 3 < 5 & more",), "tiny", "dev", ("sums",))
PROFILE = (
    "version: 1\nprofiles:\n  local:\n    platform: local\n    root: lake\n    notify:\n{}"
    "environments: {{dev: {{database: tiny_dev}}, prod: {{database: tiny_prod, tables_from: dev}}}}\n"
)
MAIL = "      - {to: email, recipients: [ann@example.org, bob@example.org]}\n"


def smtp_connection(port: int) -> str:
    """Return a connection of Airflow to a server without TLS."""
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "openaq@example.org", "timeout": 5, "retry_limit": 0}
    return json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra})


def notify_from(root: Path, channels: str, alert: Alert = ALERT) -> None:
    """Send an alert as a task would."""
    project = with_airflow(load(write_files(root, {"conf/environments.yaml": PROFILE.format(channels)})))
    send_alert(project, project.environment("dev").profile, alert)


def test_mail_goes_out_by_the_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One message to all recipients, its text safe in HTML, from the connection's sender."""
    with mail_server() as (port, box):
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", smtp_connection(port))
        notify_from(tmp_path, MAIL)
    ((recipients, message),) = box.messages
    assert recipients == ["ann@example.org", "bob@example.org"]
    assert (message["subject"], message["from"]) == ("tiny dev: sums failed", "openaq@example.org")
    (part,) = list(message.walk())[1:]
    assert part.get_content().strip() == "<pre>tiny dev: sums failed\n- sums: 3 &lt; 5 &amp; more</pre>"


@pytest.mark.parametrize("trouble", ["refuses", "is not there", "no connection"])
def test_mail_that_fails_fails_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    """A server that refuses or is not there, or a connection that is missing, is a line in the log."""
    with mail_server(refuse=True) as (server_port, box):
        port = server_port
        if trouble == "is not there":
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
        if trouble != "no connection":
            monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", smtp_connection(port))
        notify_from(tmp_path, MAIL)
    assert box.messages == []
    assert "e-mail could not be sent: " in caplog.text


def test_an_address_in_a_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A webhook's address may be the password of any connection of Airflow; it is in no log."""
    caplog.set_level(logging.DEBUG)
    with webhook() as hooked:
        monkeypatch.setenv("AIRFLOW_CONN_CHAT", json.dumps({"conn_type": "http", "password": hooked.url}))
        notify_from(tmp_path, "      - {to: webhook, connection: chat}\n")
    assert hooked.posted[0]["text"] == ALERT.text
    assert SECRET not in caplog.text


class Task:
    """The attributes of a task that the callback reads."""

    def __init__(self, root: Path) -> None:
        self.project_root, self.environment, self.task_id = str(root), "dev", "answers"


class Instance:
    """The attributes of a task instance that the callback reads."""

    log_url = "http://127.0.0.1:8080/dags/x"


def test_a_task_that_failed_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the reason and leads to the log."""
    write_files(tmp_path, {"conf/environments.yaml": PROFILE.format(MAIL)})
    context: Any = {"task": Task(tmp_path), "ti": Instance(), "exception": ValueError("answers: the key\nwas refused")}
    with mail_server() as (port, box):
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", smtp_connection(port))
        tell_failure(context)
    ((_, message),) = box.messages
    text = list(message.walk())[1].get_content()
    assert "tiny dev: answers failed\n- answers: the key was refused\nhttp://127.0.0.1:8080/dags/x" in text


def test_a_project_that_cannot_be_read_hides_no_failure(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The callback itself never fails."""
    context: Any = {"task": Task(tmp_path / "nowhere"), "ti": Instance(), "exception": ValueError("x")}
    tell_failure(context)
    assert "the alert about the failure could not be sent" in caplog.text
