"""The policy file: what it compiles to, and what is refused, with line, cause and remedy."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from cxstream.core.calendar import MINUTE
from cxstream.core.condition import Traits
from cxstream.core.event import AgentReplied
from cxstream.core.policy import TARGETS, Policies, PolicyHistory, Target, built_in
from cxstream.core.rules import DAY, HOUR
from cxstream.settings.policy import PolicyError, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EXAMPLE = """\
version: 1
calendars:
  eu-office:
    timezone: Europe/Ljubljana
    hours: {mon: ["08:00-12:00","13:00-17:00"], tue: ["08:00-17:00"], wed: ["08:00-17:00"], thu: ["08:00-17:00"], \
fri: ["08:00-15:00"]}
    holidays: ["2026-12-25", {date: 2026-12-24, hours: ["08:00-12:00"]}, {ical: "holidays/si.ics"}]
  always: {timezone: UTC, always_open: true}
defaults:
  calendar: eu-office
  pause_on: [pending]
  warn_at: [0.75, "-15m"]
policies:
  - name: vip-phone
    when: {channel: [phone], tags: [vip]}
    targets:
      first_reply: {target: 2m, calendar: always}
      resolution:  {target: 4h}
  - name: standard
    when: {}
    by_priority:
      urgent: {first_reply: 30m, next_reply: 1h, requester_wait: 8h, agent_work: 8h}
      high:   {first_reply: 2h}
      normal: {first_reply: 8h, next_reply: 1bd}
      low:    {first_reply: 1bd}
    by_channel:
      email:  {first_reply: {target: 24h, calendar: always, warn_at: []}}
    periodic_update: {target: 2bd, pause_on: [pending, on_hold]}
objectives:
  - {target: first_reply, policy: standard, attainment: 0.90, window: 30d}
  - {metric: csat_positive, minimum: 0.85, window: 7d, min_answers: 50}
