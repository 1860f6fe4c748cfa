"""A short client for tests of the lanes: lanes on the test's clock, and the shortest way through an item's life."""

from collections.abc import Mapping
from typing import Any

from rsvpq.lanes import Ending, Item, Lane, Lanes, Release, StartResult
from rsvpq.lanes.limits import Limits, Rate

S = 1_000_000
#: So much that it hinders nobody.
AMPLE = Limits(Rate(1_000_000), burst=100_000, concurrency=100_000)


class ClockedLanes(Lanes):
    """Lanes whose time stands still until a test moves ``now``; configured from the start."""

    def __init__(
        self,
        redis: Any,
        *,
        servers: Mapping[str, Limits] | None = None,
        mailbox: Limits = AMPLE,
        pools: Mapping[str, int] | None = None,
    ) -> None:
        self.now = 1_700_000_000 * S
        super().__init__(redis, now_us=lambda: self.now)
        self.controls.configure(
            servers=servers or {"mail1": AMPLE},
            mailbox=mailbox,
            pools=pools or {"mail": 100_000},
            release_lease_s=600,
            run_lease_s=120,
            attempts=3,
        )

    def fill(self, mailbox: Lane, count: int, *, pool: str = "mail", release: int = 0) -> tuple[Release, ...]:
        """Offer so many messages, numbered from 0; what was released in the same breath."""
        items = [Item(f"{mailbox.name}-{pool}-{number}", "answer", pool, {"n": number}) for number in range(count)]
        return self.ledger.offer(mailbox, items, release=release).released

    def answer(self, release: Release, *, refill: int = 0) -> tuple[Release, ...]:
        """Start and finish what was released; what was released into the slot it freed."""
        owner = f"delivery of {release.id}"
        assert self.ledger.start(release.id, release.generation, owner).result is StartResult.RUN
        finish = self.ledger.finish(
            release.id, release.generation, owner, Ending("done", label="done", remember_s=600), release=refill
        )
        assert finish.state == "done"
        return finish.released

    def turns(self, count: int) -> list[str]:
        """Return the mailboxes of the next releases, running one item at a time."""
        names = []
        for _ in range(count):
            [release] = self.ledger.release(1)
            self.answer(release)
            names.append(release.mailbox)
        return names
