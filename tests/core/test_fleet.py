"""Snapshots of several workers added up, against the one of a worker that holds everything."""

import json
import random

import pytest

from cxstream.core.fleet import gap, together
from cxstream.core.history import bars, history
from cxstream.core.snapshot import snapshot
from tests.metrics.observed import MINUTE, NOON, Worker, busy


def told(worker, numbers):
    ledgers = [worker.owned[number] for number in numbers]
    whole = snapshot(ledgers, worker.rules, NOON)
    past = [list(bars(ledger.rolling, NOON)) for ledger in ledgers]
    more = {
        "history": history(past, NOON, ledgers[0].rolling.step) if ledgers else None,
        "partitions": list(numbers),
        "topic_partitions": worker.partitions,
        "offsets": {
            topic: {str(n): at[n] for n in numbers if n in at} for topic, at in worker.applied.items()
        },
        "behind": len(numbers),
        "worker": str(numbers),
    }
    return json.loads(json.dumps({**whole, **more, "complete": len(numbers) == worker.partitions}))


@pytest.mark.parametrize("split", [[[0, 1, 2, 3]], [[0, 2], [1, 3]], [[3], [0], [1, 2]], [[0, 1, 2, 3], []]])
def test_the_sum_is_what_one_worker_would_tell(split):
    worker = busy(Worker(), tickets=150)
    whole, total = told(worker, range(4)), together([told(worker, numbers) for numbers in split])
    for own in ("worker", "complete"):
        whole.pop(own)
    assert total.pop("complete") is True
    assert total.pop("workers") == len(split)
    assert total.pop("reason") is None
    assert total == whole
    assert total["windows"]["1h"]["csat"]["mean"] == 5
    assert total["history"]["hour"][-1]["opened"] > 0


def test_means_of_scores_that_are_no_whole_points_add_up_to_the_bit():
    from cxstream.core.event import SurveyAnswered

    rng = random.Random(5)
    worker = Worker()
    for number in range(300):
        score = f"{rng.randint(0, 700) / 100}"
        event = SurveyAnswered(
            at=NOON - MINUTE, event_id="a", survey="csat", score=score, scale_min="0", scale_max="7"
        )
        worker.apply(number, event)
    parts = [told(worker, [number]) for number in range(4)]
    assert together(parts)["csat"] == told(worker, range(4))["csat"]


def test_sla_targets_add_up():
    def one(met, breached):
        target = {"met": met, "met_late": 1, "breached": breached, "open": 2, "at_risk": 1, "attainment": 0.3}
        return {**told(Worker(), [0]), "sla": {"standard": {"first_reply": target}}}

    found = together([one(3, 1), one(4, 0)])["sla"]["standard"]["first_reply"]
    assert found == {"met": 7, "met_late": 2, "breached": 1, "open": 4, "at_risk": 2, "attainment": 7 / 8}


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        ([[0, 1], [2, 3]], None),
        ([[0, 1], [3]], "partition 2 of 4 is with no worker that answers"),
        ([[0, 1, 2], [2, 3]], "partition 2 is held by two workers at once"),
        ([[], []], "partition 0, 1, 2, 3 of 4 is with no worker that answers"),
    ],
)
def test_what_keeps_a_sum_from_being_the_whole(held, reason):
    worker = Worker()
    parts = [told(worker, numbers) for numbers in held]
    assert gap(parts) == reason
    assert together(parts)["complete"] is (reason is None)


def test_answers_for_different_instants_are_no_sum():
    worker = Worker()
    early, late = told(worker, [0, 1]), told(worker, [2, 3])
    late["now"] = "2026-03-02T12:00:01Z"
    assert gap([early, late]) == "the workers have answered for different instants"
