import gc
import weakref
from types import SimpleNamespace

import pytest

from cxstream.stream import sweep
from cxstream.stream.sweep import Sweep


class Knot:
    def __init__(self):
        self.me = self


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(sweep, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def begun(clock):
    swept = Sweep()
    swept.begin()
    assert not gc.isenabled()
    yield swept
    swept.end()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_what_dies_young_is_collected_on_the_way(begun):
    gone = weakref.ref(Knot())
    assert not begun.look(1)
    assert gone() is None


def test_a_busy_worker_sets_aside_what_is_new_until_a_quiet_moment(begun, clock):
    gone = weakref.ref(Knot())
    assert not begun.look(2 * sweep._BUSY)
    assert not begun.look(2 * sweep._BUSY)
    assert gone() is not None
    clock[0] = sweep._USUAL
    assert begun.look(2 * sweep._BUSY)
    assert gone() is None


def test_the_old_are_looked_at_in_a_quiet_moment(begun, clock):
    knot = Knot()
    gone = weakref.ref(knot)
    gc.collect(0)
    del knot
    gc.collect(0)
    assert gone() is not None
    clock[0] = sweep._USUAL
    assert not begun.look(1)  # something has just been applied
    clock[0] += sweep._QUIET
    assert begun.look(1)
    assert gone() is None
    clock[0] += sweep._QUIET
    assert not begun.look(1)


def test_without_a_quiet_moment_it_is_done_at_last(begun, clock):
    for second in range(int(sweep._LATEST)):
        clock[0] = float(second)
        assert not begun.look(second)
    clock[0] = sweep._LATEST
    assert begun.look(0)
