"""What others do, as a fault, to what a request names, right before the request is looked at."""

from collections.abc import Callable, Set

from simulator.serving.faults import BY_OTHERS, FaultKind
from simulator.world.behavior import StoreBehavior
from simulator.world.concurrent_changes import take_away
from simulator.world.mailboxes import Item, Mailbox, Resource
from simulator.world.owner_actions import answer_by_hand, can_answer, read_by_hand, rename_folders
from simulator.world.state import World


def others_can(mailbox: Mailbox | None, named: Resource | None) -> Set[FaultKind]:
    """What others can do where a request names this of a mailbox."""
    if mailbox is None:
        return set()
    if not isinstance(named, Item):
        return {FaultKind.FOLDERS_RENAMED}
    return BY_OTHERS - (set() if can_answer(named) else {FaultKind.ANSWERED_BY_HAND})


def others_act(
    kind: FaultKind, mailbox: Mailbox, named: Resource | None, world: World, behavior: StoreBehavior
) -> None:
    """Let somebody else do that with it."""
    if kind is FaultKind.FOLDERS_RENAMED:
        rename_folders(mailbox)
    elif isinstance(named, Item):
        _ACTS[kind](world, behavior, named)


_ACTS: dict[FaultKind, Callable[[World, StoreBehavior, Item], None]] = {
    FaultKind.TAKEN_AWAY: lambda world, _, item: take_away(world, item),
    FaultKind.READ_BY_HAND: lambda world, _, item: read_by_hand(world, item),
    FaultKind.ANSWERED_BY_HAND: answer_by_hand,
}
