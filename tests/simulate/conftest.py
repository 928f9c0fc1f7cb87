"""A fortnight of a simulated helpdesk, made once."""

import pytest

from cxstream.simulate import Helpdesk, Scenario

MONDAY = 1_772_409_600_000
"""2026-03-02T00:00:00Z in ms."""


@pytest.fixture(scope="session")
def start():
    return MONDAY


@pytest.fixture(scope="session")
def fortnight():
    return list(Helpdesk(Scenario(days=14), seed=7, start=MONDAY).deliveries())
