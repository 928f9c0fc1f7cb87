"""Kinds of values a setting can have: how each is written, and the message when it is written wrongly.

Every validator raises ``ValueError`` with the cause and the remedy in its text.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from cxstream.core import event
from cxstream.core.instant import parse_duration
from cxstream.core.rules import LABELS
from cxstream.core.window import UNITS, parse_windows

if TYPE_CHECKING:
    from collections.abc import Iterable

HTTP_PORT: Final = 6066  # where a worker listens if nothing else is said
KAFKA_PORT: Final = 9092  # where a broker listens if its address says nothing else
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")  # Kafka's rule for the names of topics
_HOST: Final = re.compile(r"[A-Za-z0-9_.:-]+")  # a DNS name or an address


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` (did you mean teams?)`` if one of the known names is close, else nothing."""
    close = get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def address(text: str, default_port: int | None = None) -> tuple[str, int]:
    """Host and port of ``host:port`` or ``[::1]:port``."""
    url = urlsplit(f"//{text}")
    try:
        host, port = url.hostname, url.port
    except ValueError:
        host, port = None, None
    port = default_port if port is None else port
    if not host or port is None or url.path or url.query or url.fragment or url.username is not None:
        example = "localhost:9092" if default_port else "127.0.0.1:6066 or [::1]:6066"
        message = f"{text!r} is no host:port: write for example {example}"
        raise ValueError(message)
    return host, port


def _listed(value: object) -> object:
    """``a, b`` as in the environment; a list of the YAML file stays one."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _once_each(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if names.count(name) > 1:
            message = f"{name!r} is given twice: keep one"
            raise ValueError(message)
    return names


def _among(names: tuple[str, ...], known: tuple[str, ...], noun: str) -> tuple[str, ...]:
    for name in names:
        if name not in known:
            message = f"{name!r} is no {noun}{did_you_mean(name, known)}: choose from {', '.join(known)}"
            raise ValueError(message)
    return names


def _labels(names: tuple[str, ...]) -> tuple[str, ...]:
    return _among(names, LABELS, "label")


def _optional_topics(names: tuple[str, ...]) -> tuple[str, ...]:
    return _among(names, event.OPTIONAL_TOPICS, "optional topic")


def _milliseconds(value: object) -> int:
    if not isinstance(value, str):
        message = f"{value!r} has no unit: write a duration as text, such as 15s, 5m, 36h or 30d"
        raise ValueError(message)  # noqa: TRY004 - pydantic turns only a ValueError into a message
    return parse_duration(value.strip())


def duration_text(milliseconds: int) -> str:
    """Write a duration as a setting: 129600000 → ``36h``."""
    for unit, size in sorted(UNITS.items(), key=lambda item: -item[1]):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds / UNITS['s']:g}s"


def _topic(name: str) -> str:
    if not _TOPIC.fullmatch(name) or name in {".", ".."}:
        message = f"{name!r} is no name Kafka accepts: use letters, digits, '.', '_' and '-', at most 249"
        raise ValueError(message)
    return name


def _topic_prefix(prefix: str) -> str:
    return prefix and _topic(prefix)


def _listen(text: str) -> str:
    address(text)
    return text


def _brokers(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        message = "no broker given: write for example localhost:9092"
        raise ValueError(message)
    for name in names:
        if "://" in name:
            message = (
                f"{name!r} has a scheme: write host:port; CXSTREAM_SECURITY_PROTOCOL chooses TLS and SASL"
            )
            raise ValueError(message)
    pairs = [address(name, KAFKA_PORT) for name in names]
    return tuple(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in pairs)


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"{name!r} is no time zone: write a name of the tz database such as UTC or Europe/Ljubljana"
        raise ValueError(message) from None
    return name


def _windows(value: object) -> str:
    parts = value if isinstance(value, list | tuple) else str(value).split(",")
    text = ",".join(str(part).strip() for part in parts if str(part).strip())
    parse_windows(text)
    return text


def _peers(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        scheme, mark, rest = name.rpartition("://")
        if mark and scheme not in {"http", "https"}:
            message = f"{name!r} is no address of a worker: write for example http://10.0.0.5:6066"
            raise ValueError(message)
        try:
            host, _ = address(rest.removesuffix("/") if mark else rest, HTTP_PORT)
        except ValueError:
            host = ""
        if not _HOST.fullmatch(host):
            message = (
                f"{name!r} is no worker: write http://host:port, or a DNS name of all workers such as"
                " workers.support.svc:6066"
            )
            raise ValueError(message)
    return names


def _ticket_url(text: str) -> str:
    if urlsplit(text).scheme not in {"http", "https"} or "{id}" not in text:
        message = (
            f"{text!r} is no address of a ticket: write for example https://desk.example/{{source}}/{{id}}"
        )
        raise ValueError(message)
    return text


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_once_each)]
Peers = Annotated[Names, AfterValidator(_peers)]
Labels = Annotated[Names, AfterValidator(_labels)]
OptionalTopics = Annotated[Names, AfterValidator(_optional_topics)]
Brokers = Annotated[Names, AfterValidator(_brokers)]
Duration = Annotated[int, BeforeValidator(_milliseconds)]
Topic = Annotated[str, AfterValidator(_topic)]
TopicPrefix = Annotated[str, AfterValidator(_topic_prefix)]
Listen = Annotated[str, AfterValidator(_listen)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
Windows = Annotated[str, BeforeValidator(_windows)]
TicketUrl = Annotated[str, AfterValidator(_ticket_url)]
Positive = Annotated[int, Field(ge=1)]
