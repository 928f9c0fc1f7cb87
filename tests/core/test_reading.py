import json
import random
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxstream.core import event as facts
from cxstream.core.document import LARGEST, read_document
from cxstream.core.identity import canonical, fingerprint
from cxstream.core.instant import format_instant
from cxstream.core.reading import (
    REASONS,
    Message,
    Refused,
    UnknownTopic,
    _read_carefully,
    _read_usual,
    key_of,
    read,
    read_line,
)
from cxstream.core.refusal import LONGEST_MESSAGE

MORNING = 1_772_445_600_000  # 2026-03-02T10:00:00Z
LATEST = MORNING + 86_400_000
ALWAYS = 10**15  # nothing is too far ahead

OPENED, UPDATED, WROTE, REPLIED, RESOLVED, ANSWERED = (cls.topic for cls in facts.EVENT_TYPES)
LEAST = {"ticket_id": "7", "occurred_at": MORNING}
LEAST_OF = dict.fromkeys(facts.TOPICS, LEAST) | {ANSWERED: LEAST | {"survey": "csat", "score": 4}}


def value(topic, /, **fields):
    """The least event of a topic, with these fields."""
    return json.dumps(LEAST_OF[topic] | fields).encode()


def fact(topic, /, **fields):
    """What is read of it."""
    return read(topic, value(topic, **fields), b"7", latest=LATEST).event


def refusal(topic, raw, key=b"7", headers=()):
    """Why it is refused."""
    with pytest.raises(Refused) as caught:
        read(topic, raw, key, headers, latest=LATEST)
    refused = caught.value
    assert refused.reason in REASONS
    assert len(refused.message) <= LONGEST_MESSAGE
    assert refused.message.isprintable()
    assert str(refused) == f"{refused.reason}: {refused.message}"
    return refused


# -- what is read


def test_all_fields_of_an_opening():
    raw = value(
        OPENED,
        event_id="e",
        source="zendesk/acme",
        channel="chat",
        priority="urgent",
        team="billing",
        agent_id="a",
        customer_id="c",
        tags=["x", "y"],
        kind="complaint",
        opened_by="agent",
        human_since="2026-03-02T10:00:01Z",
        escalated_at="2026-03-02T10:00:02Z",
        anything={"else": ["is", "ignored"]},
    )
    assert read(OPENED, raw, b"7", latest=LATEST) == Message(
        OPENED,
        "zendesk/acme",
        "7",
        facts.Opened(
            at=MORNING,
            event_id="e",
            team="billing",
            channel="chat",
            priority="urgent",
            kind="complaint",
            agent_id="a",
            customer_id="c",
            tags=("x", "y"),
            opened_by="agent",
            human_since=MORNING + 1_000,
            escalated_at=MORNING + 2_000,
        ),
    )


@pytest.mark.parametrize("topic", facts.TOPICS)
def test_defaults_and_the_id_made_from_the_content(topic):
    message = read(topic, value(topic), b"7", latest=LATEST)
    assert message.topic == topic
    assert message.source == "default"
    assert message.event.event_id == fingerprint(canonical("default", "7", message.event))
    extra = {"survey": "csat", "score": "4"} if topic == ANSWERED else {}
    assert message.event == facts.EVENT_OF_TOPIC[topic](MORNING, message.event.event_id, **extra)


def test_the_example_of_the_contract():
    line = (
        b'{"topic":"survey-answered","ticket_id":7,"occurred_at":"2026-03-02T10:00:00+01:00",'
        b'"survey":"CSAT","score":4.0,"scale_min":1,"x":1}'
    )
    message = read_line(line, latest=LATEST)
    assert message.event.event_id == "b376b89f8d9c3a2d089a7c45fb5e902c"
    assert message == read(ANSWERED, line, b"7", latest=LATEST)


@pytest.mark.parametrize("topic", facts.TOPICS)
@pytest.mark.parametrize("nothing", [None, ""])
def test_null_and_empty_are_absent(topic, nothing):
    fields = [
        name for name in facts.EVENT_OF_TOPIC[topic].__struct_fields__ if name not in {"at", *LEAST_OF[topic]}
    ]
    assert fact(topic, source=nothing, **dict.fromkeys(fields, nothing)) == fact(topic)


