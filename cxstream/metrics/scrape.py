"""A scrape: copy in the event loop, encode in a thread, shared by all who ask at the same time.

What takes no longer than a turn of the loop, a metric or two by name, is encoded in the loop: on a busy worker the way
to a thread and back takes several times as long. Whoever asks while an encoding runs waits for the next one, so that no
answer is older than its question; all who wait share that next one. Two scrapes are never encoded at once.
"""

from __future__ import annotations

import asyncio
from math import inf
from time import thread_time
from typing import TYPE_CHECKING, Final

from cxstream.metrics import exposition
from cxstream.metrics.catalogue import BACKLOG, CATALOGUE, W
from cxstream.metrics.copied import TURN, copy
from cxstream.metrics.samples import Sampler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cxstream.metrics.catalogue import Metric
    from cxstream.metrics.copied import Copied
    from cxstream.metrics.exposition import Form
    from cxstream.metrics.observed import Observed, Options

Bodies = dict["Form", bytes]

_REMEMBERED: Final = 100
"""Combinations of what was asked for of which is remembered how long they took."""


class Scrapes:
    """Everything ``/metrics`` keeps between two requests."""

    def __init__(self, observed: Observed, options: Options) -> None:
        self._observed = observed
        self._options = options
        self._rules = observed.rules
        self._sampler = Sampler(self._rules, options)
        self._encoder = exposition.Encoder(self._rules)
        self._process = exposition.Process()
        self._spent: dict[frozenset[Form], float] = {}
        """Processor seconds that the last encoding of these forms took."""
        self._turn = asyncio.Lock()
        self._next: tuple[set[Form], asyncio.Task[Bodies]] | None = None

    async def body(self, form: Form) -> bytes:
        """The numbers as of now or later, in the form asked for."""
        if self._next is None:
            forms: set[Form] = set()
            self._next = (forms, asyncio.create_task(self._run(forms)))
        forms, task = self._next
        forms.add(form)
        return (await asyncio.shield(task))[form]

    async def _run(self, forms: set[Form]) -> Bodies:
        async with self._turn:
            self._next = None  # who asks from now on waits for another one
            if (
                self._observed.rules is not self._rules
            ):  # the worker has learnt of earlier policies, before any number
                self._rules = self._observed.rules
                self._sampler = Sampler(self._rules, self._options)
            wanted = [metric for metric in CATALOGUE if any(form.shows(metric.names) for form in forms)]
            copied = await copy(
                self._observed,
                windows=any(W in metric.labels for metric in wanted),
                backlog=any(metric.name.startswith(BACKLOG) for metric in wanted),
            )
            if self._spent.get(frozenset(forms), inf) < TURN:
                return self._encode(copied, forms, wanted)
            return await asyncio.to_thread(self._encode, copied, forms, wanted)

    def _encode(self, copied: Copied, forms: set[Form], wanted: Sequence[Metric]) -> Bodies:
        started = thread_time()
        found = [
            (metric.names, self._encoder.encode(metric, rows))
            for metric, rows in self._sampler.sample(copied, wanted)
        ]
        bodies = {}
        for form in forms:
            blocks = [block for names, blocks in found if form.shows(names) for block in blocks]
            bodies[form] = exposition.body(blocks, self._process, form)
        if len(self._spent) >= _REMEMBERED:
            self._spent.clear()
        self._spent[frozenset(forms)] = thread_time() - started
        return bodies
