"""The lease of an item, as the client of a mail server sees it: renewed in time, and never used beyond its end."""

from time import monotonic

import pytest

from rsvpq.mail.errors import Transient
from rsvpq.mail.lease import FRESH_S, USED_PART, Lease, NoLease, OutOfTime
from rsvpq.tasks.journal import LeaseLost

LONG_S = 10_000.0


class _Ledger:
    """Gives leases, and counts them."""

    def __init__(self, given_s: float = LONG_S) -> None:
        self.given_s = given_s
        self.renewals = 0

    def renew(self) -> float:
        self.renewals += 1
        if not self.given_s:
            raise LeaseLost("the lease was lost")
        return self.given_s


def test_one_that_was_just_given_is_not_asked_for_again() -> None:
    ledger = _Ledger()
    lease = Lease(ledger.renew, since=monotonic(), given_s=LONG_S)
    lease.keep("a request")
    assert ledger.renewals == 0


def test_one_that_was_given_a_while_ago_is_renewed() -> None:
    ledger, now = _Ledger(), monotonic()
    lease = Lease(ledger.renew, since=now - FRESH_S, given_s=LONG_S)
    assert lease.keep("a request") >= now + USED_PART * LONG_S
    assert ledger.renewals == 1


def test_one_that_a_request_could_outlast_is_renewed_however_fresh_it_is() -> None:
    ledger = _Ledger()
    lease = Lease(ledger.renew, since=monotonic(), given_s=LONG_S)
    lease.keep("a long request", LONG_S)
    assert ledger.renewals == 1


def test_a_request_is_given_less_than_the_lease_lasts() -> None:
    before = monotonic()
    lease = Lease(_Ledger().renew)
    assert before < lease.keep("a request") <= monotonic() + USED_PART * LONG_S
    assert 0 < lease.left_s <= USED_PART * LONG_S


def test_one_that_was_lost_ends_the_item_before_the_request() -> None:
    with pytest.raises(LeaseLost):
        Lease(_Ledger(0).renew).keep("a request")


def test_an_item_that_has_taken_too_long_is_renewed_no_more() -> None:
    ledger = _Ledger()
    lease = Lease(ledger.renew, longest_s=60, since=monotonic() - 61, given_s=LONG_S)
    with pytest.raises(
        OutOfTime, match=r"^SEARCH Drafts: not done, because this item has taken 61 s; the limit is 60 s"
    ):
        lease.keep("SEARCH Drafts")
    assert ledger.renewals == 0


def test_a_ledger_that_takes_longer_than_half_of_the_lease_gives_none() -> None:
    with pytest.raises(Transient, match="renewing the item's lease took more than half of it"):
        Lease(_Ledger(1e-9).renew).keep("a request")


def test_who_works_on_no_item_has_no_end() -> None:
    assert NoLease().keep("a request", LONG_S) == NoLease().left_s == float("inf")
