"""Staff: agents, their shifts, and the desks (a team's queue and people) at which work meets them."""

from __future__ import annotations

from heapq import heappop, heappush
from math import ceil
from typing import TYPE_CHECKING, Final

from cxstream.simulate.chance import Table, choice, lognormal, mean
from cxstream.simulate.instant import HOUR, MINUTE, WEEK
from cxstream.simulate.scenario import CHANNELS, PATIENCE_OF_PRIORITY, PRIORITIES, Channel, Survey, Team
from cxstream.simulate.shape import HOURS, week_position

if TYPE_CHECKING:
    from cxstream.simulate.ticket import Ticket

SLOT: Final = 15 * MINUTE
"""Shifts begin and end on the quarter of an hour."""
SLOTS: Final = WEEK // SLOT

_SHIFT: Final = 8  # hours
_DAYS: Final = 5  # of a working week, in a row
_PATTERNS: Final = 48  # different shifts of a team; more agents repeat them
_SPREAD: Final = 0.7  # sigma of handling times: the longest in ten is 2.5 times the median
_WHOLE: Final = 1_000  # one agent, in the thousandths in which demand is counted
_TURNS_PER_PLAN: Final = 0.9  # turns worked per turn planned: customers who never answer outnumber reopenings


class Agent:
    """A person: works on one thing at a time, and takes no new work after the shift."""

    __slots__ = ("busy", "desk", "idle", "name", "on_duty")

    def __init__(self, name: str, desk: Desk) -> None:
        self.name = name
        self.desk = desk
        self.on_duty = False
        self.busy = False
        self.idle = False
        """Stands in the desk's list of idle agents."""


class Desk:
    """A team at work. The queue is ordered by arrival + allowance, so that nothing waits forever."""

    __slots__ = (
        "_count",
        "_idle",
        "_queue",
        "agents",
        "allowances",
        "channels",
        "gap",
        "handling",
        "kinds",
        "on_duty",
        "priorities",
        "surveys",
        "team",
        "turns",
        "waiting",
    )

    def __init__(self, team: Team, tickets_per_day: float, utilisation: float, rush: float) -> None:
        self.team = team
        self.gap = 24 * HOUR / (tickets_per_day * rush)
        """Mean time in ms between two arrivals."""
        self.channels: tuple[Channel, ...] = choice([(CHANNELS[name], w) for name, w in team.channels])
        self.priorities: tuple[str, ...] = choice(
            [pair for pair in zip(PRIORITIES, team.priorities, strict=True) if pair[1]]
        )
        self.kinds: tuple[str, ...] = choice(team.kinds)
        self.turns: tuple[int, ...] = choice([(i, w) for i, w in enumerate(team.turns, start=1)])
        self.surveys: tuple[Survey, ...] = team.surveys
        self.handling: dict[str, Table] = {
            name: lognormal(round(channel.handling * team.difficulty), _SPREAD)
            for name, channel in CHANNELS.items()
        }
        self.allowances: dict[tuple[str, str], int] = {
            (name, priority): int(channel.allowance * factor)
            for name, channel in CHANNELS.items()
            for priority, factor in PATIENCE_OF_PRIORITY.items()
        }
        self.agents = [
            Agent(f"{team.name}-{i + 1}", self) for i in range(self._staff(tickets_per_day, utilisation))
        ]
        self.on_duty = 0
        self.waiting = 0
        """Tickets in the queue."""
        self._idle: list[Agent] = []
        self._queue: list[tuple[int, int, int, Ticket]] = []
        self._count = 0

    def _staff(self, tickets_per_day: float, utilisation: float) -> int:
        """The agents that the expected work of a week needs; at least two."""
        if self.team.staff is not None:
            return self.team.staff
        turn = sum(mean(self.handling[channel.name]) for channel in self.channels) / len(self.channels)
        turns = _TURNS_PER_PLAN * sum(self.turns) / len(self.turns)
        hours = 7 * tickets_per_day * turns * turn / HOUR
        return max(2, ceil(hours / (_SHIFT * _DAYS * utilisation)))

    def put(self, at: int, ticket: Ticket, *, known: bool) -> None:
        """Queue ``ticket``; a conversation that is already going on (``known``) waits a quarter as long."""
        self._count += 1
        allowance = self.allowances[ticket.channel.name, ticket.priority]
        key = at + (allowance >> 2 if known else allowance)
        heappush(self._queue, (key, self._count, ticket.turn, ticket))
        self.waiting += 1

    def take(self) -> Ticket | None:
        """The next ticket of the queue that is still waiting."""
        queue = self._queue
        while queue:
            _, _, turn, ticket = heappop(queue)
            if ticket.turn == turn:
                self.waiting -= 1
                return ticket
        return None

    def queued(self) -> list[Ticket]:
        """The tickets of the queue, in no particular order, with some that have left it already."""
        return [entry[3] for entry in self._queue]

    def idler(self) -> Agent | None:
        """An agent who is on duty and has nothing to do, now taken for work."""
        idle = self._idle
        while idle:
            agent = idle.pop()
            agent.idle = False
            if agent.on_duty:
                return agent
        return None

    def rest(self, agent: Agent) -> None:
        """``agent`` has nothing to do; off duty, they go home."""
        if agent.on_duty and not agent.idle:
            agent.idle = True
            self._idle.append(agent)


