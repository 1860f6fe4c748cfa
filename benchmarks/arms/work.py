"""The order of the work: the same for every arm."""

from collections.abc import Iterator


def in_turn(mailboxes: int, depth: int) -> Iterator[tuple[int, int]]:
    """Each message as (mailbox, number), a mailbox's next one only when every mailbox has had its turn."""
    return ((mailbox, message) for message in range(depth) for mailbox in range(mailboxes))
