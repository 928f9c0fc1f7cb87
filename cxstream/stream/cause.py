"""Why a broker cannot be used, in one line that says what to do; it holds no secret, not even the user's name."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Final

from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NodeNotReadyError,
    RequestTimedOutError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)

from cxstream.stream.security import client_options

if TYPE_CHECKING:
    from cxstream.settings import Settings

UNREACHABLE: Final = (
    KafkaConnectionError,
    KafkaTimeoutError,
    NodeNotReadyError,
    RequestTimedOutError,
    TimeoutError,
    OSError,
)
"""What the client library says of a broker it has no working connection to, whatever keeps it from that."""
_STRANGER: Final = (
    AuthenticationFailedError,
    IllegalSaslStateError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
_CONNECT: Final = 3.0
"""Seconds for a connection made only to see what is wrong with it."""


async def explained(settings: Settings, error: BaseException) -> str:
    """Return what is wrong: ``broker:9093 refuses connections: start it, or correct CXSTREAM_BROKERS``."""
    brokers = ", ".join(settings.brokers)
    if isinstance(error, UNREACHABLE):
        return f"{brokers} {await _connection(settings)}"
    return f"{brokers} {refused(settings, error)}"


def refused(settings: Settings, error: BaseException) -> str:
    """Return what a broker that can be reached has against us."""
    if isinstance(error, _STRANGER):
        return (
            "does not accept the user: correct CXSTREAM_SASL_USERNAME, CXSTREAM_SASL_PASSWORD or"
            " CXSTREAM_SASL_MECHANISM"
        )
    if right := _right(settings, error):
        return f"refuses: the user lacks the right {right} (docs/operations.md, Security)"
    return f"refuses: {type(error).__name__}: {error}"


def _right(settings: Settings, error: BaseException) -> str | None:
    if isinstance(error, GroupAuthorizationFailedError):
        return f"READ on the consumer group {settings.app}"
    if isinstance(error, TransactionalIdAuthorizationFailed):
        return f"WRITE on the transactional ids that begin with {settings.app}-"
    if isinstance(error, ClusterAuthorizationFailedError):
        return "CREATE on the cluster (or have somebody run: cxstream topics create)"
    if isinstance(error, TopicAuthorizationFailedError):
        needed = {settings.topic_name(topic): "READ" for topic in settings.topics}
        needed[settings.dead_letters_topic] = "WRITE"
        needed[settings.sla_events_topic] = "WRITE"
        needed[settings.changelog_topic] = needed[settings.policies_topic] = "READ and WRITE"
        named = [name for name in needed if name in str(error)]
        found = max(named, key=len, default="")  # one name may be part of another: tickets, acme.tickets
        return f"{needed[found]} on the topic {found}" if found else f"on a topic: {error}"
    return None


async def _connection(settings: Settings) -> str:
    """Try for ourselves: the client library keeps the cause to its log."""
    host, _, port = settings.brokers[0].rpartition(":")
    try:
        async with asyncio.timeout(_CONNECT):
            options = client_options(settings.security)
            connection = await create_conn(host.strip("[]"), int(port), **options)
            connection.close()
    except (KafkaError, OSError) as error:
        if isinstance(error, _STRANGER):
            return refused(settings, error)
        return _broken(error, tls=settings.security.tls)
    return "did not answer in time, but does by now"


def _broken(error: Exception, *, tls: bool) -> str:
    """Return what a connection fails of; the most special errors first, since most are kinds of ``OSError``."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"shows a certificate that is not trusted: {error.verify_message}: correct CXSTREAM_SSL_CAFILE"
        case ssl.SSLError():
            what = error.reason or error.strerror or "handshake failed"
            return (
                f"does not speak TLS as wanted: {what}: correct CXSTREAM_SECURITY_PROTOCOL or CXSTREAM_SSL_…"
            )
        case socket.gaierror():
            return f"is no known host: {error.strerror}: correct CXSTREAM_BROKERS"
        case TimeoutError():
            return "does not answer: start it, or correct CXSTREAM_BROKERS or CXSTREAM_SECURITY_PROTOCOL"
        case ConnectionRefusedError():
            return "refuses connections: start it, or correct CXSTREAM_BROKERS"
        case OSError() if tls:
            return "breaks the TLS handshake off: correct CXSTREAM_SECURITY_PROTOCOL or CXSTREAM_BROKERS"
        case OSError():
            why = error.strerror or type(error).__name__
            return f"cannot be reached ({why}): start it, or correct CXSTREAM_BROKERS"
        case _:
            remedy = "wait until it has started, or correct CXSTREAM_SECURITY_PROTOCOL (and the client's certificate)"
            return f"takes connections and breaks them off: {remedy}"
