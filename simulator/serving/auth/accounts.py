"""The directory: the account that may open every mailbox, those of the mailboxes' owners, and who claimed to be them.

All servers share it, as those of one domain do; a lock-out on one of them holds on all.
"""

from collections import Counter
from collections.abc import Callable


class Accounts:
    """Checks passwords, counts the checks, and locks an account out after too many wrong ones."""

    def __init__(self, user: str, password: str, lockout: int = 0) -> None:
        self.user = user
        self.password = password
        self._lockout = lockout
        #: Whether a user has a mailbox; all of them have the same password, and open their own mailbox only.
        self.has_mailbox: Callable[[str], bool] = _nobody
        self.good = 0
        self.bad = 0
        self._wrong: Counter[str] = Counter()

    def allow(self, user: str, password: str) -> bool:
        """Return whether this is the account and its password; as in Windows, user names have no case."""
        return self.record(user, right=self.knows(user) and password == self.password)

    def knows(self, user: str) -> bool:
        """Return whether there is such an account."""
        return self.opens_all(user) or self.has_mailbox(user)

    def opens_all(self, user: str) -> bool:
        """Return whether it is the service account."""
        return user.casefold() == self.user.casefold()

    def record(self, user: str, *, right: bool) -> bool:
        """Count a login; whether it stands, for the right password of a locked account does not."""
        if right and not self.is_locked(user):
            self.good += 1
            return True
        self.bad += 1
        if not right and self.knows(user):
            self._wrong[user.casefold()] += 1
        return False

    def is_locked(self, user: str) -> bool:
        """Return whether an account is locked after too many wrong passwords."""
        return 0 < self._lockout <= self._wrong[user.casefold()]

    @property
    def locked_out(self) -> list[str]:
        """The locked accounts."""
        locked = filter(self.is_locked, sorted(self._wrong))
        return [self.user if self.opens_all(user) else user for user in locked]


def _nobody(_user: str) -> bool:
    return False
