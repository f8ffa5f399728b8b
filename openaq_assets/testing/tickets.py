"""The laws of submit, poll and cancel."""

import dataclasses
import json
from dataclasses import dataclass, replace

from openaq_assets.graph.environment import bind
from openaq_assets.graph.operations import Operation, Query, Ref
from openaq_assets.graph.records import Facts
from openaq_assets.platforms import Ticket
from openaq_assets.testing.lake import Lake
from openaq_assets.testing.laws import EVENS, NUMBERS, Laws, check, failed, view


@dataclass(frozen=True)
class Unheard:
    """An operation that no platform can carry out."""

    into: Ref


def ticket_of(text: str) -> Ticket:
    """Return the ticket of a line of JSON, as a run reads that of an earlier attempt."""
    body = json.loads(text)
    facts = {key: Facts.of(value) for key, value in body.pop("facts").items()}
    return Ticket(**body, facts=facts)


class TicketLaws(Laws):
    """The laws of the tickets of all operations."""

    def test_an_operation_nobody_knows(self, lake: Lake) -> None:
        """An operation of an unknown type fails with its name; an object that is no operation fails, too."""
        failed(lake.do(Unheard(Ref("a", "export"))), "cannot carry out 'Unheard'")
        failed(lake.platform.submit(object()))  # type: ignore[arg-type]  # wrong on purpose

    def test_a_failure_is_a_ticket(self, lake: Lake) -> None:
        """An operation that cannot be carried out gives a failed ticket with one line, never an exception."""
        for operation in (
            check("SELECT n FROM numbers"),
            Query("q", "SELECT (", ()),
            Query("q", "", ()),
            view(),
            view(sql="no SQL at all"),
        ):
            failed(lake.do(operation))

    def test_an_operation_without_a_location(self, numbers: Lake) -> None:
        """An operation that was never bound fails with one line."""
        unbound: Operation = replace(view(), into=Ref("evens", "view"), inputs=(NUMBERS,))
        failed(numbers.platform.submit(unbound))

    def test_a_ticket_that_is_over(self, numbers: Lake) -> None:
        """Polling a finished ticket returns it unchanged, and cancelling it changes nothing."""
        for ticket in (numbers.good(view()), numbers.do(view(sql="SELECT nope FROM numbers"))):
            numbers.platform.cancel(ticket)
            assert numbers.platform.poll(ticket) == ticket
        assert numbers.ask("SELECT n FROM evens", EVENS) == [(2,)]

    def test_a_ticket_is_json(self, numbers: Lake) -> None:
        """A ticket is the same after JSON, so that another process can poll it."""
        for operation in (view(), check("SELECT n FROM numbers"), Query("q", "SELECT", ())):
            ticket = numbers.platform.submit(bind(operation, numbers.home))
            copy = ticket_of(json.dumps(dataclasses.asdict(ticket)))
            assert copy == ticket
            assert numbers.platform.poll(copy).state in ("running", "succeeded", "failed")

    def test_each_operation_has_its_ticket(self, numbers: Lake) -> None:
        """The same operation submitted twice gives two tickets, and both succeed."""
        first, second = (numbers.good(view()) for _ in range(2))
        assert first.id != second.id
