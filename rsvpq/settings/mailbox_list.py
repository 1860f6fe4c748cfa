"""The list of mailboxes as a process has it in force: nothing is done in a mailbox that is not in it.

What the ledger names comes out of Redis, where others may write; the list is a file of the operator's. It is read again
when the file has changed, and has rested since: half of a list is a list too, with fewer mailboxes, and the group in
its last row may be the beginning of another. One that cannot be read puts nothing into force: the last good one stays,
that is told, and it is tried again.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from threading import Lock

from rsvpq.mail.errors import Busy, NotListed
from rsvpq.mail.messages import Mailbox
from rsvpq.settings import ConfigError, Settings
from rsvpq.settings.mailboxes import read_mailboxes

logger = logging.getLogger(__name__)

#: How long a mailbox waits in its lane for the list, the settings and the ledger to agree on it, in seconds.
_AGREE_S = 30.0
#: How long a file must not have been written to before it is believed, in seconds.
_REST_S = 2.0
#: When a file is tried again that could not be read, in seconds: what was in the way need not have been in the file.
_AGAIN_S = 5.0

_State = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _InForce:
    """The last good list by name, None where there never was one; and what is wrong with the newest, '' for nothing."""

    mailboxes: Mapping[str, Mailbox] | None = None
    problem: str = ""


@dataclass(slots=True)
class MailboxList:
    """The list of one process; for all of its threads."""

    path: Path
    settings: Settings
    #: Seconds by the clock that stamps files, and by one that nobody can set.
    clock: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    _in_force: _InForce = field(default_factory=_InForce)
    #: What the file looked like when it was read last.
    _seen: _State | str | None = "never"
    #: When it is read again though it looks the same.
    _again_at: float = inf
    #: What the file looks like that is not believed yet, and since when.
    _resting: _State | str | None = "none"
    _resting_since: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def names(self) -> frozenset[str]:
        """The names in the list that is in force."""
        return frozenset(self._now().mailboxes or ())

    @property
    def problem(self) -> str:
        """What is wrong with the file as it is; '' for nothing."""
        return self._now().problem

    def require_any(self) -> None:
        """Complain where there is no list at all.

        :raises ConfigError: there is none, and why.
        """
        if self._now().mailboxes is None:
            read_mailboxes(self.path, self.settings)

    def require(self, name: str, server: str) -> Mailbox:
        """The mailbox as the list has it.

        :raises NotListed: it is not in the list. :raises Busy: that cannot be told now, or the list has it on another
            server than the ledger: the next scan of it takes its lane there.
        """
        now = self._now()
        if now.mailboxes is None:
            raise Busy(f"no mailbox is worked here, for the list cannot be read: {now.problem}", _AGREE_S, "mailbox")
        listed = now.mailboxes.get(name)
        stale = f"; this process has an old list, for the new one cannot be read: {now.problem}" if now.problem else ""
        if (listed is None or listed.server != server) and self._state() != self._seen:
            raise Busy("the list of mailboxes was changed a moment ago, and is not read yet", _REST_S, "mailbox")
        if listed is None and stale:
            raise Busy(f"{name!r} is not in the list{stale}", _AGREE_S, "mailbox")
        if listed is None:
            raise NotListed(f"{name!r} is not in the list of mailboxes")
        if listed.server != server:
            text = f"the list has {name!r} on {listed.server!r}, and the ledger on {server!r}"
            remedy = stale or "; scan it, or restart the processes that have older settings"
            raise Busy(f"{text}{remedy}", _AGREE_S, "mailbox")
        return listed

    def _now(self) -> _InForce:
        if self._state() != self._seen or self.steady() >= self._again_at:
            with self._lock:
                self._read_again()
        return self._in_force

    def _state(self) -> _State | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read_again(self) -> None:
        state = self._state()  # before it is read: what is written meanwhile is read next time
        if (state == self._seen and self.steady() < self._again_at) or not self._has_rested(state):
            return
        try:
            listed = {mailbox.name: mailbox for mailbox in read_mailboxes(self.path, self.settings)}
        except ConfigError as error:
            problem = str(error).partition("\n")[0]
            kept = "the last good one stays in force" if self._in_force.mailboxes is not None else "there is no other"
            if problem != self._in_force.problem:
                logger.error("event=mailboxes-unreadable list=%s (%s): %s", self.path, kept, error)  # noqa: TRY400 - told
            self._in_force = _InForce(self._in_force.mailboxes, problem)
            self._again_at = self.steady() + _AGAIN_S
        else:
            logger.info("event=mailboxes-read list=%s mailboxes=%d", self.path, len(listed))
            self._in_force = _InForce(listed)
            self._again_at = inf
        self._seen = state

    def _has_rested(self, state: _State | None) -> bool:
        """Whether nobody is still writing it; by the time of its last change, and where that says nothing, by waiting.

        The first list of a process is read at once, for there is none that could stay in force.
        """
        if state is None or self._in_force.mailboxes is None:
            return True
        if state != self._resting:
            self._resting, self._resting_since = state, self.steady()
        age_s = self.clock() - state[0] / 1e9
        return max(age_s, self.steady() - self._resting_since) >= _REST_S