@pytest.mark.parametrize(
    ("topic", "field", "written", "read_as"),
    [
        (REPLIED, "author", "BOT", "bot"),
        (REPLIED, "author", "System", "system"),
        (REPLIED, "public", False, False),
        (REPLIED, "waiting_since", MORNING / 1_000, MORNING),
        (REPLIED, "waiting_since", 0, 0),
        (REPLIED, "waiting_since", ALWAYS // 10, ALWAYS // 10),  # ahead of the clock, but not checked
        (OPENED, "opened_by", "SYSTEM", "system"),
        (UPDATED, "status", "On_Hold", "on_hold"),
        (UPDATED, "status", "weird", None),
        (UPDATED, "status", ["open"], None),
        (RESOLVED, "automatic", True, True),
        (RESOLVED, "outcome", "No_Response", "no_response"),
        (ANSWERED, "survey", "NPS", "nps"),
        (ANSWERED, "survey_id", 7.0, "7"),
        (ANSWERED, "higher_is_better", False, False),
        (WROTE, "channel", "E-Mail", "other"),
        (WROTE, "channel", "SMS", "sms"),
        (WROTE, "channel", 5, "other"),
        (WROTE, "channel", ["email"], "other"),
        (WROTE, "priority", "URGENT", "urgent"),
        (WROTE, "priority", "medium", None),
        (WROTE, "priority", 1, None),
        (WROTE, "kind", "Task", "task"),
        (WROTE, "kind", {}, None),
        (WROTE, "event_id", 12, "12"),
        (WROTE, "event_id", -0.0, "0"),
        (WROTE, "event_id", 123456789012345678901234567890, "123456789012345678901234567890"),
        (WROTE, "team", 1.5, "1.5"),
        (WROTE, "team", -0.25, "-0.25"),
        (WROTE, "team", 1e22, "10000000000000000000000"),
        (WROTE, "team", 111318491900141.12, "111318491900141.12"),  # halfway between .12 and .13
        (WROTE, "team", "7.0", "7.0"),
        (WROTE, "team", "x" * 1_024, "x" * 1_024),
        (WROTE, "team", 10**1_023, "1" + "0" * 1_023),
        (WROTE, "agent_id", 17, "17"),
        (WROTE, "agent_id", 1.0, "1"),
        (WROTE, "agent_id", True, None),
        (WROTE, "agent_id", float("nan"), None),
        (WROTE, "agent_id", "x" * 2_000, "x" * 2_000),
        (WROTE, "agent_id", 10**2_000, "1" + "0" * 2_000),
        (WROTE, "customer_id", {"id": 7}, None),
        (WROTE, "customer_id", [7], None),
        (WROTE, "tags", [], None),
        (WROTE, "tags", [""], None),
        (WROTE, "tags", ["b", 5, "", None, ["c"], "a"], ("b", "a")),
        (WROTE, "tags", [5], None),
        (WROTE, "tags", "vip", None),
        (WROTE, "tags", {"vip": True}, None),
    ],
)
def test_what_fields_become(topic, field, written, read_as):
    extra = {"score": 9} if written == "NPS" else {}
    assert getattr(fact(topic, **{field: written}, **extra), field) == read_as


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("4", "4"),
        ("4.0", "4"),
        ("4.50", "4.5"),
        ("40e-1", "4"),
        ("0.4E1", "4"),
        ("4.0000000000000000001", "4.0000000000000000001"),
        ("4." + "0" * 900_000, "4"),
        ("1.1", "1.1"),
        ("2.675", "2.675"),
    ],
)
def test_scores_are_the_decimals_written(written, kept):
    raw = value(ANSWERED, score="@").replace(b'"@"', written.encode())
    assert read(ANSWERED, raw, b"7", latest=LATEST).event.score == kept


def test_a_scale_is_kept_as_given():
    answer = fact(ANSWERED, score=0, scale_min=-0.0, scale_max=1e2)
    assert (answer.score, answer.scale_min, answer.scale_max) == ("0", "0", "100")


