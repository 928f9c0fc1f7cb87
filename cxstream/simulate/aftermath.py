"""Aftermaths: what may still happen to a ticket once it has been resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxstream.simulate.chance import draw, lognormal
from cxstream.simulate.instant import HOUR, MINUTE

if TYPE_CHECKING:
    from random import Random

    from cxstream.simulate.agenda import Agenda
    from cxstream.simulate.conversation import Conversation
    from cxstream.simulate.scenario import Habits, Survey
    from cxstream.simulate.ticket import Journal, Ticket

_COMES_BACK: Final = lognormal(20 * HOUR, 1.0)
_MISTAKE_SEEN: Final = lognormal(5 * HOUR, 0.8)  # until someone misses what was thrown away
_CONFIRMATION: Final = lognormal(84 * HOUR, 0.05)  # a closing rule after about three and a half days
_THANKS: Final = lognormal(30 * MINUTE, 1.2)
_SURVEY: Final = lognormal(3 * HOUR, 1.2)
_SECOND_THOUGHT: Final = lognormal(6 * HOUR, 1.0)
_SCALES: Final = {"csat": (1, 5), "nps": (0, 10), "ces": (1, 7)}

_CONTENT: Final = 0.97  # satisfaction without any wait, 1 being the best
_WAITING_COSTS: Final = 0.65  # at most
_REOPENING_COSTS: Final = 0.12
_MOOD: Final = 0.3  # either way


class Aftermath:
    """Confirmations, surveys, thanks, and the ways back."""

    def __init__(
        self, conversation: Conversation, agenda: Agenda, journal: Journal, habits: Habits, random: Random
    ) -> None:
        self._conversation = conversation
        self._plan = agenda.plan
        self._journal = journal
        self._habits = habits
        self._random = random.random

    def plan(self, at: int, ticket: Ticket, outcome: str) -> None:
        """Decide what follows a resolution with this ``outcome`` at ``at`` (ms)."""
        random, habits, turn = self._random, self._habits, ticket.turn
        fate = random()
        if outcome not in {"solved", "no_response", "abandoned"}:
            if fate < habits.void_reopened:
                self._plan(at + draw(_MISTAKE_SEEN, random()), self._reopens, ticket, turn)
            return
        fate -= habits.reopened
        if fate < 0:
            self._plan(at + draw(_COMES_BACK, random()), self._reopens, ticket, turn)
        elif fate < habits.implied:
            self._plan(at + draw(_COMES_BACK, random()), self._goes_on, ticket, turn)
        elif fate < habits.implied + habits.thanks:
            self._plan(at + draw(_THANKS, random()), self._thanks, ticket, turn)
        if random() < habits.confirmed:
            self._plan(at + draw(_CONFIRMATION, random()), self._confirm, ticket, turn)
        if outcome == "solved":
            fate = random()
            for number, survey in enumerate(ticket.desk.surveys):
                fate -= survey.share
                if fate < 0:
                    self._plan(at + draw(_SURVEY, random()), self._answers, ticket, number)
                    break

    def _confirm(self, at: int, ticket: Ticket, turn: int) -> None:
        if ticket.turn != turn:
            return
        self._journal.say(at, "ticket-resolved", ticket)["automatic"] = True
        if self._random() < 0.2:
            self._journal.update(at, ticket, "status", "closed")

    def _thanks(self, at: int, ticket: Ticket, turn: int) -> None:
        if ticket.turn == turn:
            self._journal.message(at, ticket)

    def _reopens(self, at: int, ticket: Ticket, turn: int) -> None:
        if ticket.turn != turn:
            return
        value = self._journal.say(at, "ticket-opened", ticket)
        ticket.resolved = False
        ticket.reopenings += 1
        self._conversation.open_tickets += 1
        if self._random() < 0.15:
            value["opened_by"] = "agent"
        elif ticket.waiting_since is None:
            ticket.waiting_since = at
        self._conversation.new_turns(ticket)
        self._conversation.queue(at, ticket, known=True)

    def _goes_on(self, at: int, ticket: Ticket, turn: int) -> None:
        """The customer writes, an agent answers and resolves again: nobody opened the ticket."""
        if ticket.turn != turn:
            return
        self._journal.message(at, ticket)
        ticket.turns_left = 1
        self._conversation.queue(at, ticket, known=True)

    def _answers(self, at: int, ticket: Ticket, number: int) -> None:
        random = self._random
        survey = ticket.desk.surveys[number % len(ticket.desk.surveys)]
        self._answer(at, ticket, survey)
        if random() < self._habits.answered_again:
            self._plan(at + draw(_SECOND_THOUGHT, random()), self._answers_again, ticket, number)

    def _answers_again(self, at: int, ticket: Ticket, number: int) -> None:
        self._answer(at, ticket, ticket.desk.surveys[number % len(ticket.desk.surveys)])

    def _answer(self, at: int, ticket: Ticket, survey: Survey) -> None:
        random = self._random
        waited = ticket.waited
        content = _CONTENT - _WAITING_COSTS * waited / (waited + ticket.channel.tolerance)
        content += _MOOD * (random() + random() - 1.0) - _REOPENING_COSTS * ticket.reopenings
        content = min(max(content, 0.0), 1.0)
        if not survey.higher_is_better:
            content = 1.0 - content
        low, high = survey.scale or _SCALES[survey.survey]
        value = self._journal.say(at, "survey-answered", ticket)
        value["survey"] = survey.survey
        value["score"] = low + int(content * (high - low) + random() * 0.999)
        if survey.scale is not None:
            value["survey_id"] = f"{survey.survey}-{ticket.key}"
            value["scale_min"] = low
            value["scale_max"] = high
        if not survey.higher_is_better:
            value["higher_is_better"] = False
