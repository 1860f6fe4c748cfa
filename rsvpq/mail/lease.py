"""Limit requests by the lease of the item that they are for: no request starts, or continues, after the lease ended.

An item whose lease has expired is given to another worker. If the first worker continued, more requests than allowed
would run on the server at once, and two workers would act on one message. So the lease is checked before each request,
and its remaining time is the deadline of the request. Work with many requests is limited as well, because there is a
maximum time for everything that is done for one item.
"""

from collections.abc import Callable
from math import inf
from time import monotonic

from rsvpq.mail.errors import Transient

#: Seconds for which a renewed lease is not renewed again, so that quick requests need not renew it each time.
FRESH_S = 1.0
#: The part of a lease that requests may use; the rest is for recording their outcome.
USED_PART = 0.9
#: The part of a lease that must be left when renewing it has returned; if less is left, renewing took too long.
_LEFT_PART = 0.5
_TRIES = 3


class OutOfTime(Transient):
    """The item has used its maximum time; the rest of the work is left to another attempt."""


class Lease:
    """The lease of one item, as far as this process can be certain of it; used by one thread.

    :param renew: starts the lease again, and returns how many seconds it lasts from then on. If the lease was lost, it
        raises the error that ends the work on the item.
    :param longest_s: the most seconds for everything that is done for the item.
    :param since: when the lease of ``given_s`` seconds began, or an earlier moment, on the monotonic clock.
    """

    def __init__(
        self, renew: Callable[[], float], *, longest_s: float = inf, since: float = -inf, given_s: float = 0
    ) -> None:
        self._renew = renew
        self._longest_s = longest_s
        self._began = since if since > -inf else monotonic()
        self._renewed = since
        self._given_s = given_s
        self._used_up = False

    def use_up(self, on: bool) -> None:
        """Use the rest of the lease without renewing it (``on``), or go back to renewing it.

        A ledger that has lost the item would report the lease as lost. But an effect on the server must be marked there
        first, or nobody could tell later what it belongs to.
        """
        self._used_up = on

    @property
    def until(self) -> float:
        """The deadline of requests, on the monotonic clock."""
        return self._renewed + USED_PART * self._given_s

    @property
    def left_s(self) -> float:
        """The seconds until that deadline; 0 if it has passed."""
        return max(0.0, self.until - monotonic())

    def keep(self, what: str, longest_s: float = 0) -> float:
        """Renew the lease unless it is fresh and long enough; return the deadline of requests, on the monotonic clock.

        :param what: what is about to be done, for the error. :param longest_s: the most seconds that it may take.
        :raises OutOfTime: the item has taken too long. :raises Transient: the ledger responds too slowly.
        """
        now = monotonic()
        if now - self._began > self._longest_s:
            took = f"this item has taken {now - self._began:.0f} s; the limit is {self._longest_s:.0f} s"
            raise OutOfTime(f"{what}: not done, because {took}")
        fresh = now - self._renewed < FRESH_S and self.until - now >= longest_s
        if fresh or (self._used_up and self.until > now):
            return self.until
        for _ in range(_TRIES):
            # The moment before the call: the lease certainly began no earlier.
            before = monotonic()
            self._given_s = self._renew()
            self._renewed = before
            if self.until - monotonic() >= _LEFT_PART * self._given_s:
                return self.until
        raise Transient(f"{what}: not done, because renewing the item's lease took more than half of it")


class NoLease(Lease):
    """A lease that never ends, for work that belongs to no item, such as an operator's command."""

    def __init__(self) -> None:
        super().__init__(lambda: inf, since=0, given_s=inf)
