"""The journal of an environment's views: who changes them now, and every state they have been in.

    <root>/<environment>/promotions/000017.claim.json     who changes the views, until when
                                    000017.intent.json    the views before and after, before any change
                                    000017.outcome.json   how the change ended

The claim of the next number is the lock. It is written only if no other process has written it, and only
when the number before has an outcome or its lease is over. The holder checks before each change that it
still has the lock. A number with an intent and without an outcome was interrupted: the next holder puts
the views back as they were before it.
"""

import datetime as dt
import getpass
import json
import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from openaq_assets.errors import LeaseLost, PromotionError
from openaq_assets.graph.environment import Environment
from openaq_assets.graph.operations import CreateView, from_json, to_json
from openaq_assets.platforms import ObjectStore, utc_now

LEASE = dt.timedelta(minutes=15)
SHORT_LEASE = dt.timedelta(minutes=3)  # bootstrap makes a few views while other runs wait
GRACE = dt.timedelta(seconds=30)  # clocks of two machines may differ by this
_NAME = re.compile(r"(\d{6,})\.(claim|intent|outcome)\.json", re.ASCII)
Action = Literal["promote", "rollback", "bootstrap"]
State = Literal["claimed", "started", "done", "undone", "refused", "unchanged", "repaired"]
Views = Mapping[str, CreateView]
Clock = Callable[[], dt.datetime]


def this_person() -> str:
    """Return the user and host of this process: ``user@host``."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return f"{name}@{socket.gethostname()}"


def this_process() -> str:
    """Return the host and id of this process, by which others on the same host can look for it."""
    return f"{socket.gethostname()}/{os.getpid()}"


def is_gone(process: str) -> bool:
    """Return whether a process ran on this host and has ended: nobody needs to wait for what it held."""
    host, _, number = process.rpartition("/")
    if host != socket.gethostname() or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    return False


@dataclass(frozen=True, slots=True)
class Record:
    """One change of an environment's views: who made it, when, and every view before and after it.

    ``to`` is the number a rollback went back to (0: before the first), ``source`` the environment whose
    views were promoted, ``allowed`` the views that were allowed to break.
    """

    number: int
    action: Action
    who: str
    at: str
    until: str
    state: State = "claimed"
    source: str = ""
    allowed: tuple[str, ...] = ()
    to: int | None = None
    before: Views = field(default_factory=dict)
    after: Views = field(default_factory=dict)
    created: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    ended: str = ""
    message: str = ""
    process: str = ""

    def to_bytes(self) -> bytes:
        """Return the record as JSON that a person can read."""
        body = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        for name in ("before", "after"):
            body[name] = {key: json.loads(to_json(view)) for key, view in body[name].items()}
        return json.dumps(body, ensure_ascii=False, indent=1).encode()

    @classmethod
    def from_bytes(cls, text: bytes) -> "Record":
        """Return the record of JSON; raise ValueError if the text is no record."""
        body: dict[str, Any] = json.loads(text)
        known = {entry.name for entry in fields(cls)}
        body = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in body.items()
            if key in known
        }
        for name in ("before", "after"):
            body[name] = {key: _view(view) for key, view in body.get(name, {}).items()}
        return cls(**body)


def _view(body: Any) -> CreateView:
    view = from_json(json.dumps(body))
    if not isinstance(view, CreateView):
        raise ValueError("not a view")
    return view


@dataclass(frozen=True)
class Journal:
    """The changes of one environment's views."""

    store: ObjectStore
    environment: Environment
    clock: Clock = utc_now

    def uri(self, number: int, part: str) -> str:
        """Return the URI of a part of a record: ``claim``, ``intent`` or ``outcome``."""
        return self.environment.uri("promotions", f"{number:06d}.{part}.json")

    def parts(self) -> Mapping[int, frozenset[str]]:
        """Return the parts that exist of every number, in order of numbers."""
        parts: dict[int, frozenset[str]] = {}
        for uri in self.store.list(self.environment.uri("promotions")):
            if name := _NAME.fullmatch(uri.rsplit("/", 1)[1]):
                number = int(name[1])
                parts[number] = parts.get(number, frozenset()) | {name[2]}
        return dict(sorted(parts.items()))

    def read(self, number: int, parts: frozenset[str]) -> Record:
        """Return the record of a number, from the last part that was written."""
        part = next(name for name in ("outcome", "intent", "claim") if name in parts)
        return Record.from_bytes(self.store.get(self.uri(number, part)))

    def done(self) -> Iterator[Record]:
        """Yield every change that took effect, newest first."""
        for number, parts in reversed(list(self.parts().items())):
            if "outcome" in parts and (record := self.read(number, parts)).state == "done":
                yield record

    def rows(self) -> list[tuple[object, ...]]:
        """Return every record as a line of a table, newest first."""
        rows: list[tuple[object, ...]] = []
        for number, parts in reversed(list(self.parts().items())):
            record = self.read(number, parts)
            views = shortened((*record.created, *record.replaced, *record.removed))
            state = record.state if "outcome" in parts else f"{record.state}, not ended"
            what = record.action if record.to is None else f"{record.action} to {record.to}"
            at = record.at[:19].replace("T", " ")
            allowed = ", ".join(record.allowed)
            rows.append((number, what, state, at, record.who, views, allowed, record.message[:100]))
        return rows

    def published(self) -> Views:
        """Return the views as the newest change left them, which is how readers know them."""
        newest = next(self.done(), None)
        return newest.after if newest else {}

    def unfinished(self) -> list[Record]:
        """Return the changes without an outcome, newest first: they are going on, or were interrupted."""
        return [
            self.read(number, parts)
            for number, parts in reversed(list(self.parts().items()))
            if "outcome" not in parts
        ]

    def busy(self) -> Record | None:
        """Return the change that is going on now, whose lease is not over; None if there is none."""
        for record in self.unfinished():
            claim = Record.from_bytes(self.store.get(self.uri(record.number, "claim")))
            over = self.clock() >= dt.datetime.fromisoformat(claim.until) + GRACE
            if not over and not is_gone(claim.process):
                return replace(record, until=claim.until)
        return None

    @contextmanager
    def claim(self, action: Action, who: str, **more: Any) -> Iterator["Claim"]:
        """Yield the right to change the views, which the holder ends with an outcome.

        Raises PromotionError if another has the right. A holder that fails before it writes its intent
        is recorded as refused.
        """
        if busy := self.busy():
            raise PromotionError(busy_text(self.environment.name, busy))
        number = max(self.parts(), default=0) + 1
        now = self.clock()
        until = (now + lease_of(action)).isoformat()
        record = Record(number, action, who, now.isoformat(), until, process=this_process(), **more)
        if not self.store.put_new(self.uri(number, "claim"), record.to_bytes()):
            raise PromotionError(
                f"environment '{self.environment.name}' is being changed by another process. Try again."
            )
        claim = Claim(self, record)
        try:
            yield claim
        except BaseException as error:  # also an interruption: others need not wait for the lease
            if claim.record.state == "claimed":
                claim.end("refused", str(error) or type(error).__name__)
            raise


