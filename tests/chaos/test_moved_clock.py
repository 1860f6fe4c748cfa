"""A clock that is said to jump must jump, or its row in the table would say nothing."""

import os
import subprocess
import sys
import time
from pathlib import Path

from testbed.processes import until
from testbed.queue_server import QueueServer
from tests.chaos.faults.clocks import MOVED_BY, SERVER_CLOCK, clock_file, moved_server, set_clock

_TWO_LOOKS = """
import time
print(time.time(), time.monotonic(), flush=True)
input()
print(time.time(), time.monotonic(), flush=True)
"""


def test_a_running_process_sees_its_clock_jump_and_measures_time_as_before(tmp_path: Path) -> None:
    clock = clock_file(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(MOVED_BY), "CHAOS_CLOCK": str(clock)}
    command = [sys.executable, "-c", _TWO_LOOKS]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        wall, steady = map(float, process.stdout.readline().split())
        assert abs(wall - time.time()) < 60
        set_clock(clock, -3000)
        process.stdin.write("\n")
        process.stdin.flush()
        wall_later, steady_later = map(float, process.stdout.readline().split())
    assert -3000 <= wall_later - wall < -2900
    assert 0 < steady_later - steady < 60


def test_a_running_redis_sees_its_clock_jump(tmp_path: Path) -> None:
    server = QueueServer(tmp_path, environment=moved_server(tmp_path))
    try:
        with server.client() as client:
            before = client.time()[0]
            assert abs(before - time.time()) < 60
            set_clock(tmp_path / SERVER_CLOCK, 3000)
            # It looks at its clock once for all that it is asked at the same moment.
            until(lambda: 2900 < client.time()[0] - before < 3100, "its clock is ahead")
            in_a_script = client.eval("return redis.call('TIME')[1]", 0)
            assert 2900 < int(in_a_script) - before < 3100
            set_clock(tmp_path / SERVER_CLOCK, -3000)
            until(lambda: -3100 < client.time()[0] - before < -2900, "its clock is behind")
    finally:
        server.part.end()