"""

HOLIDAYS = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:test
BEGIN:VEVENT
UID:1
SUMMARY:New year
DTSTART;VALUE=DATE:20200101
DTEND;VALUE=DATE:20200103
RRULE:FREQ=YEARLY
EXDATE;VALUE=DATE:20270101
END:VEVENT
BEGIN:VEVENT
UID:2
SUMMARY:Called off
STATUS:CANCELLED
DTSTART;VALUE=DATE:20260505
END:VEVENT
BEGIN:VEVENT
UID:3
SUMMARY:Once
DTSTART;VALUE=DATE:20260506
END:VEVENT
BEGIN:VEVENT
UID:4
SUMMARY:Christmas Eve
DTSTART;VALUE=DATE:20261224
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Policies]:
    def read(text: str) -> Policies:
        path = tmp_path / "sla.yaml"
        path.write_text(text)
        return load(path)

    (tmp_path / "holidays").mkdir()
    (tmp_path / "holidays" / "si.ics").write_text(HOLIDAYS.replace("\n", "\r\n"))
    return read


def traits(
    channel: str = "none", priority: str = "none", team: str = "none", *tags: str, source: str = "default"
) -> Traits:
    return Traits((team, channel, priority, source, "none"), tags)


def promised(policies: Policies, found: Traits) -> dict[str, Target]:
    return {target.name: target for target in policies.match(found) if target is not None}


def test_the_first_policy_that_matches_gives_its_targets(written: Callable[[str], Policies]) -> None:
    policies = written(EXAMPLE)
    vip = promised(policies, traits("phone", "urgent", "none", "gold", "vip"))
    assert {(t.policy, t.name, t.amount, t.calendar.name) for t in vip.values()} == {
        ("vip-phone", "first_reply", 2 * MINUTE, "always"),
        ("vip-phone", "resolution", 4 * HOUR, "eu-office"),
    }
    assert {
        target.policy for target in promised(policies, traits("chat", "none", "none", "vip")).values()
    } == {"standard"}


def test_a_channel_wins_over_a_priority_and_that_over_the_rest(written: Callable[[str], Policies]) -> None:
    policies = written(EXAMPLE)
    urgent = promised(policies, traits("web", "urgent"))
    assert urgent["first_reply"].amount == 30 * MINUTE
    assert urgent["periodic_update"].amount == 2 * 30_240_000
    mail = promised(policies, traits("email", "urgent"))
    assert mail["first_reply"].amount == DAY
    assert mail["next_reply"].amount == HOUR
    assert promised(policies, traits()).keys() == {"periodic_update"}, "without a priority none of those"


def test_defaults_and_what_overrides_them(written: Callable[[str], Policies]) -> None:
    urgent = promised(written(EXAMPLE), traits("web", "urgent"))
    assert urgent["first_reply"].steps == (15 * MINUTE, 22 * MINUTE + 30_000)
    assert urgent["first_reply"].pause_on == frozenset()
    assert urgent["requester_wait"].pause_on == {"pending"}
    assert urgent["agent_work"].pause_on == {"pending", "on_hold"}
    assert urgent["periodic_update"].pause_on == {"pending", "on_hold"}
    assert promised(written(EXAMPLE), traits("email"))["first_reply"].steps == ()


def test_holidays_by_date_half_days_and_from_a_file(written: Callable[[str], Policies]) -> None:
    dates = written(EXAMPLE).calendar.dates
    assert dates[date(2026, 12, 25)] == ()
    assert dates[date(2026, 12, 24)] == ((480, 720),), "what is written out wins"
    assert {day for day in dates if day.year in {2026, 2027}} == {
        date(2026, 1, 1), date(2026, 1, 2), date(2026, 5, 6), date(2026, 12, 24), date(2026, 12, 25),
    }  # fmt: skip


def test_holidays_of_a_country_and_of_a_part_of_it(written: Callable[[str], Policies]) -> None:
    def dates(country: str) -> dict[date, object]:
        return dict(written(EXAMPLE.replace('{ical: "holidays/si.ics"}', country)).calendar.dates)

    assert date(2026, 2, 8) in dates("{country: si}")
    assert date(2026, 1, 6) not in dates("{country: DE}")
    assert date(2026, 1, 6) in dates("{country: DE, subdivision: BY}")


def test_objectives(written: Callable[[str], Policies]) -> None:
    policies = written(EXAMPLE)
    (objective,), (minimum,) = policies.objectives, policies.minimums
    assert (objective.policy, objective.target, objective.ratio, objective.window) == (
        "standard", "first_reply", 0.9, 30 * DAY,
    )  # fmt: skip
    assert (minimum.metric, minimum.minimum, minimum.window, minimum.min_answers) == (
        "csat_positive", 0.85, 7 * DAY, 50,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("when", "matching", "other"),
    [
        ("{channel: chat}", traits("chat"), traits("phone")),
        ("{team: [sales, 'bill*']}", traits("chat", "low", "billing"), traits("chat", "low", "bar")),
        ("{tags: 'vip-?'}", traits("chat", "low", "x", "a", "vip-1"), traits("chat", "low", "x", "vip-12")),
        ("{source: 'zendesk/*', channel: email}", traits("email", source="zendesk/a"), traits("email")),
        ("{any: [{channel: chat}, {priority: urgent}]}", traits("email", "urgent"), traits("email", "high")),
        ("{not: {channel: [chat, none]}}", traits("email"), traits()),
        ("{all: [{channel: 'p*'}, {not: {priority: low}}]}", traits("phone", "high"), traits("phone", "low")),
        ("{kind: none}", traits(), Traits(("t", "chat", "low", "default", "task"))),
    ],
)
def test_conditions(written: Callable[[str], Policies], when: str, matching: Traits, other: Traits) -> None:
    policies = written(f"version: 1\npolicies: [{{name: some, when: {when}, first_reply: 1h}}]\n")
    assert promised(policies, matching)
    assert not promised(policies, other)


def test_without_calendars_every_minute_counts(written: Callable[[str], Policies]) -> None:
    policies = written("version: 1\npolicies: [{name: all, first_reply: 1bd}]\n")
    assert policies.calendar.always_open
    assert promised(policies, traits())["first_reply"].amount == DAY


def test_which_replies_count(written: Callable[[str], Policies]) -> None:
    text = (
        "version: 1\n"
        "defaults: {counts_as_reply: {public: false, author: [agent, bot]}}\n"
        "policies: [{name: a, first_reply: 1h}]\n"
    )
    note, bot = AgentReplied(0, "1", public=False), AgentReplied(0, "2", author="bot")
    system = AgentReplied(0, "3", author="system")
    assert [written(text).counts(reply) for reply in (note, bot, system)] == [True, True, False]
    assert [built_in().counts(reply) for reply in (note, bot, system)] == [False, False, False]
    assert built_in().counts(AgentReplied(0, "4"))


def test_the_built_in_policy_says_what_customers_expect_of_a_channel() -> None:
    first = {
        c: promised(built_in(), traits(c)).get("first_reply")
        for c in ("phone", "chat", "email", "social", "web")
    }
    assert {c: t.amount for c, t in first.items() if t is not None} == {
        "phone": 4 * MINUTE, "chat": 2 * MINUTE, "email": DAY, "social": HOUR,
    }  # fmt: skip
    assert all(target.calendar.always_open for target in first.values() if target is not None)


def test_policies_of_different_times() -> None:
    first, second = built_in(), built_in()
    history = PolicyHistory(first, (1_000, second))
    assert [history.era(at) for at in (999, 1_000)] == [0, 1]
    assert history.of(0) is first
    assert history.of(1) is history.current is second
    assert history.start(1) == 1_000
    assert history.start(2) is None
    assert PolicyHistory(first).era(9_000) == 0


def test_what_is_described_is_enough_to_tell_policies_apart(written: Callable[[str], Policies]) -> None:
    first = written(EXAMPLE).describe()
    assert written(f"# a comment\n{EXAMPLE}").describe() == first
    for old, new in (
        ("12:00", "12:01"),
        ("12-25", "12-26"),
        ("8h", "9h"),
        ("[vip]", "[vips]"),
        ("0.75", "0.8"),
    ):
        assert written(EXAMPLE.replace(old, new)).describe() != first


WRONG = [
    ("Europe/Ljubljana", "Europe/Lublana", 4, "calendars.eu-office.timezone", "no time zone"),
    ('"13:00-17:00"', '"11:00-17:00"', 5, "calendars.eu-office.hours.mon", "overlap at 11:00: join"),
    ('"13:00-17:00"', '"22:00-02:00"', 5, "hours.mon", "ends before it begins: past midnight, write two"),
    ('"13:00-17:00"', '"13-17"', 5, "hours.mon", "no interval of a day: write"),
    ("{mon: [", "{monday: [", 5, "hours.monday", "did you mean mon?"),
    ("always_open: true", "always_open: false", 7, "calendars.always", "never opens"),
    ("always_open: true", "always_open: true, hours: {mon: ['09:00-17:00']}", 7, "always", "keep one"),
    ("2026-12-25", "2026-12-35", 6, "holidays.0", "no date"),
    ("2026-12-25", "2026-12-24", 6, "holidays.1", "given twice"),
    ("si.ics", "de.ics", 6, "holidays.2", "No such file"),
    ('{ical: "holidays/si.ics"}', "{country: XX}", 6, "holidays.2", "ISO 3166"),
    ("calendar: eu-office", "calendar: eu-ofice", 9, "defaults.calendar", "did you mean eu-office?"),
    ("  calendar: eu-office\n", "", 8, "defaults", "names no calendar: add calendar"),
    ("pause_on: [pending]", "pause_on: [waiting]", 10, "defaults.pause_on.0", "none of new, open, pending"),
    ("0.75", "1.75", 11, "defaults.warn_at.0", "no time to warn: write a fraction"),
    ("[phone]", "[fax]", 14, "when.channel", "can never hold, since 'fax' is no channel"),
    ("[phone]", "[]", 14, "when.channel", "can never hold"),
    ("channel: [phone], ", "chanel: [phone], ", 14, "when.chanel", "did you mean channel?"),
    ("{target: 4h}", "{target: 0h}", 17, "targets.resolution.target", "no time at all"),
    ("{target: 4h}", "{target: -4h}", 17, "targets.resolution.target", "no time at all"),
    ("{target: 4h}", "4", 17, "targets.resolution.target", "no duration: write it as text"),
    ("{target: 4h}", "{target: 9999d}", 17, "targets.resolution", "more than ten years"),
    ("{target: 4h}", "{goal: 4h}", 17, "targets.resolution", "missing"),
    ("{target: 4h}", "{target: 4h, calender: always}", 17, "resolution.calender", "did you mean calendar?"),
    ("{target: 4h}", "{target: 4h, pause_on: [pending]}", 17, "resolution.pause_on", "no status pauses"),
    ("{target: 2m, calendar: always}", "5h", 13, "policies.0", "more time than resolution"),
    ("name: standard", "name: vip-phone", 18, "policies.1.name", "the name of two policies"),
    ("      low:    {first_reply: 1bd}\n", "", 20, "by_priority", "low has no target: add low"),
    ("high:   {", "hi:   {", 22, "by_priority.hi", "none of low, normal, high"),
    ("{target: 2bd, pause", "{target: 2d bd, pause", 27, "periodic_update.target", "no duration"),
    ("policy: standard", "policy: standart", 29, "objectives.0.policy", "did you mean standard?"),
    ("target: first_reply, policy", "target: resolution, policy", 29, "objectives.0.target", "has no resolution"),
    ("minimum: 0.85, ", "", 30, "objectives.1", "complete one"),
    ("channel: [phone], tags: [vip]", "", 18, "policies.1", "can never match, since 'vip-phone' above it"),
    ("    when: {}\n", "    when: {channel: phone, tags: vip, team: x}\n", 18, "policies.1", "can never match"),
    ("objectives:", "version: 2\nobjectives:", 28, "version is given twice", "keep one"),
    ("version: 1", "version: 2", 1, "version", "none of 1"),
    ("    when: {}\n", "   when: {}\n", 19, "line", "correct it"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "place", "remedy"), WRONG)
def test_a_refusal_names_line_field_and_remedy(
    written: Callable[[str], Policies], old: str, new: str, line: int, place: str, remedy: str
) -> None:
    assert old in EXAMPLE
    with pytest.raises(PolicyError) as refused:
        written(EXAMPLE.replace(old, new, 1))
    text = str(refused.value)
    assert f"sla.yaml, line {line}" in text
    assert place in text and remedy in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("ics", "cause"),
    [
        ("nothing", "no iCalendar file"),
        (HOLIDAYS.replace("DTSTART;VALUE=DATE:20260506", "DTSTART:20260506T080000Z"), "make it all-day"),
        (HOLIDAYS.replace("DTEND;VALUE=DATE:20200103", "DTEND;VALUE=DATE:20191231"), "correct its end"),
    ],
)
def test_a_file_of_holidays_that_cannot_be_read(
    written: Callable[[str], Policies], tmp_path: Path, ics: str, cause: str
) -> None:
    (tmp_path / "holidays" / "si.ics").write_text(ics)
    with pytest.raises(PolicyError, match=f"line 6.*holidays.2.*{cause}"):
        written(EXAMPLE)


def test_a_file_that_is_none(written: Callable[[str], Policies], tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="holds no policy"):
        written("")
    with pytest.raises(PolicyError, match="correct the path"):
        load(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"\xe9")
    with pytest.raises(PolicyError, match="UTF-8"):
        load(tmp_path / "latin.yaml")


def test_every_target_has_a_place_in_the_file(written: Callable[[str], Policies]) -> None:
    text = "version: 1\npolicies:\n- name: all\n" + "".join(f"  {name}: 1h\n" for name in TARGETS)
    assert promised(written(text), traits()).keys() == set(TARGETS)
