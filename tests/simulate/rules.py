"""The rules of the contract's §1 for one event, written down plainly and apart from cxstream's own reader."""

from datetime import datetime

CHANNELS = {"email", "web", "chat", "phone", "social", "sms", "other"}
PRIORITIES = {"low", "normal", "high", "urgent"}
KINDS = {"question", "incident", "problem", "task", "complaint"}
WORDS = {
    "channel": CHANNELS,
    "priority": PRIORITIES,
    "kind": KINDS,
    "opened_by": {"customer", "agent", "system"},
    "author": {"agent", "bot", "system"},
    "outcome": {"solved", "no_response", "abandoned", "spam", "duplicate", "merged", "deleted"},
    "survey": {"csat", "nps", "ces"},
    "status": {"new", "open", "pending", "on_hold", "solved", "closed"},
}
TEXTS = {"event_id", "source", "team", "agent_id", "customer_id", "survey_id"}
FLAGS = {"public", "automatic", "higher_is_better"}
TIMES = {"occurred_at", "human_since", "escalated_at", "waiting_since"}
NUMBERS = {"score", "scale_min", "scale_max"}
OTHER = {"ticket_id", "tags", "redelivered", "kind_of_copy"}
OWN = {
    "ticket-opened": {"opened_by", "human_since", "escalated_at"},
    "agent-replied": {"author", "public", "waiting_since"},
    "ticket-resolved": {"automatic", "outcome"},
    "survey-answered": {"survey", "score", "survey_id", "scale_min", "scale_max", "higher_is_better"},
    "customer-replied": set(),
    "ticket-updated": {"status", "human_since"},
}
COMMON = {
    *("ticket_id", "occurred_at", "event_id", "source", "team", "channel", "priority", "kind", "tags"),
    *("agent_id", "customer_id", "redelivered", "kind_of_copy"),
}
SCALES = {"csat": (1, 5), "nps": (0, 10), "ces": (1, 7)}


def instant(spelled):
    """Milliseconds of a time as events spell it."""
    if isinstance(spelled, int):
        return spelled if spelled >= 10**11 else spelled * 1_000
    at = datetime.fromisoformat(spelled.upper())
    assert at.tzinfo is not None
    since = at - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    return (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000


def check(topic, key, value):
    """Assert that the event is one."""
    assert set(value) <= COMMON | OWN[topic], (topic, value)
    assert {"ticket_id", "occurred_at", "source", "team", "channel", "priority", "customer_id"} <= set(value)
    assert str(value["ticket_id"]) == key
    for field, content in value.items():
        if field in WORDS:
            assert content.lower() in WORDS[field], (field, content)
        elif field in TEXTS:
            assert isinstance(content, str) and content, (field, content)
        elif field in FLAGS:
            assert isinstance(content, bool), (field, content)
        elif field in TIMES:
            assert instant(content) > 10**12, (field, content)
        elif field in NUMBERS:
            assert isinstance(content, int | float) and not isinstance(content, bool), (field, content)
        elif field == "tags":
            assert all(isinstance(tag, str) for tag in content)
        else:
            assert field in OTHER, field
    if topic == "survey-answered":
        low, high = SCALES[value["survey"].lower()]
        low, high = value.get("scale_min", low), value.get("scale_max", high)
        assert low <= value["score"] <= high
