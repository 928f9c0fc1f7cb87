"""``cxstream audit``: whether what the workers show is what the topics say."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from cxstream.cli.options import Config, Json, example, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from cxstream.cli.peers import Group
    from cxstream.core.audit import Case, Verdict
    from cxstream.core.event import AnyEvent
    from cxstream.core.numbers import Difference, Numbers
    from cxstream.core.rules import Rules
    from cxstream.core.ticket import Ticket
    from cxstream.settings import Settings

_LISTED: Final = 20  # tickets named of each kind, and differences beyond which people have seen enough
_KEPT: Final = 1_000  # tickets named with --json
_LOOKED_AT: Final = 20_000  # tickets looked at to find one behind a difference where facts alone do not tell

Name = tuple[str, str]
"""Source and id of a ticket."""


def register(program: typer.Typer) -> None:
    """Add the command."""
    program.command(
        "audit",
        epilog=example(
            "cxstream audit --worker http://localhost:6066",
            "cxstream audit --worker http://a:6066 --worker http://b:6066 --json",
        ),
    )(audit)


def audit(
    workers: Annotated[
        list[str] | None, typer.Argument(metavar="URL", help="Further workers.", show_default=False)
    ] = None,
    worker: Annotated[
        list[str] | None,
        typer.Option("--worker", metavar="URL", help="A worker's address; name every worker of the group."),
    ] = None,
    now: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="As of then. Default: the workers' now.", show_default=False),
    ] = None,
    json: Json = False,
    config: Config = None,
) -> None:
    """Compare what the workers show with the batch answer over the same events.

    Asks all workers for one instant, reads the topics up to the offsets they have applied, and compares every sum,
    count and bucket. Right on a moving system; changes nothing. Exit status 1 if a number differs or a partition
    is shown by nobody.
    """
    from cxstream.cli.broker import asking
    from cxstream.cli.console import print_json
    from cxstream.cli.failure import no
    from cxstream.cli.peers import addresses

    settings = settings_of(config)
    urls = addresses([*(worker or ()), *(workers or ())])
    found = asking(settings, _audit(settings, urls, now))
    if json:
        print_json(found.as_json())
    else:
        for line in found.lines():
            typer.echo(line)
    if found.differences:
        no(
            f"{len(found.differences)} of {found.numbers} numbers differ: cxstream ticket ID explains a ticket"
        )
    if found.missing:
        listed = ", ".join(map(str, found.missing))
        no(f"no worker shows the partitions {listed}: name all workers, and see that each is ready")


class Findings(NamedTuple):
    """What an audit has found."""

    group: Group
    events: int
    invalid: Mapping[str, int]
    tickets: int
    numbers: int
    differences: Sequence[Difference]
    culprits: Mapping[str, Name]
    """By the name of a number, a ticket to look at."""
    not_provable: Sequence[Name]
    forgotten: int
    split: Sequence[Name]
    misplaced: Mapping[str, int]

    @property
    def missing(self) -> list[int]:
        """Partitions that nobody shows."""
        return self.group.missing

    def as_json(self) -> dict[str, Any]:
        """The answer for programs."""
        return {
            "equal": not self.differences,
            "now": self.group.now,
            "workers": {url: snapshot["partitions"] for url, snapshot in self.group.snapshots.items()},
            "missing_partitions": self.missing,
            "events": self.events,
            "invalid": dict(self.invalid),
            "tickets": self.tickets,
            "numbers": self.numbers,
            "differences": [
                {
                    "number": each.name,
                    "shown": each.shown,
                    "expected": each.expected,
                    "ticket": _as_json(self.culprits.get(each.name)),
                }
                for each in self.differences
            ],
            "not_provable": [_as_json(name) for name in self.not_provable[:_KEPT]],
            "forgotten": self.forgotten,
            "split": [_as_json(name) for name in self.split[:_KEPT]],
            "misplaced": dict(self.misplaced),
        }

    def lines(self) -> Iterator[str]:
        """The answer for people."""
        from cxstream.cli.console import printable

        for each in self.differences[: _LISTED * 5]:
            name = self.culprits.get(each.name)
            ticket = "" if name is None else f"; see ticket {_text(name)}"
            shown, expected = each.text(each.shown), each.text(each.expected)
            yield printable(f"{each.name}: the workers show {shown}, the topics say {expected}{ticket}")
        if len(self.differences) > _LISTED * 5:
            yield f"… and {len(self.differences) - _LISTED * 5} more: --json has them all"
        if self.not_provable:
            yield (
                f"not provable, because the topics no longer reach back to their beginning:"
                f" {_listed(self.not_provable)}; taken from the ticket table"
            )
        if self.forgotten:
            yield f"not expected, because their retention is over: {self.forgotten} forgotten tickets"
        if self.split:
            yield f"in several partitions, where they cannot be counted right: {_listed(self.split)}"
        if self.misplaced:
            counts = ", ".join(f"{count} of {topic}" for topic, count in self.misplaced.items())
            yield f"misplaced (written with another partitioner): {counts}; `cxstream check` names the remedy"
        if not self.differences:
            part = (
                f", of partitions {', '.join(map(str, sorted(self.group.partitions)))}"
                if self.missing
                else ""
            )
            counts = f"{self.events} events, {self.tickets} tickets, {self.numbers} numbers"
            yield f"equal: {counts}, as of {self.group.now}{part}"


def _as_json(name: Name | None) -> dict[str, str] | None:
    return None if name is None else {"source": name[0], "ticket_id": name[1]}


def _text(name: Name) -> str:
    from cxstream.core.event import DEFAULT_SOURCE

    source, ticket_id = name
    return ticket_id if source == DEFAULT_SOURCE else f"{ticket_id} --source {source}"


def _listed(names: Sequence[Name]) -> str:
    from cxstream.cli.console import printable

    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    word = "tickets" if len(names) > 1 else "ticket"
    return f"{len(names)} {word} ({', '.join(printable(_text(name)) for name in names[:_LISTED])}{more})"


def _refuse(group: Group) -> None:
    """Say what keeps these answers from being compared."""
    from cxstream.cli.failure import no

    for number, owners in group.shared.items():
        both = " and ".join(owners)
        no(
            f"partition {number} is shown by {both}: one worker by two names, or two groups: name each worker once"
        )
    if group.pending:
        listed = ", ".join(map(str, group.pending))
        no(
            f"SLA deadlines have yet to pass in the partitions {listed}: ask again when the workers have caught up"
        )


async def _audit(settings: Settings, urls: Sequence[str], now: str | None) -> Findings:
    from cxstream.cli.console import progress
    from cxstream.cli.failure import no
    from cxstream.cli.peers import ask
    from cxstream.core.instant import parse_instant
    from cxstream.core.numbers import added, differences, numbers
    from cxstream.core.projection import Projection
    from cxstream.stream.evidence import Evidence
    from cxstream.stream.history import MissingTopicError
    from cxstream.stream.policies import recalled
    from cxstream.stream.shelves import Shelves
    from cxstream.stream.tail import Tail

    group = await ask(urls, now, settings)
    _refuse(group)
    rules = replace(settings.rules, policies=await recalled(settings))
    instant, offsets, fired = parse_instant(group.now), group.offsets(), group.deadlines()
    records = sum(offset + 1 for row in offsets.values() for offset in row.values())
    projection = Projection(rules, instant)
    tickets = forgotten = 0
    not_provable: list[Name] = []
    split: list[Name] = []
    with Shelves(records) as shelves:
        async with Tail(settings) as tail:
            evidence = Evidence(settings, tail, shelves, group.asked)
            try:
                with progress("reading", records) as advance:
                    await evidence.read(offsets, group.partitions, advance)
            except MissingTopicError as error:
                no(str(error))
            with progress("computing", shelves.entries) as advance:
                for case, verdict in evidence.verdicts(rules):
                    name = (case.source, case.ticket_id)
                    if len(case.partitions) > 1:
                        split.append(name)
                    if not verdict.provable:
                        not_provable.append(name)
                    forgotten += verdict.forgotten
                    if verdict.expected is not None:
                        projection.add(verdict.expected, _fired(case, fired))
                        tickets += 1
            told = projection.snapshot()
            expected = numbers(told, told)
            shown = added(numbers(snapshot, told) for snapshot in group.snapshots.values())
            different = list(differences(shown, expected))
            culprits: dict[str, Name] = {}
            if different:
                await evidence.read_table()
                alone = functools.partial(_alone, rules, instant)
                culprits = _culprits(
                    evidence.verdicts(rules), alone, fired, {each.name for each in different}
                )
    return Findings(
        group, evidence.events, evidence.history.invalid, tickets, len({**shown, **expected}), different, culprits,
        not_provable, forgotten, split, evidence.history.misplaced,
    )  # fmt: skip


def _fired(case: Case, fired: Mapping[int, int]) -> int:
    """Up to which instant time had acted on a ticket's SLA clocks."""
    return min((fired[number] for number in case.partitions), default=0)


