"""What waiting in the kernel stands on: sockets that block."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["gevent._socket3", "eventlet.greenio.base"])
def test_a_worker_of_greenlets_is_refused_before_it_waits_for_ever(module: str) -> None:
    patched = f"class Patched(socket.socket): __module__ = {module!r}"
    program = f"import socket\n{patched}\nsocket.socket = Patched\nimport rsvpq.wiring"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "start workers with -P threads, not with gevent or eventlet" in ended.stderr
