"""The entry points of installed packages, cached: hundreds of files are read again only when one changes."""

import os
import re
import sys
from collections.abc import Iterator
from functools import reduce
from importlib import import_module
from typing import Any, NamedTuple

from openaq_assets.cache import current, digest
from openaq_assets.markers import NAMESPACE

_USUAL = re.compile(r"[\w.]+(:[\w.]+)?", re.ASCII)


class Installed(NamedTuple):
    """An entry point: its name, the object it names, and its distribution ('' if unknown)."""

    name: str
    value: str
    distribution: str

    def load(self) -> Any:
        """Import and return the object; raise whatever its module raises."""
        if not _USUAL.fullmatch(self.value):
            from importlib.metadata import EntryPoint

            return EntryPoint(self.name, self.value, NAMESPACE).load()
        module, _, attributes = self.value.partition(":")
        return reduce(getattr, filter(None, attributes.split(".")), import_module(module))


def installed() -> list[Installed]:
    """Return the entry points of plugins, in order of their names."""
    finders = (getattr(finder, "__qualname__", type(finder).__qualname__) for finder in sys.meta_path)
    key = digest("entry points", NAMESPACE, *finders, *_stamps())
    return [Installed(*entry) for entry in current().recall(key, _read)]


def _read() -> list[Installed]:
    from importlib.metadata import entry_points

    entries = sorted(entry_points(group=NAMESPACE), key=lambda entry: (entry.name, entry.value))
    return [Installed(entry.name, entry.value, entry.dist.name if entry.dist else "") for entry in entries]


def _stamps() -> Iterator[str]:
    """Yield texts that change when a package is installed, changed or removed."""
    for folder in sys.path:
        yield folder
        try:
            with os.scandir(folder or ".") as entries:
                names = [entry.path for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
        except OSError:  # an archive, or nothing
            names = [folder]
        for name in sorted(names):
            yield f"{name} {_stamp(name)} {_stamp(os.path.join(name, 'entry_points.txt'))}"


def _stamp(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{status.st_mtime_ns} {status.st_size}"
