"""What waiting in the kernel stands on: sockets that block."""

import socket
import subprocess
import sys

import pytest

from rsvpq.http.deadlines import PlainSocket


@pytest.mark.parametrize("module", ["gevent._socket3", "eventlet.greenio.base"])
def test_a_worker_of_greenlets_is_refused_before_it_waits_for_ever(module: str) -> None:
    patched = f"class Patched(socket.socket): __module__ = {module!r}"
    program = f"import socket\n{patched}\nsocket.socket = Patched\nimport rsvpq.wiring.backends"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "start workers with -P threads, not with gevent or eventlet" in ended.stderr


def test_what_was_left_of_one_answer_is_no_bound_of_the_next_request() -> None:
    near, far = socket.socketpair()
    with far, PlainSocket(fileno=near.detach()) as patient:
        patient.allow(60, 5)
        far.sendall(b"x")
        assert patient.recv_into(bytearray(1)) == 1
        lowered = patient.gettimeout()
        assert lowered is not None
        assert lowered <= 5
        patient.allow(60, 600)
        assert patient.gettimeout() == 60
