"""A thread that looks whether the work goes on, and ends its process when it does not.

It counts looks and not seconds: a process that was stopped as a whole (a suspended machine) has done nothing wrong, and
after it wakes up it has all its looks before it.
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

#: Looks in a row that must find the work stalled before the process ends.
LOOKS = 12
#: The exit code of a process that ended because it was stalled (EX_SOFTWARE of sysexits.h).
STALLED = 70


class Watchdog(threading.Thread):
    """Looks :data:`LOOKS` times in ``stalled_after_s``; ends the process when every look finds the same.

    :param suspicion: why the work seems to have stalled; an empty text if it goes on, or cannot be judged.
    :param report: called after each look that found nothing wrong. Both may raise RedisError: that Redis is away is no
        stall, as a new process could do no better. Whatever else the look raises, such as that no more files may be
        opened, is what a new process may do better, and counts as a suspicion.
    """

    def __init__(
        self, suspicion: Callable[[], str], *, stalled_after_s: float, report: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self.every_s = stalled_after_s / LOOKS
        self._suspicion = suspicion
        self._report = report
        self._suspected = 0
        self._told_to_stop = threading.Event()

    def run(self) -> None:
        """Look until told to stop."""
        while not self._told_to_stop.wait(self.every_s):
            self.look()

    def stop(self) -> None:
        """Look no more: the work is meant to end."""
        self._told_to_stop.set()

    def look(self) -> None:
        """Look once. While something is wrong, neither systemd nor a health check hears from this process."""
        try:
            reason = self._suspicion()
        except RedisError:
            reason = ""
        except Exception as error:  # this thread is the last one that may die of it
            reason = f"it cannot be looked at: {error!r}"
            logger.warning("event=not-looked-at error=%r", error)
        self._suspected = self._suspected + 1 if reason else 0
        if self._suspected >= LOOKS:
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
    """End the process at once: what it has in its hands goes back to its lanes when the leases end.

    Not by an exception or a signal, as what hangs would not come to hear of it.
    """
    logger.critical("event=stalled reason=%r exit=%d main thread:\n%s", reason, STALLED, _main_stack())
    os._exit(STALLED)


def _main_stack() -> str:
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    return "".join(traceback.format_stack(frame)) if frame else "(it has ended)"
