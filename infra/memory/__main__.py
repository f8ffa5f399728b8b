"""Run ``openaq_ingestion`` with the services of docker-compose.yml in a memory limit; print memory."""

import argparse
import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.memory.compose import Service, services
from infra.memory.limits import Group, NoLimits
from infra.memory.sampling import Peaks, Sampler
from infra.memory.services import REPOSITORY, Failed, Machine
from infra.memory.sizes import below
from infra.memory.world import world_of

JOB = "openaq_ingestion"
MB = 1_000_000  # the limits of the task are in these, a little less than the MiB of compose
NOW = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0)
PARTS = {"api-server": "metadatabase", "scheduler": "scheduler", "dag-processor": "dag_processor"}
IDLE_SECONDS, RUN_SECONDS = 15, 900


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0 if it fits, 1 if it does not, 130 if interrupted."""
    options = _options(arguments)
    group = _group(options)
    try:
        with _swap(options.swap if group else 0), tempfile.TemporaryDirectory() as folder:
            return _measured(options, Path(folder), group)
    except Failed as error:
        print(f"FAILED: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.memory", description=__doc__)
    parser.add_argument("--limit", type=int, default=1000, help="MB of memory (default: 1000)")
    parser.add_argument("--swap", type=int, default=0, help="MB of swap (default: none)")
    parser.add_argument("--spare", type=int, default=0, help="MB that must be left (default: 0)")
    parser.add_argument("--sensors", type=int, default=200, help="of the day (default: 200)")
    parser.add_argument("--runs", type=int, default=1, help="of the job, one after another")
    parser.add_argument("--keep-logs", type=Path, help="copy the logs of the services there")
    return parser.parse_args(arguments)


def _group(options: argparse.Namespace) -> Group | None:
    name = f"openaq-memory-{os.getpid()}"
    try:
        return Group.make(name, options.limit * MB, options.swap * MB)
    except NoLimits as error:
        print(f"No limit can be set here ({error}): shares of processes (PSS) are summed instead.")
        return None


@contextlib.contextmanager
def _swap(megabytes: int) -> Iterator[None]:
    """Add a swap file while it is needed, if this machine has too little swap of its own."""
    lines = Path("/proc/swaps").read_text().splitlines()[1:]
    if not megabytes or sum(int(line.split()[2]) for line in lines) * 1024 >= megabytes * MB:
        yield
        return
    with tempfile.NamedTemporaryFile(prefix="openaq-swap-") as file:
        os.posix_fallocate(file.fileno(), 0, megabytes * MB)
        for command in (["mkswap", file.name], ["swapon", file.name]):
            if subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
                raise Failed(f"'{command[0]}' is not allowed here; --swap needs root.")
        try:
            yield
        finally:
            subprocess.run(["swapoff", file.name], check=True)


def _measured(options: argparse.Namespace, work: Path, group: Group | None) -> int:
    from openaq_simulator import Simulator

    declared = services(REPOSITORY / "docker-compose.yml", {})
    with Simulator(world=world_of(options.sensors), now=NOW, per_minute=None) as simulator:
        variables = {
            "OPENAQ_PROFILE": "local",
            "OPENAQ_ROOT": str(work / "lake"),
            "OPENAQ_API_URL": simulator.url,
        }
        machine = Machine(work, group, variables)
        try:
            return _run(machine, declared, options)
        finally:
            machine.stop()
            if options.keep_logs:
                options.keep_logs.mkdir(parents=True, exist_ok=True)
                for log in work.glob("*.log"):
                    (options.keep_logs / log.name).write_bytes(log.read_bytes())


def _run(machine: Machine, declared: Mapping[str, Service], options: argparse.Namespace) -> int:
    machine.prepare()
    _unlimited(machine.work / "project/conf/environments.yaml")

    def pids() -> dict[str, list[int]]:
        return {name: below([process.pid]) for name, process in list(machine.running.items())}

    with Sampler(machine.group, pids) as sampler:
        began = time.monotonic()
        for name, service in declared.items():
            machine.start(service)
            if name == "postgres":
                machine.make_database("openaq")
            if name in PARTS:
                machine.wait_healthy(service, PARTS[name])
        client = _Client(machine)
        machine.wait("dag-processor", client.has_job)
        starting = sampler.fresh()
        print(f"ready after {time.monotonic() - began:.0f} s", flush=True)
        time.sleep(IDLE_SECONDS)
        idle = sampler.fresh()
        began = time.monotonic()
        for number in range(options.runs):
            _one_run(machine, client, number)
        took = time.monotonic() - began
        running = sampler.fresh()
        machine.check()
    _say(starting, idle, running, machine, options, took)
    return _verdict(max(starting.held, running.held) or running.shares, machine, options)


def _unlimited(path: Path) -> None:
    """Remove the rate limit of the API, which only makes the day longer: the load is then at its highest."""
    text = path.read_text()
    lifted = "\n      requests_per_minute: 0\n      requests_per_hour: 0\n      key:"
    path.write_text(text.replace("\n      key:", lifted))


class _Client:
    """A client of Airflow's REST API with the login of the compose file."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        password = (machine.work / "secrets/airflow_password").read_text()
        login = {"username": "admin", "password": password}
        self._token = ""
        self._token = self.call("/auth/token", login)["access_token"]

    def call(self, path: str, body: Any = None) -> Any:
        """Return the JSON answer to a request."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", "authorization": f"Bearer {self._token}"}
        request = urllib.request.Request(self.machine.url + path, data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def has_job(self) -> bool:
        """Return whether Airflow has read the DAG of the job."""
        return any(dag["dag_id"] == JOB for dag in self.call("/api/v2/dags")["dags"])


def _one_run(machine: Machine, client: _Client, number: int) -> None:
    day = (NOW.date() - dt.timedelta(days=1 + number)).isoformat()
    body = {"logical_date": None, "conf": {"from": day, "to": day}}
    run = client.call(f"/api/v2/dags/{JOB}/dagRuns", body)["dag_run_id"]
    path = f"/api/v2/dags/{JOB}/dagRuns/{urllib.parse.quote(run)}"
    state = ""

    def ended() -> bool:
        nonlocal state
        try:
            state = client.call(path)["state"]
        except (OSError, urllib.error.URLError):  # slow, while it swaps
            return False
        return state in ("success", "failed")

    machine.wait("scheduler", ended, RUN_SECONDS)
    tasks = client.call(f"{path}/taskInstances?limit=100")["task_instances"]
    bad = [
        f"{task['task_id']} {task['state']}" for task in tasks if task["state"] not in ("success", "skipped")
    ]
    print(f"run of {day}: {state}, {len(tasks)} tasks" + (f"; {', '.join(bad)}" if bad else ""))
    if not _rows(machine.work, day):
        raise Failed(f"the run of {day} made no measurements: {', '.join(bad)}")


def _rows(work: Path, day: str) -> int:
    year, month, date = day.split("-")
    folder = work / f"lake/dev/processed/measurements/year={year}/month={month}/day={date}"
    return sum(1 for _ in folder.glob("*.parquet"))


def _say(
    starting: Peaks, idle: Peaks, running: Peaks, machine: Machine, options: argparse.Namespace, took: float
) -> None:
    what = f"{options.runs} run(s) of a day of {options.sensors} sensors in {took:.0f} s"
    print(f"\n{what}; MB, the highest seen:")
    print(f"{'':34}{'starting':>9}{'idle':>9}{'running':>9}")
    rows = [("anonymous memory", "anonymous"), ("held (all but cached files)", "held")]
    rows = [*rows, ("in swap", "swapped")] if machine.group else []
    for name, field in [*rows, ("shares of processes (PSS)", "shares")]:
        print(
            f"{name:34}"
            + "".join(f"{getattr(peaks, field) / MB:9.0f}" for peaks in (starting, idle, running))
        )
    for name in running.services:
        line = (peaks.services.get(name, 0) / MB for peaks in (starting, idle, running))
        limit = machine.groups[name].peak() / MB if name in machine.groups else 0
        print(f"  {name:32}" + "".join(f"{size:9.0f}" for size in line) + f"   with files {limit:.0f}")
    print("\nprocesses at the highest moment (PSS, swapped):")
    for service, title, size, swapped in sorted(running.processes, key=lambda process: -process[2]):
        print(f"  {size / MB:6.0f} {swapped / MB:6.0f}  {service:14} {title}")


def _verdict(peak: int, machine: Machine, options: argparse.Namespace) -> int:
    spare = options.limit - peak / MB
    kills = machine.group.kills() if machine.group else 0
    fits = not kills and spare >= options.spare
    swap = f" and {options.swap} MB of swap" if options.swap else ""
    print(
        f"\n{'PASSED' if fits else 'FAILED'}: limit {options.limit} MB{swap}, highest {peak / MB:.0f} MB, "
        f"to spare {spare:.0f} MB, killed for want of memory: {kills}"
    )
    return 0 if fits else 1


if __name__ == "__main__":
    sys.exit(main())
