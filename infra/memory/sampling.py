"""The highest amounts of memory seen while something ran, in sum and per process."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from infra.memory.limits import Group
from infra.memory.sizes import pss, title

_EVERY, _PSS_EVERY = 0.2, 1.0


@dataclass
class Peaks:
    """The highest amounts seen, in bytes; ``processes`` are those when the sum of shares was highest."""

    anonymous: int = 0
    held: int = 0
    swapped: int = 0
    shares: int = 0
    services: dict[str, int] = field(default_factory=dict)
    processes: Sequence[tuple[str, str, int, int]] = ()


class Sampler:
    """A thread that measures several times a second until it is stopped."""

    def __init__(self, group: Group | None, pids: Callable[[], Mapping[str, Sequence[int]]]) -> None:
        self.group, self.pids = group, pids
        self.peaks = Peaks()
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()

    def fresh(self) -> Peaks:
        """Return the peaks since the last call, and begin again."""
        with self._lock:
            seen, self.peaks = self.peaks, Peaks()
        return seen

    def _run(self) -> None:
        last = 0.0
        while not self._end.wait(_EVERY):
            with self._lock:
                self._look_at_group()
                if time.monotonic() - last >= _PSS_EVERY:
                    self._look_at_processes()
                    last = time.monotonic()

    def _look_at_group(self) -> None:
        if self.group:
            peaks = self.peaks
            peaks.anonymous = max(peaks.anonymous, self.group.anonymous())
            peaks.held = max(peaks.held, self.group.held())
            peaks.swapped = max(peaks.swapped, self.group.swapped())

    def _look_at_processes(self) -> None:
        processes = []
        for service, pids in self.pids().items():
            sizes = [(service, title(pid), *pss(pid)) for pid in pids]
            processes += [process for process in sizes if process[2] or process[3]]
            total = sum(process[2] for process in sizes)
            self.peaks.services[service] = max(self.peaks.services.get(service, 0), total)
        shares = sum(process[2] for process in processes)
        if shares > self.peaks.shares:
            self.peaks.shares, self.peaks.processes = shares, processes
