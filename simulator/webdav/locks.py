"""Write locks on what is in the store (RFC 2518, 6 and 7): only the client that has the token may change it.

They live here and not with the items: most items never have one.  A lock ends by itself, and does not follow a move.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import count

from simulator.world.clock import now


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock in force."""

    token: str
    #: Whether others may have a shared one beside it.
    shared: bool
    owner: str
    seconds: int
    ends: float


class Locks:
    """The locks of a store, by the numbers of items and folders."""

    def __init__(self) -> None:
        self._by_serial: defaultdict[int, list[Lock]] = defaultdict(list)
        self._numbers = count(1)

    def take(self, serial: int, replica: str, owner: str, seconds: int, *, shared: bool) -> Lock | None:
        """Take a lock; return None if another one prevents it."""
        others = self._in_force(serial)
        if others and not (shared and all(other.shared for other in others)):
            return None
        token = f"opaquelocktoken:{replica}:{next(self._numbers)}"
        lock = Lock(token, shared, owner, seconds, now() + seconds)
        self._by_serial[serial].append(lock)
        return lock

    def renew(self, serial: int, condition: str, seconds: int) -> Lock | None:
        """Renew the lock whose token is in the condition; return None if there is none."""
        for lock in self._in_force(serial):
            if f"<{lock.token}>" in condition:
                self.release(serial, lock.token)
                self._by_serial[serial].append(replace(lock, seconds=seconds, ends=now() + seconds))
                return self._by_serial[serial][-1]
        return None

    def release(self, serial: int, token: str) -> bool:
        """End a lock; whether there was such a one."""
        before = self._in_force(serial)
        self._by_serial[serial] = [lock for lock in before if lock.token != token]
        return len(self._by_serial[serial]) < len(before)

    def bars(self, serial: int, condition: str) -> bool:
        """Return whether a lock prevents a change under this condition."""
        locks = self._in_force(serial)
        return bool(locks) and not any(f"<{lock.token}>" in condition for lock in locks)

    def _in_force(self, serial: int) -> list[Lock]:
        if serial not in self._by_serial:
            return []
        self._by_serial[serial] = [lock for lock in self._by_serial[serial] if lock.ends > now()]
        return self._by_serial[serial]
