"""What is sent to the socket that systemd names."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rsvpq.health.systemd import notify


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Where systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.setblocking(False)
        yield listening


def test_words_are_one_datagram_of_lines(listener: socket.socket, tmp_path: Path) -> None:
    listener.bind(str(tmp_path / "notify"))
    notify("READY=1", "WATCHDOG=1", environ={"NOTIFY_SOCKET": str(tmp_path / "notify")})
    assert listener.recv(100) == b"READY=1\nWATCHDOG=1"


def test_an_at_sign_names_an_abstract_socket(listener: socket.socket, tmp_path: Path) -> None:
    name = str(tmp_path)  # nobody else's
    listener.bind(f"\0{name}")
    notify("READY=1", environ={"NOTIFY_SOCKET": f"@{name}"})
    assert listener.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", [None, "", "vsock:2:1234", "nowhere", "{}/nobody-listens", "{}/" + "x" * 200])
def test_where_nobody_can_listen_nothing_happens(tmp_path: Path, address: str | None) -> None:
    notify("READY=1", environ={} if address is None else {"NOTIFY_SOCKET": address.format(tmp_path)})


def test_a_listener_that_does_not_read_blocks_nobody(listener: socket.socket, tmp_path: Path) -> None:
    listener.bind(str(tmp_path / "notify"))
    for _ in range(10_000):
        notify("WATCHDOG=1", environ={"NOTIFY_SOCKET": str(tmp_path / "notify")})
    assert listener.recv(100) == b"WATCHDOG=1"
