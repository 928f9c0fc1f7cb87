"""`docs/sla.md`: its policy is one, and every timeline goes as the document says.

A `jsonl` block is a ticket's events; the `text` block below it has every transition of the clocks it is about up to
`until`, in the time zone of the office. A `yaml` block is the policy of the timelines below it.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cxstream.core.cycle import TRANSITIONS, Transition
from cxstream.core.instant import parse_instant
from cxstream.core.ledger import Ledger
from cxstream.core.notice import Notice, notice
from cxstream.core.policy import TARGETS, PolicyHistory
from cxstream.core.reading import read_line
from cxstream.core.rules import HOUR, Rules
from cxstream.core.tally import Tally
from cxstream.settings.policy import load

DOCUMENT = Path(__file__).parents[1] / "docs" / "sla.md"
ZONE = ZoneInfo("Europe/Ljubljana")
_FENCE = re.compile(r"^```(yaml|jsonl|text)(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OPEN_ENDED = {"applied", "changed", "resumed"}


@dataclass
class Timeline:
    """A ticket's events, and what the document says of its clocks."""

    line: int
    policy: str
    events: list[str]
    until: int
    only: list[str]
    """Targets it is about."""
    wanted: str

    def __str__(self) -> str:
        return f"line-{self.line}"


def timelines(document: str) -> list[Timeline]:
    found: list[Timeline] = []
    policy, events = "", ""
    for match in _FENCE.finditer(document):
        language, info, text = match.groups()
        if language == "yaml":
            policy = text
        elif language == "jsonl":
            events = text
        else:
            line = document.count("\n", 0, match.start()) + 1
            options = dict(word.split("=") for word in info.split())
            until, only = parse_instant(options["until"]), options["only"].split(",")
            found.append(Timeline(line, policy, events.splitlines(), until, only, text))
    return found


TIMELINES = timelines(DOCUMENT.read_text(encoding="utf-8"))


def local(instant: int) -> str:
    return datetime.fromtimestamp(instant / 1_000, ZONE).strftime("%a %d %H:%M")


def hours(duration: int) -> str:
    return f"{duration // HOUR}:{duration % HOUR // 60_000:02}"


def told(transition: Transition) -> str:
    """`Tue 03 11:30  first_reply 1      met       3:30 of 4:00`."""
    kind = TRANSITIONS[transition.kind].removeprefix("sla.")
    used = f"{hours(transition.used)} of {hours(transition.target.amount)}"
    due = f", due {local(transition.due)}" if kind in _OPEN_ENDED and transition.due is not None else ""
    name = f"{transition.target.name} {transition.cycle}"
    return f"{local(transition.at)}  {name:18} {kind:9} {used}{due}"


def played(timeline: Timeline, events: list[str], folder: Path) -> list[Transition]:
    """What a ledger knows of these clocks that is given the events in this order, and then the time."""
    path = folder / "policy.yml"
    path.write_text(timeline.policy)
    rules = Rules(policies=PolicyHistory(load(path)))
    ledger = Ledger(rules, Tally(rules), {}, tells=True)
    for line in events:
        message = read_line(line.encode(), latest=timeline.until)
        ledger.apply(
            message.source, message.ticket_id, message.event, now=timeline.until, arrived=timeline.until
        )
    while ledger.fire(timeline.until + 1):
        pass
    ticket = ledger.ticket("default", "A")
    assert ticket is not None
    shown = [each for each in ticket.transitions() if each.target.name in timeline.only]
    return sorted(shown, key=lambda each: (each.at, each.target.kind))


@pytest.mark.parametrize("timeline", TIMELINES, ids=str)
def test_clocks_go_as_the_document_says_in_any_order_of_arrival(timeline, tmp_path):
    shuffled = random.Random(1).sample(timeline.events, len(timeline.events))
    for events in (timeline.events, timeline.events[::-1], shuffled):
        lines = [told(each) for each in played(timeline, events, tmp_path)]
        assert "\n".join(lines) + "\n" == timeline.wanted


def test_every_target_has_a_timeline():
    shown = {name for timeline in TIMELINES for name in TARGETS if f"  {name} " in timeline.wanted}
    assert shown == set(TARGETS)


def test_the_document_names_every_field_and_type_of_the_events():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [name for name in Notice.model_fields if f"| `{name}` |" not in text] == []
    assert [name for name in TRANSITIONS if f"| `{name}` |" not in text] == []


def test_the_document_shows_an_event_as_it_is_sent(tmp_path):
    text = DOCUMENT.read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    timeline = TIMELINES[0]
    (breach,) = [
        each
        for each in played(timeline, timeline.events, tmp_path)
        if TRANSITIONS[each.kind] == "sla.breached"
    ]
    sent = notice("default", "A", breach, detected=breach.at + 120, live_lag=HOUR)
    assert json.loads(shown) == sent
