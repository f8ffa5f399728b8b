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
    """The port of a served Airflow, and the password of its admin."""

    port: int
    password: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def until(read: Callable[[], Any], seconds: float = 240) -> Any:
    """Return what ``read`` returns as soon as it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := read():
            return value
        time.sleep(0.5)
    raise TimeoutError("it never came")


@contextmanager
def serving_airflow(folder: Path, environ: Mapping[str, str]) -> Iterator[Served]:
    """Run ``serve.py`` in a folder, as ``make airflow`` does; it must end without an error when it is stopped."""
    port = free_port()
    command = ["-m", "openaq_assets.airflow.standalone", "--home", str(folder / ".airflow"), "--port", str(port)]
    with (folder / "out").open("w", encoding="utf-8") as out:
        process = subprocess.Popen([sys.executable, *command], env=environ, cwd=folder, stdout=out, stderr=out)
    try:
        output = until(lambda: "password: " in (text := (folder / "out").read_text()) and text)
        yield Served(port, output.split("password: ")[1].split()[0])
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=60)
    assert code == 0