def lease_of(action: Action) -> dt.timedelta:
    """Return how long a claim lasts unless it is renewed."""
    return SHORT_LEASE if action == "bootstrap" else LEASE


def shortened(names: Sequence[str]) -> str:
    """Return the first three names, and how many more there are, as text."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def busy_text(environment: str, record: Record) -> str:
    """Return the message that another changes the views, and until when it may take."""
    since, until = record.at[:16].replace("T", " "), record.until[:16].replace("T", " ")
    return (
        f"environment '{environment}' is being changed by {record.who} ({record.action} {record.number}, "
        f"since {since} UTC). Try again when it has finished; if it was killed, try again after {until} UTC."
    )


@dataclass
class Claim:
    """The right to change the views of an environment, for as long as the lease is kept."""

    journal: Journal
    record: Record

    def hold(self) -> None:
        """Raise LeaseLost if another has the right by now; renew the lease if it ends soon."""
        journal, now = self.journal, self.journal.clock()
        until = dt.datetime.fromisoformat(self.record.until)
        if now >= until or max(journal.parts()) > self.record.number:
            raise LeaseLost(
                f"{self.record.action} {self.record.number} took too long and lost its lock. "
                "It changes nothing more; its unfinished changes are undone now, or by the next promote "
                "or rollback."
            )
        lease = lease_of(self.record.action)
        if now > until - lease / 3:  # no change begins with less time left; one change takes seconds
            self.record = replace(self.record, until=(now + lease).isoformat())
            journal.store.put(journal.uri(self.record.number, "claim"), self.record.to_bytes())

    def start(self, before: Views, after: Views, **more: Any) -> None:
        """Write the intent: the views before and after the change, before anything is changed."""
        self.record = replace(self.record, state="started", before=before, after=after, **more)
        self.journal.store.put_new(self.journal.uri(self.record.number, "intent"), self.record.to_bytes())

    def end(self, state: State, message: str = "", **more: Any) -> Record:
        """Write the outcome and return the record; raise LeaseLost if another has written it."""
        ended = self.journal.clock().isoformat()
        final = replace(self.record, state=state, message=message, ended=ended, **more)
        if not self.journal.store.put_new(self._outcome(self.record.number), final.to_bytes()):
            raise LeaseLost(
                f"{final.action} {final.number} was ended by another process, which undid its changes."
            )
        self.record = final
        return final

    def end_other(self, other: Record, message: str) -> bool:
        """Write that an interrupted change is undone; return False if it has ended by itself meanwhile."""
        ended = self.journal.clock().isoformat()
        final = replace(other, state="undone", ended=ended, message=message)
        return self.journal.store.put_new(self._outcome(other.number), final.to_bytes())

    def release(self) -> None:
        """End the lease, so that the next claim can put back at once what this one could not."""
        over = replace(self.record, until=(self.journal.clock() - GRACE).isoformat())
        self.journal.store.put(self.journal.uri(self.record.number, "claim"), over.to_bytes())

    def _outcome(self, number: int) -> str:
        return self.journal.uri(number, "outcome")
