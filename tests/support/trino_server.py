"""A real Trino of this process: started over a lake, queried over HTTP, ended with its standard input."""

import datetime as dt
import os
import shutil
import subprocess
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "openaq-assets" / "trino-435"
CATALOG = "awsdatacatalog"


def missing() -> str:
    """Return why Trino is missing here; empty if it is not."""
    if not shutil.which("javac"):
        return "java with its compiler is not here: 'make trino' installs it where it can"
    pins = (ROOT / "infra" / "trino" / "pom.xml").read_bytes()
    stamp = HOME / "installed"
    if not stamp.exists() or stamp.read_bytes() != pins:
        return "Trino is not here: 'make trino' gets it through Maven, where Maven answers"
    return ""


class TrinoError(Exception):
    """An error of Trino about a statement."""


class Trino:
    """A server over the Parquet files of one lake."""

    def __init__(self, lake: Path, log: Path) -> None:
        jars = f"{HOME}/server/*{os.pathsep}{HOME}/trino-hive-435/*"
        program = str(ROOT / "infra" / "trino" / "TrinoServer.java")
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                ["java", "-Xmx768m", "-XX:+UseSerialGC", "-cp", jars, program, str(lake)],
                stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT,
            )
        self.url = self._address()
        # One small machine: no plans are weighed against each other, and nothing is split among workers.
        session = "task_concurrency=1,join_reordering_strategy=NONE,join_distribution_type=BROADCAST"
        headers = {"X-Trino-User": "test", "X-Trino-Catalog": CATALOG, "X-Trino-Session": session}
        self.client = httpx.Client(timeout=120, headers=headers)

    def _address(self) -> str:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            for line in self.log.read_text(errors="replace").splitlines():
                if "listening on " in line:
                    return line.partition("listening on ")[2].strip()
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.stop()
        raise TrinoError(f"Trino did not start: {self.log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """End it: it ends with its standard input."""
        assert self.process.stdin
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ask(self, sql: str, schema: str = "default") -> tuple[list[tuple[str, str]], list[tuple[Any, ...]]]:
        """Return columns (name, type) and rows of a statement, values as Python has them."""
        answer = self.client.post(
            f"{self.url}/v1/statement", content=sql.encode(), headers={"X-Trino-Schema": schema, "X-Trino-Time-Zone": "UTC"}
        ).json()
        columns: list[dict[str, str]] = []
        rows: list[list[Any]] = []
        while True:
            if "error" in answer:
                raise TrinoError(answer["error"]["message"])
            columns = answer.get("columns") or columns
            rows += answer.get("data") or []
            if "nextUri" not in answer:
                break
            answer = self.client.get(answer["nextUri"]).json()
        kinds = [_plain(column["type"]) for column in columns]
        values = [tuple(_value(value, kind) for value, kind in zip(row, kinds, strict=True)) for row in rows]
        return [(column["name"], kind) for column, kind in zip(columns, kinds, strict=True)], values


def _plain(kind: str) -> str:
    """Return the type without a length: ``varchar(3)`` and ``varchar`` are one type to a reader."""
    name = kind.partition("(")[0]
    return name if name in ("varchar", "timestamp") and "zone" not in kind else kind


def _value(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "double":
        return float(value)
    if kind == "date":
        return dt.date.fromisoformat(value)
    if kind == "timestamp":
        return dt.datetime.fromisoformat(value)
    return Decimal(value) if kind.startswith("decimal") else value
