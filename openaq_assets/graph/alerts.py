"""Alerts as values, and the channels that a profile declares for them."""

from dataclasses import dataclass, field
from typing import Literal

from openaq_assets.errors import FieldError


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
class Alert:
    """What happened: ``title`` is one line, ``lines`` say more; ``link`` leads to where it ran."""

    kind: Literal["run", "promotion"]
    level: Literal["failed", "warned"]
    title: str
    lines: tuple[str, ...] = ()
    project: str = ""
    environment: str = ""
    assets: tuple[str, ...] = ()
    at: str = ""
    link: str = ""

    @property
    def text(self) -> str:
        """The whole message, for a person."""
        more = [f"- {line}" for line in self.lines]
        return "\n".join([self.title, *more, *([self.link] if self.link else [])])
