"""Delayed effects of the store: after a time, or after some more requests to the same mailbox.

Whatever is due happens when the next request to that mailbox arrives, before it is looked at: nobody can tell the
difference.
"""

from collections.abc import Callable

from simulator.world.clock import now
from simulator.world.mailboxes import Mailbox


def plan(mailbox: Mailbox, act: Callable[[], object], *, ms: int, requests: int) -> None:
    """Call a function when both this time has passed and this many requests have arrived."""
    at, left = now() + ms / 1000, requests

    def settled() -> bool:
        nonlocal left
        left -= 1
        if left >= 0 or now() < at:
            return False
        act()
        return True

    mailbox.plans.append(settled)


def settle(mailbox: Mailbox) -> None:
    """Note a request, and apply what is due."""
    mailbox.plans[:] = [settled for settled in mailbox.plans if not settled()]
