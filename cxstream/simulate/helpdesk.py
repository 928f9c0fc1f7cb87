"""The helpdesk: an event-driven simulation of customers, queues and agents.

Nothing is a script: a ticket waits until an agent of its team is on duty and free, so rushes, nights and
shifts make the waits that the numbers show. The agenda holds what will happen; what happens is written in the
journal; the transport brings it, with faults, to whoever reads :meth:`Helpdesk.deliveries`.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from cxstream.simulate.agenda import Agenda
from cxstream.simulate.chance import EXPONENTIAL, draw
from cxstream.simulate.conversation import Conversation
from cxstream.simulate.faults import Delivery, Transport
from cxstream.simulate.instant import MINUTE
from cxstream.simulate.scenario import CHANNELS
from cxstream.simulate.staff import Desk, Roster
from cxstream.simulate.ticket import VOID, Journal, Ticket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cxstream.simulate.scenario import Scenario
    from cxstream.simulate.ticket import Said

_NUMBERS_PER_MINUTE: Final = 1_000  # of tickets: a run that starts later begins above an earlier one's
_EXPONENTIAL_UNIT: Final = 1_000_000
_TAGS: Final = (
    *(None, None, None, None, None),
    *(["refund"], ["login"], ["invoice", "autumn"], ["delivery"], ["bug", "app"]),
)
_CLOSED_CHANNEL: Final = CHANNELS["web"]
"""Where chats and calls end up while nobody of the team is there: a contact form."""


class Helpdesk:
    """A simulated helpdesk from ``start`` (ms UTC) on; the same arguments give the same bytes."""

    def __init__(self, scenario: Scenario, seed: int, start: int) -> None:
        total = 0.0
        for team in scenario.teams:
            total += team.share
        self._scenario = scenario
        self._start = start
        self._left = scenario.tickets
        self._number = (
            start // MINUTE * _NUMBERS_PER_MINUTE if scenario.first_ticket is None else scenario.first_ticket
        )
        self._agenda = Agenda()
        self._desks = [
            Desk(team, scenario.tickets_per_day * team.share / total, scenario.utilisation, scenario.rush)
            for team in scenario.teams
        ]
        self._roster = Roster(self._desks, scenario.utc_offset)
        # One stream of chance each: other faults leave the helpdesk's history as it is.
        self._arrivals = Random(f"{seed}/arrivals")  # noqa: S311 - a simulation, to be repeated
        talk = Random(f"{seed}/conversations")  # noqa: S311 - see above
        self._journal = Journal(
            scenario.optional_topics,
            scenario.habits.no_event_id,
            Random(f"{seed}/ids"),  # noqa: S311 - see above
        )
        self._conversation = Conversation(self._agenda, self._journal, scenario.habits, self._desks, talk)
        self._transport = Transport(scenario.faults, Random(f"{seed}/faults"))  # noqa: S311 - see above

    @property
    def open_tickets(self) -> int:
        """Tickets not resolved now."""
        return self._conversation.open_tickets

    @property
    def waiting_tickets(self) -> int:
        """Tickets in the queues now."""
        return sum(desk.waiting for desk in self._desks)

    @property
    def known_tickets(self) -> int:
        """Tickets in memory: open, or resolved so recently that something may still happen to them."""
        waiting = (ticket for desk in self._desks for ticket in desk.queued())
        planned = (subject for subject in self._agenda.subjects() if isinstance(subject, Ticket))
        return len({id(ticket) for tickets in (waiting, planned) for ticket in tickets})

    @property
    def agents(self) -> dict[str, int]:
        """Staff per team."""
        return {desk.team.name: len(desk.agents) for desk in self._desks}

    def deliveries(self) -> Iterator[Delivery]:
        """All events in order of ``deliver_at``; endless unless the scenario is bounded. Call it once."""
        return self._transport.carry(self._events())

    def _events(self) -> Iterator[Said]:
        agenda, said = self._agenda, self._journal.said
        end = self._scenario.end(self._start)
        self._roster.open(self._start)
        agenda.plan(self._roster.next(self._start), self._change_shifts, None)
        for desk in self._desks:
            agenda.plan(self._next_arrival(self._start, desk), self._arrive, desk)
        happening = agenda.next
        while len(agenda) > 1 or self.waiting_tickets:
            at, _, act, subject, turn = happening()
            if end is not None and at > end:
                return
            act(at, subject, turn)
            if said:
                yield from said
                said.clear()

    def _change_shifts(self, at: int, _: None, __: int) -> None:
        self._agenda.plan(self._roster.turn(at), self._change_shifts, None)
        for desk in self._desks:
            self._conversation.serve(at, desk)

    def _next_arrival(self, at: int, desk: Desk) -> int:
        amount = draw(EXPONENTIAL, self._arrivals.random()) * desk.gap / _EXPONENTIAL_UNIT
        return desk.team.shape.after(at, int(amount), self._scenario.utc_offset)

    def _arrive(self, at: int, desk: Desk, _: int) -> None:
        """A ticket is opened, and the next one planned."""
        if self._left is not None:
            if self._left <= 0:
                return
            self._left -= 1
        random = self._arrivals.random
        scenario, habits = self._scenario, self._scenario.habits
        self._agenda.plan(self._next_arrival(at, desk), self._arrive, desk)
        self._number += 1
        key = str(self._number)
        channel = desk.channels[int(random() * len(desk.channels))]
        if channel.live and not desk.on_duty:
            channel = _CLOSED_CHANNEL
        priority = desk.priorities[int(random() * len(desk.priorities))]
        loyal = random()
        labels: dict[str, object] = {
            "ticket_id": key,
            "occurred_at": "",
            "event_id": "",
            "source": scenario.source,
            "team": desk.team.name,
            "channel": channel.name,
            "priority": priority,
            "customer_id": f"c{int(loyal * loyal * scenario.customers)}",
            "kind": desk.kinds[int(random() * len(desk.kinds))],
        }
        tags = _TAGS[int(random() * len(_TAGS))]
        if tags is not None:
            labels["tags"] = tags
        ticket = Ticket(key, desk, channel, labels)
        ticket.priority = priority
        value = self._journal.say(at, "ticket-opened", ticket)
        opener = random() - habits.by_agent
        if opener < 0:
            value["opened_by"] = "agent"
        elif opener < habits.by_system:
            value["opened_by"] = "system"
        else:
            ticket.waiting_since = at
            if random() < habits.void:
                ticket.void = VOID[int(random() * len(VOID))]
        self._conversation.new_turns(ticket)
        self._conversation.begin(at, ticket)
