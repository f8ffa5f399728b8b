"""Services of docker-compose.yml: commands, settings and limits; nothing else of the file is read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_VARIABLE = re.compile(r"\$(?:\$|\{([A-Za-z_]\w*)(?::?-([^}]*))?\}|([A-Za-z_]\w*))")
_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


@dataclass(frozen=True)
class Service:
    """A service: ``limit`` in bytes (0: none), ``once`` if it ends before the others begin."""

    name: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    limit: int
    secrets: tuple[str, ...]
    once: bool


def services(path: Path, variables: Mapping[str, str]) -> dict[str, Service]:
    """Return the services of a compose file in its order, with ``${NAME:-default}`` filled in."""
    content = _filled(yaml.safe_load(path.read_text(encoding="utf-8")), variables)
    return {name: _service(name, settings) for name, settings in content["services"].items()}


def _service(name: str, settings: Mapping[str, Any]) -> Service:
    return Service(
        name=name,
        image=settings["image"],
        command=tuple(settings["command"]),
        environment={key: str(value) for key, value in settings.get("environment", {}).items()},
        limit=bytes_of(str(settings.get("mem_limit", "0"))),
        secrets=tuple(settings.get("secrets", ())),
        once=settings.get("restart") == "no",
    )


def bytes_of(text: str) -> int:
    """Return a size in bytes from a text of compose like ``450m``; raise ValueError if it is none."""
    match = re.fullmatch(r"(\d+)([bkmg]?)b?", text.lower())
    if not match:
        raise ValueError(f"not a size: {text!r}")
    return int(match[1]) * _UNITS[match[2]]


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _value(match, variables), value)
    if isinstance(value, dict):
        return {key: _filled(entry, variables) for key, entry in value.items()}
    return [_filled(entry, variables) for entry in value] if isinstance(value, list) else value


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    name = match[1] or match[3]
    return variables.get(name) or match[2] or "" if name else "$"
