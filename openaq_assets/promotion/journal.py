"""Who changes the views of an environment, and every state they have been in: numbered objects beside them.

    <root>/<environment>/promotions/000017.claim.json     who is at it, and until when
                                    000017.intent.json    before anything is touched: what was, what is to be
                                    000017.outcome.json   how it ended

Claiming the next number is the lock: it is written only if nobody has it, and only when the one before
has its outcome or its lease is over. A holder looks before each change whether it still holds. A
number with an intent and without an outcome was interrupted: whoever claims next puts back what was.
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
SHORT_LEASE = dt.timedelta(minutes=3)  # a gate makes a few views, and others wait for theirs
GRACE = dt.timedelta(seconds=30)  # clocks of two machines may differ by this
_NAME = re.compile(r"(\d{6,})\.(claim|intent|outcome)\.json", re.ASCII)
Action = Literal["promote", "rollback", "bootstrap"]
State = Literal["claimed", "started", "done", "undone", "refused", "unchanged", "repaired"]
Views = Mapping[str, CreateView]
Clock = Callable[[], dt.datetime]


def this_person() -> str:
    """Who runs this process, and where."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return f"{name}@{socket.gethostname()}"


def this_process() -> str:
    """This process, as others on the same host can look for it."""
    return f"{socket.gethostname()}/{os.getpid()}"


