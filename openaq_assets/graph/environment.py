"""Define environments, and ``bind``, the only function that makes URIs and table names.

<root>/<environment>/raw/year=/month=/day=/<object>.json
<root>/<environment>/{processed,reference,check,export,quarantine}/<asset>/...
<root>/<environment>/ledger/<asset>/...
<root>/<layer>/<asset>                        (shared by all environments)
<root>/catalog/<database>/<table>.json        (local profile)
<root>/{glue-tmp,athena-results}/...          (aws profile; may be deleted at any time)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from openaq_assets.errors import FieldError, SelectionError, nearest
from openaq_assets.graph.alerts import Notify
from openaq_assets.graph.columns import Name
from openaq_assets.graph.fields import field_doc
from openaq_assets.graph.operations import ABOVE, VIEW, Operation, Ref, map_refs


@dataclass(frozen=True, slots=True)
class Profile:
    """The platform that carries the environments, and the root URI below which all objects lie.

    ``settings`` are the values of the settings that plugins declare, by name.
    """

    platform: str = field(metadata=field_doc("The platform that carries the environments.", "local"))
    root: str = field(
        metadata=field_doc("The folder or bucket that holds the lake.", "lake", "s3://openaq-data-pipeline")
    )
    notify: tuple[Notify, ...] = field(
        default=(Notify("log"),),
        metadata=field_doc("The channels that alerts go to; by default only the log."),
    )
    settings: Mapping[str, Any] = field(default_factory=dict, metadata={"yaml": ""})

    def __post_init__(self) -> None:
        if not self.root.strip():
            hint = "Write a folder or s3://bucket, or set its environment variable."
            raise FieldError("root", "the root is empty.", hint)


@dataclass(frozen=True, slots=True)
class LogicalEnvironment:
    """An environment of ``environments.yaml``: its database, and the environment whose tables it reads."""

    database: Name = field(
        metadata=field_doc("The database of the environment's tables and views.", "openaq_dev")
    )
    tables_from: str = field(
        default="",
        metadata=field_doc("The environment whose tables this one reads, so that it owns only views.", "dev"),
    )
    description: str = field(
        default="", metadata=field_doc("The purpose of the environment.", "The views that dashboards read.")
    )


@dataclass(frozen=True, slots=True)
class Environment:
    """A logical environment in a profile: everything that ``bind`` needs to make a location."""

    name: str
    profile: Profile
    siblings: Mapping[str, LogicalEnvironment] = field(repr=False)

    @property
    def root(self) -> str:
        """Return the root URI of the profile, without a slash at its end."""
        return self.profile.root.rstrip("/")

    @property
    def database(self) -> str:
        """Return the name of the environment's database."""
        return self.siblings[self.name].database

    def uri(self, *parts: str) -> str:
        """Return the URI of a path below this environment."""
        return "/".join((self.root, self.name, *parts))

    def sibling(self, name: str) -> "Environment":
        """Return another environment of the profile; raise SelectionError if there is none of that name."""
        if name not in self.siblings:
            raise SelectionError(f"there is no environment '{name}'. {nearest(name, self.siblings)}")
        return replace(self, name=name)

    @property
    def tables_owner(self) -> "Environment":
        """Return the environment whose tables this one reads: itself, or another."""
        owner = self.siblings[self.name].tables_from
        return self.sibling(owner) if owner else self

    def locate(self, ref: Ref) -> Ref:
        """Return the reference with its URI and table name."""
        if ref.environment == ABOVE:
            return replace(ref, uri=f"{self.root}/{ref.layer}/{ref.asset}")
        environment = self.sibling(ref.environment) if ref.environment else self
        if ref.layer != VIEW:
            environment = environment.tables_owner
        # The raw objects of all assets share the prefix of a day: their names begin with the asset.
        parts = ("raw",) if ref.layer == "raw" else (ref.layer, ref.asset)
        return replace(ref, uri=environment.uri(*parts), table=f"{environment.database}.{ref.asset}")


def bind(operation: Operation, environment: Environment) -> Operation:
    """Return the operation with every reference located in the environment."""
    bound: Operation = map_refs(operation, environment.locate)
    return bound


def open_environment(
    name: str, profile: str, profiles: Mapping[str, Profile], environments: Mapping[str, LogicalEnvironment]
) -> Environment:
    """Return an environment in a profile; raise SelectionError with the known names if one is unknown."""
    if profile not in profiles:
        raise SelectionError(
            f"there is no profile '{profile}' in conf/environments.yaml. {nearest(profile, profiles)}"
        )
    if name not in environments:
        raise SelectionError(f"there is no environment '{name}'. {nearest(name, environments)}")
    return Environment(name, profiles[profile], environments)
