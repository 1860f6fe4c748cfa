"""Bounds requests by the lease of the item that they are for: none begins, or goes on, beyond it.

An item whose lease has run out is given to another worker. If the first one went on, the server would be asked by more
at once than it was promised, and two workers would act on one message. So the lease is looked at before each request,
and the request is given what is left of it. Whatever makes many requests is bounded by the same, for there is a longest
time for all that is done for one item.
"""

from collections.abc import Callable
from math import inf
from time import monotonic

from rsvpq.mail.errors import Transient

#: How long a renewal is believed to be fresh, in seconds: quick requests need not ask before each of them.
FRESH_S = 1.0
#: The part of a lease that is given to requests; the rest is for saying what came of them.
USED_PART = 0.9
#: The part of a lease that must be left after it was renewed, or renewing took too long.
_LEFT_PART = 0.5
_TRIES = 3


class OutOfTime(Transient):
    """The item has taken its longest time; what was not done yet is for another attempt."""


class Lease:
    """The lease of one item, as far as this process can be certain of it; used by one thread.

    :param renew: makes the lease begin anew; for how many seconds it is given from then on. Raises what ends the item
        where it has been lost.
    :param longest_s: seconds for all that is done for the item.
    :param since: when it was given, for ``given_s`` seconds, by this process' monotonic clock; never later than that.
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
        """Go on with what is left of it instead of renewing it, or renew it again.

        A ledger that has forgotten the item would say that it is lost. What was done on the server has to be marked
        there first, or nobody will ever know whose it is.
        """
        self._used_up = on

    @property
    def until(self) -> float:
        """The deadline of requests, on the monotonic clock."""
        return self._renewed + USED_PART * self._given_s

    @property
    def left_s(self) -> float:
        """The seconds that one may wait without renewing it."""
        return max(0.0, self.until - monotonic())

    def keep(self, what: str, longest_s: float = 0) -> float:
        """Renew it unless it is fresh and lasts; return the deadline of requests, on the monotonic clock.

        :param what: what is about to be done, for the error. :param longest_s: seconds that it may take.
        :raises OutOfTime: the item has taken too long. :raises Transient: the ledger answers too slowly.
        """
        now = monotonic()
        if now - self._began > self._longest_s:
            took = f"this item has taken {now - self._began:.0f} s, and {self._longest_s:.0f} s are the most"
            raise OutOfTime(f"{what}: not done any more, as {took}")
        fresh = now - self._renewed < FRESH_S and self.until - now >= longest_s
        if fresh or (self._used_up and self.until > now):
            return self.until
        for _ in range(_TRIES):
            # From before the call: the lease certainly began no earlier than that.
            before = monotonic()
            self._given_s = self._renew()
            self._renewed = before
            if self.until - monotonic() >= _LEFT_PART * self._given_s:
                return self.until
        raise Transient(f"{what}: not done, as renewing the item's lease took longer than half of it")


class NoLease(Lease):
    """A lease for work on no item, such as an operator's command: nobody would take it over."""

    def __init__(self) -> None:
        super().__init__(lambda: inf)

    @property
    def left_s(self) -> float:
        """Without end."""
        return inf

    def keep(self, what: str, longest_s: float = 0) -> float:  # noqa: ARG002 - as a lease's
        """Return a deadline that never comes."""
        return inf
