"""Where things live: environments, and ``bind``, the only place that makes a URI or a table name.

<root>/<environment>/raw/year=/month=/day=/<object>.json
<root>/<environment>/{processed,reference,check,export,quarantine}/<asset>/...
<root>/<environment>/ledger/<asset>/...
<root>/dashboard/<asset>.html
<root>/catalog/<database>/<table>.json        (local profile)
<root>/{glue-tmp,athena-results}/...          (aws profile; may be deleted at any time)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from openaq_assets.definitions import Name
from openaq_assets.errors import FieldError, SelectionError, nearest
from openaq_assets.operations import Operation, Ref, map_refs

_HELD_BY_TABLES_OWNER = ("raw", "processed", "reference", "catalog")


@dataclass(frozen=True, slots=True)
class Api:
    """The OpenAQ API as this deployment uses it. ``key`` comes from the environment, never from YAML.

    ``without_key: simulate`` answers from the bundled simulator (synthetic data) when there is no key.
    ``archive_*`` say where the open-data bucket is; an empty ``archive_endpoint`` is AWS itself.
    """

    url: str = "https://api.openaq.org/v3"
    key: str = field(default="", repr=False)
    without_key: Literal["fail", "simulate"] = "fail"
    requests_per_minute: int = 60
    requests_per_hour: int = 2000
    concurrency: int = 8
    archive_bucket: str = "openaq-data-archive"
    archive_endpoint: str = ""
    archive_region: str = "us-east-1"

    def __post_init__(self) -> None:
        least = {"requests_per_minute": 0, "requests_per_hour": 0, "concurrency": 1}  # 0: no limit
        for name, low in least.items():
            if (found := getattr(self, name)) < low:
                raise FieldError(
                    name, f"expected {low} or more, got {found}.", "Correct the number."
                )


@dataclass(frozen=True, slots=True)
class Aws:
    """How the platform ``aws`` uses an account. Empty ``region``: what the default chain says.

    ``connection`` is Airflow's, used inside its tasks; elsewhere, or where there is none, the default
    credential chain. ``catalog: crawler`` costs about $0.15 whenever there is something to register,
    ``partitions`` nothing; ``transform: glue`` about $0.02 a run, ``local`` (Polars on this host) nothing.
    """

    region: str = ""
    connection: str = "aws_default"
    transform: Literal["glue", "local"] = "glue"
    catalog: Literal["crawler", "partitions"] = "crawler"
    job: str = "openaq_raw_to_dev"
    crawler: str = "openaq_dev_processed"
    workgroup: str = "openaq"


@dataclass(frozen=True, slots=True)
class Notify:
    """Where alerts go: ``log``, ``email`` (by Airflow's SMTP connection) or ``webhook``.

    A webhook's ``url`` is a secret: it comes from a variable or from Airflow's ``connection``, and
    without either the channel is off. ``on`` says which alerts.
    """

    to: Literal["log", "email", "webhook"]
    url: str = field(default="", repr=False)
    connection: str = ""
    recipients: tuple[str, ...] = ()
    sender: str = ""
    on: tuple[Literal["failed", "warned"], ...] = ("failed", "warned")

    def __post_init__(self) -> None:
        if self.to == "email" and not self.recipients:
            raise FieldError("", "an e-mail has no 'recipients'.", "Add 'recipients: [you@...]'.")
        if self.url and not self.url.startswith(("https://", "http://")):
            raise FieldError("url", "it is no address.", "Begin it with https://.")


@dataclass(frozen=True, slots=True)
class Profile:
    """Which platform carries the environments, and the root under which everything lies."""

    platform: str
    root: str
    api: Api = Api()
    aws: Aws = Aws()
    notify: tuple[Notify, ...] = (Notify("log"),)

    def __post_init__(self) -> None:
        if not self.root.strip():
            hint = "Name a folder or s3://bucket, or set its variable."
            raise FieldError("root", "it is empty.", hint)


@dataclass(frozen=True, slots=True)
class LogicalEnvironment:
    """One environment of ``environments.yaml``: its database, and whose tables it reads."""

    database: Name
    tables_from: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Environment:
    """A logical environment in a profile: everything ``bind`` needs to name a place."""

    name: str
    profile: Profile
    siblings: Mapping[str, LogicalEnvironment] = field(repr=False)

    @property
    def root(self) -> str:
        return self.profile.root.rstrip("/")

    @property
    def database(self) -> str:
        return self.siblings[self.name].database

    def uri(self, *parts: str) -> str:
        """A URI of this environment."""
        return "/".join((self.root, self.name, *parts))

    def sibling(self, name: str) -> "Environment":
        """Another environment of the same profile."""
        if name not in self.siblings:
            raise SelectionError(
                f"there is no environment '{name}'. {nearest(name, self.siblings)}"
            )
        return replace(self, name=name)

    def place(self, ref: Ref) -> Ref:
        """The reference with its URI and table name."""
        if ref.layer == "dashboard":  # a page shows every environment, so it lies above them
            return replace(ref, uri=f"{self.root}/dashboard/{ref.asset}.html")
        home = self.sibling(ref.environment) if ref.environment else self
        owner = home.siblings[home.name].tables_from
        if owner and ref.layer in _HELD_BY_TABLES_OWNER:
            home = home.sibling(owner)
        # Raw objects of all assets share the day's prefix: their names begin with the asset.
        parts = ("raw",) if ref.layer == "raw" else (ref.layer, ref.asset)
        return replace(ref, uri=home.uri(*parts), table=f"{home.database}.{ref.asset}")


def bind(operation: Operation, environment: Environment) -> Operation:
    """The operation with every reference placed in the environment."""
    bound: Operation = map_refs(operation, environment.place)
    return bound


def open_environment(
    name: str,
    profile: str,
    profiles: Mapping[str, Profile],
    environments: Mapping[str, LogicalEnvironment],
) -> Environment:
    """The environment of that name in that profile; raises SelectionError naming what there is."""
    if profile not in profiles:
        raise SelectionError(
            f"there is no profile '{profile}' in conf/environments.yaml. {nearest(profile, profiles)}"
        )
    found: Any = profiles[profile]
    if name not in environments:
        raise SelectionError(f"there is no environment '{name}'. {nearest(name, environments)}")
    return Environment(name, found, environments)
