"""What systemd is told: one datagram to the socket that it names, as sd_notify(3) describes it; no library."""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress


def notify(*words: str, environ: Mapping[str, str] = os.environ) -> None:
    """Send such words as ``READY=1`` and ``WATCHDOG=1``; does nothing where no systemd listens.

    A service must not fail because its supervisor does not listen, so what cannot be sent is dropped.
    """
    path = environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return
    address = "\0" + path[1:] if path.startswith("@") else path  # the kernel's spelling of an abstract socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, suppress(OSError):
        sender.setblocking(False)
        sender.sendto("\n".join(words).encode(), address)