@pytest.mark.parametrize("frame", [b"\0\0\0\0\x01", b"\0\xff\xff\xff\xff"])
@pytest.mark.parametrize("topic", facts.TOPICS)
def test_behind_the_frame_of_a_schema_registry(topic, frame):
    assert read(topic, frame + value(topic), b"7", latest=LATEST) == read(
        topic, value(topic), b"7", latest=LATEST
    )


@pytest.mark.parametrize("key", [b"7", b"zendesk/acme/7"])
def test_both_forms_of_the_key(key):
    assert read(WROTE, value(WROTE, source="zendesk/acme"), key, latest=LATEST).source == "zendesk/acme"


def test_keys_are_utf8():
    key = key_of("default", "bücher")
    assert read(WROTE, value(WROTE, ticket_id="bücher"), key, latest=LATEST).ticket_id == "bücher"


def test_the_latest_time_is_acceptable():
    assert fact(WROTE, occurred_at=LATEST).at == LATEST


def test_headers_that_say_nothing():
    plain = read(WROTE, value(WROTE), b"7", latest=LATEST)
    for headers in (None, [], [("traceparent", b"00-1"), ("content-type", b"application/json"), ("x", None)]):
        assert read(WROTE, value(WROTE), b"7", headers, latest=LATEST) == plain


@pytest.mark.parametrize(
    "ignored",
    [
        "1e999",
        "-0",
        "9" * 4_300,
        "[" * 199 + "]" * 199,
        f"[{'{},' * 300}{{}}]",
        '"\\ud83d\\ude00"',
        '"\u65e5"',
    ],
    ids=lambda part: part[:20],
)
def test_whatever_is_json_may_be_in_a_field_that_is_ignored(ignored):
    raw = value(WROTE, x="@").replace(b'"@"', ignored.encode())
    assert read(WROTE, raw, b"7", latest=LATEST) == read(WROTE, value(WROTE), b"7", latest=LATEST)
    assert _read_usual(WROTE, raw, LATEST) is not None


# -- what is refused


def with_fields(topic, **fields):
    return topic, value(topic, **fields)


def without(topic, *names):
    return topic, json.dumps({name: v for name, v in LEAST_OF[topic].items() if name not in names}).encode()


def raw_number(topic, field, digits):
    return topic, value(topic, **{field: "@"}).replace(b'"@"', digits.encode())


