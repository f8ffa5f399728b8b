"""Memory limits of the kernel: cgroups, version 1 or 2, made below the group this process is in."""

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_MOUNTS = Path("/proc/mounts")


class NoLimits(Exception):
    """This machine has no memory cgroup, or does not let us make one; the text says which."""


@dataclass(frozen=True)
class Group:
    """A memory cgroup of our own. ``version`` is 1 or 2; sizes are bytes."""

    path: Path
    version: int

    @classmethod
    def make(cls, name: str, limit: int, swap: int = 0) -> "Group":
        """A new group below that of this process, limited in memory and swap; raises NoLimits."""
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
        """A group inside this one with a limit of its own (0: none)."""
        inner = Group(self.path / name, self.version)
        if self.version == 2:
            _enable(self.path)
        inner.path.mkdir()
        if limit:
            inner.limit_to(limit, -1)
        return inner

    def limit_to(self, limit: int, swap: int) -> None:
        """Set the limits; ``swap`` -1 leaves swapping to the group around it."""
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
        """Put a process (this one) into the group; what it starts will be in it too."""
        self._write("cgroup.procs", pid or os.getpid())

    def processes(self) -> list[int]:
        """The processes in the group and the groups inside it."""
        found: list[int] = []
        for path in (self.path, *(one for one in self.path.iterdir() if one.is_dir())):
            with contextlib.suppress(OSError):
                found += [int(one) for one in (path / "cgroup.procs").read_text().split()]
        return found

    def _stat(self) -> Mapping[str, int]:
        lines = (self.path / "memory.stat").read_text().splitlines()
        return {name: int(value) for name, value in (line.split() for line in lines)}

    def held(self) -> int:
        """What cannot be given back: all that is charged, of processes and the kernel, but cached files."""
        usage = "memory.usage_in_bytes" if self.version == 1 else "memory.current"
        stat, before = self._stat(), "total_" if self.version == 1 else ""
        cached = stat[f"{before}inactive_file"] + stat[f"{before}active_file"]
        return max(0, int((self.path / usage).read_text()) - cached)

    def anonymous(self) -> int:
        """Memory of processes alone, without any cache of files; swapped pages are not in it."""
        stat = self._stat()
        return stat["total_rss" if self.version == 1 else "anon"]

    def swapped(self) -> int:
        """What of the group lies in swap."""
        if self.version == 1:
            return self._stat().get("total_swap", 0)
        path = self.path / "memory.swap.current"
        return int(path.read_text()) if path.exists() else 0

    def peak(self) -> int:
        """The most that was ever charged, the cache of files included."""
        name = "memory.max_usage_in_bytes" if self.version == 1 else "memory.peak"
        path = self.path / name
        return int(path.read_text()) if path.exists() else 0

    def kills(self) -> int:
        """How many processes the kernel killed in it for want of memory."""
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        groups = [self.path, *(one for one in self.path.iterdir() if one.is_dir())]
        # Version 2 counts those of inner groups in the outer one; version 1 counts each where it is.
        return sum(
            int(line.split()[1])
            for path in (groups if self.version == 1 else groups[:1])
            for line in (path / name).read_text().splitlines()
            if line.split()[0] == "oom_kill"
        )

    def remove(self) -> None:
        """Forget the group, when nothing runs in it any more."""
        with contextlib.suppress(FileNotFoundError):
            for inner in [one for one in self.path.iterdir() if one.is_dir()]:
                _remove(inner)
            _remove(self.path)


def _remove(path: Path) -> None:
    for _ in range(50):
        with contextlib.suppress(OSError):
            path.rmdir()
            return
        time.sleep(0.1)


def _own_group() -> tuple[Path, int]:
    """The folder of this process's memory cgroup, and the version."""
    mounts = [line.split() for line in _MOUNTS.read_text().splitlines()]
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    own = dict(line.split(":", 2)[1:] for line in lines)
    for _, target, kind, options, *_ in mounts:
        if kind == "cgroup" and "memory" in options.split(","):
            names = next((one for one in own if "memory" in one.split(",")), "")
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
