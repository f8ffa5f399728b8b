"""Tests of alerts: one message to the channels of the profile, with a real HTTP server as receiver."""

import logging
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.projects import write_files
from support.promotion_project import RENAMED, WITH_AMOUNT, edited
from support.runner_fixtures import SMALL, run_it, settled, small, small_run
from support.webhook import SECRET, webhook

from openaq_assets.cli.main import cli
from openaq_assets.errors import ConfigError, PlatformError, PromotionError
from openaq_assets.graph.alerts import Alert, Notify
from openaq_assets.project.project import load
from openaq_assets.promotion.promote import promote
from openaq_assets.runs.context import Run


def run_with_alerts(root: Path, monkeypatch: pytest.MonkeyPatch, url: str, **changed: str) -> Run:
    """Return a run of the small project whose alerts go to the log and to a webhook from a variable."""
    monkeypatch.setenv("TEST_WEBHOOK", url)
    run = small_run(small(root, **changed), **settled(1))
    path = root / "conf/environments.yaml"
    text = path.read_text().replace(
        "    api:", "    notify: [{to: log}, {to: webhook, url: '${env:TEST_WEBHOOK}'}]\n    api:"
    )
    path.write_text(text)
    return small_run(load(root), run.platform, **settled(1))


def test_a_failed_run_is_one_alert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """One alert names the failed asset, the reason and the assets that were not run; no log has the address."""
    caplog.set_level(logging.DEBUG)
    with webhook() as hooked:
        run = run_with_alerts(tmp_path, monkeypatch, hooked.url)
        run.platform.answers[str(settled(1)["last"]), "id=1"] = PlatformError("the key was refused")
        run_it(run)
    (alert,) = hooked.posted
    assert alert["text"].splitlines() == [
        "test dev: answers_raw failed", "- answers_raw: the key was refused",
        "- not run: answers, tables, sums, tops, validate",
    ]
    assert (alert["kind"], alert["level"], alert["environment"], alert["assets"]) == ("run", "failed", "dev", ["answers_raw"])
    assert "test dev: answers_raw failed" in caplog.text
    assert SECRET not in caplog.text


def test_a_warning_is_an_alert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed check of severity warn is an alert of its own level."""
    text = SMALL["conf/assets/all.yaml"].replace("    sort: [place]\n", "    sort: [place]\n    checks: [{check: in_range, column: value, min: 5, severity: warn}]\n")
    with webhook() as hooked:
        run_it(run_with_alerts(tmp_path, monkeypatch, hooked.url, all=text))
    (alert,) = hooked.posted
    assert alert["level"] == "warned" and alert["title"] == "test dev: answers needs a look"
    assert alert["lines"][0].startswith("answers: in_range answers.value: 2 rows, first place=1")


def test_a_successful_run_sends_no_alert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without failures and warnings sends no alert."""
    with webhook() as hooked:
        run_it(run_with_alerts(tmp_path, monkeypatch, hooked.url))
    assert hooked.posted == []


def test_a_refused_promotion_is_an_alert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The alert has the message of the error that the promotion raises."""
    with webhook() as hooked:
        run_it(run_with_alerts(tmp_path, monkeypatch, hooked.url))
        run = run_with_alerts(tmp_path, monkeypatch, hooked.url)
        later = edited(run, sums=RENAMED, all=WITH_AMOUNT, tops="SELECT place FROM sums WHERE amount >= 0\n")
        later = run_with_alerts(tmp_path, monkeypatch, hooked.url, sums=RENAMED, all=WITH_AMOUNT, tops="SELECT place FROM sums WHERE amount >= 0\n")
        with pytest.raises(PromotionError) as refused:
            promote(later, "prod")
    (alert,) = hooked.posted
    assert alert["kind"] == "promotion" and alert["lines"] == [str(refused.value)]


@pytest.mark.parametrize("trouble", ["refuses", "is not there"])
def test_an_alert_that_fails_does_not_fail_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    """A webhook that refuses or does not exist is a line in the log without its address."""
    caplog.set_level(logging.DEBUG)
    with webhook(500) as hooked:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))  # bound, but not listening
            url = hooked.url if trouble == "refuses" else f"http://127.0.0.1:{free.getsockname()[1]}/{SECRET}"
        run = run_with_alerts(tmp_path, monkeypatch, url)
        run.platform.answers[str(settled(1)["last"]), "id=1"] = PlatformError("the key was refused")
        assert run_it(run)["answers_raw"].message == "the key was refused"
    assert "webhook could not be sent: " + ("HTTPStatusError 500" if trouble == "refuses" else "ConnectError") in caplog.text
    assert SECRET not in caplog.text


def test_a_plugin_receives_alerts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """``notify`` of a plugin receives every alert, and its failure does not stop the other channels."""
    folder = tmp_path / "plugins/asset_kinds"
    folder.mkdir(parents=True)
    (folder / "pager.py").write_text(
        "from openaq_assets import hookimpl\nALERTS = []\n@hookimpl\ndef notify(alert):\n    ALERTS.append(alert)\n    raise OSError('no line')\n"
    )
    with webhook() as hooked:
        run = run_with_alerts(tmp_path, monkeypatch, hooked.url)
        run.platform.answers[str(settled(1)["last"]), "id=1"] = PlatformError("the key was refused")
        run_it(run)
    assert len(hooked.posted) == 1
    (plugin,) = [plugin for plugin in run.project.plugins.manager.get_plugins() if hasattr(plugin, "ALERTS")]
    assert isinstance(plugin.ALERTS[0], Alert)
    assert "the plugin plugins/asset_kinds/pager.py failed: OSError" in caplog.text


def test_the_command_line_prints_a_failure_once(tmp_path: Path) -> None:
    """The log channel does not repeat a failure on the terminal that the command prints."""
    files = {
        "conf/assets/cities.yaml": (
            "assets:\n  cities:\n    kind: reference\n    file: conf/reference/cities.csv\n"
            "    columns: [{name: city, type: varchar}]\n    checks: [{check: row_count, min: 9}]\n"
        ),
        "conf/reference/cities.csv": "city\nHue\n",
    }
    result = CliRunner().invoke(cli, ["--project", str(write_files(tmp_path, files)), "run", "cities"])
    assert result.exit_code == 3
    assert result.output.count("1 rows, expected at least 9") == 1


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        ("{to: pigeon}", r"profiles\.local\.notify\[0\]\.to: 'pigeon' is not a valid value\."),
        ("{to: email}", r"profiles\.local\.notify\[0\]: a notification by e-mail needs 'recipients'\."),
        (f"{{to: webhook, url: 'ftp://{SECRET}'}}", r"profiles\.local\.notify\[0\]\.url: the url is not a web address\. Begin it with https://\."),
        ("{to: log, on: [always]}", r"notify\[0\]\.on\[0\]: 'always' is not a valid value\."),
    ],
)
def test_mistakes_are_located(tmp_path: Path, channel: str, message: str) -> None:
    """An invalid channel is a problem with its position, and never with its address."""
    environments = (
        f"version: 1\nprofiles:\n  local: {{platform: local, root: lake, notify: [{channel}]}}\nenvironments: {{dev: {{database: d}}}}\n"
    )
    with pytest.raises(ConfigError, match=r"conf/environments\.yaml:3:\d+: .*" + message) as error:
        load(write_files(tmp_path, {"conf/environments.yaml": environments}))
    assert SECRET not in str(error.value)


def test_an_address_is_not_shown() -> None:
    """The ``repr`` of a channel does not contain its address."""
    assert SECRET not in repr(Notify("webhook", f"https://example.org/{SECRET}"))
