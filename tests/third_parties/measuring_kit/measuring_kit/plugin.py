"""The hooks of the measuring kit."""

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring_kit.kinds import Scale, Series, Weigh
from openaq_assets import (
    Asset,
    Check,
    CheckType,
    Column,
    Command,
    ConfFile,
    Kind,
    OperationHandler,
    ProfileSettings,
    hookimpl,
)
from openaq_assets.graph.records import Materialization


@dataclass(frozen=True, slots=True)
class Measuring:
    """The settings of measuring in a profile."""

    unit: str = "g"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument of conf/instruments.yaml."""

    unit: str
    precision: float = 1.0


def falling(check: Check, table: str, columns: Sequence[Column]) -> str:
    """Return the rows whose value is not above the one before."""
    before = f"lag({check.column}) OVER (ORDER BY n)"
    return f"SELECT * FROM (SELECT n, {check.column}, {before} AS before FROM {table}) WHERE {check.column} <= before"


@hookimpl
def asset_kinds() -> Sequence[Kind]:
    """Return the kinds of readings and of scales."""
    return [Series(), Scale()]


@hookimpl
def asset_checks() -> Sequence[CheckType]:
    """Return the check that readings rise."""
    return [CheckType("rises", "Every value is above the one before.", falling, ("column",), types=("double",))]


@hookimpl
def operation_handlers() -> Sequence[OperationHandler]:
    """Return how two platforms weigh; AWS has no scale."""
    return [OperationHandler(Weigh, name, "measuring_kit.weighing:weigh") for name in ("local", "memory")]


@hookimpl
def profile_settings() -> Sequence[ProfileSettings]:
    """Return the settings of measuring."""
    return [ProfileSettings("measuring", Measuring)]


@hookimpl
def conf_files() -> Sequence[ConfFile]:
    """Return the file of instruments."""
    return [ConfFile("instruments", Instrument, "instruments", empty="Begin with 'instruments:'.")]


@hookimpl
def commands() -> Sequence[Command]:
    """Return the command that lists the instruments."""
    return [Command("instruments", "measuring_kit.commands:instruments", "List the instruments.")]


@hookimpl
def airflow_operator(asset: Asset) -> Any:
    """Return an operator of our own for scales."""
    if not isinstance(asset.kind, Scale):
        return None
    from measuring_kit.operators import WeighOperator

    return WeighOperator


@hookimpl(wrapper=True)
def materialized(record: Materialization) -> Generator[None, Any, Any]:
    """Write down what is made before and after all others are told."""
    _note(f"before {record.asset}")
    result = yield
    _note(f"after {record.asset}")
    return result


def _note(line: str) -> None:
    if path := os.environ.get("MEASURING_KIT_NOTES"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