NAN, INFINITY = float("nan"), float("inf")
BAD = {
    "empty": [
        (WROTE, None),
        (WROTE, b""),
        (WROTE, b" \r\n\t"),
        (WROTE, b"\0\0\0\0\1"),
        (WROTE, b"\0\0\0\0\1 "),
        (WROTE, b"\0"),
    ],
    "too_large": [
        (WROTE, b"{" + b" " * LARGEST),
        (WROTE, b"\xff" * (LARGEST + 1)),
        with_fields(WROTE, ticket_id="x" * 1_025),
        with_fields(WROTE, ticket_id=10**1_024),
        with_fields(WROTE, source="x" * 1_025),
        with_fields(WROTE, event_id="x" * 1_025),
        with_fields(WROTE, team="x" * 1_025),
        with_fields(WROTE, team=10**1_024),
        with_fields(ANSWERED, survey_id="x" * 1_025),
        with_fields(WROTE, team="x" * 1_025, occurred_at="?"),
    ],
    "not_utf8": [
        (WROTE, b"\xff"),
        (WROTE, value(WROTE, x="@").replace(b"@", b"\xe9")),
        (WROTE, value(WROTE, x={"@": 1}).replace(b"@", b"\xe9")),
        (WROTE, value(WROTE, x="@").replace(b"@", b"\xed\xa0\x80")),  # a surrogate in UTF-8
        (WROTE, '{"ticket_id":"7"}'.encode("utf-16")),
        (WROTE, b"\0\0\0\0\1\xff"),
    ],
    "not_json": [
        (WROTE, b"{"),
        (WROTE, b"seven"),
        (WROTE, b"{'ticket_id': 7}"),
        (WROTE, value(WROTE) + b"x"),
        (WROTE, b"\xef\xbb\xbf" + value(WROTE)),
        (WROTE, b"\1\0\0\0\0" + value(WROTE)),
        (WROTE, value(WROTE, x="@").replace(b"@", b"\\ud800")),
        (WROTE, value(WROTE, x="@").replace(b"@", b"a\nb")),
        (WROTE, value(WROTE, x="@").replace(b'"@"', b"[" * 100_000 + b"]" * 100_000)),
        (WROTE, b"[" * 500_000),
        (WROTE, b'{"a":' * 100_000),
        raw_number(WROTE, "x", "9" * 4_301),
        raw_number(WROTE, "x", "[" * 201 + "]" * 201),
        raw_number(WROTE, "x", '{"a":' * 201 + "1" + "}" * 201),
        raw_number(WROTE, "x", "01"),
    ],
    "missing_field": [
        (WROTE, b"{}"),
        without(WROTE, "ticket_id"),
        without(WROTE, "occurred_at"),
        without(ANSWERED, "survey"),
        without(ANSWERED, "score"),
        with_fields(WROTE, ticket_id=""),
        with_fields(WROTE, ticket_id=None),
        with_fields(WROTE, occurred_at=""),
        with_fields(WROTE, occurred_at=None),
        with_fields(ANSWERED, survey=None),
        with_fields(ANSWERED, score=""),
        with_fields(ANSWERED, score=None),
        with_fields(ANSWERED, score=None, survey="x", occurred_at="x", event_id=True, ticket_id=7.5),
    ],
    "wrong_type": [
        *((WROTE, text) for text in (b"[]", b"7", b'"x"', b"null", b"true", b"NaN")),
        *(with_fields(WROTE, ticket_id=wrong) for wrong in (7.0, 1.5, True, [], {}, NAN)),
        *(with_fields(WROTE, source=wrong) for wrong in (7, True, [], "a\0b")),
        *(with_fields(WROTE, event_id=wrong) for wrong in (True, [], {}, NAN, INFINITY)),
        *(with_fields(WROTE, team=wrong) for wrong in (False, ["x"], {}, -INFINITY)),
        raw_number(WROTE, "team", "1e999999999"),
        *(with_fields(ANSWERED, survey_id=wrong) for wrong in (True, [7])),
        *(with_fields(OPENED, opened_by=wrong) for wrong in ("robot", 7, True, [], " agent")),
        *(with_fields(REPLIED, author=wrong) for wrong in ("human", 7, False, {})),
        *(with_fields(RESOLVED, outcome=wrong) for wrong in ("fixed", 7, ["solved"])),
        *(with_fields(REPLIED, public=wrong) for wrong in ("true", 1, 0, [])),
        *(with_fields(RESOLVED, automatic=wrong) for wrong in ("false", 0, 1.0)),
        *(with_fields(ANSWERED, higher_is_better=wrong) for wrong in ("yes", 1)),
        *(with_fields(ANSWERED, score=wrong) for wrong in ("4", "x", True, [4], {})),
        *(with_fields(ANSWERED, scale_min=wrong) for wrong in ("1", False)),
        *(with_fields(ANSWERED, scale_max=wrong) for wrong in ("5", [5])),
        with_fields(ANSWERED, survey="x", occurred_at="x", score="4"),
    ],
    "bad_time": [
        *(
            with_fields(WROTE, occurred_at=wrong)
            for wrong in (
                "now",
                "1772445600",
                "2026-03-02",
                "2026-02-30T00:00:00Z",
                True,
                [],
                {},
                NAN,
                INFINITY,
            )
        ),
        with_fields(WROTE, occurred_at=-(10**18)),
        raw_number(WROTE, "occurred_at", "-1e999"),
        *(with_fields(OPENED, human_since=wrong) for wrong in ("?", False, [], NAN)),
        with_fields(OPENED, escalated_at="2026-03-02T10:00:00"),
        with_fields(UPDATED, human_since="2026-03-02T10:00:00"),
        *(with_fields(REPLIED, waiting_since=wrong) for wrong in ("2026-03-02T25:00:00Z", 1e15, -1e300)),
    ],
    "future": [
        with_fields(WROTE, occurred_at=LATEST + 1),
        with_fields(WROTE, occurred_at="9999-12-31T23:59:59-01:00"),
        with_fields(WROTE, occurred_at=1e15),
        with_fields(WROTE, occurred_at=10**400),
        raw_number(WROTE, "occurred_at", "1e999"),
        raw_number(WROTE, "occurred_at", "1e999999999"),
    ],
    "unknown_survey": [
        *(with_fields(ANSWERED, survey=wrong) for wrong in ("x", "cs at", 7, True, [], {})),
        with_fields(ANSWERED, survey="x", score=99, occurred_at=LATEST + 1),
    ],
    "bad_score": [
        *(with_fields(ANSWERED, score=wrong) for wrong in (0, 6, -0.0, NAN, INFINITY, 10**3_000)),
        *(
            raw_number(ANSWERED, "score", wrong)
            for wrong in ("5.0000000000000000001", "1e999999999", "1e-999999999")
        ),
        *(
            raw_number(ANSWERED, "score", wrong)
            for wrong in ("1e99999999999999999999999", "4." + "1" * 900_000)
        ),
        raw_number(ANSWERED, "scale_max", "1e-9999999999999999999999"),
        with_fields(ANSWERED, scale_min=NAN),
        with_fields(ANSWERED, scale_max=INFINITY),
        with_fields(ANSWERED, scale_min=5),
        with_fields(ANSWERED, scale_min=6),
        with_fields(ANSWERED, scale_max=1),
        with_fields(ANSWERED, scale_min=3, scale_max=2),
        with_fields(ANSWERED, score=6, occurred_at=LATEST + 1),
    ],
}


