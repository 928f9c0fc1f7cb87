"""Speed: how it is written, and how long the next event waits."""

from __future__ import annotations

import pytest

from cxstream.cli.failure import Failure
from cxstream.cli.pace import Pace, speed_of


def test_speeds() -> None:
    assert speed_of("max") is None
    assert speed_of("60") == 60
    assert speed_of("0.5") == 0.5


@pytest.mark.parametrize("text", ["fast", "0", "-1", "inf", "nan", ""])
def test_what_is_no_speed(text) -> None:
    with pytest.raises(Failure, match="--speed"):
        speed_of(text)


def test_events_keep_their_distances() -> None:
    time = [100.0]
    pace = Pace(60.0, clock=lambda: time[0])
    assert pace.wait(5_000) == 0
    assert pace.wait(65_000) == 1
    time[0] = 100.25
    assert pace.wait(65_000) == 0.75
    time[0] = 102.0
    assert pace.wait(65_000) == 0  # late: nothing to wait for
    assert pace.wait(1_000) == 0  # earlier than one before it


def test_as_fast_as_possible() -> None:
    pace = Pace(None)
    assert [pace.wait(at) for at in (0, 10**12)] == [0, 0]
