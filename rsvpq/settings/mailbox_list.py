"""The list of mailboxes that a process uses: nothing is done in a mailbox that is not in it.

Mailbox names in the ledger come from Redis, where others may write; the list is the operator's own file. It is read
again after the file has changed and has then not been written to for a while: half of a list is a valid list too, with
fewer mailboxes, and the group in its last row may be cut short. If the file cannot be read, the last good list stays in
force, the error is logged, and the file is tried again.
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

#: Seconds that a mailbox waits in its lane until the list, the settings and the ledger agree on it.
_AGREE_S = 30.0
#: Seconds without a write before a changed file is read.
_SETTLE_S = 2.0
#: Seconds until an unreadable file is tried again: the cause need not be in the file, so the file need not change.
_RETRY_S = 5.0

_State = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _InForce:
    """The last good list by name, None if there never was one; and the problem with the newest file, '' if none."""

    mailboxes: Mapping[str, Mailbox] | None = None
    problem: str = ""


@dataclass(slots=True)
class MailboxList:
    """The list of one process, shared by its threads."""

    path: Path
    settings: Settings
    #: The clock that stamps files, and a monotonic clock; both in seconds.
    clock: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    _in_force: _InForce = field(default_factory=_InForce)
    #: The state of the file when it was last read.
    _seen: _State | str | None = "never"
    #: When the file is read again even if its state has not changed.
    _retry_at: float = inf
    #: A state of the file that has not settled yet, and since when it has been observed.
    _settling: _State | str | None = "none"
    _settling_since: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def names(self) -> frozenset[str]:
        """Return the names in the list that is in force."""
        return frozenset(self._now().mailboxes or ())

    @property
    def problem(self) -> str:
        """The problem with the file in its present state; '' if none."""
        return self._now().problem

    def require_any(self) -> None:
        """Raise an error if there is no list in force.

        :raises ConfigError: no list could be read; with the reasons.
        """
        if self._now().mailboxes is None:
            read_mailboxes(self.path, self.settings)

    def require(self, name: str, server: str) -> Mailbox:
        """Return a mailbox of the list.

        :raises NotListed: it is not in the list. :raises Busy: this cannot be decided at present, or the list has it on
            another server than the ledger: the next scan moves its lane there.
        """
        now = self._now()
        if now.mailboxes is None:
            raise Busy(f"no mailbox can be processed, as the list cannot be read: {now.problem}", _AGREE_S, "mailbox")
        listed = now.mailboxes.get(name)
        stale = f"; this process has an old list, as the new one cannot be read: {now.problem}" if now.problem else ""
        if (listed is None or listed.server != server) and self._state() != self._seen:
            raise Busy("the list of mailboxes was changed a moment ago and is not read yet", _SETTLE_S, "mailbox")
        if listed is None and stale:
            raise Busy(f"{name!r} is not in the list{stale}", _AGREE_S, "mailbox")
        if listed is None:
            raise NotListed(f"{name!r} is not in the list of mailboxes")
        if listed.server != server:
            text = f"the list has {name!r} on {listed.server!r}, and the ledger on {server!r}"
            remedy = stale or "; scan it, or restart processes that have older settings"
            raise Busy(f"{text}{remedy}", _AGREE_S, "mailbox")
        return listed

    def _now(self) -> _InForce:
        if self._state() != self._seen or self.steady() >= self._retry_at:
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
        state = self._state()  # taken before reading, so that a change made meanwhile is read next time
        if (state == self._seen and self.steady() < self._retry_at) or not self._has_settled(state):
            return
        try:
            listed = {mailbox.name: mailbox for mailbox in read_mailboxes(self.path, self.settings)}
        except ConfigError as error:
            problem = str(error).partition("\n")[0]
            kept = "the last good one stays in force" if self._in_force.mailboxes is not None else "no list is in force"
            if problem != self._in_force.problem:
                logger.error("event=mailboxes-unreadable list=%s (%s): %s", self.path, kept, error)  # noqa: TRY400 - no bug
            self._in_force = _InForce(self._in_force.mailboxes, problem)
            self._retry_at = self.steady() + _RETRY_S
        else:
            logger.info("event=mailboxes-read list=%s mailboxes=%d", self.path, len(listed))
            self._in_force = _InForce(listed)
            self._retry_at = inf
        self._seen = state

    def _has_settled(self, state: _State | None) -> bool:
        """Return whether nobody is still writing the file, by its age or, if its time stamp is wrong, by waiting.

        The first list of a process is read at once, because there is no earlier one to keep using.
        """
        if state is None or self._in_force.mailboxes is None:
            return True
        if state != self._settling:
            self._settling, self._settling_since = state, self.steady()
        age_s = self.clock() - state[0] / 1e9
        return max(age_s, self.steady() - self._settling_since) >= _SETTLE_S