def is_gone(process: str) -> bool:
    """Whether a process was of this host and is no more: what it held need not be waited for."""
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
    """One change of an environment's views: who, when, and every view before and after it.

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
        """The record as JSON that a person can read."""
        body = {one.name: getattr(self, one.name) for one in fields(self)}
        for name in ("before", "after"):
            body[name] = {key: json.loads(to_json(view)) for key, view in body[name].items()}
        return json.dumps(body, ensure_ascii=False, indent=1).encode()

    @classmethod
    def from_bytes(cls, text: bytes) -> "Record":
        """The record JSON says; raises ValueError if it says none."""
        body: dict[str, Any] = json.loads(text)
        known = {one.name for one in fields(cls)}
        body = {
            key: tuple(one) if isinstance(one, list) else one for key, one in body.items() if key in known
        }
        for name in ("before", "after"):
            body[name] = {key: _view(one) for key, one in body.get(name, {}).items()}
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
        """Where a part of a record lies."""
        return self.environment.uri("promotions", f"{number:06d}.{part}.json")

    def parts(self) -> Mapping[int, frozenset[str]]:
        """The parts there are of every number, in order."""
        found: dict[int, frozenset[str]] = {}
        for uri in self.store.list(self.environment.uri("promotions")):
            if name := _NAME.fullmatch(uri.rsplit("/", 1)[1]):
                number = int(name[1])
                found[number] = found.get(number, frozenset()) | {name[2]}
        return dict(sorted(found.items()))

    def read(self, number: int, parts: frozenset[str]) -> Record:
        """The record of a number as far as it came."""
        part = next(one for one in ("outcome", "intent", "claim") if one in parts)
        return Record.from_bytes(self.store.get(self.uri(number, part)))

    def done(self) -> Iterator[Record]:
        """Every change that took effect, newest first."""
        for number, parts in reversed(list(self.parts().items())):
            if "outcome" in parts and (record := self.read(number, parts)).state == "done":
                yield record

    def rows(self) -> list[tuple[object, ...]]:
        """Every record as a line of a table, newest first."""
        found: list[tuple[object, ...]] = []
        for number, parts in reversed(list(self.parts().items())):
            one = self.read(number, parts)
            views = shortened((*one.created, *one.replaced, *one.removed))
            state = one.state if "outcome" in parts else f"{one.state}, not ended"
            what = one.action if one.to is None else f"{one.action} to {one.to}"
            at = one.at[:19].replace("T", " ")
            allowed = ", ".join(one.allowed)
            found.append((number, what, state, at, one.who, views, allowed, one.message[:100]))
        return found

    def promised(self) -> Views:
        """The views as the newest change left them: what readers were told."""
        newest = next(self.done(), None)
        return newest.after if newest else {}

    def unfinished(self) -> list[Record]:
        """What was begun and has no outcome, newest first: it runs, or was interrupted."""
        return [
            self.read(number, parts)
            for number, parts in reversed(list(self.parts().items()))
            if "outcome" not in parts
        ]

    def busy(self) -> Record | None:
        """The change that is going on now, if its lease is not over."""
        for record in self.unfinished():
            claim = Record.from_bytes(self.store.get(self.uri(record.number, "claim")))
            over = self.clock() >= dt.datetime.fromisoformat(claim.until) + GRACE
            if not over and not is_gone(claim.process):
                return replace(record, until=claim.until)
        return None

    @contextmanager
    def claim(self, action: Action, who: str, **more: Any) -> Iterator["Claim"]:
        """The right to change the views, to be ended with an outcome; raises PromotionError if another
        has it. A holder that fails before its intent is told as refused."""
        if busy := self.busy():
            raise PromotionError(busy_text(self.environment.name, busy))
        number = max(self.parts(), default=0) + 1
        now = self.clock()
        until = (now + lease_of(action)).isoformat()
        at, mine = now.isoformat(), this_process()
        record = Record(number, action, who, at, until, process=mine, **more)
        if not self.store.put_new(self.uri(number, "claim"), record.to_bytes()):
            raise PromotionError(f"'{self.environment.name}' is just being changed by another. Try again.")
        claim = Claim(self, record)
        try:
            yield claim
        except BaseException as error:  # also an interruption: others need not wait for the lease
            if claim.record.state == "claimed":
                claim.end("refused", str(error) or type(error).__name__)
            raise


def lease_of(action: Action) -> dt.timedelta:
    """How long a claim lasts unless it is renewed."""
    return SHORT_LEASE if action == "bootstrap" else LEASE


def shortened(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def busy_text(environment: str, record: Record) -> str:
    """Who is at it, and until when others wait."""
    since, until = record.at[:16].replace("T", " "), record.until[:16].replace("T", " ")
    return (
        f"'{environment}' is being changed by {record.who} ({record.action} {record.number}, since "
        f"{since} UTC). Try again when it is done; if it was killed, after {until} UTC."
    )


@dataclass
class Claim:
    """The right to change the views of an environment, for as long as the lease is kept."""

    journal: Journal
    record: Record

    def hold(self) -> None:
        """Make sure, before a change, that the right is still ours; raises LeaseLost if it is not."""
        journal, now = self.journal, self.journal.clock()
        until = dt.datetime.fromisoformat(self.record.until)
        if now >= until or max(journal.parts()) > self.record.number:
            raise LeaseLost(
                f"{self.record.action} {self.record.number} took too long, and lost its turn. "
                "Nothing more is changed; what it left is put back now, or by the next promote or rollback."
            )
        lease = lease_of(self.record.action)
        if now > until - lease / 3:  # no change is begun with less left: one takes seconds
            self.record = replace(self.record, until=(now + lease).isoformat())
            journal.store.put(journal.uri(self.record.number, "claim"), self.record.to_bytes())

    def start(self, before: Views, after: Views, **more: Any) -> None:
        """Say what is going to be done, before it is."""
        self.record = replace(self.record, state="started", before=before, after=after, **more)
        self.journal.store.put_new(self.journal.uri(self.record.number, "intent"), self.record.to_bytes())

    def end(self, state: State, message: str = "", **more: Any) -> Record:
        """Say how it ended; raises LeaseLost if another has ended it."""
        ended = self.journal.clock().isoformat()
        final = replace(self.record, state=state, message=message, ended=ended, **more)
        if not self.journal.store.put_new(self._outcome(self.record.number), final.to_bytes()):
            raise LeaseLost(f"{final.action} {final.number} was ended by another, who put back what was.")
        self.record = final
        return final

    def end_other(self, other: Record, message: str) -> bool:
        """Say that an interrupted change is undone; False if it has ended itself in the meantime."""
        ended = self.journal.clock().isoformat()
        final = replace(other, state="undone", ended=ended, message=message)
        return self.journal.store.put_new(self._outcome(other.number), final.to_bytes())

    def release(self) -> None:
        """Let others claim at once, and put back what this one could not."""
        over = replace(self.record, until=(self.journal.clock() - GRACE).isoformat())
        self.journal.store.put(self.journal.uri(self.record.number, "claim"), over.to_bytes())

    def _outcome(self, number: int) -> str:
        return self.journal.uri(number, "outcome")