def _culprits(
    verdicts: Iterable[tuple[Case, Verdict]],
    alone: Callable[[Iterable[Ticket], int], Numbers],
    fired: Mapping[int, int],
    wanted: set[str],
) -> dict[str, Name]:
    """For each number a ticket that the table holds otherwise, else one that counts in it."""
    found: dict[str, Name] = {}
    counting: dict[str, Name] = {}
    looked = 0
    for case, verdict in verdicts:
        right = [] if verdict.expected is None else [verdict.expected]
        same = _facts(right) == _facts(verdict.stored)
        if same and (looked >= _LOOKED_AT or counting.keys() >= wanted):
            continue
        looked += same
        name = (case.source, case.ticket_id)
        expected = alone(right, _fired(case, fired))
        stored = expected if same else alone(verdict.stored, _fired(case, fired))
        for number in wanted:
            if expected.get(number, 0) != stored.get(number, 0):
                found.setdefault(number, name)
            elif expected.get(number):
                counting.setdefault(number, name)
        if found.keys() >= wanted:
            break
    return {**counting, **found}


def _facts(tickets: Iterable[Ticket]) -> list[list[AnyEvent]]:
    return [list(ticket.timeline) for ticket in tickets]


def _alone(rules: Rules, now: int, tickets: Iterable[Ticket], fired: int) -> Numbers:
    """The numbers of these tickets alone."""
    from cxstream.core.numbers import numbers
    from cxstream.core.projection import Projection

    projection = Projection(rules, now)
    for ticket in tickets:
        projection.add(ticket, fired)
    told = projection.snapshot()
    return numbers(told, told)
