"""A broker with listeners for clients that must prove who they are, or that speak TLS; for tests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from evalstream_devcluster.kafka import Broker, running
from evalstream_devcluster.kafka_jars import SHORT_LIVED, java_tool
from evalstream_devcluster.kafka_process import HOST, KafkaDevError, free_ports, run

#: Of a key made for one test, in a folder that only its user can read.
STORE_PASSWORD = "evalstream"  # noqa: S105
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class Secured(NamedTuple):
    """A running broker and its further listeners, each as the address to give to clients."""

    broker: Broker
    ssl: str
    sasl_plaintext: str
    sasl_ssl: str
    #: The broker's self-signed certificate in PEM: the `cafile` for clients of `ssl` and `sasl_ssl`.
    certificate: Path


@contextmanager
def secured(users: Mapping[str, str], home: Path | None = None) -> Iterator[Secured]:
    """Run a broker with SSL, SASL_PLAINTEXT and SASL_SSL listeners for a block; see `kafka.running`.

    Parameters
    ----------
    users
        Passwords by user, good for PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512.
    home
        The folder that keeps the jars.
    """
    with TemporaryDirectory(prefix="evalstream-kafka-keys-") as directory:
        keystore, certificate = make_certificate(Path(directory))
        ports = free_ports(3)
        ssl, sasl_plaintext, sasl_ssl = (f"{HOST}:{port}" for port in ports)
        listeners = {"SSL": ssl, "SASL_PLAINTEXT": sasl_plaintext, "SASL_SSL": sasl_ssl}
        with running(home, extra=security_settings(listeners, users, keystore), scram=users) as broker:
            yield Secured(broker, ssl, sasl_plaintext, sasl_ssl, certificate)


def security_settings(listeners: Mapping[str, str], users: Mapping[str, str], keystore: Path) -> dict[str, str]:
    """Return the settings that open listeners, as `extra` for `kafka.start`.

    Parameters
    ----------
    listeners
        Addresses by security protocol: SSL, SASL_PLAINTEXT, SASL_SSL.
    users
        Passwords by user, for PLAIN. SCRAM's are given to `kafka.start` as `scram`.
    keystore
        PKCS #12, under `STORE_PASSWORD`.
    """
    settings = {
        "listeners": ",".join(f"{protocol}://{address}" for protocol, address in listeners.items()),
        "listener.security.protocol.map": ",".join(f"{protocol}:{protocol}" for protocol in listeners),
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.location": str(keystore),
        "ssl.keystore.password": STORE_PASSWORD,
        "sasl.enabled.mechanisms": ",".join(MECHANISMS),
    }
    for protocol in listeners:
        if protocol.startswith("SASL_"):
            for mechanism in MECHANISMS:
                key = f"listener.name.{protocol}.{mechanism}.sasl.jaas.config".lower()
                settings[key] = _login_module(mechanism, users)
    return settings


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """Make a key and its self-signed certificate for loopback.

    Returns
    -------
    tuple[Path, Path]
        The broker's key store (PKCS #12, under `STORE_PASSWORD`), and the certificate (PEM) for clients to trust.
    """
    keystore, certificate = directory / "broker.p12", directory / "broker.pem"
    store = ["-alias", "broker", "-keystore", str(keystore), "-storetype", "PKCS12"]
    store += ["-storepass", STORE_PASSWORD]
    key = ["-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=localhost", "-validity", "7"]
    names = ["-ext", f"san=ip:{HOST},dns:localhost"]
    _keytool("-genkeypair", *store, *key, *names)
    _keytool("-exportcert", "-rfc", *store, "-file", str(certificate))
    return keystore, certificate


def _keytool(*arguments: str) -> None:
    command = [java_tool("keytool"), *(f"-J{option}" for option in SHORT_LIVED), *arguments]
    result = run(command)
    if result.returncode:
        raise KafkaDevError(f"keytool {arguments[0]} failed:\n{result.stdout}{result.stderr}")


def _login_module(mechanism: str, users: Mapping[str, str]) -> str:
    family = mechanism.partition("-")[0]
    module = f"org.apache.kafka.common.security.{family.lower()}.{family.capitalize()}LoginModule"
    if family == "SCRAM":
        return f"{module} required;"
    # JAAS quotes as JSON does, but knows no \\u.
    passwords = "".join(f" user_{user}={json.dumps(password, ensure_ascii=False)}" for user, password in users.items())
    return f"{module} required{passwords};"
