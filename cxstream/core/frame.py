"""A frame: what holds for a whole ticket while its events are folded."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from cxstream.core.event import VOID_OUTCOMES, AgentReplied, AnyEvent, Opened, Resolved, Updated

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cxstream.core.policy import PolicyHistory

NONE: Final = "none"
"""The label value of what is not known."""

Labels = tuple[str, ...]
"""Label values in the order of :data:`cxstream.core.rules.LABELS`: team, channel, priority, source, kind."""

Order = tuple[int, int, str]

Place = tuple[int, int, Order]
"""Where an event stands in the ticket's order: in the order kept, but for what is dated before the opening."""

_UNKNOWN: Final[tuple[str | None, ...]] = (None, None, None, None)
_UNLABELLED: Final[Labels] = (NONE, NONE, NONE, NONE, NONE)
_MOST_SHARED: Final = 50_000
_MOST_TAGS: Final = 10_000  # sets of tags remembered

_shared: Final[dict[Labels, Labels]] = {}


def share(labels: Labels) -> Labels:
    """These labels as the one object that all tickets share: memory is paid once, and comparing is quick."""
    found = _shared.get(labels)
    if found is None:
        if len(_shared) >= _MOST_SHARED:
            _shared.clear()
        found = _shared[labels] = labels
    return found


