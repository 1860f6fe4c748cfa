"""Notify systemd by one datagram to the socket that it names, as described in sd_notify(3); no library is needed."""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress


def notify(*words: str, environ: Mapping[str, str] = os.environ) -> None:
    """Send assignments such as ``READY=1`` and ``WATCHDOG=1``; do nothing if systemd names no socket.

    Errors of sending are ignored: a service must not fail because its supervisor does not listen.
    """
    path = environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return
    address = "\0" + path[1:] if path.startswith("@") else path  # the kernel's form of an abstract socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, suppress(OSError):
        sender.setblocking(False)
        sender.sendto("\n".join(words).encode(), address)
