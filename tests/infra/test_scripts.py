"""The shell scripts of the instance and the image, run for real, twice, with replaced system commands."""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.projects import REPOSITORY
from support.stack_template import Stack

INFRA = REPOSITORY / "infra"
SCRIPTS = [*sorted((INFRA / "docker").glob("*.sh")), INFRA / "ec2/openaq-up"]


def sh(*command: object, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a script; return the finished process."""
    given = {"PATH": os.environ["PATH"], **(env or {})}
    return subprocess.run(["sh", *map(str, command)], env=given, check=False, capture_output=True, text=True)


class Commands:
    """Replacements of system commands in a PATH of their own, which record their arguments."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder / "bin", folder / "asked"
        self.folder.mkdir()
        self.log.touch()

    def add(self, name: str, body: str = "") -> None:
        """Add a command that records its arguments and then runs ``body``."""
        path = self.folder / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.log}\n{body}\n')
        path.chmod(0o755)

    @property
    def env(self) -> dict[str, str]:
        return {"PATH": f"{self.folder}:/usr/bin:/bin"}

    def calls(self) -> list[str]:
        """Return the commands that were called since the last time."""
        lines = self.log.read_text().splitlines()
        self.log.write_text("")
        return lines


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    """Return replacements without any command yet."""
    return Commands(tmp_path)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_shell(path: Path) -> None:
    """Each script can be parsed, and stops at the first failure."""
    assert sh("-n", path).stderr == ""
    assert re.search(r"^set -eu", path.read_text(), re.MULTILINE)


# --- user data -------------------------------------------------------------------------------------


@pytest.fixture
def user_data(tmp_path: Path) -> Path:
    """Return the user data of the template as the instance gets it."""
    path = tmp_path / "user_data.sh"
    (host,) = Stack().of("AWS::EC2::Instance").values()
    path.write_text(host["UserData"])
    return path


@pytest.fixture
def machine(tmp_path: Path, commands: Commands) -> Path:
    """Return the root of an instance that has just started."""
    root = tmp_path / "root"
    for name in ("etc/sysctl.d", "etc/systemd/system", "usr/local/sbin"):
        (root / name).mkdir(parents=True)
    (root / "etc/fstab").write_text("LABEL=root / ext4 defaults 0 1\n")
    for name in ("mkswap", "swapon", "sysctl", "systemctl", "apt-get", "snap", "chmod-real"):
        commands.add(name)
    commands.add("dd", 'for one in "$@"; do case $one in of=*) : >"${one#of=}";; esac; done')
    return root


def _tree(root: Path) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def test_user_data_prepares_the_machine(user_data: Path, machine: Path, commands: Commands) -> None:
    """The user data add 2 GB of permanent swap, Docker with compose, and a timer that updates the code."""
    done = sh(user_data, env={**commands.env, "OPENAQ_TEST_ROOT": str(machine)})
    assert done.returncode == 0, done.stderr
    calls = commands.calls()
    assert f"dd if=/dev/zero of={machine}/swapfile.new bs=1M count=2048 status=none" in calls
    assert any(call.startswith("apt-get") and "docker-compose-v2" in call for call in calls)
    assert "systemctl enable --now openaq.timer" in calls
    tree = _tree(machine)
    assert "/swapfile none swap sw 0 0" in tree["etc/fstab"]
    assert "OPENAQ_ROOT=s3://openaq-data-pipeline" in tree["etc/openaq/openaq.env"]
    assert "OPENAQ_PROFILE=aws" in tree["etc/openaq/openaq.env"]
    assert (machine / "swapfile").stat().st_mode & 0o777 == 0o600


def test_user_data_can_be_repeated(user_data: Path, machine: Path, commands: Commands) -> None:
    """A second run adds no swap, installs nothing again, and leaves the same files."""
    env = {**commands.env, "OPENAQ_TEST_ROOT": str(machine)}
    sh(user_data, env=env)
    before = _tree(machine)
    commands.calls()
    commands.add("docker")
    commands.add("aws")
    again = sh(user_data, env=env)
    assert again.returncode == 0, again.stderr
    calls = commands.calls()
    assert not [call for call in calls if call.startswith(("dd ", "mkswap", "apt-get", "snap"))]
    assert _tree(machine) == before
    assert before["etc/fstab"].count("swapfile") == 1


def test_what_user_data_writes_is_shell(user_data: Path, machine: Path, commands: Commands) -> None:
    """The timer's script can be parsed, and passes its settings to the processes it starts."""
    sh(user_data, env={**commands.env, "OPENAQ_TEST_ROOT": str(machine)})
    update = machine / "usr/local/sbin/openaq-update"
    assert sh("-n", update).stderr == ""
    assert "set -eua" in update.read_text() and "$OPENAQ_ROOT/code/project/" in update.read_text()


# --- the code on the instance ----------------------------------------------------------------------


