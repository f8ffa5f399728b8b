"""Define what plugins can add: settings, files of conf/, commands, handlers of operations."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

Mistake = tuple[str, str, str]  # the path of a field, the message, and the remedy


def imported(target: str) -> Any:
    """Import a module and return the object that ``package.module:name`` means."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """Settings of a plugin, under its own name in every profile of environments.yaml.

    ``fields`` is a frozen dataclass whose fields all have defaults.
    """

    name: str
    fields: type


@dataclass(frozen=True, slots=True)
class ConfFile:
    """A file of conf/ that a plugin reads; its JSON Schema is written beside the others.

    ``fields`` is the dataclass of the whole file. With ``section`` the file has this one field, and
    ``fields`` is the dataclass of each named entry below it. A text ``module:name`` as ``fields`` or
    ``mistakes`` is imported only if the file exists. A file with ``selector`` is read when the project
    loads: its entries name parts of a scope, and ``--<section>`` narrows a run to them.
    ``mistakes(value, project)`` returns the mistakes that only the whole project shows. A project
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
        """Return the path of the file below the project."""
        return f"conf/{self.name}.yaml"

    @property
    def type(self) -> Any:
        """Return the dataclass that ``fields`` names."""
        return imported(self.fields) if isinstance(self.fields, str) else self.fields

    def mistakes_in(self, value: Any, project: Any) -> Iterable[Mistake]:
        """Return the mistakes in a value of the file; none without the function ``mistakes``."""
        function = imported(self.mistakes) if isinstance(self.mistakes, str) else self.mistakes
        return function(value, project) if function else ()


@dataclass(frozen=True, slots=True)
class Command:
    """A command of ``openaq-assets``: a click command as ``module:attribute``, imported when it is used."""

    name: str
    target: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class OperationHandler:
    """The function (``module:function``) that carries out an operation of a plugin on a platform.

    ``function(operation, work)`` returns the facts of each partition ('' for the whole) or a ticket; an
    exception becomes a failed ticket. ``usage``, also ``module:function``, returns what the operation
    uses on AWS, from which its price is computed.
    """

    operation: type
    platform: str
    function: str
    usage: str = ""

    @property
    def name(self) -> str:
        """Return the name that listings and comparisons use."""
        return f"{self.operation.__name__} on {self.platform}"


Values = Mapping[str, Any]
