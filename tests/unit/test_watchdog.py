"""The thread that looks whether the work goes on: no error of a look ends the looking."""

import errno
import os
import subprocess
import sys

from redis.exceptions import ConnectionError as RedisAway

from rsvpq.health.watchdog import LOOKS, STALLED, Watchdog

UNABLE = """
import errno, logging, os
from rsvpq.health.watchdog import Watchdog

logging.basicConfig()

def suspicion():
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

watchdog = Watchdog(suspicion, stalled_after_s=0.1)
watchdog.start()
watchdog.join()
"""


def no_file() -> str:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def test_a_look_that_fails_now_and_then_ends_neither_the_looking_nor_the_process() -> None:
    able = [*[False] * (LOOKS - 1), True] * 2
    watchdog = Watchdog(lambda: "" if able.pop() else no_file(), stalled_after_s=60)
    while able:
        watchdog.look()


def test_a_process_that_cannot_be_looked_at_any_more_ends_as_one_that_is_stalled() -> None:
    """It cannot work either, and a new one has all that it may open before it."""
    ended = subprocess.run([sys.executable, "-c", UNABLE], capture_output=True, text=True, check=False)
    assert ended.returncode == STALLED
    assert "event=stalled" in ended.stderr
    assert os.strerror(errno.EMFILE) in ended.stderr


def test_a_redis_that_is_away_is_no_stall_and_a_report_that_fails_is_made_again() -> None:
    reports = list[str]()

    def away() -> str:
        raise RedisAway("refused")

    def report() -> None:
        reports.append("made")
        no_file()

    watchdog = Watchdog(away, stalled_after_s=60, report=report)
    for _ in range(LOOKS + 1):
        watchdog.look()
    assert len(reports) == LOOKS + 1
