"""The order of the work: the same for every arm."""

from collections.abc import Iterator


def in_turn(mailboxes: int, depth: int) -> Iterator[tuple[int, int]]:
    """Yield each message as (mailbox, number), taking the mailboxes in turn."""
    return ((mailbox, message) for message in range(depth) for mailbox in range(mailboxes))
