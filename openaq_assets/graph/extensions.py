"""What else a plugin can bring: settings, files of conf/, commands, handlers of operations."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

Mistake = tuple[str, str, str]  # a field's path, what is wrong, and the remedy


def imported(target: str) -> Any:
    """Return the object that ``package.module:name`` says; its module is loaded only now."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """Settings below a name of their own in every profile of environments.yaml.

    ``fields`` is a frozen dataclass whose fields all have defaults.
    """

    name: str
    fields: type


@dataclass(frozen=True, slots=True)
class ConfFile:
    """A file of conf/ that a plugin reads; its schema is written beside the others.

    ``fields`` is the dataclass of the whole file, or with ``section`` of each named entry below that
    one field; ``module:name`` loads it, and ``mistakes``, only when there is such a file. A file with
    ``selector`` is read when the project loads: its entries name parts of a scope, and ``--<section>``
    narrows a run to them. ``mistakes(value, project)`` finds what only the whole project shows. A project
    without the file has no value of it.
    """

    name: str  # rates -> conf/rates.yaml
    fields: type | str
    section: str = ""
    selector: Callable[[Any], str] | None = None
    mistakes: Callable[[Any, Any], Iterable[Mistake]] | str | None = None
    empty: str = "Begin with 'version: 1'."

    @property
    def path(self) -> str:
        """The path below the project."""
        return f"conf/{self.name}.yaml"

    @property
    def type(self) -> Any:
        """The dataclass that ``fields`` says."""
        return imported(self.fields) if isinstance(self.fields, str) else self.fields

    def mistakes_in(self, value: Any, project: Any) -> Iterable[Mistake]:
        """Return what ``mistakes`` finds, if there is such a function."""
        function = imported(self.mistakes) if isinstance(self.mistakes, str) else self.mistakes
        return function(value, project) if function else ()


@dataclass(frozen=True, slots=True)
class Command:
    """A command of ``openaq-assets``: a click command, named as ``module:attribute`` and loaded when used."""

    name: str
    target: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class OperationHandler:
    """How a platform carries out an operation that a plugin brings: ``module:function``.

    ``function(operation, work)`` returns the facts of each partition ('' for the whole) or a ticket; what
    it raises is a failed ticket. ``usage``, ``module:function`` too, prices the operation on AWS.
    """

    operation: type
    platform: str
    function: str
    usage: str = ""

    @property
    def name(self) -> str:
        """What it is listed and compared by."""
        return f"{self.operation.__name__} on {self.platform}"


Values = Mapping[str, Any]
