"""``cxstream dead-letters``: what was no valid event, why, and back into its topic once it is one."""

from __future__ import annotations

import base64
import sys
from collections import Counter, deque
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cxstream.cli.options import Config, Json, example, settings_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cxstream.settings import Settings
    from cxstream.stream.letterbox import Found

_HELP: Final = "List what was no valid event, show one byte for byte, or put back what is valid now."

Reason = Annotated[
    str | None, typer.Option(help="Only those refused for this reason: bad_time, …", show_default=False)
]
Topic = Annotated[
    str | None, typer.Option(help="Only those of this topic: ticket-opened, …", show_default=False)
]


def register(program: typer.Typer) -> None:
    """Add the three commands, as a group."""
    group = typer.Typer(
        help=_HELP,
        epilog=example(
            "cxstream dead-letters list --reason bad_time", "cxstream dead-letters replay --dry-run"
        ),
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.command("list", epilog=example("cxstream dead-letters list --topic ticket-opened --json"))(list_)
    group.command("show", epilog=example("cxstream dead-letters show 2:17 > value.json"))(show)
    group.command("replay", epilog=example("cxstream dead-letters replay --reason future --dry-run"))(replay)
    program.add_typer(group, name="dead-letters")


def list_(
    reason: Reason = None,
    topic: Topic = None,
    limit: Annotated[int, typer.Option(min=1, help="Show so many, those that were written last.")] = 50,
    json: Json = False,
    config: Config = None,
) -> None:
    """List dead letters: id, reason, where the record came from, its time, what is wrong with it."""
    from cxstream.cli.broker import asking
    from cxstream.cli.console import note, print_json, table
    from cxstream.cli.console import show as print_all
    from cxstream.core.instant import format_instant

    settings = settings_of(config)
    counts: Counter[str] = Counter()
    last: deque[Found] = deque(maxlen=limit)

    async def look() -> None:
        async for letter in _letters(settings, reason, topic):
            counts[letter.reason] += 1
            last.append(letter)

    asking(settings, look())
    if json:
        print_json(
            {"total": counts.total(), "reasons": dict(counts), "letters": [_facts(each) for each in last]}
        )
        return
    rows = [
        (
            each.name,
            each.reason,
            *(each.origin or ("-", "-")),
            each.origin_offset if each.origin else "-",
            format_instant(each.at),
            "replayed" if each.replayed else each.message,
        )
        for each in last
    ]
    columns = ("id", "reason", "topic", "partition", "offset", "written", "message")
    print_all(table(f"Dead letters: {counts.total()}", *columns, rows=rows, numbers=False))
    if counts.total() > len(last):
        note(
            f"{counts.total() - len(last)} earlier ones not shown: raise --limit, or choose --reason or --topic"
        )


def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="As in the list: PARTITION:OFFSET.")],
    json: Json = False,
    config: Config = None,
) -> None:
    """Print a dead letter's value byte for byte; its key, headers and the reason go to stderr.

    On a terminal, bytes that could steer it are replaced. With --json, key, value and headers are base64.
    """
    from cxstream.cli.broker import asking
    from cxstream.cli.console import note, print_json, printable
    from cxstream.cli.failure import no

    settings = settings_of(config)

    async def look() -> Found | None:
        async for letter in _letters(settings, None, None):
            if letter.name == name:
                return letter
        return None

    letter = asking(settings, look())
    if letter is None:
        no(f"there is no dead letter {name!r}: `cxstream dead-letters list` gives the ids")
    if json:
        print_json({**_facts(letter), **_content(letter)})
        return
    note(f"{letter.came_from}: {letter.reason}: {letter.message}")
    note(f"key {letter.key!r}" + (", put back already" if letter.replayed else ""))
    for header, content in letter.headers:
        note(f"header {header}: {content!r}")
    value = letter.value or b""
    if sys.stdout.isatty():
        typer.echo("\n".join(map(printable, value.decode(errors="replace").split("\n"))))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(value)


def replay(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Only these.", show_default=False)
    ] = None,
    reason: Reason = None,
    topic: Topic = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be put back.")] = False,
    json: Json = False,
    config: Config = None,
) -> None:
    """Put the dead letters that are valid events now back into their topics, each once.

    With their keys and original headers, into the partitions they came from. What is still no valid event stays.
    """
    from cxstream.cli.broker import asking
    from cxstream.cli.console import print_json
    from cxstream.cli.failure import no

    settings = settings_of(config)
    outcome = Outcome(set(names or ()))
    asking(settings, _replay(settings, reason, topic, outcome, dry_run=dry_run))
    if outcome.wanted:
        no(
            f"there is no dead letter {min(outcome.wanted)!r} here: `cxstream dead-letters list` gives the ids"
        )
    if json:
        print_json({"dry_run": dry_run, **outcome.as_json()})
        return
    for line in outcome.lines(dry_run=dry_run):
        typer.echo(line)


