"""The memory of each process: its proportional share (PSS), where users of a shared page divide it."""

import contextlib
from collections.abc import Iterable
from pathlib import Path


def pss(pid: int) -> tuple[int, int]:
    """Return the bytes of a process in memory and in swap; (0, 0) if it cannot be read."""
    sizes = {"Pss": 0, "SwapPss": 0}
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in sizes:
                sizes[name] = int(rest.split()[0]) * 1024
    return sizes["Pss"], sizes["SwapPss"]


def title(pid: int) -> str:
    """Return the command of a process, short enough for a table."""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        words = [word.rpartition("/")[2] for word in text.split()]
        if words[:1] and words[0].startswith("python"):
            words = words[1:]
        return " ".join(words)[:60].strip()
    return ""


def below(roots: Iterable[int]) -> list[int]:
    """Return the ids of the given processes and of all that they started."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    pids = set(roots)
    grows = True
    while grows:
        more = {pid for pid, parent in parents.items() if parent in pids} - pids
        pids |= more
        grows = bool(more)
    return sorted(pids)