@pytest.mark.parametrize(
    ("reason", "topic", "raw"),
    [(reason, *bad) for reason, table in BAD.items() for bad in table],
    ids=lambda part: repr(part)[:60],
)
def test_bad_input(reason, topic, raw):
    assert refusal(topic, raw).reason == reason
    if raw:
        assert refusal(topic, raw, key=b"other").reason == reason  # keys are compared last


@pytest.mark.parametrize("key", [None, b"", b"8", b"07", b'"7"', b"default/", b"/7", b"other/7", b"\xff"])
def test_key_mismatch(key):
    assert refusal(WROTE, value(WROTE), key).reason == "key_mismatch"


def test_messages_name_the_field_and_never_show_much_of_it():
    message = refusal(REPLIED, value(REPLIED, author="secret " * 100)).message
    assert message.startswith("author: ")
    assert len(message) < 120
    assert "agent, bot, system" in message
    assert "newline" in refusal(WROTE, value(WROTE, occurred_at="newline\n")).message


def test_a_topic_that_is_not_read():
    with pytest.raises(UnknownTopic) as caught:
        read("survey-sent", value(WROTE), b"7", latest=LATEST)
    assert caught.value.topic == "survey-sent"
    assert caught.value.reason in REASONS


# -- lines of a file


@pytest.mark.parametrize("topic", facts.TOPICS)
def test_a_line_names_its_topic(topic):
    message = read(topic, value(topic), b"7", latest=LATEST)
    assert read_line(value(topic, topic=topic), latest=LATEST) == message
    assert (
        read_line(value(topic, type=f"cxstream.{topic.replace('-', '.')}.v1") + b"\r\n", latest=LATEST)
        == message
    )


@pytest.mark.parametrize(
    ("fields", "topic"),
    [
        ({"topic": "survey-sent"}, "survey-sent"),
        ({"topic": "Agent-Replied"}, "Agent-Replied"),
        ({"type": "cxstream.customer.lifecycle.v1"}, "customer-lifecycle"),
        ({"type": "com.example.closed"}, "com.example.closed"),
        ({"topic": "", "type": "cxstream.agent.replied.v2"}, "cxstream.agent.replied.v2"),
    ],
)
def test_lines_of_other_topics(fields, topic):
    with pytest.raises(UnknownTopic) as caught:
        read_line(value(WROTE, **fields), latest=LATEST)
    assert caught.value.topic == topic


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "empty"),
        (b"{", "not_json"),
        (b"\xff", "not_utf8"),
        (b'{"topic":"\xff"}', "not_utf8"),
        (b"[" * 100_000, "not_json"),
        (b'{"a":' * 100_000, "not_json"),
        (b"[]", "wrong_type"),
        (value(WROTE), "missing_field"),
        (value(WROTE, topic=None, type=""), "missing_field"),
        (value(WROTE, topic=7), "wrong_type"),
        (value(WROTE, type=7), "wrong_type"),
        (value(WROTE, topic=WROTE, occurred_at="?"), "bad_time"),
        (value(WROTE, topic=WROTE, occurred_at=LATEST + 1), "future"),
        (b'{"topic":"agent-replied","x":"' + b"x" * LARGEST + b'"}', "too_large"),
    ],
    ids=lambda part: repr(part)[:60],
)
def test_bad_lines(line, reason):
    with pytest.raises(Refused) as caught:
        read_line(line, latest=LATEST)
    assert caught.value.reason == reason


