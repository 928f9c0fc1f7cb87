"""Lines of a file on their way into a calculation: what is an event, what is refused or skipped."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cxstream.cli.console import note
from cxstream.cli.lines import read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cxstream.core.reading import Message
    from cxstream.settings import Settings

_MS: Final = 1_000  # milliseconds in a second


def wall() -> int:
    """Read the wall clock, in ms since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Intake:
    """Reads files of events and counts what it leaves out.

    intake = Intake(settings)
    for message in intake.messages("events.jsonl"): …
    intake.tell()
    """

    settings: Settings
    invalid: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)

    def messages(self, file: str) -> Iterator[Message]:
        """Yield the valid events of a file in its order."""
        return (message for _, message in self.lines(file))

    def lines(self, file: str) -> Iterator[tuple[bytes, Message]]:
        """Yield each valid event with the line it was read from."""
        from cxstream.core.reading import Refused, UnknownTopic, read_line

        latest = wall() + self.settings.max_future
        for line in read_lines(file):
            try:
                yield line.content, read_line(line.content, latest=latest)
            except UnknownTopic as unknown:
                self.skipped[str(unknown.topic)] += 1
            except Refused as refused:
                self.invalid[refused.reason] += 1

    def tell(self) -> None:
        """Say on stderr what was left out."""
        if self.invalid:
            reasons = ", ".join(f"{count} {reason}" for reason, count in self.invalid.most_common())
            total = sum(self.invalid.values())
            note(f"{total} invalid lines left out ({reasons}): `cxstream validate` says why each")
        if self.skipped:
            topics = ", ".join(f"{count} {topic}" for topic, count in self.skipped.most_common())
            note(f"{sum(self.skipped.values())} lines of other topics skipped ({topics})")
