"""conf/rates.yaml -> ``pricing.Rates``, every mistake with its place."""

from pathlib import Path

from openaq_assets.errors import ConfigError, Problem
from openaq_assets.pricing import Rates
from openaq_assets.source import Reading, parse_file
from openaq_assets.values import ABSENT, build

PATH = "conf/rates.yaml"


def mistakes(root: Path) -> tuple[Problem, ...]:
    """What is wrong in the file; nothing if there is none."""
    try:
        read_rates(root)
    except ConfigError as error:
        return error.problems
    return ()


def read_rates(root: Path) -> Rates | None:
    """The prices of a project; None if it has no such file. Raises ConfigError with what is wrong in it."""
    if not (root / PATH).exists():
        return None
    reading = Reading()
    node = parse_file(root / PATH, PATH, reading)
    if node is None and not reading.problems:
        reading.problems.append(
            Problem(PATH, 1, 1, "", "the file is empty.", "Begin with 'version: 1'.")
        )
    found = build(node, Rates, "", reading) if node else ABSENT
    if isinstance(found, Rates) and found.version != 1:
        mark = reading.marks["version"]
        reading.problems.append(
            mark.problem("version", f"version {found.version} is not known.", "Write 1.")
        )
    if reading.problems or not isinstance(found, Rates):
        raise ConfigError(reading.problems)
    return found
