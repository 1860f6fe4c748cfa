"""NTLM with the simulator: the handshake on a connection, in raw bytes; pyspnego plays the client's half of it."""

import base64
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.raw_http import AUTHORIZATION, Simulator, request, running

HOME = "/exchange/adele0/"
RIGHT = "simulator"


class Wire:
    """One connection that stays, and the NTLM handshake on it."""

    def __init__(self, connection: socket.socket, spnego: Any) -> None:
        self._connection = connection
        self._reader = connection.makefile("rb")
        self._spnego = spnego

    def ask(self, authorization: str = "") -> tuple[int, str]:
        """The status of a request, and what the server offers."""
        self._connection.sendall(request("OPTIONS", HOME, Authorization=authorization))
        status = int(self._reader.readline().split()[1])
        headers = {}
        while line := self._reader.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name] = value
        self._reader.read(int(headers.get("Content-Length", "0")))
        return status, headers.get("WWW-Authenticate", "")

    def first(self, client: Any) -> tuple[int, str]:
        return self.ask("NTLM " + base64.b64encode(client.step()).decode())

    def log_in(self, password: str = RIGHT) -> int:
        client = self._spnego.client(
            "CORP\\svc-rsvpq", password, protocol="ntlm", options=self._spnego.NegotiateOptions.use_ntlm
        )
        status, offer = self.first(client)
        assert (status, offer[:5]) == (401, "NTLM ")
        token = client.step(base64.b64decode(offer[5:]))
        return self.ask("NTLM " + base64.b64encode(token).decode())[0]


@pytest.fixture
def ntlm() -> Iterator[tuple[Simulator, Any]]:
    """A simulator that wants NTLM, and the library for the client's half."""
    spnego = pytest.importorskip("spnego", reason="pyspnego is not installed")
    with running("--mailboxes", "1", "--auth", "ntlm", "--lockout", "2") as started:
        yield started, spnego


def test_ntlm_authenticates_a_connection_and_no_other(ntlm: tuple[Simulator, Any]) -> None:
    simulator, spnego = ntlm
    with simulator.connect() as connection, simulator.connect() as other:
        wire = Wire(connection, spnego)
        assert wire.ask() == (401, "NTLM")
        assert wire.ask(AUTHORIZATION) == (401, "NTLM")
        assert wire.log_in() == 200
        assert wire.ask() == (200, "")
        assert Wire(other, spnego).ask() == (401, "NTLM")
    assert simulator.oracle("summary")["logins"]["good"] == 1


def test_ntlm_refuses_a_wrong_password_and_counts_it(ntlm: tuple[Simulator, Any]) -> None:
    simulator, spnego = ntlm
    with simulator.connect() as connection:
        wire = Wire(connection, spnego)
        assert [wire.log_in(password) for password in ("guess", RIGHT, "guess", RIGHT)] == [401, 200, 401, 401]
        assert wire.ask() == (401, "NTLM")
    assert simulator.oracle("summary")["logins"] == {
        "good": 1,
        "bad": 3,
        "locked_out": ["CORP\\svc-rsvpq"],
        "sessions": 0,
    }


@pytest.mark.parametrize(
    "message", ["", "!", "TlRMTVNTUAABAAAA", "TlRMTVNTUAADAAAA", base64.b64encode(b"x" * 90).decode()]
)
def test_ntlm_survives_what_is_no_handshake(ntlm: tuple[Simulator, Any], message: str) -> None:
    simulator, spnego = ntlm
    with simulator.connect() as connection:
        wire = Wire(connection, spnego)
        assert wire.ask(f"NTLM {message}") == (401, "NTLM")
        client = spnego.client("CORP\\svc-rsvpq", RIGHT, protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
        wire.first(client)
        assert wire.ask(f"NTLM {message}") == (401, "NTLM")
        assert wire.log_in() == 200
