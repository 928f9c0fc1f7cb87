"""The settings: where they come from, how they are written, and what is said when they are wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from cxstream.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = 86_400_000  # ms
HOUR = 3_600_000  # ms


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CXSTREAM_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set variables by their name without the prefix."""

    def put(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"CXSTREAM_{name}", value)

    return put


@pytest.fixture
def yaml(tmp_path: Path) -> Callable[[str], Path]:
    """Write a file of settings."""

    def write(text: str) -> Path:
        path = tmp_path / "cxstream.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_defaults_are_those_of_the_contract() -> None:
    settings = load()
    assert settings.brokers == ("localhost:9092",)
    assert settings.app == "cxstream"
    assert settings.http_address == ("127.0.0.1", 6066)
    assert settings.labels == ("team", "channel", "priority")
    assert settings.window_labels == ("team", "channel")
    assert settings.windows == "1h/1m,today/15m,24h/15m,7d/2h"
    assert (settings.partitions, settings.replication, settings.max_label_values) == (4, 1, 50)
    assert (settings.ticket_retention, settings.max_future, settings.max_skew) == (30 * DAY, DAY, DAY)
    assert settings.live_lag == HOUR
    assert settings.clock == "wall"
    assert not settings.ticket_api
    assert settings.topics == ("ticket-opened", "agent-replied", "ticket-resolved", "survey-answered")


def test_environment_wins_over_the_file(env: Callable[..., None], yaml: Callable[[str], Path]) -> None:
    env(BROKERS="one, two:9093")
    settings = load(yaml("brokers: [three]\nteams: [billing, sales]\nticket_api: true\npeers: a, b\n"))
    assert settings.brokers == ("one:9092", "two:9093")
    assert settings.teams == ("billing", "sales")
    assert settings.peers == ("a", "b")
    assert settings.ticket_api
    assert settings.origin("brokers") == "CXSTREAM_BROKERS"
    assert settings.origin("teams").startswith("teams in ")
    assert settings.origin("app") == "default"


def test_peers_are_addresses_or_names(env: Callable[..., None]) -> None:
    names = "http://10.0.0.5:6066, https://workers.example/, workers.support.svc, workers:7000, [::1]:6066"
    env(PEERS=names)
    assert load().peers == tuple(names.split(", "))


@pytest.mark.parametrize(
    "name", ["ftp://a", "a b", "http://a:port", "a/b", "http://a/metrics", "a:99999", "http://"]
)
def test_what_is_no_peer(env: Callable[..., None], name: str) -> None:
    env(PEERS=name)
    with pytest.raises(SettingsError, match=r"^CXSTREAM_PEERS: .* write (for example )?http://"):
        load()


def test_flags_win_over_the_environment(env: Callable[..., None]) -> None:
    env(HTTP="0.0.0.0:80")
    settings = load(http="127.0.0.1:0")
    assert settings.http_address == ("127.0.0.1", 0)
    assert settings.origin("http") == "command line"


def test_empty_variables_and_empty_files_set_nothing(
    env: Callable[..., None], yaml: Callable[[str], Path]
) -> None:
    env(TEAMS="", TIMEZONE="")
    assert load(yaml("# nothing yet\n")) == load()


@pytest.mark.parametrize("text", ["1h/1m, month/2h", "1h/1m,month/2h"])
def test_rules(env: Callable[..., None], text: str) -> None:
    env(
        WINDOWS=text,
        TICKET_RETENTION="40d",
        TIMEZONE="Europe/Rome",
        LABELS="team,kind",
        WINDOW_LABELS="source",
        LIVE_LAG="90s",
        MAX_SKEW="36h",
    )
    rules = load().rules
    assert [window.name for window in rules.windows] == ["1h", "month"]
    assert rules.timezone == ZoneInfo("Europe/Rome")
    assert (rules.labels, rules.window_labels) == (("team", "kind"), ("source",))
    assert (rules.retention, rules.live_lag, rules.max_skew) == (40 * DAY, 90_000, 36 * HOUR)


def test_windows_may_be_a_list_in_the_file(yaml: Callable[[str], Path]) -> None:
    assert load(yaml("windows: [1h/1m, 24h/15m]\n")).windows == "1h/1m,24h/15m"


def test_names_of_topics(env: Callable[..., None]) -> None:
    env(TOPIC_PREFIX="acme.", TOPIC_AGENT_REPLIED="replies", APP="desk", OPTIONAL_TOPICS="ticket-updated")
    settings = load()
    assert settings.topic_name("ticket-opened") == "acme.ticket-opened"
    assert settings.topic_name("agent-replied") == "acme.replies"
    assert settings.dead_letters_topic == "acme.cxstream-dead-letters"
    assert settings.sla_events_topic == "acme.sla-events"
    assert settings.changelog_topic == "desk-tickets-changelog"
    assert settings.topics[-1] == "ticket-updated"


