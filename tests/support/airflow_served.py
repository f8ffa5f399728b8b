"""A real Airflow, started and stopped as a user does it."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.loopback import free_port


@dataclass(frozen=True)
class Served:
    """Where it answers, and the password of its admin."""

    port: int
    password: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def until(found: Callable[[], Any], seconds: float = 240) -> Any:
    """What ``found`` gives once it gives something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.5)
    raise TimeoutError("it never came")


@contextmanager
def serving_airflow(folder: Path, environ: Mapping[str, str]) -> Iterator[Served]:
    """``serve.py`` in a folder, as ``make airflow`` starts it; it must end well when it is told to."""
    port = free_port()
    command = ["-m", "openaq_assets.airflow.standalone", "--home", str(folder / ".airflow"), "--port", str(port)]
    with (folder / "out").open("w", encoding="utf-8") as out:
        process = subprocess.Popen([sys.executable, *command], env=environ, cwd=folder, stdout=out, stderr=out)
    try:
        said = until(lambda: "password: " in (text := (folder / "out").read_text()) and text)
        yield Served(port, said.split("password: ")[1].split()[0])
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=60)
    assert code == 0
