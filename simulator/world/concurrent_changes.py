"""Changes by others while a client works in a mailbox: messages that arrive, and messages that vanish."""

from collections.abc import Sequence
from dataclasses import replace
from zlib import crc32

from simulator.world.mailboxes import Folder, Item, Resource
from simulator.world.messages import Meeting, Message
from simulator.world.state import Seeded, World
from simulator.world.tally import Action, Kind, Tally

_REQUEST = "ipm.schedule.meeting.request"
_CANCELLATION = "IPM.Schedule.Meeting.Canceled"


def succeed(world: World, item: Item, folder: Folder) -> None:
    """Let a new request arrive under the name of one that has just left a folder.

    It is about another meeting, and the oracle knows it.  A newcomer has no successor, or there would be no end.
    """
    message = item.message
    meeting = message.meeting
    if meeting is None or message.message_class.casefold() != _REQUEST or meeting.uid in world.newcomers:
        return
    arrived = replace(message, meeting=_another(meeting), received=folder.mailbox.moment(), read=False, delivered=True)
    newcomer = world.put(folder, arrived, item.name)
    newcomer.tally = Tally()
    world.newcomers.add(_another(meeting).uid)
    world.seeded.append(Seeded(folder.mailbox, Kind.REQUEST, replace(arrived), newcomer.tally))


def arrive(world: World, folder: Folder) -> None:
    """Let a cancellation arrive: a meeting message that nobody answers."""
    for item in folder.items.values():
        if item.message.meeting is not None:
            world.put(folder, _cancellation(item.message, item.message.meeting, folder), item.name)
            return


def vanish(world: World, rows: Sequence[Resource]) -> None:
    """Take one of these away, a meeting request only if there is nothing else."""
    items = [row for row in rows if isinstance(row, Item)]
    items.sort(key=lambda item: item.message.message_class.casefold() == _REQUEST)
    if items:
        take_away(world, items[0])


def take_away(world: World, item: Item) -> None:
    """Remove an item; the oracle knows that it was not the client."""
    world.remove(item)
    # A draft has no tally of its own: it counts for the request that it answers.
    for tally in (item.tally, item.answers):
        if tally:
            tally.record(Action.TAKEN)


def _cancellation(message: Message, meeting: Meeting, folder: Folder) -> Message:
    canceled = replace(_another(meeting), method="CANCEL", response_requested=False)
    return replace(
        message,
        message_class=_CANCELLATION,
        meeting=canceled,
        received=folder.mailbox.moment(),
        read=False,
        delivered=True,
    )


def _another(meeting: Meeting) -> Meeting:
    """Return another meeting with a uid of its own, always the same for the same meeting."""
    return replace(meeting, uid=f"{meeting.uid[:-8]}{crc32(meeting.uid.encode()):08X}")
