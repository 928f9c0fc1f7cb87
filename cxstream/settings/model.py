"""The settings themselves: names, types, defaults, and what must hold between them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import PrivateAttr, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cxstream.core import event
from cxstream.core.policy import Policies, PolicyHistory, built_in
from cxstream.core.rules import DAY, DEFAULT_WINDOWS, HOUR, Rules
from cxstream.core.window import parse_windows
from cxstream.settings.policy import PolicyError
from cxstream.settings.policy import load as load_policies
from cxstream.settings.policy_text import policy_document
from cxstream.settings.security import Mechanism, Protocol, Security
from cxstream.settings.values import (
    Brokers,
    Duration,
    Labels,
    Listen,
    Names,
    OptionalTopics,
    Peers,
    Positive,
    TicketUrl,
    TimeZone,
    Topic,
    TopicPrefix,
    Windows,
    address,
    duration_text,
)

PREFIX: Final = "CXSTREAM_"
DEAD_LETTERS: Final = "dead-letters"
SLA_EVENTS: Final = "sla-events"
SECRETS: Final = ("sasl_username", "sasl_password")
"""Each can also be given as the path of a file that holds it: ``CXSTREAM_SASL_PASSWORD_FILE``."""
MASK: Final = "********"
DURATIONS: Final = ("ticket_retention", "max_future", "max_skew", "live_lag")
NAMED: Final = (
    *event.REQUIRED_TOPICS,
    "customer-replied",
    "ticket-updated",
    "survey-sent",
    "quality-reviewed",
    "feedback-received",
    "customer-lifecycle",
)
"""All topics of the contract that carry events, whether this version reads them or not."""

# Settings that change a number or its labels; names of files, addresses and logs may differ between workers.
_AGREED: Final = (
    "app",
    "partitions",
    "clock",
    "timezone",
    "windows",
    "teams",
    "max_label_values",
    "ticket_retention",
    "max_future",
    "max_skew",
    "live_lag",
)


class Settings(BaseSettings):
    """Every setting of ``cxstream``; use ``load`` to read them with good messages."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, validate_default=False
    )

    brokers: Brokers = ("localhost:9092",)
    app: Topic = "cxstream"
    topic_prefix: TopicPrefix = ""
    topic_ticket_opened: Topic = "ticket-opened"
    topic_agent_replied: Topic = "agent-replied"
    topic_ticket_resolved: Topic = "ticket-resolved"
    topic_survey_answered: Topic = "survey-answered"
    topic_customer_replied: Topic = "customer-replied"
    topic_ticket_updated: Topic = "ticket-updated"
    topic_survey_sent: Topic = "survey-sent"
    topic_quality_reviewed: Topic = "quality-reviewed"
    topic_feedback_received: Topic = "feedback-received"
    topic_customer_lifecycle: Topic = "customer-lifecycle"
    topic_dead_letters: Topic = "cxstream-dead-letters"
    topic_sla_events: Topic = "sla-events"
    optional_topics: OptionalTopics = ()
    partitions: Positive = 4
    replication: Positive = 1
    http: Listen = "127.0.0.1:6066"
    clock: Literal["wall", "event"] = "wall"
    timezone: TimeZone = "UTC"
    windows: Windows = DEFAULT_WINDOWS
    labels: Labels = ("team", "channel", "priority")
    window_labels: Labels = ("team", "channel")
    teams: Names = ()
    max_label_values: Positive = 50
    sla_policy: Path | None = None
    ticket_retention: Duration = 30 * DAY
    ticket_url: TicketUrl | None = None
    ticket_api: bool = False
    peers: Peers = ()
    max_future: Duration = DAY
    max_skew: Duration = DAY
    live_lag: Duration = HOUR
    security_protocol: Protocol = "PLAINTEXT"
    sasl_mechanism: Mechanism | None = None
    sasl_username: SecretStr | None = None
    sasl_username_file: Path | None = None
    sasl_password: SecretStr | None = None
    sasl_password_file: Path | None = None
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in SECRETS:
            path = values.get(f"{name}_file")
            if path is None:
                continue
            variable = PREFIX + name.upper()
            if values.get(name) is not None:
                message = f"{variable} and {variable}_FILE are both set: keep one"
                raise ValueError(message)
            try:
                values[name] = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
                message = f"{variable}_FILE={path}: {reason}: correct the path or its rights"
                raise ValueError(message) from None
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for window in self.rules.windows:
            if window.span > self.ticket_retention:
                days = -(-window.span // DAY)
                message = (
                    f"CXSTREAM_TICKET_RETENTION is shorter than the window {window.name}, whose tickets"
                    f" would be forgotten: set it to {days}d or more, or shorten CXSTREAM_WINDOWS"
                )
                raise ValueError(message)
        names = [self.topic_name(topic) for topic in (*NAMED, DEAD_LETTERS, SLA_EVENTS)]
        for name in names:
            if names.count(name) > 1:
                message = f"two topics are called {name!r}: give each CXSTREAM_TOPIC_… a name of its own"
                raise ValueError(message)
        if self.sla_policy is not None and not self.sla_policy.is_file():
            message = f"CXSTREAM_SLA_POLICY={self.sla_policy}: there is no such file: correct the path"
            raise ValueError(message)
        try:
            _ = self.policies
        except PolicyError as error:
            raise ValueError(str(error)) from None
        _ = self.security  # raises what is inconsistent there
        return self

    @cached_property
    def rules(self) -> Rules:
        """What a calculation needs to know of these settings."""
        return Rules(
            windows=parse_windows(self.windows),
            timezone=ZoneInfo(self.timezone),
            labels=self.labels,
            window_labels=self.window_labels,
            max_skew=self.max_skew,
            live_lag=self.live_lag,
            retention=self.ticket_retention,
        )

    @cached_property
    def promised(self) -> Rules:
        """The rules with the SLA policies: what a report over all events needs to know."""
        return replace(self.rules, policies=PolicyHistory(self.policies))

    @cached_property
    def policies(self) -> Policies:
        """The SLA policies of the file, or what holds without one."""
        return built_in() if self.sla_policy is None else load_policies(self.sla_policy)

    @cached_property
    def security(self) -> Security:
        """The way to the brokers."""
        return Security(
            protocol=self.security_protocol,
            mechanism=self.sasl_mechanism,
            username=self.sasl_username,
            password=self.sasl_password,
            cafile=self.ssl_cafile,
            certfile=self.ssl_certfile,
            keyfile=self.ssl_keyfile,
        )

    @property
    def topics(self) -> tuple[str, ...]:
        """Canonical names of the topics in use: the four, and the configured optional ones."""
        return event.REQUIRED_TOPICS + tuple(t for t in event.OPTIONAL_TOPICS if t in self.optional_topics)

    def topic_name(self, canonical: str) -> str:
        """Return the name in Kafka of a topic of the contract: ``agent-replied`` → ``acme.agent-replied``."""
        name: str = getattr(self, f"topic_{canonical.replace('-', '_')}")
        return self.topic_prefix + name

    @property
    def dead_letters_topic(self) -> str:
        """Where values go that are no valid events."""
        return self.topic_name(DEAD_LETTERS)

    @property
    def sla_events_topic(self) -> str:
        """Where outcomes of SLA targets are published."""
        return self.topic_name(SLA_EVENTS)

    @property
    def policies_topic(self) -> str:
        """Where workers remember which SLA policy was in force when."""
        return f"{self.app}-sla-policies"

    @cached_property
    def policy_document(self) -> str:
        """The SLA policy with everything it refers to, to be read by :func:`parse_policies`; empty without a file."""
        return "" if self.sla_policy is None else policy_document(self.sla_policy)

    @property
    def changelog_topic(self) -> str:
        """The topic that holds the ticket table."""
        return f"{self.app}-tickets-changelog"

    @property
    def http_address(self) -> tuple[str, int]:
        """Host and port to listen on; port 0 = any."""
        return address(self.http)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of all that the workers of one group must agree on."""
        agreed = self.model_dump(mode="json", include=set(_AGREED))
        agreed["topics"] = {topic: self.topic_name(topic) for topic in self.topics}
        agreed["labels"], agreed["window_labels"] = list(self.labels), list(self.window_labels)
        agreed["sla_policy"] = self.policies.describe()
        return hashlib.sha256(json.dumps(agreed, sort_keys=True).encode()).hexdigest()

    def origin(self, name: str) -> str:
        """Where a value comes from: ``default``, the variable, or the file."""
        return self._origins.get(name, "given" if name in self.model_fields_set else "default")

    def masked(self) -> dict[str, Any]:
        """Return the effective settings as they are written, ready for JSON; secrets only as set or not."""
        shown = self.model_dump(mode="json")
        for name in SECRETS:
            shown[name] = MASK if shown[name] else None
        for name in DURATIONS:
            shown[name] = duration_text(shown[name])
        return shown