class Outcome:
    """What became of the letters of a replay."""

    def __init__(self, wanted: set[str]) -> None:
        self.wanted = wanted
        """Ids that were asked for and have not been met."""
        self.chosen = bool(wanted)
        self.replayed: Counter[str] = Counter()
        self.still: Counter[str] = Counter()
        self.stuck: Counter[str] = Counter()
        self.before = 0

    def as_json(self) -> dict[str, Any]:
        """The outcome for programs."""
        return {
            "replayed": dict(self.replayed),
            "still_invalid": dict(self.still),
            "no_way_back": dict(self.stuck),
            "replayed_before": self.before,
        }

    def lines(self, *, dry_run: bool) -> list[str]:
        """The outcome for people."""
        told = [f"{'would put' if dry_run else 'put'} back {_counted(self.replayed)}"]
        if self.still:
            told.append(f"still no valid events: {_counted(self.still)}")
        if self.stuck:
            told.append(f"no way back: {_counted(self.stuck)}")
        if self.before:
            told.append(f"put back before: {self.before}")
        return told


def _counted(counts: Counter[str]) -> str:
    listed = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    return f"{counts.total()} ({listed})" if listed else "0"


async def _replay(
    settings: Settings, reason: str | None, topic: str | None, outcome: Outcome, *, dry_run: bool
) -> None:
    from contextlib import AsyncExitStack

    from cxstream.core.reading import Message, Refused
    from cxstream.stream.letterbox import BATCH, Letterbox, Return
    from cxstream.stream.tail import Tail

    async with AsyncExitStack() as stack:
        back = None if dry_run else await stack.enter_async_context(Return(settings))
        box = Letterbox(settings, await stack.enter_async_context(Tail(settings)))
        waiting: list[Found] = []

        async def put() -> None:
            if back is not None and waiting:
                await back.put(waiting)
            waiting.clear()

        async for letter in box.letters():
            if not _asked_for(letter, settings, reason, topic):
                continue
            if outcome.chosen:
                if letter.name not in outcome.wanted:
                    continue
                outcome.wanted.discard(letter.name)
            if letter.replayed:
                outcome.before += 1
                continue
            verdict = box.verdict(letter)
            if isinstance(verdict, Message):
                outcome.replayed[verdict.topic] += 1
                waiting.append(letter)
                if len(waiting) >= BATCH:
                    await put()
            elif isinstance(verdict, Refused):
                outcome.still[verdict.reason] += 1
            else:
                outcome.stuck[verdict] += 1
        await put()


async def _letters(settings: Settings, reason: str | None, topic: str | None) -> AsyncIterator[Found]:
    from cxstream.stream.letterbox import Letterbox
    from cxstream.stream.tail import Tail

    async with Tail(settings) as tail:
        async for letter in Letterbox(settings, tail).letters():
            if _asked_for(letter, settings, reason, topic):
                yield letter


def _asked_for(letter: Found, settings: Settings, reason: str | None, topic: str | None) -> bool:
    """``topic`` may be the canonical name or the one in Kafka."""
    if reason is not None and letter.reason != reason:
        return False
    if topic is None:
        return True
    names = {topic, *(settings.topic_name(known) for known in settings.topics if known == topic)}
    return letter.origin is not None and letter.origin.topic in names


def _facts(letter: Found) -> dict[str, Any]:
    from cxstream.core.instant import format_instant

    return {
        "id": letter.name,
        "reason": letter.reason,
        "message": letter.message,
        "topic": letter.origin.topic if letter.origin else None,
        "partition": letter.origin.partition if letter.origin else None,
        "offset": letter.origin_offset if letter.origin else None,
        "written": format_instant(letter.at),
        "replayed": letter.replayed,
    }


def _content(letter: Found) -> dict[str, Any]:
    def text(content: bytes | None) -> str | None:
        return None if content is None else base64.b64encode(content).decode()

    return {
        "key": text(letter.key),
        "value": text(letter.value),
        "value_omitted": letter.omitted,
        "headers": [[name, text(content)] for name, content in letter.headers],
    }