# -- laws

names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
instants = st.integers(0, 4 * 10**12)
decimals = st.decimals(-100, 100, places=3, allow_nan=False, allow_infinity=False)


@st.composite
def events(draw):
    """A topic and its fields, in plain spelling."""

    def some(**optional):
        return {name: draw(strategy) for name, strategy in optional.items() if draw(st.booleans())}

    topic = draw(st.sampled_from(facts.TOPICS))
    fields = {"ticket_id": draw(names | st.integers(0, 10**6).map(str)), "occurred_at": draw(instants)}
    fields |= some(
        event_id=names,
        source=names,
        team=names,
        channel=st.sampled_from(facts.CHANNELS),
        priority=st.sampled_from(facts.PRIORITIES),
        kind=st.sampled_from(facts.KINDS),
        agent_id=names,
        tags=st.lists(names, min_size=1, max_size=3),
    )
    if topic == OPENED:
        fields |= some(opened_by=st.sampled_from(facts.OPENERS), human_since=instants)
    elif topic == UPDATED:
        fields |= some(status=st.sampled_from(facts.STATUSES), human_since=instants)
    elif topic == REPLIED:
        fields |= some(author=st.sampled_from(facts.AUTHORS), public=st.booleans(), waiting_since=instants)
    elif topic == RESOLVED:
        fields |= some(automatic=st.booleans(), outcome=st.sampled_from(facts.OUTCOMES))
    elif topic == ANSWERED:
        low, score, high = sorted((draw(decimals), draw(decimals), draw(decimals)))
        fields |= {"survey": draw(st.sampled_from(("csat", "nps", "ces"))), "score": score}
        fields |= {"scale_min": low, "scale_max": high + 1} | some(higher_is_better=st.booleans())
    return topic, fields


TIMES = {"occurred_at", "human_since", "waiting_since"}
WORDS = {"channel", "priority", "kind", "opened_by", "status", "author", "outcome", "survey"}
DEFAULTS = {
    "source": "default",
    "opened_by": "customer",
    "author": "agent",
    "public": True,
    "automatic": False,
}
DEFAULTS |= {"outcome": "solved", "higher_is_better": True}


def spell_time(instant, chance):
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=instant)
    zone = timezone(timedelta(minutes=chance.randint(-720, 840)))
    spellings = [
        moment.isoformat().replace("+00:00", "Z"),
        moment.astimezone(zone).isoformat(sep=chance.choice("Tt "), timespec="microseconds"),
        int(instant / 1_000) if instant % 1_000 == 0 else instant / 1_000,
    ]
    if instant >= 10**11:
        spellings += [instant, float(instant), instant + 0.25]
    return json.dumps(chance.choice(spellings))


def spell_number(number, chance):
    number = Decimal(number)
    return chance.choice(
        [f"{number:f}", f"{number:f}000" if "." in f"{number:f}" else f"{number}.0", f"{number:e}"]
    )


