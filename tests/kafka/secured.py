"""A real broker behind TLS and passwords, with access rights: who is not named in them may do nothing.

    with SecuredBroker(tmp_path) as broker:
        broker.allow("worker", Right("TOPIC", "READ", "ticket-opened"))
        settings = broker.settings("SCRAM-SHA-512", "worker")

Three more listeners beside the open one, which belongs to the administrator (`broker.address`): `SASL_SSL` (PLAIN and
SCRAM-SHA-512), `SASL_PLAINTEXT`, and `SSL`, which wants the client's certificate.
"""

import subprocess
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple, Self

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.kafka.broker import RealBroker, free_ports

PASSWORD: Final = "pass=wörd \\ with; \"signs\" 'in' it"  # what a generator of passwords may come up with
USERS: Final = ("worker", "stranger")
_PLAIN: Final = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM: Final = "org.apache.kafka.common.security.scram.ScramLoginModule"
_PATIENCE: Final = 15.0  # seconds for an answer to the administrator


class Right(NamedTuple):
    """A right as the table in `docs/operations.md` names it."""

    resource: str
    operation: str
    name: str
    pattern: str = "LITERAL"


class Certificates:
    """A certificate authority, a certificate of the broker and one per user; PEM files made by openssl."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.authority = folder / "ca.pem"
        self._openssl("req", "-x509", *self._key("ca"), "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2")
        self.make("broker", "subjectAltName=IP:127.0.0.1")
        for user in USERS:
            self.make(user, "extendedKeyUsage=clientAuth")

    def make(self, name: str, extension: str) -> None:
        """Sign `name`.pem and `name`.key; `name`.store.pem holds both."""
        self._openssl("req", *self._key(name), "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (self.folder / f"{name}.ext").write_text(extension)
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2")
        self._openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", "-extfile", f"{name}.ext"), *signed
        )
        both = [(self.folder / f"{name}{ending}").read_text() for ending in (".key", ".pem")]
        (self.folder / f"{name}.store.pem").write_text("".join(both))

    @staticmethod
    def _key(name: str) -> tuple[str, ...]:
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", f"{name}.key")

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


class SecuredBroker(RealBroker):
    """See above."""

    def __init__(self, directory: Path) -> None:
        self.certificates = Certificates(directory / "certificates")
        names = ("SASL_SSL", "SASL_PLAINTEXT", "SSL")
        own, controller, *ports = free_ports(2 + len(names))
        self._ports = dict(zip(names, ports, strict=True))
        super().__init__(directory, own, self._rules(own, controller))
        self.controller = controller

    def __enter__(self) -> Self:
        self.start()
        change = UserScramCredentialUpsertion(
            "worker", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), PASSWORD.encode(), b"salt" * 4
        )
        for done in self._admin.alter_user_scram_credentials([change]).values():
            done.result(_PATIENCE)
        return self

    def reach(self, protocol: str) -> str:
        """The address of a listener."""
        return f"127.0.0.1:{self._ports[protocol]}"

    def environment(self, way: str, user: str = "worker") -> dict[str, str]:
        """Settings for `way`: PLAIN, SCRAM-SHA-512 (over TLS), clear (PLAIN without TLS) or TLS (mutual)."""
        folder = self.certificates.folder
        protocol = {"TLS": "SSL", "clear": "SASL_PLAINTEXT"}.get(way, "SASL_SSL")
        found = {"brokers": self.reach(protocol), "security_protocol": protocol}
        if protocol != "SASL_PLAINTEXT":
            found["ssl_cafile"] = str(self.certificates.authority)
        if protocol == "SSL":
            found |= {"ssl_certfile": str(folder / f"{user}.pem"), "ssl_keyfile": str(folder / f"{user}.key")}
        else:
            secret = folder / "password"
            secret.write_text(PASSWORD + "\n")
            found |= {"sasl_mechanism": "PLAIN" if way == "clear" else way, "sasl_username": user}
            found["sasl_password_file"] = str(secret)
        return found

    def allow(self, user: str, *rights: Right) -> None:
        """Give rights."""
        for done in self._admin.create_acls([_binding(user, right) for right in rights]).values():
            done.result(_PATIENCE)

    def forbid(self, user: str, *rights: Right) -> None:
        """Take rights away."""
        filters = [
            AclBindingFilter(*(getattr(_binding(user, right), field) for field in _FIELDS))
            for right in rights
        ]
        for done in self._admin.delete_acls(filters).values():
            assert done.result(_PATIENCE), "there was no such right"

    @cached_property
    def _admin(self) -> AdminClient:
        # Kept, for its answers are lost when it is; it outlives its broker, of which nobody wants to read.
        return AdminClient({"bootstrap.servers": self.address, "log_level": 0})

    def _rules(self, own: int, controller: int) -> Mapping[str, str]:
        folder = self.certificates.folder
        listeners = {"PLAINTEXT": own, **self._ports}
        text = ",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items())
        quoted = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
        users = " ".join(f'user_{user}="{quoted}"' for user in USERS)
        plain = f"{_PLAIN} required {users};".replace("\\", "\\\\")  # a properties file halves them
        plain = plain.encode("ascii", "backslashreplace").decode().replace("\\xf6", "\\u00f6")
        return {
            "listeners": f"{text},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": text,
            "listener.security.protocol.map": ",".join(f"{name}:{name}" for name in listeners)
            + ",CONTROLLER:PLAINTEXT",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",  # who comes by the open listener; also the broker itself
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": plain,
            "listener.name.sasl_plaintext.plain.sasl.jaas.config": plain,
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{_SCRAM} required;",
            "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config": f"{_SCRAM} required;",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(folder / "broker.store.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(folder / "ca.pem"),
            "listener.name.ssl.ssl.client.auth": "required",
            "listener.name.ssl.ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/",
        }


_FIELDS: Final = (
    *("restype", "name", "resource_pattern_type", "principal", "host", "operation", "permission_type"),
)


def _binding(user: str, right: Right) -> AclBinding:
    return AclBinding(
        ResourceType[right.resource],
        right.name,
        ResourcePatternType[right.pattern],
        f"User:{user}",
        "*",
        AclOperation[right.operation],
        AclPermissionType.ALLOW,
    )
