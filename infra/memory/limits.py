"""Memory limits of the kernel: cgroups, version 1 or 2, below the group of this process."""

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_MOUNTS = Path("/proc/mounts")


class NoLimits(Exception):
    """An error: this machine has no memory cgroup, or does not let us make one; the text says which."""


@dataclass(frozen=True)
class Group:
    """A memory cgroup that we made. ``version`` is 1 or 2; sizes are in bytes."""

    path: Path
    version: int

    @classmethod
    def make(cls, name: str, limit: int, swap: int = 0) -> "Group":
        """Create a group below that of this process with limits in bytes; raise NoLimits if refused."""
        parent, version = _own_group()
        group = cls(parent / name, version)
        try:
            group.path.mkdir()
            if version == 2:
                _enable(parent)
            group.limit_to(limit, swap)
        except OSError as error:
            group.remove()
            raise NoLimits(f"{group.path} cannot be made: {error}") from None
        return group

    def child(self, name: str, limit: int) -> "Group":
        """Create a group inside this one, with a limit of its own (0: none)."""
        inner = Group(self.path / name, self.version)
        if self.version == 2:
            _enable(self.path)
        inner.path.mkdir()
        if limit:
            inner.limit_to(limit, -1)
        return inner

    def limit_to(self, limit: int, swap: int) -> None:
        """Set the limits; ``swap`` -1 leaves swap to the limit of the group around it."""
        if self.version == 1:
            self._write("memory.limit_in_bytes", limit)
            if swap >= 0:
                self._write("memory.memsw.limit_in_bytes", limit + swap)
            return
        self._write("memory.max", limit)
        if swap >= 0:
            self._write("memory.swap.max", swap)

    def _write(self, name: str, value: object) -> None:
        (self.path / name).write_text(str(value))

    def add(self, pid: int = 0) -> None:
        """Put a process (0: this one) into the group; processes that it starts later will be in it too."""
        self._write("cgroup.procs", pid or os.getpid())

    def processes(self) -> list[int]:
        """Return the ids of the processes in the group and in the groups inside it."""
        pids: list[int] = []
        for path in (self.path, *(inner for inner in self.path.iterdir() if inner.is_dir())):
            with contextlib.suppress(OSError):
                pids += [int(pid) for pid in (path / "cgroup.procs").read_text().split()]
        return pids

    def _stat(self) -> Mapping[str, int]:
        lines = (self.path / "memory.stat").read_text().splitlines()
        return {name: int(value) for name, value in (line.split() for line in lines)}

    def held(self) -> int:
        """Return the bytes that cannot be given back: all that is charged, except cached files."""
        usage = "memory.usage_in_bytes" if self.version == 1 else "memory.current"
        stat, before = self._stat(), "total_" if self.version == 1 else ""
        cached = stat[f"{before}inactive_file"] + stat[f"{before}active_file"]
        return max(0, int((self.path / usage).read_text()) - cached)

    def anonymous(self) -> int:
        """Return the memory of processes alone, in bytes, without cached files and swapped pages."""
        stat = self._stat()
        return stat["total_rss" if self.version == 1 else "anon"]

    def swapped(self) -> int:
        """Return the bytes of the group that lie in swap."""
        if self.version == 1:
            return self._stat().get("total_swap", 0)
        path = self.path / "memory.swap.current"
        return int(path.read_text()) if path.exists() else 0

    def peak(self) -> int:
        """Return the most bytes that were ever charged, with cached files."""
        name = "memory.max_usage_in_bytes" if self.version == 1 else "memory.peak"
        path = self.path / name
        return int(path.read_text()) if path.exists() else 0

    def kills(self) -> int:
        """Return the number of processes that the kernel killed because memory ran out."""
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        groups = [self.path, *(inner for inner in self.path.iterdir() if inner.is_dir())]
        # Version 2 counts those of inner groups in the outer one; version 1 counts each where it is.
        return sum(
            int(line.split()[1])
            for path in (groups if self.version == 1 else groups[:1])
            for line in (path / name).read_text().splitlines()
            if line.split()[0] == "oom_kill"
        )

    def remove(self) -> None:
        """Remove the group, which must have no processes any more."""
        with contextlib.suppress(FileNotFoundError):
            for inner in [path for path in self.path.iterdir() if path.is_dir()]:
                _remove(inner)
            _remove(self.path)


def _remove(path: Path) -> None:
    for _ in range(50):
        with contextlib.suppress(OSError):
            path.rmdir()
            return
        time.sleep(0.1)


def _own_group() -> tuple[Path, int]:
    """Return the folder of this process's memory cgroup, and its version."""
    mounts = [line.split() for line in _MOUNTS.read_text().splitlines()]
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    own = dict(line.split(":", 2)[1:] for line in lines)
    for _, target, kind, options, *_ in mounts:
        if kind == "cgroup" and "memory" in options.split(","):
            names = next((controllers for controllers in own if "memory" in controllers.split(",")), "")
            return Path(target) / own[names].lstrip("/"), 1
    for _, target, kind, *_ in mounts:
        if kind == "cgroup2":
            path = Path(target) / own.get("", "/").lstrip("/")
            if "memory" in (path / "cgroup.controllers").read_text().split():
                return path, 2
    raise NoLimits("this machine has no memory cgroup")


def _enable(path: Path) -> None:
    """Let the groups inside have limits (version 2 only)."""
    (path / "cgroup.subtree_control").write_text("+memory")
