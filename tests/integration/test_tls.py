"""TLS: certificates are always verified, old versions only by an explicit word, and a failure says what to do."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rsvpq.http import auth, tls
from rsvpq.http.deadlines import Timeouts
from rsvpq.mail.errors import BUSY_DELAY_S, Busy, Gone, LoginRefused, Unknown
from rsvpq.webdav.server import WebDavServer
from testbed.fork_server import fork_server
from testbed.processes import WAIT_S
from testbed.simulated_exchange import SimulatedExchange, World
from tests.support.scripted_server import HANG, ScriptedServer

PASSWORD = "secret"
NOW = datetime.now(UTC)


def certificate(directory: Path, *, address: str = "127.0.0.1", ends: timedelta = timedelta(days=2)) -> Path:
    """A self-signed certificate and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.com")])
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=3))
        .not_valid_after(NOW + ends)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = directory / "server.pem"
    file.write_bytes(secret + built.public_bytes(encoding))
    return file


def serve(directory: Path, file: Path, *options: str) -> Iterator[str]:
    """The URL of a simulator that speaks TLS."""
    world = World(mailboxes=2, requests=1, responses=1)
    exchange = SimulatedExchange(directory, world, PASSWORD, ["--tls-cert", str(file), *options], fork_server())
    try:
        yield exchange.urls[0]
    finally:
        exchange.part.end()


def ask(url: str, verify: Path | None, minimum: tls.MinimumVersion = "1.2", *, effect: bool = False) -> None:
    """Whatever it answers, the handshake went well: there is no such mailbox."""
    account = auth.basic(SimulatedExchange.username, PASSWORD)
    server = WebDavServer(
        f"{url}/exchange/",
        account,
        timeouts=Timeouts(WAIT_S, WAIT_S),
        ca_bundle=str(verify or ""),
        tls_minimum=minimum,
    )
    with pytest.raises(Gone):
        server.send("PROPFIND", "/exchange/nobody/", headers={"Depth": "0"}, effect=effect)


def refused(
    url: str, verify: Path | None, minimum: tls.MinimumVersion = "1.2", *, delay_s: float = tls.CERTIFICATE_DELAY_S
) -> str:
    with pytest.raises(Busy) as caught:
        ask(url, verify, minimum, effect=True)
    assert not isinstance(caught.value, LoginRefused)
    assert (caught.value.delay_s, caught.value.scope) == (delay_s, "server")
    return str(caught.value)


def test_a_private_authority_is_trusted_by_its_bundle_alone(tmp_path: Path) -> None:
    file = certificate(tmp_path)
    for url in serve(tmp_path, file):
        ask(url, file)
        assert "is self-signed; add the certificate of its authority to ca_bundle" in refused(url, None)


def test_an_expired_certificate_is_named(tmp_path: Path) -> None:
    file = certificate(tmp_path, ends=timedelta(days=-1))
    for url in serve(tmp_path, file):
        assert "has expired; renew it on the server" in refused(url, file)


def test_a_certificate_of_another_host_is_named(tmp_path: Path) -> None:
    file = certificate(tmp_path, address="127.0.0.9")
    for url in serve(tmp_path, file):
        assert "is for another address; use the name in the certificate" in refused(url, file)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_old_version_needs_an_explicit_word(tmp_path: Path, version: tls.MinimumVersion) -> None:
    file = certificate(tmp_path)
    for url in serve(tmp_path, file, "--tls-min", version, "--tls-max", version):
        assert "may need a lower tls_minimum" in refused(url, file, delay_s=BUSY_DELAY_S)
        ask(url, file, version)
        assert "is self-signed" in refused(url, None, version)


def test_a_newer_version_can_be_insisted_on(tmp_path: Path) -> None:
    file = certificate(tmp_path)
    for url in serve(tmp_path, file, "--tls-max", "1.2"):
        assert "the TLS handshake was aborted" in refused(url, file, "1.3", delay_s=BUSY_DELAY_S)


@pytest.mark.parametrize(
    ("greeting", "text"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak TLS on this port; correct the url"),
        # Alerts (RFC 5246, 7.2): fatal protocol_version, and fatal handshake_failure.
        (b"\x15\x03\x01\x00\x02\x02\x46", "offers no allowed TLS version or cipher"),
        (b"\x15\x03\x01\x00\x02\x02\x28", "offers no allowed TLS version or cipher"),
    ],
)
def test_what_is_said_instead_of_a_handshake_is_named(scripted: ScriptedServer, greeting: bytes, text: str) -> None:
    scripted.greeting = greeting
    scripted.script(HANG)
    assert text in refused(scripted.url.replace("http:", "https:"), None)


def test_a_connection_that_breaks_within_tls_may_have_done_it(tmp_path: Path) -> None:
    file = certificate(tmp_path)
    for url in serve(tmp_path, file, "--fault", "propfind:reset-before"):
        server = WebDavServer(f"{url}/exchange/", auth.basic(SimulatedExchange.username, PASSWORD), ca_bundle=str(file))
        with pytest.raises(Unknown):
            server.send("PROPFIND", "/exchange/nobody/", headers={"Depth": "0"}, effect=True)