def spell(topic, fields, chance):
    """One of the many spellings of an event, as JSON."""
    members = []
    for name, content in fields.items():
        if content == DEFAULTS.get(name) and chance.random() < 0.5:
            continue
        if name in TIMES:
            text = spell_time(content, chance)
        elif isinstance(content, Decimal):
            text = spell_number(content, chance)
        elif name in WORDS:
            text = json.dumps("".join(chance.choice((c.upper(), c)) for c in content))
        elif name == "ticket_id" and content.isascii() and content.isdigit() and str(int(content)) == content:
            text = chance.choice((content, json.dumps(content)))
        else:
            text = json.dumps(content, ensure_ascii=chance.random() < 0.5)
        members.append((name, text))
    missing = [
        name for name in (*DEFAULTS, "team", "tags", "agent_id", "event_id", "unknown") if name not in fields
    ]
    members += [(name, chance.choice(("null", '""'))) for name in missing if chance.random() < 0.3]
    chance.shuffle(members)
    comma, colon = chance.choice(((",", ":"), (" ,\n\t", " : ")))
    return ("{" + comma.join(f'"{name}"{colon}{text}' for name, text in members) + "}").encode()


@given(events(), st.randoms(use_true_random=False))
def test_any_spelling_of_an_event_is_the_same_event(event, chance):
    topic, fields = event
    plain = json.dumps(
        {name: format_instant(content) if name in TIMES else content for name, content in fields.items()},
        default=float,
    ).encode()
    first = read(topic, plain, key_of("", fields["ticket_id"]), latest=ALWAYS)
    for _ in range(4):
        again = read(topic, spell(topic, fields, chance), key_of("", fields["ticket_id"]), latest=ALWAYS)
        assert again == first
        assert canonical(again.source, again.ticket_id, again.event) == canonical(
            first.source, first.ticket_id, first.event
        )


@given(events(), st.randoms(use_true_random=False))
def test_the_canonical_json_reads_as_the_event(event, chance):
    topic, fields = event
    message = read(topic, spell(topic, fields, chance), key_of("", fields["ticket_id"]), latest=ALWAYS)
    text = canonical(message.source, message.ticket_id, message.event)
    assert json.loads(text)["topic"] == topic
    assert read_line(text.encode(), latest=ALWAYS) == message


FIELDS = sorted(
    {name for cls in facts.EVENT_TYPES for name in cls.__struct_fields__} - {"at"}
    | {"occurred_at", "ticket_id", "source"}
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["7", "", MORNING, "2026-03-02T10:00:00Z", "agent", "CSAT", "email", 4, 4.0, 1e999])
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
wild = st.fixed_dictionaries(
    {}, optional=dict.fromkeys([*FIELDS, "topic", "specversion", "type", "data"], anything)
)
likely = wild.map(
    lambda fields: {"ticket_id": "7", "occurred_at": MORNING, "survey": "csat", "score": 4} | fields
)


def outcome(call, *arguments, **options):
    """What comes of it; anything but ``Refused`` fails the test."""
    try:
        return call(*arguments, **options)
    except Refused as refused:
        return REASONS.index(refused.reason)


@given(st.sampled_from(facts.TOPICS), wild | likely)
def test_any_json_is_read_or_refused(topic, fields):
    raw = json.dumps(fields).encode("utf-8", "surrogatepass")
    outcome(read, topic, raw, b"7", latest=LATEST)
    outcome(read_line, raw, latest=LATEST)


@given(st.sampled_from(facts.TOPICS), st.binary(max_size=40), st.none() | st.binary(max_size=3))
def test_any_bytes_are_read_or_refused(topic, raw, key):
    outcome(read, topic, raw, key, latest=LATEST)
    outcome(read_line, raw, latest=LATEST)


@given(st.sampled_from(facts.TOPICS), events(), st.randoms(use_true_random=False))
def test_damaged_json_is_read_or_refused(topic, event, chance):
    raw = bytearray(spell(topic, event[1], random.Random(chance.random())))
    for _ in range(chance.randint(1, 3)):
        raw[chance.randrange(len(raw))] = chance.randrange(256)
    outcome(read, topic, bytes(raw), b"7", latest=LATEST)


@given(st.sampled_from(facts.TOPICS), likely)
def test_both_ways_read_the_same(topic, fields):
    raw = json.dumps(fields).encode("utf-8", "surrogatepass")
    usual = outcome(_read_usual, topic, raw, LATEST)
    if usual is not None:
        assert outcome(lambda: _read_carefully(topic, read_document(raw), (), LATEST)) == usual
