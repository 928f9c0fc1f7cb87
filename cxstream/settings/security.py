"""How to reach the brokers: encryption and who the client says it is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, SecretStr, model_validator

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class Security(BaseModel):
    """How to reach the brokers; what a client of Kafka needs beside their addresses."""

    model_config = ConfigDict(frozen=True)

    protocol: Protocol = "PLAINTEXT"
    mechanism: Mechanism | None = None
    username: SecretStr | None = None
    password: SecretStr | None = None
    cafile: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.protocol in {"SSL", "SASL_SSL"}

    @property
    def sasl(self) -> bool:
        """Whether the client says who it is."""
        return self.protocol.startswith("SASL_")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        message = ""
        if self.sasl and not (self.mechanism and self.username and self.password):
            message = "needs CXSTREAM_SASL_MECHANISM, _USERNAME and _PASSWORD: set all three"
        elif not self.sasl and (self.mechanism or self.username or self.password):
            message = "makes no use of CXSTREAM_SASL_…: choose SASL_SSL (or SASL_PLAINTEXT), or unset them"
        elif not self.tls and (self.cafile or self.certfile or self.keyfile):
            message = "makes no use of CXSTREAM_SSL_…: choose SSL or SASL_SSL, or unset them"
        elif self.keyfile and not self.certfile:
            message = "has CXSTREAM_SSL_KEYFILE without a certificate: set CXSTREAM_SSL_CERTFILE too"
        for path in (self.cafile, self.certfile, self.keyfile):
            if path is not None and not path.is_file():
                message = (
                    message or f"names the file {path}, which does not exist: correct the CXSTREAM_SSL_… path"
                )
        if message:
            message = f"CXSTREAM_SECURITY_PROTOCOL={self.protocol} {message}"
            raise ValueError(message)
        return self
