"""The simulator behind TLS: a certificate of one's own, and protocols of any age."""

import json
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testbed.processes import WAIT_S
from tests.simulator.raw_http import Simulator, read_all, request, running

HOME = "/exchange/adele0/"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of our own and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=mail.example.com",
    ]
    names = ["-addext", "subjectAltName=DNS:mail.example.com", "-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run([*command, *names], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return certificate, key


@contextmanager
def tls_site(certificate: tuple[Path, Path], *arguments: str) -> Iterator[Simulator]:
    with running(
        "--mailboxes", "1", "--tls-cert", str(certificate[0]), "--tls-key", str(certificate[1]), *arguments
    ) as started:
        yield started


def over_tls(simulator: Simulator, context: ssl.SSLContext, octets: bytes) -> tuple[str | None, bytes]:
    """The version that was agreed on, and the answer."""
    with simulator.connect() as plain, context.wrap_socket(plain, server_hostname="mail.example.com") as connection:
        connection.settimeout(WAIT_S)
        connection.sendall(octets)
        return connection.version(), read_all(connection)


def test_with_a_certificate_everything_is_https(certificate: tuple[Path, Path]) -> None:
    with tls_site(certificate) as simulator:
        assert simulator.ready["servers"][0].startswith("https://127.0.0.1:")
        assert simulator.ready["oracle"] == simulator.ready["servers"][0]
        context = ssl.create_default_context(cafile=str(certificate[0]))
        _, raw = over_tls(simulator, context, request("PROPFIND", HOME, Depth="0", Connection="close"))
        assert b"https://mail.example.com/exchange/adele0/" in raw
        _, raw = over_tls(simulator, context, request("GET", "/_oracle/summary", Connection="close"))
        assert json.loads(raw.partition(b"\r\n\r\n")[2])["logins"]["good"] == 1
        with pytest.raises(ssl.SSLCertVerificationError):
            over_tls(simulator, ssl.create_default_context(), b"")


def test_the_protocol_can_be_an_old_one(certificate: tuple[Path, Path]) -> None:
    with tls_site(certificate, "--tls-min", "1.2", "--tls-max", "1.2") as simulator:
        context = ssl.create_default_context(cafile=str(certificate[0]))
        version, raw = over_tls(simulator, context, request("OPTIONS", HOME, Connection="close"))
        assert (version, raw[:15]) == ("TLSv1.2", b"HTTP/1.1 200 OK")
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        with pytest.raises(ssl.SSLError):
            over_tls(simulator, context, b"")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_protocol_can_be_one_that_clients_refuse_by_now(certificate: tuple[Path, Path]) -> None:
    with tls_site(certificate, "--tls-max", "1.0") as simulator:
        context = ssl.create_default_context(cafile=str(certificate[0]))
        with pytest.raises(ssl.SSLError):
            over_tls(simulator, context, b"")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        version, raw = over_tls(simulator, context, request("OPTIONS", HOME, Connection="close"))
        assert (version, raw[:15]) == ("TLSv1", b"HTTP/1.1 200 OK")
