"""The launcher's own behaviour; test_scheduler.py tests that it really serves."""

from __future__ import annotations

import configparser
import socket
from pathlib import Path

import pytest

from openaq_assets.airflow.standalone import is_free, serve, settings, write_settings


def test_port_in_use_is_told_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A taken port is one line and exit code 1, and leaves no files behind."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_free(port)
        assert serve(tmp_path, tmp_path / "home", port) == 1
    assert capsys.readouterr().out.startswith(f"error: port {port} is in use.")
    assert not (tmp_path / "home").exists()


def test_settings_are_kept_and_private(tmp_path: Path) -> None:
    """A second start has the same login and secrets; nobody else on the machine can read them."""
    home = tmp_path / "100% home"
    first = write_settings(tmp_path, home, 8080)
    secrets = settings(tmp_path, home, 8080)["api_auth"]
    assert write_settings(tmp_path, home, 8081) == first
    assert settings(tmp_path, home, 8081)["api_auth"] == secrets
    for name in ("airflow.cfg", "passwords.json", "jwt_secret", "secret_key"):
        assert (home / name).stat().st_mode & 0o077 == 0


def test_settings_survive_odd_paths(tmp_path: Path) -> None:
    """A percent sign in a path is read back as written."""
    home = tmp_path / "100% home"
    write_settings(tmp_path, home, 8080)
    parser = configparser.ConfigParser()
    parser.read(home / "airflow.cfg")
    assert parser["core"]["simple_auth_manager_passwords_file"] == str(home / "passwords.json")
    assert parser["api"]["host"] == "127.0.0.1"
