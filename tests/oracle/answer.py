"""The oracle: the answer to a list of events, by definition and without any cleverness.

It shares no code with the product.  Every ticket is rebuilt from the plain list of its
events; sets are scanned again wherever a definition says "the latest" or "the first".
Quadratic time is fine here.  Docstrings quote the clause of the contract they stand for.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Literal
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000
MAX_VALUE_BYTES = 1_000_000
MAX_NAME_CHARACTERS = 1_024

#: "at one instant opened, ticket-updated, customer-replied, agent-replied, resolved, survey-answered"
RANK = {
    "ticket-opened": 0,
    "ticket-updated": 1,
    "customer-replied": 2,
    "agent-replied": 3,
    "ticket-resolved": 4,
    "survey-answered": 5,
}
#: Topics of the contract that no number of the report's oracle depends on.
SKIPPED = ("survey-sent", "quality-reviewed", "feedback-received", "customer-lifecycle")
#: ``cxstream.ticket.opened.v1`` and so on.
CLOUD_TYPES = {f"cxstream.{t.replace('-', '.')}.v1": t for t in (*RANK, *SKIPPED)}
CLOUD_ATTRIBUTES = {"id": "event_id", "source": "source", "time": "occurred_at", "subject": "ticket_id"}

CHANNELS = ("email", "web", "chat", "phone", "social", "sms", "other")
PRIORITIES = ("low", "normal", "high", "urgent")
KINDS = ("question", "incident", "problem", "task", "complaint")
STATUSES = ("new", "open", "pending", "on_hold", "solved", "closed")
OPENERS = ("customer", "agent", "system")
AUTHORS = ("agent", "bot", "system")
OUTCOMES = ("solved", "no_response", "abandoned", "spam", "duplicate", "merged", "deleted")
VOID_OUTCOMES = ("spam", "duplicate", "merged", "deleted")
#: The default scale of each survey.
SCALES = {"csat": (1, 5), "nps": (0, 10), "ces": (1, 7)}
#: "defaults … left out" of the JSON that names an event without an id.
DEFAULTS: dict[str, Any] = {
    "source": "default",
    "opened_by": "customer",
    "author": "agent",
    "public": True,
    "automatic": False,
    "outcome": "solved",
    "higher_is_better": True,
}

#: May be flipped to read "leaves every live number and the report" without the orphans.
ORPHANS_OF_VOID_TICKETS_COUNT = False

Key = bytes | None | Literal["any"]


# ---------------------------------------------------------------------------------------
# Reading (§1)
# ---------------------------------------------------------------------------------------


class Refused(Exception):  # noqa: N818
    """What is no valid event; ``reason`` is the dead letter's ``cx-error-reason``."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(f"{reason}: {message}" if message else reason)
        self.reason = reason


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= 400 else Decimal(digits)


