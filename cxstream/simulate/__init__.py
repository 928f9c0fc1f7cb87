"""A simulated helpdesk: demonstrations, tests and benchmarks without anyone's data."""

from cxstream.simulate.faults import Delivery
from cxstream.simulate.helpdesk import Helpdesk
from cxstream.simulate.publish import history_then_live, paced, publish, write_lines
from cxstream.simulate.scenario import NO_FAULTS, Faults, Habits, Scenario, Survey, Team
from cxstream.simulate.shape import busy_at

__all__ = [
    "NO_FAULTS",
    "Delivery",
    "Faults",
    "Habits",
    "Helpdesk",
    "Scenario",
    "Survey",
    "Team",
    "busy_at",
    "history_then_live",
    "paced",
    "publish",
    "write_lines",
]