@pytest.mark.parametrize(
    "name",
    [
        "CONFIG",
        "REQUIRE_KAFKA",
        "TEST_SEED",
        "SERVICE_HOST",
        "WORKER_SERVICE_PORT_HTTP",
        "PORT",
        "PORT_6066_TCP",
        "WORKER_PORT_6066_TCP_ADDR",
    ],
)
def test_foreign_variables_are_tolerated(env: Callable[..., None], name: str) -> None:
    env(**{name: "whatever"})
    load()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"BROKER": "x"}, ["CXSTREAM_BROKER is no setting", "did you mean CXSTREAM_BROKERS"]),
        ({"SASL_PASSWORT": "x"}, ["did you mean CXSTREAM_SASL_PASSWORD"]),
        ({"WINDOWS": "1h/7m"}, ["CXSTREAM_WINDOWS", "multiple of the step"]),
        ({"WINDOWS": "today/7m"}, ["divide a day"]),
        ({"WINDOWS": "fortnight/1h"}, ["'fortnight' is no duration"]),
        ({"WINDOWS": "month/2h"}, ["CXSTREAM_TICKET_RETENTION", "31d"]),
        ({"TICKET_RETENTION": "6d"}, ["shorter than the window 7d", "set it to 7d"]),
        ({"LABELS": "team,agent"}, ["CXSTREAM_LABELS", "'agent' is no label", "choose from team, channel"]),
        ({"WINDOW_LABELS": "team,team"}, ["given twice"]),
        ({"TIMEZONE": "Mars/Olympus"}, ["CXSTREAM_TIMEZONE", "no time zone", "Europe/"]),
        ({"TIMEZONE": "/etc/localtime"}, ["no time zone"]),
        ({"HTTP": "6066"}, ["CXSTREAM_HTTP", "127.0.0.1:6066"]),
        ({"HTTP": ":6066"}, ["no host:port"]),
        ({"HTTP": "h:99999"}, ["no host:port"]),
        ({"HTTP": "http://h:1"}, ["no host:port"]),
        ({"BROKERS": "kafka://h"}, ["CXSTREAM_BROKERS", "scheme"]),
        ({"BROKERS": ","}, ["no broker"]),
        ({"CLOCK": "sun"}, ["CXSTREAM_CLOCK", "'sun'", "'wall' or 'event'"]),
        ({"PARTITIONS": "0"}, ["CXSTREAM_PARTITIONS", "'0'"]),
        ({"PARTITIONS": "four", "CLOCK": "sun"}, ["CXSTREAM_PARTITIONS", "CXSTREAM_CLOCK"]),
        ({"LIVE_LAG": "5 minutes"}, ["CXSTREAM_LIVE_LAG", "5 minutes"]),
        ({"OPTIONAL_TOPICS": "customer_replied"}, ["did you mean customer-replied"]),
        ({"TOPIC_TICKET_OPENED": "a b"}, ["CXSTREAM_TOPIC_TICKET_OPENED", "no name Kafka accepts"]),
        ({"TOPIC_TICKET_OPENED": "agent-replied"}, ["two topics are called 'agent-replied'"]),
        ({"TICKET_URL": "desk/{id}"}, ["CXSTREAM_TICKET_URL", "https://"]),
        ({"TICKET_URL": "https://desk"}, ["{id}"]),
        ({"TICKET_API": "maybe"}, ["CXSTREAM_TICKET_API"]),
        ({"SLA_POLICY": "/nowhere.yml"}, ["CXSTREAM_SLA_POLICY", "no such file"]),
        ({"LOG_LEVEL": "loud"}, ["CXSTREAM_LOG_LEVEL"]),
        ({"SECURITY_PROTOCOL": "SASL_SSL"}, ["CXSTREAM_SASL_MECHANISM", "set all three"]),
        ({"SASL_PASSWORD": "s3cret"}, ["choose SASL_SSL"]),
        ({"SSL_CAFILE": "/nowhere.pem"}, ["choose SSL"]),
        ({"SSL_CAFILE": "/nowhere.pem", "SECURITY_PROTOCOL": "SSL"}, ["does not exist"]),
        ({"SASL_PASSWORD": "s3cret", "SASL_PASSWORD_FILE": "/x"}, ["both set"]),
        ({"SASL_PASSWORD_FILE": "/nowhere"}, ["CXSTREAM_SASL_PASSWORD_FILE=/nowhere", "No such file"]),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(
    env: Callable[..., None], values: dict[str, str], told: list[str]
) -> None:
    env(**values)
    with pytest.raises(SettingsError) as caught:
        load()
    text = str(caught.value)
    assert "\n" not in text
    assert "s3cret" not in text
    for part in told:
        assert part in text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("broker: x", "did you mean brokers"),
        ("CXSTREAM_BROKERS: x", "did you mean brokers"),
        ("live_lag: 60", "has no unit"),
        ("http: 6066", "http in "),
        ("a: [", "line 1"),
        ("- a", "holds no settings"),
        ("sasl_password: [s3cret]", "sasl_password in "),
    ],
)
def test_a_wrong_file_is_told_in_one_line(yaml: Callable[[str], Path], text: str, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(yaml(text))
    assert told in str(caught.value)
    assert "cxstream.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_missing_file_is_told() -> None:
    with pytest.raises(SettingsError, match="--config"):
        load(Path("nowhere.yaml"))


def test_secrets_come_from_files_and_are_never_shown(env: Callable[..., None], tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("s3cret\n", encoding="utf-8")
    env(
        SECURITY_PROTOCOL="SASL_PLAINTEXT",
        SASL_MECHANISM="PLAIN",
        SASL_USERNAME="anna",
        SASL_PASSWORD_FILE=str(path),
    )
    settings = load()
    assert settings.security.password is not None
    assert settings.security.password.get_secret_value() == "s3cret"
    assert settings.security.sasl
    assert not settings.security.tls
    shown = f"{settings!r}{settings.security!r}{settings.masked()}"
    assert "s3cret" not in shown
    assert settings.masked()["sasl_password"] == "********"
    assert settings.origin("sasl_password") == "CXSTREAM_SASL_PASSWORD_FILE"


def test_a_secret_of_the_environment_replaces_the_files_of_the_yaml(
    env: Callable[..., None], yaml: Callable[[str], Path]
) -> None:
    env(SECURITY_PROTOCOL="SASL_PLAINTEXT", SASL_MECHANISM="PLAIN", SASL_USERNAME="anna", SASL_PASSWORD="new")
    password = load(yaml("sasl_password_file: /nowhere\n")).security.password
    assert password is not None
    assert password.get_secret_value() == "new"


def test_masked_is_written_like_the_settings() -> None:
    shown = load().masked()
    assert shown["ticket_retention"] == "30d"
    assert shown["live_lag"] == "1h"
    assert shown["brokers"] == ["localhost:9092"]
    assert shown["sasl_password"] is None


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().app = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "agree"),
    [
        ({"HTTP": "127.0.0.1:0", "LOG_FORMAT": "json", "BROKERS": "elsewhere:1"}, True),
        ({"WINDOWS": "1h/1m"}, False),
        ({"TIMEZONE": "Europe/Rome"}, False),
        ({"LABELS": "channel,team,priority"}, False),
        ({"TEAMS": "billing"}, False),
        ({"PARTITIONS": "8"}, False),
        ({"OPTIONAL_TOPICS": "ticket-updated"}, False),
        ({"MAX_SKEW": "1h"}, False),
    ],
)
def test_workers_agree_by_their_fingerprint(
    env: Callable[..., None], values: dict[str, str], agree: bool
) -> None:
    before = load().fingerprint
    env(**values)
    assert (load().fingerprint == before) is agree


def test_the_fingerprint_takes_in_the_policy(env: Callable[..., None], tmp_path: Path) -> None:
    policy = tmp_path / "sla.yml"
    text = "version: 1\npolicies: [{name: all, first_reply: 8h}]\n"
    env(SLA_POLICY=str(policy))
    policy.write_text(text)
    first = load().fingerprint
    policy.write_text(f"# only a comment\n{text}")
    assert load().fingerprint == first
    policy.write_text(text.replace("8h", "9h"))
    assert load().fingerprint != first


def test_a_wrong_policy_is_a_wrong_setting(env: Callable[..., None], tmp_path: Path) -> None:
    policy = tmp_path / "sla.yml"
    policy.write_text("version: 1\npolicies:\n- {name: all, first_reply: 0h}\n")
    env(SLA_POLICY=str(policy))
    with pytest.raises(
        SettingsError, match=r"sla\.yml, line 3: policies\.0\.targets\.first_reply\.target: '0h'"
    ):
        load()


def test_settings_can_be_made_without_a_file() -> None:
    assert Settings(partitions=2).partitions == 2
