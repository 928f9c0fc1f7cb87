"""A table as a worker holds it after recovery: what it takes, and how long the ledger takes to build.

usage: python -m benchmarks.memory FILE   (rows as benchmarks.core writes them; prints a JSON object)
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from time import process_time
from typing import Any

from benchmarks.core import rows_in
from benchmarks.machine import resident_bytes
from benchmarks.running import default_rules
from cxstream.core.ledger import Ledger
from cxstream.core.tally import Tally


def recover(path: Path) -> dict[str, Any]:
    """Read, build, and look at the memory of this process."""
    rules = default_rules()
    gc.collect()
    empty = resident_bytes()
    stored = dict(rows_in(path))
    gc.collect()
    read = resident_bytes()
    ledger = Ledger(rules, Tally(rules), stored)
    longest, started = 0.0, process_time()
    before = started
    for _ in ledger.rebuild(1_772_445_600_000):
        longest, before = max(longest, process_time() - before), process_time()
    seconds = process_time() - started
    gc.collect()
    tickets = max(ledger.counts.entries, 1)
    return {
        "tickets": ledger.counts.entries,
        "tickets_per_second": round(tickets / seconds),
        "longest_step_ms": round(longest * 1_000, 2),
        "stored_bytes_per_ticket": round(sum(len(k) + len(v) for k, v in stored.items()) / tickets, 1),
        "resident_bytes_per_ticket": round((resident_bytes() - empty) / tickets, 1),
        "of_which_table": round((read - empty) / tickets, 1),
        "resident_mb": round(resident_bytes() / 1e6, 1),
    }


if __name__ == "__main__":
    print(json.dumps(recover(Path(sys.argv[1]))))
