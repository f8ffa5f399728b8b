"""Alerts: one readable message, to where the profile says, with a real HTTP server at the other end."""

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


def telling(root: Path, monkeypatch: pytest.MonkeyPatch, url: str, **changed: str) -> Run:
    """A run of the small project whose alerts go to the log and to a webhook named by a variable."""
    monkeypatch.setenv("TEST_WEBHOOK", url)
    run = small_run(small(root, **changed), **settled(1))
    path = root / "conf/environments.yaml"
    text = path.read_text().replace(
        "    api:", "    notify: [{to: log}, {to: webhook, url: '${env:TEST_WEBHOOK}'}]\n    api:"
    )
    path.write_text(text)
    return small_run(load(root), run.platform, **settled(1))


def test_a_failed_run_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """One message says what failed, why, and what was not run; the address is in no log."""
    caplog.set_level(logging.DEBUG)
    with webhook() as hooked:
        run = telling(tmp_path, monkeypatch, hooked.url)
        run.platform.answers[str(settled(1)["last"]), "id=1"] = PlatformError("the key was refused")
        run_it(run)
    (told,) = hooked.posted
    assert told["text"].splitlines() == [
        "test dev: answers_raw failed", "- answers_raw: the key was refused",
        "- not run: answers, tables, sums, tops, validate",
    ]  # fmt: skip
    assert (told["kind"], told["level"], told["environment"], told["assets"]) == ("run", "failed", "dev", ["answers_raw"])
    assert "test dev: answers_raw failed" in caplog.text
    assert SECRET not in caplog.text


def test_a_warning_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check of severity warn is one message too, of its own level."""
    text = SMALL["conf/assets/all.yaml"].replace("    sort: [place]\n", "    sort: [place]\n    checks: [{check: in_range, column: value, min: 5, severity: warn}]\n")
    with webhook() as hooked:
        run_it(telling(tmp_path, monkeypatch, hooked.url, all=text))
    (told,) = hooked.posted
    assert told["level"] == "warned" and told["title"] == "test dev: answers needs a look"
    assert told["lines"][0].startswith("answers: in_range answers.value: 2 rows, first place=1")


def test_what_goes_well_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No news is good news."""
    with webhook() as hooked:
        run_it(telling(tmp_path, monkeypatch, hooked.url))
    assert hooked.posted == []


def test_a_refused_promotion_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is what the person who ran it sees."""
    with webhook() as hooked:
        run_it(telling(tmp_path, monkeypatch, hooked.url))
        run = telling(tmp_path, monkeypatch, hooked.url)
        later = edited(run, sums=RENAMED, all=WITH_AMOUNT, tops="SELECT place FROM sums WHERE amount >= 0\n")
        later = telling(tmp_path, monkeypatch, hooked.url, sums=RENAMED, all=WITH_AMOUNT, tops="SELECT place FROM sums WHERE amount >= 0\n")
        with pytest.raises(PromotionError) as refused:
            promote(later, "prod")
    (told,) = hooked.posted
    assert told["kind"] == "promotion" and told["lines"] == [str(refused.value)]


@pytest.mark.parametrize("trouble", ["refuses", "is not there"])
def test_an_alert_that_fails_fails_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    """A webhook that refuses, or is not there, is a line in the log without its address."""
    caplog.set_level(logging.DEBUG)
    with webhook(500) as hooked:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))  # bound, and nobody listens
            there = hooked.url if trouble == "refuses" else f"http://127.0.0.1:{free.getsockname()[1]}/{SECRET}"
        run = telling(tmp_path, monkeypatch, there)
        run.platform.answers[str(settled(1)["last"]), "id=1"] = PlatformError("the key was refused")
        assert run_it(run)["answers_raw"].message == "the key was refused"
    assert "webhook could not be sent: " + ("HTTPStatusError 500" if trouble == "refuses" else "ConnectError") in caplog.text
    assert SECRET not in caplog.text


def test_a_plugin_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """``notify`` of a plugin gets every alert; one that fails keeps the others."""
    folder = tmp_path / "plugins/asset_kinds"
    folder.mkdir(parents=True)
    (folder / "pager.py").write_text(
        "from openaq_assets import hookimpl\nTOLD = []\n@hookimpl\ndef notify(alert):\n    TOLD.append(alert)\n    raise OSError('no line')\n"
    )
    with webhook() as hooked:
        run = telling(tmp_path, monkeypatch, hooked.url)
        run.platform.answers[str(settled(1)["last"]), "id=1"] = PlatformError("the key was refused")
        run_it(run)
    assert len(hooked.posted) == 1
    (plugin,) = [one for one in run.project.plugins.manager.get_plugins() if hasattr(one, "TOLD")]
    assert isinstance(plugin.TOLD[0], Alert)
    assert "the plugin plugins/asset_kinds/pager.py failed: OSError" in caplog.text


def test_a_run_of_the_command_line_says_it_once(tmp_path: Path) -> None:
    """The log channel does not repeat on the terminal what the command prints."""
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
    ("channel", "said"),
    [
        ("{to: pigeon}", r"profiles\.local\.notify\[0\]\.to: 'pigeon' is not a valid value\."),
        ("{to: email}", r"profiles\.local\.notify\[0\]: a notification by e-mail needs 'recipients'\."),
        (f"{{to: webhook, url: 'ftp://{SECRET}'}}", r"profiles\.local\.notify\[0\]\.url: the url is not a web address\. Begin it with https://\."),
        ("{to: log, on: [always]}", r"notify\[0\]\.on\[0\]: 'always' is not a valid value\."),
    ],
)
def test_mistakes_are_located(tmp_path: Path, channel: str, said: str) -> None:
    """A channel that cannot be meant is told with its place, and never with its address."""
    environments = (
        f"version: 1\nprofiles:\n  local: {{platform: local, root: lake, notify: [{channel}]}}\nenvironments: {{dev: {{database: d}}}}\n"
    )
    with pytest.raises(ConfigError, match=r"conf/environments\.yaml:3:\d+: .*" + said) as told:
        load(write_files(tmp_path, {"conf/environments.yaml": environments}))
    assert SECRET not in str(told.value)


def test_an_address_is_not_shown() -> None:
    """Printing a channel does not print where it leads."""
    assert SECRET not in repr(Notify("webhook", f"https://example.org/{SECRET}"))