@lru_cache(maxsize=_MOST_TAGS)
def sorted_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Tags sorted, each once; the same object for the same ones."""
    return tuple(sorted(set(tags)))


def order(event: AnyEvent) -> Order:
    """The order in which events are kept: by time, then topic, then id."""
    return (event.at, event.rank, event.event_id)


class Frame:
    """The opening, the hand-offs, and per label the earliest value known."""

    __slots__ = (
        "_firsts", "answered", "earliest", "handoffs", "labels", "opening", "policies", "skew", "source", "tags"
    )  # fmt: skip

    def __init__(self, source: str, skew: int, policies: PolicyHistory | None = None) -> None:
        self.source = source
        self.skew = skew
        """How long before the opening an event may be dated and still belong to it, in ms."""
        self.policies = policies
        """The SLA policies; without any, no clocks are kept."""
        self.opening: Opened | None = None
        """The earliest ``ticket-opened``; without one, only surveys count."""
        self.handoffs: tuple[int, ...] = ()
        """Distinct instants since when a human has been responsible, sorted."""
        self.earliest: tuple[str | None, ...] = _UNKNOWN
        """The earliest known team, channel, priority and kind."""
        self.labels: Labels = _UNLABELLED
        """The labels before any is in force: the earliest known."""
        self.tags: tuple[str, ...] = ()
        """The earliest tags known, sorted; only if they decide what is promised."""
        self.answered: int | None = None
        """When the first reply was made, or made needless, ms; only with policies, and if a hand-off can depend on
        it."""
        self._firsts: list[Place | None] | None = None
        """The places of those, found out when an event comes out of order."""

    def since(self, start: int, reply: int) -> int:
        """``start``, or the last hand-off not after ``reply`` if that is later."""
        if self.handoffs:
            index = bisect_right(self.handoffs, reply)
            if index:
                return max(start, self.handoffs[index - 1])
        return start

    @property
    def _tagged(self) -> bool:
        return self.policies is not None and self.policies.tagged

    @property
    def asked(self) -> int:
        """From when on the first reply is awaited: the last hand-off not after it, else the opening; ms."""
        start = 0 if self.opening is None else self.opening.at
        if not self.handoffs:
            return start
        return self.since(start, self.handoffs[-1] if self.answered is None else self.answered)

    def follows(self, event: AnyEvent, reply: int | None) -> bool:
        """Take what an event that comes last says of the whole ticket; whether that changes what is there.

        ``reply`` is the time of the last qualifying reply, ms.
        """
        rank = event.rank
        if rank == Opened.rank and self.opening is None:
            return True
        team, channel, priority, kind = self.earliest
        if (
            (team is None and event.team is not None)
            or (channel is None and event.channel is not None)
            or (priority is None and event.priority is not None)
            or (kind is None and event.kind is not None)
            or (event.tags is not None and not self.tags and self._tagged)
        ):
            return True
        if rank > Updated.rank:
            return self._too_early(event)
        return self._hand_off(event, reply)

    def _too_early(self, event: AnyEvent) -> bool:
        """Whether an event that comes last may be the first reply, and made before a hand-off that is known."""
        return (
            self.answered is None
            and self.policies is not None
            and self.handoffs != ()
            and event.rank in {AgentReplied.rank, Resolved.rank}
            and self.handoffs[-1] > event.at
        )

    def knows(self, event: AnyEvent) -> bool:
        """Whether an event, wherever it belongs, says nothing of the whole ticket that is not known: the usual case."""
        team, channel, priority, kind = self.earliest
        if (
            event.rank <= Updated.rank
            or (event.team is not None and event.team != team)
            or (event.channel is not None and event.channel != channel)
            or (event.priority is not None and event.priority != priority)
            or (event.kind is not None and event.kind != kind)
            or (event.tags is not None and self._tagged)
            or (self.policies is not None and self.handoffs)
        ):
            return False
        self._firsts = None  # it may be the first now to say what is known
        return True

    def learn(self, event: AnyEvent, others: Iterable[AnyEvent], reply: int | None) -> bool:
        """Take what a new event says of the whole ticket; whether that changes what ``others`` measure.

        ``reply`` is the time of the last qualifying reply among them, ms.
        """
        if isinstance(event, Opened) and (self.opening is None or order(event) < order(self.opening)):
            self.relearn(sorted([event, *others], key=order))
            return True
        if self._firsts is None:
            self._firsts = self._find(others)
        changed = self._hand_off(event, reply)
        firsts, place = self._firsts, self._place(event)
        earliest = list(self.earliest)
        for i, value in enumerate((event.team, event.channel, event.priority, event.kind)):
            first = firsts[i]
            if value is not None and (first is None or place < first):
                firsts[i], earliest[i], changed = place, value, True
        self._keep(*earliest)
        tells = event.tags is not None and self._tagged
        return changed or tells or (self.policies is not None and self.handoffs != ())

    def begin(self, event: AnyEvent) -> None:
        """Learn the first event of a ticket: what :meth:`relearn` learns of it alone."""
        if event.rank <= Updated.rank:
            if event.rank == Opened.rank:
                self.opening = event  # type: ignore[assignment]
            if event.human_since is not None:  # type: ignore[union-attr]
                self.handoffs = (event.human_since,)  # type: ignore[union-attr]
        if event.tags is not None and self._tagged:
            self.tags = sorted_tags(event.tags)
        self._keep(event.team, event.channel, event.priority, event.kind)

    def relearn(self, events: Sequence[AnyEvent]) -> None:
        """Begin anew with ``events``, in the order in which they are kept."""
        self._firsts = self.answered = None
        self.opening, self.handoffs = None, ()
        for event in events:
            if event.rank == Opened.rank and self.opening is None:
                self.opening = event  # type: ignore[assignment]
            if event.rank <= Updated.rank and event.human_since is not None:  # type: ignore[union-attr]
                self._hand_off(event, None)
        if events[0] is not self.opening:
            events = sorted(events, key=self._place)
        if self.policies is not None:
            if self.policies.tagged:
                self.tags = sorted_tags(next((event.tags for event in events if event.tags is not None), ()))
            self._find_answer(events, self.policies)
        team = channel = priority = kind = None
        for event in events:
            team, channel = team or event.team, channel or event.channel
            priority, kind = priority or event.priority, kind or event.kind
            if team and channel and priority and kind:
                break
        self._keep(team, channel, priority, kind)

    def _find_answer(self, events: Iterable[AnyEvent], policies: PolicyHistory) -> None:
        """Find out when the first reply that counts was made, or a resolution made it needless."""
        if self.opening is None or not self.handoffs:
            return
        start, resolved = self.opening.at, False
        for event in events:
            if event.at < start - self.skew:
                continue
            if isinstance(event, Opened):
                resolved = False
            elif isinstance(event, AgentReplied):
                if policies.of(policies.era(max(event.at, start))).counts(event):
                    self.answered = event.at
                    return
            elif isinstance(event, Resolved) and not (resolved and event.automatic):
                resolved = True
                if event.outcome not in VOID_OUTCOMES:
                    self.answered = event.at
                    return

    def _keep(self, team: str | None, channel: str | None, priority: str | None, kind: str | None) -> None:
        self.earliest = (team, channel, priority, kind)
        self.labels = share((team or NONE, channel or NONE, priority or NONE, self.source, kind or NONE))

    def _find(self, events: Iterable[AnyEvent]) -> list[Place | None]:
        """Per label the place of the event that says it first; what it says is :attr:`earliest`."""
        firsts: list[Place | None] = [None] * 4
        earliest: list[str | None] = [None] * 4
        for event in events:
            place = None
            for i, value in enumerate((event.team, event.channel, event.priority, event.kind)):
                if value is None:
                    continue
                first = firsts[i]
                place = place or self._place(event)
                if first is None or place < first:
                    firsts[i], earliest[i] = place, value
        self._keep(*earliest)
        return firsts

    def _hand_off(self, event: AnyEvent, reply: int | None) -> bool:
        since = event.human_since if isinstance(event, Opened | Updated) else None
        if since is None or since in self.handoffs:
            return False
        self.handoffs = tuple(sorted((*self.handoffs, since)))
        return self.policies is not None or (reply is not None and since <= reply)

    def _place(self, event: AnyEvent) -> Place:
        """The event's place in the ticket's order, where the opening precedes what was dated before it."""
        opening = self.opening
        if opening is not None:
            if event is opening:
                return (event.at, 0, order(event))
            if opening.at - self.skew <= event.at < opening.at:
                return (opening.at, 1, order(event))
        return (event.at, 2, order(event))