@pytest.fixture
def host(tmp_path: Path, commands: Commands) -> dict[str, str]:
    """Return the environment of openaq-up on an instance with code and a key in the parameter store."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code/VERSION").write_text("one")
    (tmp_path / "code/infra").symlink_to(INFRA)
    (tmp_path / "key").write_text("k" * 64)
    commands.add("docker")
    commands.add("aws", f"cat {tmp_path}/key")
    return {**commands.env, "OPENAQ_HOME": str(tmp_path / "code"), "OPENAQ_STATE": str(tmp_path / "state")}


def test_new_code_is_built_once(host: dict[str, str], commands: Commands) -> None:
    """The first run builds and starts; the second only checks that all services run."""
    done = sh(INFRA / "ec2/openaq-up", env=host)
    assert done.returncode == 0, done.stderr
    assert [call for call in commands.calls() if "compose" in call] == [
        "docker compose build --quiet",
        "docker compose up --detach --wait --force-recreate --remove-orphans",
    ]
    assert sh(INFRA / "ec2/openaq-up", env=host).returncode == 0
    assert [call for call in commands.calls() if "docker" in call] == ["docker compose up --detach"]


def test_other_code_or_key_is_taken_up(host: dict[str, str], commands: Commands, tmp_path: Path) -> None:
    """A new version or a new key of the API restarts everything."""
    sh(INFRA / "ec2/openaq-up", env=host)
    for path, text in ((tmp_path / "code/VERSION", "two"), (tmp_path / "key", "n" * 64)):
        path.write_text(text)
        commands.calls()
        sh(INFRA / "ec2/openaq-up", env=host)
        assert "docker compose build --quiet" in commands.calls()
    assert (tmp_path / "state/secrets/openaq_api_key").read_text() == "n" * 64


def test_failed_build_is_tried_again(host: dict[str, str], commands: Commands) -> None:
    """A failed build is tried again the next time."""
    commands.add("docker", "exit 1")
    assert sh(INFRA / "ec2/openaq-up", env=host).returncode == 1
    commands.calls()
    commands.add("docker")
    assert sh(INFRA / "ec2/openaq-up", env=host).returncode == 0
    assert "docker compose build --quiet" in commands.calls()


def test_no_key_is_no_reason_to_stop(host: dict[str, str], commands: Commands, tmp_path: Path) -> None:
    """Without a key in the parameter store Airflow starts, and its tasks report the missing key."""
    commands.add("aws", "exit 254")
    assert sh(INFRA / "ec2/openaq-up", env=host).returncode == 0
    assert (tmp_path / "state/secrets/openaq_api_key").read_text() == ""


# --- secrets ---------------------------------------------------------------------------------------


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    """Secrets are random, readable only by root, and unchanged by a second run."""
    script, folder = INFRA / "docker/make_secrets.sh", tmp_path / "secrets"
    assert sh(script, folder, env={"OPENAQ_API_KEY": "k" * 64}).returncode == 0
    first = {path.name: path.read_text() for path in folder.iterdir()}
    assert len(set(first.values())) == len(first) == 6 and min(map(len, first.values())) >= 43
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sh(script, folder).returncode == 0
    assert {path.name: path.read_text() for path in folder.iterdir()} == first


def test_fernet_key_is_one(tmp_path: Path) -> None:
    """Airflow's encryption accepts the generated key."""
    from cryptography.fernet import Fernet

    sh(INFRA / "docker/make_secrets.sh", tmp_path)
    assert Fernet((tmp_path / "fernet_key").read_text()).encrypt(b"x")


def test_entrypoint_gives_secrets_to_airflow(tmp_path: Path) -> None:
    """Files become the variables of Airflow, and the login a private file; existing variables stay."""
    sh(INFRA / "docker/make_secrets.sh", tmp_path / "secrets", env={"OPENAQ_API_KEY": "k" * 64})
    env = {
        "OPENAQ_SECRETS_MOUNT": str(tmp_path / "secrets"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(tmp_path / "passwords.json"),
        "PGPASSWORD": "given",
    }
    lines = sh(INFRA / "docker/entrypoint.sh", "env", env=env).stdout.splitlines()
    settings = dict(line.split("=", 1) for line in lines)
    secret = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert settings["AIRFLOW__CORE__FERNET_KEY"] == secret["fernet_key"]
    assert settings["AIRFLOW__API_AUTH__JWT_SECRET"] == secret["jwt_secret"]
    assert settings["OPENAQ_API_KEY"] == "k" * 64
    assert settings["PGPASSWORD"] == "given"
    assert json.loads((tmp_path / "passwords.json").read_text()) == {"admin": secret["airflow_password"]}
    assert (tmp_path / "passwords.json").stat().st_mode & 0o077 == 0


# --- health ----------------------------------------------------------------------------------------


@pytest.fixture
def health() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a server that answers Airflow's health from a dictionary."""
    status: dict[str, Any] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/api/v2/monitor/health"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(status).encode())

        def log_message(self, *words: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/execution/", status
    server.shutdown()
    server.server_close()


def _healthy(url: str, part: str) -> tuple[int, str]:
    command = [sys.executable, "-S", str(INFRA / "docker/healthy.py"), part]
    env = {"AIRFLOW__CORE__EXECUTION_API_SERVER_URL": url}
    done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
    return done.returncode, done.stdout


def test_health_is_what_airflow_says(health: tuple[str, dict[str, Any]]) -> None:
    """A part is healthy only if Airflow reports it as healthy."""
    url, status = health
    status.update(scheduler={"status": "healthy"}, dag_processor={"status": "unhealthy"})
    assert _healthy(url, "scheduler")[0] == 0
    assert _healthy(url, "dag_processor") == (1, "dag_processor: unhealthy\n")
    assert _healthy(url, "triggerer")[0] == 1
    assert _healthy("http://127.0.0.1:1/execution/", "scheduler")[0] == 1
