"""Conversations: what happens between a ticket's opening and its resolution, one act after the other.

An act is a method ``(at, ticket, turn)`` that the agenda calls at its instant. ``turn`` is the ticket's turn
when the act was planned: a ticket that has moved on ignores it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxstream.simulate.aftermath import Aftermath
from cxstream.simulate.chance import draw, lognormal
from cxstream.simulate.instant import DAY, HOUR, MINUTE, SECOND, rfc3339
from cxstream.simulate.scenario import CHANNELS

if TYPE_CHECKING:
    from random import Random

    from cxstream.simulate.agenda import Agenda
    from cxstream.simulate.scenario import Habits
    from cxstream.simulate.staff import Agent, Desk
    from cxstream.simulate.ticket import Journal, Ticket

_ANSWERING: Final = {name: lognormal(channel.answering, 1.1) for name, channel in CHANNELS.items()}
_PATIENCE: Final = {
    name: lognormal(channel.patience, 0.6)
    for name, channel in CHANNELS.items()
    if channel.patience is not None
}
_GREETING: Final = lognormal(9 * SECOND, 0.6)  # from taking a call or chat to the first word
_TRIAGE: Final = lognormal(70 * SECOND, 0.7)  # to see that a ticket is another team's, or nobody's
_BOT_WRITES: Final = lognormal(3 * SECOND, 0.5)
_BOT_TALKS: Final = lognormal(100 * SECOND, 0.8)
_THIRD_PARTY: Final = lognormal(9 * HOUR, 0.8)
_SILENCE: Final = lognormal(4 * DAY, 0.1)  # of a customer, until the system closes the ticket
_SILENCE_LIVE: Final = lognormal(20 * MINUTE, 0.2)  # the same in a chat or call


class Conversation:
    """The open life of tickets, at the desks of a helpdesk."""

    def __init__(
        self, agenda: Agenda, journal: Journal, habits: Habits, desks: list[Desk], random: Random
    ) -> None:
        self.open_tickets = 0
        """Tickets that are not resolved now."""
        self._plan = agenda.plan
        self._journal = journal
        self._habits = habits
        self._desks = desks
        self._random = random.random
        self._after = Aftermath(self, agenda, journal, habits, random)

    def begin(self, at: int, ticket: Ticket) -> None:
        """The ticket has just been opened."""
        random, habits = self._random, self._habits
        self.open_tickets += 1
        if random() < habits.receipt:
            self._plan(at + draw(_BOT_WRITES, random()), self._receipt, ticket, ticket.turn)
        if ticket.waiting_since is not None and ticket.void is None and random() < ticket.channel.bots:
            self._plan(at + draw(_BOT_WRITES, random()), self._bot_answers, ticket, ticket.turn)
        else:
            self.queue(at, ticket)

    def queue(self, at: int, ticket: Ticket, *, known: bool = False) -> None:
        """The ticket waits for an agent; ``known``: as part of a conversation that is going on."""
        ticket.turn = turn = ticket.turn + 1
        ticket.queued_at = at
        desk = ticket.desk
        desk.put(at, ticket, known=known)
        patience = _PATIENCE.get(ticket.channel.name)
        if patience is not None and ticket.waiting_since is not None and not ticket.resolved:
            self._plan(at + draw(patience, self._random()), self._lose_patience, ticket, turn)
        self.serve(at, desk)

    def serve(self, at: int, desk: Desk) -> None:
        """Bring together whoever waits at ``desk`` and whoever is idle there."""
        while desk.waiting:
            agent = desk.idler()
            if agent is None:
                return
            ticket = desk.take()
            if ticket is None:
                desk.rest(agent)
                return
            self._take(at, ticket, agent)

    def resolve(self, at: int, ticket: Ticket, outcome: str = "solved", *, automatic: bool = False) -> None:
        """Resolve the ticket, for the first time or again."""
        value = self._journal.say(at, "ticket-resolved", ticket)
        if automatic:
            value["automatic"] = True
        if outcome != "solved":
            value["outcome"] = outcome
        ticket.turn += 1
        ticket.waiting_since = None
        ticket.asked = False
        if not ticket.resolved:
            ticket.resolved = True
            self.open_tickets -= 1
        self._after.plan(at, ticket, outcome)

    def new_turns(self, ticket: Ticket) -> None:
        """Draw how many turns of an agent the ticket needs from here."""
        turns = ticket.desk.turns
        ticket.turns_left = turns[int(self._random() * len(turns))]

    # -- bots and receipts

    def _receipt(self, at: int, ticket: Ticket, turn: int) -> None:
        if ticket.turn <= turn + 1:
            self._journal.say(at, "agent-replied", ticket)["author"] = "system"

    def _bot_answers(self, at: int, ticket: Ticket, turn: int) -> None:
        random = self._random
        self._journal.say(at, "agent-replied", ticket)["author"] = "bot"
        talk = draw(_BOT_TALKS, random())
        if random() < 0.6:
            self._plan(at + talk // 2, self._writes_on, ticket, turn)
        self._plan(at + talk, self._bot_ends, ticket, turn)

    def _bot_ends(self, at: int, ticket: Ticket, _: int) -> None:
        random, habits, journal = self._random, self._habits, self._journal
        if random() < habits.bot_solves:
            self.resolve(at, ticket, automatic=True)
            return
        on_opened = random() < habits.hand_off_on_opened
        if on_opened or not journal.tells_updates:
            value = journal.say(at, "ticket-opened", ticket)
            value["human_since"] = rfc3339(at)
        else:
            journal.update(at, ticket, "human_since", rfc3339(at))
        if not ticket.asked:
            ticket.waiting_since = at
        self.queue(at, ticket)

    # -- the customer

    def _writes_on(self, at: int, ticket: Ticket, turn: int) -> None:
        if ticket.turn == turn:
            self._journal.message(at, ticket)

    def _answers(self, at: int, ticket: Ticket, turn: int) -> None:
        if ticket.turn != turn:
            return
        random = self._random
        self._journal.update(at, ticket, "status", "open")
        self._journal.message(at, ticket)
        self.queue(at, ticket, known=True)
        if random() < self._habits.nudge:
            later = at + draw(_ANSWERING[ticket.channel.name], random())
            self._plan(later, self._writes_on, ticket, turn + 1)

    def _lose_patience(self, at: int, ticket: Ticket, turn: int) -> None:
        if ticket.turn == turn:
            ticket.desk.waiting -= 1
            ticket.waited += at - ticket.queued_at
            self.resolve(at, ticket, "abandoned")

    def _falls_silent(self, at: int, ticket: Ticket, turn: int) -> None:
        if ticket.turn == turn:
            self.resolve(at, ticket, "no_response", automatic=True)

    # -- the agent

    def _take(self, at: int, ticket: Ticket, agent: Agent) -> None:
        random, habits, journal, plan = self._random, self._habits, self._journal, self._plan
        ticket.turn = turn = ticket.turn + 1
        ticket.waited += at - ticket.queued_at
        ticket.agent = agent
        ticket.labels["agent_id"] = agent.name
        agent.busy = True
        if ticket.void is not None:
            plan(at + draw(_TRIAGE, random()), self._throw_away, ticket, turn)
            return
        channel = ticket.channel
        end = at + draw(ticket.desk.handling[channel.name], random())
        fate = random() - habits.reassigned
        if fate < 0:
            plan(at + draw(_TRIAGE, random()), self._pass_on, ticket, turn)
            return
        fate -= habits.reprioritised
        if fate < 0:
            self._reprioritise(at, ticket)
        elif fate < habits.note:
            plan((at + end) >> 1, self._note, ticket, turn)
        if channel.live:
            plan(min(end, at + draw(_GREETING, random())), self._greet, ticket, turn)
        elif random() < 0.1:
            journal.update(at, ticket, "status", "open")
        plan(end, self._finish, ticket, turn)

    def _reply(self, at: int, ticket: Ticket) -> None:
        value = self._journal.say(at, "agent-replied", ticket)
        since = ticket.waiting_since
        named = self._random() < self._habits.waiting_since
        if since is not None and (named or (ticket.asked and not self._journal.tells_messages)):
            value["waiting_since"] = rfc3339(since)
        ticket.waiting_since = None
        ticket.asked = False

    def _greet(self, at: int, ticket: Ticket, turn: int) -> None:
        if ticket.turn == turn:
            self._reply(at, ticket)

    def _note(self, at: int, ticket: Ticket, turn: int) -> None:
        if ticket.turn == turn:
            self._journal.say(at, "agent-replied", ticket)["public"] = False

    def _reprioritise(self, at: int, ticket: Ticket) -> None:
        random = self._random
        if random() < 0.2:
            ticket.priority = ticket.labels["priority"] = "urgent"
            self._journal.say(at, "ticket-opened", ticket)["escalated_at"] = rfc3339(at)
            return
        priorities = ticket.desk.priorities
        ticket.priority = priorities[int(random() * len(priorities))]
        ticket.labels["priority"] = ticket.priority
        self._journal.update(at, ticket)

    def _pass_on(self, at: int, ticket: Ticket, _: int) -> None:
        """To another team; whoever had it is free for the next."""
        desks = self._desks
        agent, here = ticket.agent, ticket.desk
        there = desks[(desks.index(here) + 1 + int(self._random() * (len(desks) - 1))) % len(desks)]
        ticket.desk = there
        ticket.labels["team"] = there.team.name
        self._journal.update(at, ticket)
        self.queue(at, ticket)
        self._free(at, agent)

    def _throw_away(self, at: int, ticket: Ticket, _: int) -> None:
        outcome, ticket.void = ticket.void, None
        self.resolve(at, ticket, outcome or "deleted")
        self._free(at, ticket.agent)

    def _finish(self, at: int, ticket: Ticket, _: int) -> None:
        """The end of an agent's turn: an answer, and either the end or the next step of the conversation."""
        random, habits, channel = self._random, self._habits, ticket.channel
        ticket.turns_left = left = ticket.turns_left - 1
        if not channel.live and (left > 0 or random() >= habits.silent_solution):
            self._reply(at, ticket)
        if left <= 0 or ticket.resolved:
            self.resolve(at, ticket)
        else:
            ticket.turn = turn = ticket.turn + 1
            fate = random() - habits.on_hold
            if fate < 0:
                self._journal.update(at, ticket, "status", "on_hold")
                self._plan(at + draw(_THIRD_PARTY, random()), self._resume, ticket, turn)
            else:
                self._journal.update(at, ticket, "status", "pending")
                if fate < habits.no_answer:
                    silence = _SILENCE_LIVE if channel.live else _SILENCE
                    self._plan(at + draw(silence, random()), self._falls_silent, ticket, turn)
                else:
                    later = at + draw(_ANSWERING[channel.name], random())
                    self._plan(later, self._answers, ticket, turn)
        self._free(at, ticket.agent)

    def _resume(self, at: int, ticket: Ticket, turn: int) -> None:
        if ticket.turn == turn:
            self._journal.update(at, ticket, "status", "open")
            self.queue(at, ticket, known=True)

    def _free(self, at: int, agent: Agent | None) -> None:
        if agent is None:
            return
        agent.busy = False
        desk = agent.desk
        desk.rest(agent)
        self.serve(at, desk)
