"""Define alerts and the channels that a profile declares for them."""

from dataclasses import dataclass, field
from typing import Literal

from openaq_assets.errors import FieldError
from openaq_assets.graph.fields import field_doc


@dataclass(frozen=True, slots=True)
class Notify:
    """A channel of alerts: ``log``, ``email`` (by Airflow's SMTP connection) or ``webhook``.

    The ``url`` of a webhook is a secret: it comes from a variable or from Airflow's ``connection``.
    Without either of them the channel is off. ``on`` lists the levels that are sent.
    """

    to: Literal["log", "email", "webhook"] = field(metadata=field_doc("The type of the channel."))
    url: str = field(
        default="",
        repr=False,
        metadata=field_doc(
            "The address of a webhook, a secret: read it from a variable. Empty: the channel is off.",
            "${env:OPENAQ_WEBHOOK_URL}",
        ),
    )
    connection: str = field(
        default="",
        metadata=field_doc(
            "The connection of Airflow that holds the SMTP server or the address of the webhook.",
            "smtp_default",
        ),
    )
    recipients: tuple[str, ...] = field(
        default=(), metadata=field_doc("The addresses that an e-mail goes to.", ["you@example.org"])
    )
    sender: str = field(
        default="",
        metadata=field_doc("The sender of an e-mail; by default that of the connection.", "lake@example.org"),
    )
    on: tuple[Literal["failed", "warned"], ...] = field(
        default=("failed", "warned"),
        metadata=field_doc("The alerts that go to the channel; by default both."),
    )

    def __post_init__(self) -> None:
        if self.to == "email" and not self.recipients:
            raise FieldError(
                "", "a notification by e-mail needs 'recipients'.", "Add 'recipients: [you@...]'."
            )
        if self.url and not self.url.startswith(("https://", "http://")):
            raise FieldError("url", "the url is not a web address.", "Begin it with https://.")


@dataclass(frozen=True, slots=True)
class Alert:
    """A message about a run or promotion: a ``title`` of one line, details, and a ``link`` to the run."""

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
        """Return the whole message as text: the title, the lines, the link."""
        more = [f"- {line}" for line in self.lines]
        return "\n".join([self.title, *more, *([self.link] if self.link else [])])