def _decimal(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent no decimal can hold
        return Decimal("Infinity")


def _parse(value: bytes | None) -> dict[str, Any]:
    """The JSON object of a value: "one flat JSON object (UTF-8)", perhaps "behind a schema
    registry's five-byte frame"."""
    if value is None:
        raise Refused("empty")
    if len(value) > MAX_VALUE_BYTES:
        raise Refused("too_large")
    if len(value) >= 5 and value[0] == 0:
        value = value[5:]
    if not value.strip(b" \t\r\n"):
        raise Refused("empty")
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("not_utf8") from error
    try:
        parsed = json.loads(text, parse_float=_decimal, parse_int=_integer, parse_constant=Decimal)
    except (ValueError, RecursionError) as error:
        raise Refused("not_json") from error
    if not isinstance(parsed, dict):
        raise Refused("wrong_type", "not an object")
    return parsed


def _absent(value: object) -> bool:
    """``null`` = absent; "empty strings are absent"."""
    return value is None or value == ""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


def _plain(number: int | Decimal) -> str:
    """A number "without needless decimals"."""
    text = format(Decimal(number), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_LAST_MS = (datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


def instant(value: object) -> int:
    """A time as UTC milliseconds: "RFC 3339 with offset; epoch seconds, or milliseconds from
    10¹¹ on", "cut to milliseconds"."""
    milliseconds: int
    if _is_number(value):
        assert isinstance(value, (int, Decimal))
        number = Decimal(value)
        if not number.is_finite() or abs(number) > Decimal(10) ** 15:
            raise Refused("bad_time")
        exact = Fraction(number) if abs(number) > Decimal("1e-30") else Fraction(0)
        milliseconds = int((exact if exact >= 10**11 else exact * 1000).__floor__())
    elif isinstance(value, str):
        match = _RFC3339.fullmatch(value)
        if match is None:
            raise Refused("bad_time")
        year, month, day, hour, minute, second, fraction, sign, off_hour, off_minute = match.groups()
        try:
            local = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
        except ValueError as error:
            raise Refused("bad_time") from error
        milliseconds = (local - _EPOCH) // timedelta(milliseconds=1)
        milliseconds += int(((fraction or "") + "000")[:3])
        if sign is not None:
            if int(off_hour) > 23 or int(off_minute) > 59:
                raise Refused("bad_time")
            offset = (int(off_hour) * 60 + int(off_minute)) * 60_000
            milliseconds += -offset if sign == "+" else offset
    else:
        raise Refused("bad_time")
    if not _FIRST_MS <= milliseconds <= _LAST_MS:
        raise Refused("bad_time")
    return milliseconds


def written(milliseconds: int) -> str:
    """UTC milliseconds as ``2026-03-02T09:00:00.000Z``."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.strftime(f"{moment.year:04d}-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03d}Z"


def _name(value: object, *, numbers: bool, integers: bool = False) -> str:
    """A name as a string; "numbers in ``event_id``, ``survey_id``, ``team`` become strings",
    of a ``ticket_id`` "an integer is accepted"."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, (int, Decimal)) and not isinstance(value, bool) and Decimal(value).is_finite():
        whole = Decimal(value) == Decimal(value).to_integral_value()
        if not (numbers or (integers and whole)):
            raise Refused("wrong_type")
        text = _plain(value) if abs(Decimal(value).adjusted()) <= 2 * MAX_NAME_CHARACTERS else "9" * 2000
    else:
        raise Refused("wrong_type")
    if len(text) > MAX_NAME_CHARACTERS:
        raise Refused("too_large")
    return text


def _word(value: object, words: tuple[str, ...]) -> str | None:
    """A word of a list, "in any case"; None if it is none of them."""
    return value.lower() if isinstance(value, str) and value.lower() in words else None


def _loose(value: object) -> str | None:
    """``agent_id`` and ``customer_id``: a number becomes a string, another type is dropped."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool) and Decimal(value).is_finite():
        return _plain(value)
    return None


def _number(value: object, *, what: str) -> Decimal:
    """A score or a bound of its scale."""
    if not _is_number(value):
        raise Refused("wrong_type", what)
    assert isinstance(value, (int, Decimal))
    number = Decimal(value)
    if not number.is_finite() or (number and abs(number.adjusted()) > 1_000):
        raise Refused("bad_score", what)
    return number


def _unwrap(topic: str, given: dict[str, Any]) -> dict[str, Any]:
    """A structured CloudEvent flattened: attributes "map on the fields above"; a field that
    ``data`` carries itself stays."""
    if "specversion" not in given:
        return given
    if _absent(given.get("type")) or CLOUD_TYPES.get(str(given["type"])) != topic:
        raise Refused("wrong_type", "the type of another topic")
    data = given.get("data")
    if data is None and isinstance(given.get("data_base64"), str):
        try:
            data = _parse(base64.b64decode(given["data_base64"], validate=True))
        except ValueError as error:
            raise Refused("not_json") from error
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise Refused("wrong_type", "data")
    fields = dict(data)
    for attribute, name in CLOUD_ATTRIBUTES.items():
        if _absent(fields.get(name)):
            fields[name] = given.get(attribute)
    return fields


def _fields(topic: str, given: Mapping[str, Any]) -> dict[str, Any]:  # noqa: PLR0912, PLR0915
    """The known fields after reading, defaults not yet filled in; what is absent is left out."""
    read: dict[str, Any] = {}
    for name in ("ticket_id", "occurred_at"):
        if _absent(given.get(name)):
            raise Refused("missing_field", name)
    read["ticket_id"] = _name(given["ticket_id"], numbers=False, integers=True)
    read["occurred_at"] = instant(given["occurred_at"])
    if not _absent(given.get("source")):
        read["source"] = _name(given["source"], numbers=False)
    for name in ("event_id", "team"):
        if not _absent(given.get(name)):
            read[name] = _name(given[name], numbers=True)
    if not _absent(given.get("channel")):
        read["channel"] = _word(given["channel"], CHANNELS) or "other"  # "anything else becomes other"
    for name, words in (("priority", PRIORITIES), ("kind", KINDS)):
        word = _word(given.get(name), words)
        if word is not None:  # "anything else is dropped"
            read[name] = word
    for name in ("agent_id", "customer_id"):
        loose = _loose(given.get(name))
        if loose is not None:
            read[name] = loose
    if isinstance(given.get("tags"), list):
        tags = [tag for tag in given["tags"] if isinstance(tag, str) and tag]
        if tags:
            read["tags"] = tags

    def word_or_refuse(name: str, words: tuple[str, ...]) -> None:
        if not _absent(given.get(name)):
            word = _word(given[name], words)
            if word is None:
                raise Refused("wrong_type", name)
            read[name] = word

    def flag(name: str) -> None:
        if not _absent(given.get(name)):
            if not isinstance(given[name], bool):
                raise Refused("wrong_type", name)
            read[name] = given[name]

    def moment(name: str) -> None:
        if not _absent(given.get(name)):
            read[name] = instant(given[name])

    if topic == "ticket-opened":
        word_or_refuse("opened_by", OPENERS)
        moment("human_since")
        moment("escalated_at")
    elif topic == "ticket-updated":
        status = _word(given.get("status"), STATUSES)
        if status is not None:  # "a foreign status is dropped"
            read["status"] = status
        moment("human_since")
    elif topic == "agent-replied":
        word_or_refuse("author", AUTHORS)
        flag("public")
        moment("waiting_since")
    elif topic == "ticket-resolved":
        flag("automatic")
        word_or_refuse("outcome", OUTCOMES)
    elif topic == "survey-answered":
        _survey(given, read)
        flag("higher_is_better")
    return read


def _survey(given: Mapping[str, Any], read: dict[str, Any]) -> None:
    """Survey fields: "a score outside its scale, or max ≤ min, is invalid; one bound given, the other is
    the default; scores are compared as the decimals written"."""
    for name in ("survey", "score"):
        if _absent(given.get(name)):
            raise Refused("missing_field", name)
    survey = _word(given["survey"], tuple(SCALES))
    if survey is None:
        raise Refused("unknown_survey")
    read["survey"] = survey
    if not _absent(given.get("survey_id")):
        read["survey_id"] = _name(given["survey_id"], numbers=True)
    read["score"] = _number(given["score"], what="score")
    for name in ("scale_min", "scale_max"):
        if not _absent(given.get(name)):
            read[name] = _number(given[name], what=name)
    low = read.get("scale_min", Decimal(SCALES[survey][0]))
    high = read.get("scale_max", Decimal(SCALES[survey][1]))
    if high <= low or not low <= read["score"] <= high:
        raise Refused("bad_score")


def canonical(topic: str, read: Mapping[str, Any]) -> str:
    """What names an event without an id: "the compact, key-sorted JSON of the topic and the
    known fields after reading"."""
    parts: dict[str, str] = {"topic": json.dumps(topic)}
    for name, value in read.items():
        if name in DEFAULTS and value == DEFAULTS[name]:
            continue
        if name in ("occurred_at", "human_since", "waiting_since", "escalated_at"):
            parts[name] = json.dumps(written(value))
        elif isinstance(value, bool):
            parts[name] = "true" if value else "false"
        elif isinstance(value, (int, Decimal)):
            parts[name] = _plain(value)
        else:
            parts[name] = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return "{" + ",".join(f'"{name}":{parts[name]}' for name in sorted(parts)) + "}"


def _normalised(
    topic: str, given: dict[str, Any], key: Key, wall_now_ms: int | None, max_future_ms: int
) -> dict[str, Any]:
    read = _fields(topic, _unwrap(topic, given))
    now = int(time.time() * 1000) if wall_now_ms is None else wall_now_ms
    if read["occurred_at"] > now + max_future_ms:  # "more than CXSTREAM_MAX_FUTURE … ahead"
        raise Refused("future")
    text = canonical(topic, read)
    event = {name: value for name, value in DEFAULTS.items() if name in _DEFAULTS_OF[topic]}
    event |= read | {"topic": topic, "canonical": text}
    if "event_id" not in event:
        encoded = text.encode("utf-8", "surrogatepass")
        event["event_id"] = hashlib.sha256(encoded).hexdigest()[:32]
    if key != "any":
        forms = (event["ticket_id"], f"{event['source']}/{event['ticket_id']}")
        if key is None or key not in [form.encode("utf-8", "surrogatepass") for form in forms]:
            raise Refused("key_mismatch")  # "missing, or neither form"
    return event


_DEFAULTS_OF: dict[str, tuple[str, ...]] = {
    "ticket-opened": ("source", "opened_by"),
    "ticket-updated": ("source",),
    "customer-replied": ("source",),
    "agent-replied": ("source", "author", "public"),
    "ticket-resolved": ("source", "automatic", "outcome"),
    "survey-answered": ("source", "higher_is_better"),
}


def read(
    topic: str,
    value: bytes | None,
    key: Key = "any",
    *,
    headers: Mapping[str, bytes] | None = None,
    wall_now_ms: int | None = None,
    max_future_ms: int = DAY_MS,
) -> dict[str, Any]:
    """A record of one of the six topics as a dict, or :class:`Refused` with its reason.

    The dict holds the topic, the known fields that are present (defaults filled in, times as
    UTC milliseconds, numbers as ``Decimal``), ``event_id`` in any case, and ``canonical``.
    ``key="any"`` asks nothing of the key.  ``headers`` with ``ce_…`` are Kafka binary mode.
    """
    given = _parse(value)
    if headers is not None and "ce_specversion" in headers:
        envelope: dict[str, Any] = {"data": given}
        for name, content in headers.items():
            if name.startswith("ce_"):
                envelope[name[3:]] = content.decode("utf-8")
        given = envelope
    return _normalised(topic, given, key, wall_now_ms, max_future_ms)


def read_line(
    line: str | bytes, *, wall_now_ms: int | None = None, max_future_ms: int = DAY_MS
) -> dict[str, Any] | None:
    """A line of a file, "each with ``topic`` or a CloudEvents ``type``"; None for a blank line
    and for a line of an optional topic the oracle does not know."""
    value = line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line
    value = value.rstrip(b"\r\n")
    if not value.strip(b" \t\r\n"):
        return None
    given = _parse(value)
    topic = given.get("topic")
    if _absent(topic):
        if _absent(given.get("type")):
            raise Refused("missing_field", "topic")
        topic = CLOUD_TYPES.get(str(given["type"]))
    if topic in SKIPPED:
        return None
    if not isinstance(topic, str) or topic not in RANK:
        raise Refused("wrong_type", "topic")
    return _normalised(topic, given, "any", wall_now_ms, max_future_ms)


# ---------------------------------------------------------------------------------------
# One ticket (§2)
# ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Placed:
    """An event and the instant it counts at, which differs from its own time under skew."""

    event: dict[str, Any]
    at: int
    #: Before the opening by more than the skew (or, for surveys, just older).
    old: bool = False

    @property
    def own(self) -> int:
        return int(self.event["occurred_at"])

    @property
    def topic(self) -> str:
        return str(self.event["topic"])

    @property
    def qualifying(self) -> bool:
        """Clause: "a qualifying reply is public and by a human agent"."""
        return (
            self.topic == "agent-replied" and self.event["public"] is True and self.event["author"] == "agent"
        )

    @property
    def resolution(self) -> bool:
        return self.topic == "ticket-resolved"


@dataclass(frozen=True)
class Item:
    """One unit of the answer: a transition, a measured duration or a survey answer."""

    what: str
    at: int
    labels: dict[str, str]
    duration: int = 0
    share: Fraction = Fraction(0)


@dataclass
class Ticket:
    """What one ticket adds to the answer."""

    items: list[Item] = field(default_factory=list)
    known: bool = False
    state: str = "none"  # open, resolved, void
    awaiting_first_reply: bool = False
    replies: int = 0
    orphan: int = 0
    negative: int = 0


def own_order(event: dict[str, Any]) -> tuple[int, int, str]:
    """The order "by time; at one instant [by topic]; then event_id"."""
    return (event["occurred_at"], RANK[event["topic"]], event["event_id"])


def placed_order(events: list[dict[str, Any]], max_skew_ms: int) -> tuple[Placed | None, list[Placed]]:
    """The ticket's opening and all its events in the ticket's order.

    "Other events dated up to MAX_SKEW (inclusive) before [the opening] are clock skew: placed
    right after it, before all others of that instant, in their own order".
    """
    events = sorted(events, key=own_order)
    openings = [e for e in events if e["topic"] == "ticket-opened"]
    if not openings:
        return None, [Placed(e, e["occurred_at"]) for e in events]
    opening = openings[0]
    start = opening["occurred_at"]
    others = [e for e in events if e is not opening]
    old = [Placed(e, e["occurred_at"], old=True) for e in others if e["occurred_at"] < start - max_skew_ms]
    skewed = [Placed(e, start) for e in others if start - max_skew_ms <= e["occurred_at"] < start]
    after = [Placed(e, e["occurred_at"]) for e in others if e["occurred_at"] >= start]
    first = Placed(opening, start)
    return first, [*old, first, *skewed, *after]


def label_at(order: list[Placed], name: str, at: int) -> str:
    """A label at an instant: "the latest value, in the ticket's order, at or before that
    instant (all events of the instant included), else the earliest known, else ``none``"."""
    known = [placed for placed in order if name in placed.event]
    until = [placed for placed in known if placed.at <= at]
    if until:
        return str(until[-1].event[name])
    return str(known[0].event[name]) if known else "none"


def share_of(event: dict[str, Any]) -> Fraction:
    """The share "s = (score - min) / (max - min), mirrored where low is good"."""
    low, high = SCALES[event["survey"]]
    bottom = Fraction(event.get("scale_min", Decimal(low)))
    top = Fraction(event.get("scale_max", Decimal(high)))
    share = (Fraction(event["score"]) - bottom) / (top - bottom)
    return share if event["higher_is_better"] else 1 - share


def from_hand_off(start: int, reply: int, hand_offs: list[int]) -> int:
    """A start, "or … the last hand-off … not after that reply, if later"."""
    return max([start, *(since for since in hand_offs if since <= reply)])


def rebuild(events: list[dict[str, Any]], max_skew_ms: int) -> Ticket:  # noqa: PLR0912, PLR0915
    """A ticket from the list of its accepted events."""
    ticket = Ticket()
    opening, order = placed_order(events, max_skew_ms)

    def labels(at: int) -> dict[str, str]:
        found = {name: label_at(order, name, at) for name in ("team", "channel", "priority")}
        return found | {"source": str(order[0].event["source"])}

    def add(what: str, at: int, duration: int = 0, share: Fraction = Fraction(0)) -> None:
        ticket.items.append(Item(what, at, labels(at), duration, share))

    # "The last answer per (ticket, survey, survey_id) stands"; surveys never are orphans.
    last_answers: dict[tuple[str, str | None], Placed] = {}
    for placed in order:
        if placed.topic == "survey-answered":
            last_answers[placed.event["survey"], placed.event.get("survey_id")] = placed
    for (survey, _), placed in last_answers.items():
        add(survey, placed.at, share=share_of(placed.event))

    # "Orphan: qualifying replies and resolutions (automatic ones too) of a ticket without a
    # known opening"; "older replies and resolutions belong to a life we do not know".
    if opening is None:
        ticket.orphan = sum(placed.qualifying or placed.resolution for placed in order)
        return ticket
    ticket.known = True
    ticket.orphan = sum(placed.old and (placed.qualifying or placed.resolution) for placed in order)

    # The life we know: old events have had their say in labels, surveys and hand-offs.
    life = [placed for placed in order if not placed.old and placed is not opening]
    hand_offs = [int(placed.event["human_since"]) for placed in order if "human_since" in placed.event]
    by_customer = opening.event["opened_by"] == "customer"

    is_open = True
    effective: list[Placed] = []  # the effective resolutions
    replies: list[Placed] = []  # the qualifying replies
    # The running wait: its start, and whether hand-offs move it (opening, explicit reopening).
    wait: tuple[int, bool] | None = (opening.own, True) if by_customer else None
    add("opened", opening.at)

    for placed in life:
        if placed.topic == "ticket-opened":
            if is_open:
                continue  # "of a ticket that is open it changes labels only"
            is_open = True
            add("reopened", placed.at)
            if wait is None and placed.event["opened_by"] == "customer":
                wait = (placed.own, True)
        elif placed.topic == "customer-replied":
            if wait is None:  # "also on a resolved ticket, which it does not reopen"
                wait = (placed.own, False)
        elif placed.resolution:
            if not is_open:
                if placed.event["automatic"]:
                    continue  # "a confirmation without any effect"
                add("reopened", placed.at)  # implied, "at the moment … of the later resolution"
            is_open = False
            add("resolved", placed.at)
            effective.append(placed)
            wait = None  # "an effective resolution ends it unmeasured"
        elif placed.qualifying:
            is_negative = False
            if not replies and by_customer:
                taken = placed.own - from_hand_off(opening.own, placed.own, hand_offs)
                if taken >= 0:
                    add("first_response", placed.at, taken)
                is_negative = is_negative or taken < 0
            own_wait = placed.event.get("waiting_since")
            if own_wait is not None and replies and own_wait <= replies[-1].own:
                own_wait = None  # "at or before the previous qualifying reply it is as if absent"
            begun: int | None = None
            if own_wait is not None:
                begun = own_wait
            elif wait is not None:
                begun = from_hand_off(wait[0], placed.own, hand_offs) if wait[1] else wait[0]
            if begun is not None:
                if placed.own >= begun:
                    add("response", placed.at, placed.own - begun)
                is_negative = is_negative or placed.own < begun
            wait = None  # "every qualifying reply ends the running wait, measured or not"
            replies.append(placed)
            ticket.negative += is_negative

    # "each once, for which a measure would be negative"
    ticket.negative += sum(placed.own < opening.own for placed in effective)
    ticket.replies = len(replies)

    if is_open:
        ticket.state = "open"
        ticket.awaiting_first_reply = by_customer and not replies
    elif effective[-1].event["outcome"] in VOID_OUTCOMES:
        # "It leaves every live number and the report … but counts as void"
        orphan = ticket.orphan if ORPHANS_OF_VOID_TICKETS_COUNT else 0
        return Ticket(known=True, state="void", orphan=orphan)
    else:
        ticket.state = "resolved"

    # "A resolution that was void and then reopened is no first resolution; the next that is
    # not void is" - and every void one before the end was reopened.
    real = [placed for placed in effective if placed.event["outcome"] not in VOID_OUTCOMES]
    if real and real[0].own >= opening.own:
        add("first_resolution", real[0].at, real[0].own - opening.own)
    # "last effective resolution - opening, while resolved"
    if ticket.state == "resolved" and effective[-1].own >= opening.own:
        add("resolution", effective[-1].at, effective[-1].own - opening.own)
    return ticket


# ---------------------------------------------------------------------------------------
# The report (§6)
# ---------------------------------------------------------------------------------------


def _seconds(milliseconds: Fraction) -> float:
    return round(float(milliseconds / 1000), 3)


def _percentile(ordered: list[int], percent: int) -> Fraction:
    """A percentile, "exact, by linear interpolation (numpy's default)"."""
    rank = Fraction(percent * (len(ordered) - 1), 100)
    below = rank.numerator // rank.denominator
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (rank - below) * (ordered[above] - ordered[below])


def _durations(items: Iterable[Item], what: str) -> dict[str, Any]:
    """D; "of nothing … null, counts and sums 0"."""
    values = sorted(item.duration for item in items if item.what == what)
    if not values:
        empty = dict.fromkeys(("mean_seconds", "p50_seconds", "p90_seconds", "p95_seconds", "max_seconds"))
        return {"count": 0, "sum_seconds": 0.0, **empty}
    return {
        "count": len(values),
        "sum_seconds": sum(values) / 1000,
        "mean_seconds": _seconds(Fraction(sum(values), len(values))),
        "p50_seconds": _seconds(_percentile(values, 50)),
        "p90_seconds": _seconds(_percentile(values, 90)),
        "p95_seconds": _seconds(_percentile(values, 95)),
        "max_seconds": values[-1] / 1000,
    }


def _survey_mean(shares: list[Fraction], survey: str) -> float | None:
    """The mean "on its default scale, rescaled and mirrored"."""
    low, high = SCALES[survey]
    return float(low + sum(shares, Fraction(0)) / len(shares) * (high - low)) if shares else None


def _satisfaction(items: Iterable[Item], survey: str) -> dict[str, Any]:
    """S: "positive s ≥ ¾, negative s ≤ ¼, else neutral, compared exactly"."""
    shares = [item.share for item in items if item.what == survey]
    positive = sum(share >= Fraction(3, 4) for share in shares)
    negative = sum(share <= Fraction(1, 4) for share in shares)
    return {
        "answers": len(shares),
        "positive": positive,
        "neutral": len(shares) - positive - negative,
        "negative": negative,
        "ratio": float(Fraction(positive, len(shares))) if shares else None,
        "mean": _survey_mean(shares, survey),
    }


def _promoters(items: Iterable[Item]) -> dict[str, Any]:
    """The NPS: "100 * (promoters - detractors) / answers, on 0-10: promoter ≥ 9, detractor ≤ 6"."""
    shares = [item.share for item in items if item.what == "nps"]
    promoters = sum(share * 10 >= 9 for share in shares)
    detractors = sum(share * 10 <= 6 for share in shares)
    return {
        "answers": len(shares),
        "promoters": promoters,
        "passives": len(shares) - promoters - detractors,
        "detractors": detractors,
        "score": float(Fraction(100 * (promoters - detractors), len(shares))) if shares else None,
        "mean": _survey_mean(shares, "nps"),
    }


def _numbers(items: list[Item]) -> dict[str, Any]:
    return {
        **{
            what: _durations(items, what)
            for what in ("first_response", "response", "first_resolution", "resolution")
        },
        "csat": _satisfaction(items, "csat"),
        "ces": _satisfaction(items, "ces"),
        "nps": _promoters(items),
    }


def _group(items: list[Item]) -> dict[str, Any]:
    """A window or a group: "``resolved`` = transitions"."""
    flows = {flow: sum(item.what == flow for item in items) for flow in ("opened", "resolved", "reopened")}
    return flows | _numbers(items)


_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": DAY_MS, "w": 7 * DAY_MS}


def _length(text: str) -> int:
    match = re.fullmatch(r"(\d+)(ms|s|m|h|d|w)", text)
    if match is None:
        raise ValueError(f"no duration: {text!r}")
    return int(match[1]) * _UNITS[match[2]]


def window_start(name: str, pane: int, now: int, timezone: str) -> int:
    """The first instant of a window: the current pane "and the W/s - 1 before it", or "the
    panes since the last local midnight, Monday, first"."""
    if name not in ("today", "week", "month"):
        return (now // pane - _length(name) // pane + 1) * pane
    zone = ZoneInfo(timezone)
    day = (_EPOCH + timedelta(milliseconds=now)).astimezone(zone).date()
    if name == "week":
        day -= timedelta(days=day.weekday())
    elif name == "month":
        day = day.replace(day=1)
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    since = (midnight.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
    return since // pane * pane  # the pane that holds midnight is held


def accepted(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One copy per "(source, topic, ticket_id, event_id)": "of copies that differ … the one
    with the smallest (occurred_at, that JSON) stands"."""
    standing: dict[tuple[str, str, str, str], dict[str, Any]] = {}

    def rank(event: dict[str, Any]) -> tuple[int, str]:
        return (event["occurred_at"], event["canonical"])

    for event in events:
        identity = (event["source"], event["topic"], event["ticket_id"], event["event_id"])
        if identity not in standing or rank(event) < rank(standing[identity]):
            standing[identity] = event
    return list(standing.values())


def answer(
    lines: Iterable[str | bytes],
    *,
    at: str | None = None,
    by: str | None = None,
    windows: str = "1h/1m,today/15m,24h/15m,7d/2h",
    timezone: str = "UTC",
    max_skew_ms: int = DAY_MS,
    wall_now_ms: int | None = None,
    max_future_ms: int = DAY_MS,
) -> dict[str, Any]:
    """What ``report --json`` says of these lines."""
    if by not in (None, "team", "channel", "priority", "source"):
        raise ValueError(f"no such label: {by!r}")
    wall = int(time.time() * 1000) if wall_now_ms is None else wall_now_ms
    valid: list[dict[str, Any]] = []
    invalid = 0
    for line in lines:
        try:
            event = read_line(line, wall_now_ms=wall, max_future_ms=max_future_ms)
        except Refused:
            invalid += 1
            continue
        if event is not None:
            valid.append(event)

    # "Events are cut at INSTANT before identities are compared"; default: the last event's time.
    now: int | None = instant(at) if at is not None else max((e["occurred_at"] for e in valid), default=None)
    if now is not None:
        valid = [event for event in valid if event["occurred_at"] <= now]
    distinct = accepted(valid)

    by_ticket: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for event in distinct:
        by_ticket.setdefault((event["source"], event["ticket_id"]), []).append(event)
    tickets = [rebuild(by_ticket[name], max_skew_ms) for name in sorted(by_ticket)]
    items = [item for ticket in tickets for item in ticket.items]

    def count(what: str) -> int:
        return sum(item.what == what for item in items)

    resolved = [ticket for ticket in tickets if ticket.state == "resolved"]
    result: dict[str, Any] = {
        "at": None if now is None else written(now).replace(".000Z", "Z"),
        "events": {
            "total": len(valid),
            "duplicate": len(valid) - len(distinct),
            "orphan": sum(ticket.orphan for ticket in tickets),
            "negative": sum(ticket.negative for ticket in tickets),
            "invalid": invalid,
        },
        "tickets": {
            "opened": count("opened"),
            "open": sum(ticket.state == "open" for ticket in tickets),
            "awaiting_first_reply": sum(ticket.awaiting_first_reply for ticket in tickets),
            "in_progress": sum(
                ticket.state == "open" and not ticket.awaiting_first_reply for ticket in tickets
            ),
            "resolved": len(resolved),
            "reopened": count("reopened"),
            "one_touch": sum(ticket.replies == 1 for ticket in resolved),
            "replies": sum(ticket.replies for ticket in tickets),
            "void": sum(ticket.state == "void" for ticket in tickets),
        },
        **_numbers(items),
        "windows": {},
    }
    for window in windows.split(","):
        name, _, pane = window.strip().partition("/")
        held: list[Item] = []
        if now is not None:
            start = window_start(name, _length(pane), now, timezone)
            held = [item for item in items if start <= item.at]
        result["windows"][name] = _group(held)
    if by is not None:
        groups = sorted({item.labels[by] for item in items})  # "only groups that hold a number"
        result["by"] = {by: {g: _group([item for item in items if item.labels[by] == g]) for g in groups}}
    return result