class Roster:
    """Who comes and goes at each quarter of an hour of the week."""

    __slots__ = ("_comes", "_desks", "_goes", "_offset")

    def __init__(self, desks: list[Desk], offset: int) -> None:
        self._comes: list[list[Agent]] = [[] for _ in range(SLOTS)]
        self._goes: list[list[Agent]] = [[] for _ in range(SLOTS)]
        self._offset = offset
        self._desks = desks
        per_hour = SLOTS // HOURS
        for desk in desks:
            shifts = _shifts(desk.team.shape.weights, min(_PATTERNS, len(desk.agents)))
            for i, agent in enumerate(desk.agents):
                for first in shifts[i % len(shifts)]:
                    begin = first * per_hour + i % per_hour
                    self._comes[begin % SLOTS].append(agent)
                    self._goes[(begin + _SHIFT * per_hour) % SLOTS].append(agent)

    def open(self, at: int) -> None:
        """Put on duty who is in the middle of a shift at ``at`` (ms)."""
        slot = week_position(at, self._offset) // SLOT
        for back in range(_SHIFT * SLOTS // HOURS - 1, -1, -1):
            self._come(self._comes[(slot - back) % SLOTS])

    def turn(self, at: int) -> int:
        """Change shifts at ``at`` (ms); the next change."""
        slot = week_position(at, self._offset) // SLOT
        for agent in self._goes[slot]:
            if agent.on_duty:
                agent.on_duty = False
                agent.desk.on_duty -= 1
        self._come(self._comes[slot])
        return self.next(at)

    def next(self, at: int) -> int:
        """The first quarter of an hour after ``at`` (ms)."""
        return at + SLOT - week_position(at, self._offset) % SLOT

    @staticmethod
    def _come(agents: list[Agent]) -> None:
        for agent in agents:
            if not agent.on_duty:
                agent.on_duty = True
                agent.desk.on_duty += 1
                if not agent.busy:
                    agent.desk.rest(agent)


def _shifts(weights: tuple[float, ...], number: int) -> list[tuple[int, ...]]:
    """``number`` working weeks that together follow ``weights``: each as the hours of the week it begins at.

    Greedy: one after the other takes the start and the days on which most of the demand is uncovered.
    """
    scale = _WHOLE * number * _SHIFT * _DAYS / HOURS
    demand = [int(weight * scale) for weight in weights]
    weeks: list[tuple[int, ...]] = []
    for _ in range(number):
        open_ = [min(max(people, 0), _WHOLE) for people in demand]
        day = [sum(open_[(h + i) % HOURS] for i in range(_SHIFT)) for h in range(HOURS)]
        week = [sum(day[(h + 24 * i) % HOURS] for i in range(_DAYS)) for h in range(HOURS)]
        best = week.index(max(week))
        starts = tuple((best + 24 * i) % HOURS for i in range(_DAYS))
        weeks.append(starts)
        for start in starts:
            for i in range(_SHIFT):
                demand[(start + i) % HOURS] -= _WHOLE
    return weeks
