"""Airflow for one laptop: three processes, SQLite and one login; Ctrl-C stops everything.

    python -m openaq_assets.airflow.standalone --home .airflow --port 8080

Airflow writes only below ``--home``, where its airflow.cfg is too, so that in another terminal
``AIRFLOW_HOME=$PWD/.airflow airflow dags list`` talks to the same Airflow.
"""

import argparse
import configparser
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

HOST = "127.0.0.1"
STOP_SECONDS = 20
START_SECONDS = 180
# No triggerer (nothing is deferred); logs are read from disk, so the scheduler need not serve them.
PROCESSES = ("api-server", "dag-processor", "scheduler --skip-serve-logs")


def settings(root: Path, home: Path, port: int) -> Mapping[str, Mapping[str, object]]:
    """Return the settings that differ from Airflow's defaults, for a small and local installation."""
    return {
        "core": {
            "dags_folder": root / "dags",
            "plugins_folder": root / "plugins",
            "load_examples": False,
            "executor": "LocalExecutor",
            "parallelism": 2,
            "mp_start_method": "fork",
            "dags_are_paused_at_creation": False,
            "dagbag_import_error_tracebacks": False,
            "simple_auth_manager_users": "admin:admin",
            "simple_auth_manager_passwords_file": home / "passwords.json",
            "execution_api_server_url": f"http://{HOST}:{port}/execution/",
        },
        "database": {"sql_alchemy_conn": f"sqlite:///{home / 'airflow.db'}"},
        "api": {
            "host": HOST,
            "port": port,
            "base_url": f"http://{HOST}:{port}",
            "workers": 1,
            "secret_key": _secret(home / "secret_key"),
        },
        "api_auth": {"jwt_secret": _secret(home / "jwt_secret")},
        "dag_processor": {
            "parsing_processes": 1,
            "min_file_process_interval": 10,
            "refresh_interval": 10,
            "stale_dag_threshold": 20,
        },
        "scheduler": {
            "orphaned_tasks_check_interval": 30,
            "task_instance_heartbeat_timeout": 60,
            "parsing_cleanup_interval": 20,
            "scheduler_idle_sleep_time": 0.5,  # the pause between two tasks of a chain
        },
        "state_store": {"clear_on_success": True},
        "logging": {"logging_level": "INFO", "base_log_folder": home / "logs"},
    }


def _secret(path: Path) -> str:
    """Return a secret that is made at the first start and kept."""
    return _kept(path, secrets.token_hex(32))


def _kept(path: Path, text: str) -> str:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    return path.read_text(encoding="utf-8")


def write_settings(root: Path, home: Path, port: int) -> str:
    """Write airflow.cfg and the login; return the password."""
    home.mkdir(parents=True, exist_ok=True)
    parser = configparser.ConfigParser(interpolation=None)
    for section, values in settings(root, home, port).items():
        parser[section] = {name: str(value).replace("%", "%%") for name, value in values.items()}
    path = home / "airflow.cfg"
    path.touch(mode=0o600)
    with path.open("w", encoding="utf-8") as file:
        parser.write(file)
    passwords = _kept(home / "passwords.json", json.dumps({"admin": secrets.token_urlsafe(9)}))
    return str(json.loads(passwords)["admin"])


def environment(root: Path, home: Path) -> dict[str, str]:
    """Return the environment of Airflow's processes, with the project and this Python's commands in it."""
    return {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "OPENAQ_PROJECT": str(root),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "POLARS_MAX_THREADS": os.environ.get("POLARS_MAX_THREADS", "2"),
        "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "ignore"),
    }


class Airflow:
    """The running processes of Airflow; ``stop`` ends them and all that they started."""

    def __init__(self, root: Path, home: Path, port: int) -> None:
        self.home, self.port = home, port
        self.url = f"http://{HOST}:{port}"
        self.password = write_settings(root, home, port)
        self._environment = environment(root, home)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def prepare(self) -> None:
        """Create or upgrade the database, and the pool that lets only one API task run at a time."""
        with (self.home / "database.log").open("wb") as log:
            subprocess.run(
                [sys.executable, "-m", "openaq_assets.airflow.prepare"],
                env=self._environment,
                check=True,
                stdout=log,
                stderr=log,
            )

    def start(self) -> None:
        """Start every process in a group of its own; its output goes to ``<home>/<name>.log``."""
        for command in PROCESSES:
            name = command.split()[0]
            with (self.home / f"{name}.log").open("ab") as log:
                self._processes[name] = subprocess.Popen(
                    [sys.executable, "-m", "airflow", *command.split()],
                    env=self._environment,
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )

    def ended(self) -> str | None:
        """Return the name of a process that ended by itself, or None."""
        return next((name for name, process in self._processes.items() if process.poll() is not None), None)

    def is_ready(self) -> bool:
        """Return whether all parts are healthy and the DAGs are loaded."""
        try:
            health = _ask(f"{self.url}/api/v2/monitor/health")
            parts = ("metadatabase", "scheduler", "dag_processor")
            if any(health[part]["status"] != "healthy" for part in parts):
                return False
            login = {"username": "admin", "password": self.password}
            token = _ask(f"{self.url}/auth/token", login)["access_token"]
            return bool(_ask(f"{self.url}/api/v2/dags", token=token)["total_entries"])
        except (OSError, ValueError, KeyError):
            return False

    def stop(self) -> None:
        """Terminate every process; kill the groups of those that do not end in time."""
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
            _kill_group(process.pid)  # workers too, if any outlived their parent
            process.wait()
        self._processes.clear()


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _ask(url: str, body: object = None, token: str = "") -> Any:
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=5) as answer:
        return json.load(answer)


def is_free(port: int) -> bool:
    """Return whether nothing listens on a port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def serve(root: Path, home: Path, port: int) -> int:
    """Run until interrupted; return exit code 1 if Airflow could not start or ended by itself."""
    if not is_free(port):
        print(f"error: port {port} is in use. Stop the program that uses it, or choose another with --port.")
        return 1
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    airflow = Airflow(root, home, port)
    try:
        print(f"Starting Airflow in {home} (the first start takes a little longer) ...", flush=True)
        airflow.prepare()
        airflow.start()
        return _watch(airflow)
    except subprocess.CalledProcessError:
        print(f"error: the database could not be created. See {home / 'database.log'}.")
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # stopping is not interrupted
        airflow.stop()
        print("Airflow stopped.", flush=True)


def _watch(airflow: Airflow) -> int:
    announced, deadline = False, time.monotonic() + START_SECONDS
    while (name := airflow.ended()) is None:
        if not announced and airflow.is_ready():
            announced = True
            print(f"Airflow: {airflow.url}   user: admin   password: {airflow.password}")
            print(f"Logs in {airflow.home}. Stop with Ctrl-C.", flush=True)
        elif not announced and time.monotonic() > deadline:
            print(f"error: Airflow is not ready after {START_SECONDS} s. See {airflow.home}/*.log.")
            return 1
        time.sleep(1.0 if announced else 0.5)
    print(f"error: the Airflow process '{name}' ended. See {airflow.home / name}.log.")
    return 1


def main() -> int:
    """Run the command."""
    from openaq_assets.project.project import find_root

    parser = argparse.ArgumentParser(prog="python -m openaq_assets.airflow.standalone")
    parser.add_argument("--home", type=Path, default=Path(".airflow"), help="where all is kept")
    parser.add_argument("--port", type=int, default=8080, help="on 127.0.0.1")
    options = parser.parse_args()
    return serve(find_root(), options.home.resolve(), options.port)


if __name__ == "__main__":
    sys.exit(main())
