"""The services of docker-compose.yml as plain processes of this machine, each in its memory group.

They get replacements of what a container engine would give them: loopback and free ports for host names,
folders below one working folder, files for secrets. Commands and settings are their own.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra.memory.compose import Service
from infra.memory.limits import Group

REPOSITORY = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
_START_SECONDS = 240


class Failed(Exception):
    """An error: the measurement could not be made; the text is one line with the reason."""


def free_port() -> int:
    """Return a port of loopback that nothing uses."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def postgres_folder() -> Path:
    """Return the folder of Postgres' programs on this machine; raise Failed if there is none."""
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists():
            return folder
    raise Failed("there is no Postgres on this machine. Run 'apt-get install postgresql'.")


@dataclass
class Machine:
    """A small machine: a folder, two ports, and the processes that were started."""

    work: Path
    group: Group | None
    variables: Mapping[str, str]
    port: int = field(default_factory=free_port)
    database_port: int = field(default_factory=free_port)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Return the address of the api-server."""
        return f"http://{HOST}:{self.port}"

    def prepare(self) -> None:
        """Create folders, secrets and an empty database, as user data and Docker create them."""
        self.work.chmod(0o755)
        for name in ("airflow/logs", "airflow/config", "project"):
            (self.work / name).mkdir(parents=True)
        settings = REPOSITORY / "infra/docker/airflow_local_settings.py"
        shutil.copy(settings, self.work / "airflow/config")  # where the Dockerfile puts it
        for name in ("conf", "views", "dags", "plugins", "infra", "glue_jobs"):
            shutil.copytree(REPOSITORY / name, self.work / "project" / name)
        secrets = REPOSITORY / "infra" / "docker" / "make_secrets.sh"
        environment = {**os.environ, "OPENAQ_API_KEY": "0" * 64}
        subprocess.run(["sh", secrets, self.work / "secrets"], check=True, env=environment)
        fill = [sys.executable, "-m", "openaq_assets.openaq.dashboard.charts"]  # as the Dockerfile does
        cache = {**os.environ, "OPENAQ_CACHE": str(self.work / "project/cache")}
        subprocess.run(fill, check=True, env=cache, cwd=REPOSITORY)
        self._make_database()

    def _make_database(self) -> None:
        data, tools = self.work / "database", postgres_folder()
        data.mkdir()
        if os.getuid() == 0:
            shutil.chown(data, "postgres")
        make = [tools / "initdb", "--username=openaq", "--auth=trust", "--no-sync", "-D", data]
        with (self.work / "initdb.log").open("wb") as log:
            subprocess.run([*_not_root(), *make], check=True, stdout=log, stderr=log, cwd="/")

    def settings(self, service: Service) -> dict[str, str]:
        """Return the environment of a service, with names of a container replaced by those here."""
        replacements = {
            "postgres:5432": f"{HOST}:{self.database_port}",
            "http://api-server:8080": self.url,
            "http://127.0.0.1:8080": self.url,
            "/opt/airflow": str(self.work / "airflow"),
            "/opt/openaq": str(self.work / "project"),
        }
        settings = {name: _replaced(value, replacements) for name, value in service.environment.items()}
        settings["AIRFLOW__API__HOST"], settings["AIRFLOW__API__PORT"] = HOST, str(self.port)
        kept = ("HOME", "LANG", "TMPDIR")
        return {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONUNBUFFERED": "1",
            "OPENAQ_SECRETS_MOUNT": str(self.work / "secrets"),
            **settings,
            **self.variables,
        }

    def start(self, service: Service) -> None:
        """Start a service in a memory group of its own limit; wait for a service that ends by itself."""
        command = self._postgres(service) if service.name == "postgres" else self._airflow(service)
        group = self.group.child(service.name, service.limit) if self.group else None
        if group:
            self.groups[service.name] = group
        with (self.work / f"{service.name}.log").open("wb") as log:
            self.running[service.name] = subprocess.Popen(
                command,
                env=self.settings(service),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
                preexec_fn=group.add if group else None,  # noqa: PLW1509 - only this starts processes, in one thread
            )
        if service.once:
            code = self.running.pop(service.name).wait(_START_SECONDS)
            if code:
                raise Failed(f"{service.name} ended with {code}. {self.last_words(service.name)}")

    def _airflow(self, service: Service) -> list[str]:
        return ["sh", str(REPOSITORY / "infra/docker/entrypoint.sh"), *service.command]

    def _postgres(self, service: Service) -> list[str]:
        options = [f"-D{self.work / 'database'}", f"-cport={self.database_port}"]
        options += [f"-clisten_addresses={HOST}", f"-cunix_socket_directories={self.work}/database"]
        program = str(postgres_folder() / service.command[0])
        return [*_not_root(), program, *service.command[1:], *options]

    def make_database(self, name: str) -> None:
        """Create the empty database that the Postgres image makes of POSTGRES_DB."""
        sql = ["psql", "-h", HOST, "-p", str(self.database_port), "-U", name, "-d", "postgres"]
        self.wait("postgres", lambda: not subprocess.call([*sql, "-qc", "SELECT 1"], **_SILENT))
        subprocess.run([*sql, "-qc", f"CREATE DATABASE {name}"], check=True)

    def wait_healthy(self, service: Service, part: str) -> None:
        """Wait until the service's health check of the compose file succeeds."""
        check = [sys.executable, "-S", str(REPOSITORY / "infra/docker/healthy.py"), part]
        environment = self.settings(service)
        self.wait(service.name, lambda: not subprocess.call(check, env=environment, **_SILENT))

    def wait(self, name: str, done: Callable[[], bool], seconds: float = _START_SECONDS) -> None:
        """Wait until a condition holds; raise Failed after the given seconds."""
        deadline = time.monotonic() + seconds
        while not done():
            self.check()
            if time.monotonic() > deadline:
                raise Failed(f"{name} was not ready in {seconds:.0f} s. {self.last_words(name)}")
            time.sleep(0.5)

    def check(self) -> None:
        """Raise Failed if a service ended, or the kernel killed a process."""
        if self.group and (kills := self.group.kills()):
            raise Failed(f"the kernel killed {kills} process(es) for want of memory: {self._killed()}")
        for name, process in self.running.items():
            if process.poll() is not None:
                raise Failed(f"{name} ended with {process.returncode}. {self.last_words(name)}")

    def _killed(self) -> str:
        return ", ".join(name for name, group in self.groups.items() if group.kills()) or "somewhere"

    def last_words(self, name: str) -> str:
        """Return the last line of a service's log."""
        lines = (self.work / f"{name}.log").read_text(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "It wrote nothing.")

    def stop(self) -> None:
        """End everything that was started, the last service first, and remove the groups."""
        for process in reversed(self.running.values()):
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(15)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.running.clear()
        if self.group:
            for pid in self.group.processes():  # a worker that outlived its parent is one of ours
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.group.remove()


def _not_root() -> list[str]:
    """Return the command that runs another as a user other than root, because Postgres refuses root."""
    if os.getuid():
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


_SILENT = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def _replaced(text: str, replacements: Mapping[str, str]) -> str:
    for name, replacement in replacements.items():
        text = text.replace(name, replacement)
    return text
