"""Security settings as the two client libraries want them."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import faust

if TYPE_CHECKING:
    from faust.types.auth import CredentialsT

    from cxstream.settings import Security


def client_options(security: Security) -> dict[str, Any]:
    """Return the keyword arguments of an aiokafka client (consumer, producer, admin)."""
    options: dict[str, Any] = {"security_protocol": security.protocol}
    if security.tls:
        options["ssl_context"] = tls_context(security)
    if security.sasl and security.username and security.password:
        options["sasl_mechanism"] = security.mechanism
        options["sasl_plain_username"] = security.username.get_secret_value()
        options["sasl_plain_password"] = security.password.get_secret_value()
    return options


def credentials(security: Security) -> CredentialsT | None:
    """Return what Faust's ``broker_credentials`` expects; ``None`` for an open broker."""
    if security.sasl and security.username and security.password:
        # Faust derives SASL_PLAINTEXT or SASL_SSL from the presence of a context.
        return faust.SASLCredentials(
            username=security.username.get_secret_value(),
            password=security.password.get_secret_value(),
            mechanism=security.mechanism,
            ssl_context=tls_context(security) if security.tls else None,
        )
    if security.tls:
        return faust.SSLCredentials(context=tls_context(security))
    return None


def tls_context(security: Security) -> ssl.SSLContext:
    """Return a context that checks the broker's certificate and host name, and shows ours if there is one."""
    context = ssl.create_default_context(cafile=str(security.cafile) if security.cafile else None)
    if security.certfile:
        context.load_cert_chain(str(security.certfile), str(security.keyfile) if security.keyfile else None)
    return context
