"""Why a broker cannot be used, in one line that says what to do; it holds no secret, not even the user's name."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Final

from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaTimeoutError,
    NodeNotReadyError,
    RequestTimedOutError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)

from cxstream.stream.security import tls_context

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
        needed[settings.changelog_topic] = "READ and WRITE"
        named = [name for name in needed if name in str(error)]
        found = max(named, key=len, default="")  # one name may be part of another: tickets, acme.tickets
        return f"{needed[found]} on the topic {found}" if found else f"on a topic: {error}"
    return None


async def _connection(settings: Settings) -> str:
    """Try for ourselves: the client library keeps the cause to its log."""
    try:
        context = tls_context(settings.security) if settings.security.tls else None
    except (OSError, ssl.SSLError) as error:
        return f"cannot be reached by TLS: {error}: correct CXSTREAM_SSL_CAFILE, _CERTFILE or _KEYFILE"
    host, _, port = settings.brokers[0].rpartition(":")
    try:
        async with asyncio.timeout(_CONNECT):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=context)
            writer.close()
    except ssl.SSLCertVerificationError as error:
        return f"shows a certificate that is not trusted: {error.verify_message}: correct CXSTREAM_SSL_CAFILE"
    except ssl.SSLError as error:
        what = error.reason or error.strerror or "handshake failed"
        return f"does not speak TLS as wanted: {what}: correct CXSTREAM_SECURITY_PROTOCOL or CXSTREAM_SSL_…"
    except socket.gaierror as error:
        return f"is no known host: {error.strerror}: correct CXSTREAM_BROKERS"
    except TimeoutError:
        return "does not answer: start it, or correct CXSTREAM_BROKERS"
    except OSError as error:
        if context is not None and not isinstance(error, ConnectionRefusedError):
            return "breaks the TLS handshake off: correct CXSTREAM_SECURITY_PROTOCOL or the port in CXSTREAM_BROKERS"
        return f"refuses connections ({type(error).__name__}): start it, or correct CXSTREAM_BROKERS"
    return (
        "takes connections but does not answer: wait until it has started, or correct CXSTREAM_SECURITY_PROTOCOL"
        " (and the client's certificate)"
    )
