"""Events of tickets that never open: kept for one retention, then forgotten, so that they cannot fill the memory."""

from cxstream.core.event import AgentReplied, Resolved
from cxstream.core.ledger import Ledger
from cxstream.core.rules import DAY, HOUR, Rules
from cxstream.core.tally import Tally

NOW = 1_772_445_600_000
RETENTION = 7 * DAY
PER_HOUR = 5
SIZE = 400  # bytes of an orphan's row, generously


def test_a_stream_of_nothing_but_orphans_levels_off_after_one_retention():
    rules = Rules(retention=RETENTION)
    table: dict[bytes, bytes] = {}
    ledger = Ledger(rules, Tally(rules), table, NOW)
    most = 0
    for hour in range(30 * 24):
        now = NOW + hour * HOUR
        for number in range(PER_HOUR):
            event = AgentReplied(now, f"r{number}") if number % 2 else Resolved(now, f"s{number}")
            assert ledger.apply("default", f"{hour}-{number}", event, now=now, arrived=now) == "orphan"
        ledger.advance(now)
        ledger.forget(now)
        ledger.drain()
        most = max(most, len(table))
        assert ledger.counts.orphans == len([key for key in table if key[:1] == b"t"])
    bound = (RETENTION // HOUR + 2) * PER_HOUR
    assert bound - 3 * PER_HOUR <= most <= bound
    assert sum(len(key) + len(value) for key, value in table.items()) < bound * SIZE
    later = NOW + 30 * DAY + RETENTION + 2 * HOUR
    while ledger.forget(later):
        pass
    ledger.drain()
    assert not [key for key in table if key[:1] == b"t"]
    assert ledger.counts.orphans == 0
