"""A thread that checks whether its process makes progress, and ends the process if it does not.

It counts looks, not seconds: a process that was stopped as a whole (a suspended machine) is not stalled, and the time
until it resumes counts as one look at most.
"""

import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable

from redis.exceptions import RedisError

from rsvpq.health.systemd import notify

logger = logging.getLogger(__name__)

#: How many looks in a row must find the work stalled before the process ends.
LOOKS = 12
#: The exit code of a process that ended because it was stalled (EX_SOFTWARE of sysexits.h).
STALLED = 70


class Watchdog(threading.Thread):
    """Looks :data:`LOOKS` times in ``stalled_after_s``; ends the process if every look finds a stall.

    Both functions may raise RedisError, which is not a stall: a new process could not reach Redis either. Any other
    error of ``stall_reason``, such as too many open files, counts as a stall: a new process may be free of it.

    :param stall_reason: returns why the work seems to have stalled; empty if it goes on or cannot be judged.
    :param report: called after each look that found no stall.
    """

    def __init__(
        self, stall_reason: Callable[[], str], *, stalled_after_s: float, report: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self.every_s = stalled_after_s / LOOKS
        self._stall_reason = stall_reason
        self._report = report
        self._stalled_looks = 0
        self._stopping = threading.Event()

    def run(self) -> None:
        """Look at regular intervals until stopped."""
        while not self._stopping.wait(self.every_s):
            self.look()

    def stop(self) -> None:
        """Stop looking, because the work is meant to end."""
        self._stopping.set()

    def look(self) -> None:
        """Look once; during a stall, report to neither systemd nor health checks."""
        try:
            reason = self._stall_reason()
        except RedisError:
            reason = ""
        except Exception as error:  # whatever fails, this thread must go on
            reason = f"progress cannot be checked: {error!r}"
            logger.warning("event=not-looked-at error=%r", error)
        self._stalled_looks = self._stalled_looks + 1 if reason else 0
        if self._stalled_looks >= LOOKS:
            end(f"{reason}, for {LOOKS} looks in {self.every_s * LOOKS:g} s")
        if not reason:
            notify("WATCHDOG=1")
            try:
                self._report()
            except RedisError as error:
                logger.debug("event=not-reported error=%s", error)
            except Exception as error:
                logger.warning("event=not-reported error=%r", error)


def end(reason: str) -> None:
    """End the process at once; its items go back to their lanes when their leases end.

    Not by an exception or a signal: a thread that hangs would never see it.
    """
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    stack = "".join(traceback.format_stack(frame)) if frame else "(it has ended)"
    logger.critical("event=stalled reason=%r exit=%d main thread:\n%s", reason, STALLED, stack)
    os._exit(STALLED)
