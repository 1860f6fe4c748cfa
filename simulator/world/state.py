"""The world: the store, its initial content, and what the oracle records while clients work."""

from dataclasses import dataclass, field

from simulator.world.attendance import ArrangedMeetings
from simulator.world.clock import now
from simulator.world.mailboxes import Mailbox, Store
from simulator.world.messages import Message
from simulator.world.tally import Kind, Tally


@dataclass(slots=True)
class Seeded:
    """A message the population began with: what the oracle says about it even when it is gone."""

    mailbox: Mailbox
    kind: Kind
    message: Message
    tally: Tally
    #: Whether a newer edition of the meeting came to this mailbox: nobody should answer this one any more.
    outdated: bool = False
    #: Why nobody may answer it, or send or discard it where it is a draft; '' where one may.
    why: str = ""

    @property
    def edition(self) -> str:
        """The meeting or occurrence, and its edition; the same for all copies of a message."""
        meeting = self.message.meeting
        if meeting is None:
            return ""
        moments = (meeting.recurrence_id, meeting.stamp or self.message.received)
        occurrence, stamp = (f"{moment:%Y%m%dT%H%M%S.%fZ}" if moment else "" for moment in moments)
        return f"{meeting.uid}/{occurrence}/{meeting.sequence}/{stamp}"


@dataclass(slots=True)
class World(Store):
    """A store that remembers what it was filled with."""

    #: Epoch seconds when this process filled the mailboxes.
    seeded_at: float = field(default_factory=now)
    seeded: list[Seeded] = field(default_factory=list)
    #: The uids of requests that took the name of another.
    newcomers: set[str] = field(default_factory=set)
    #: The meetings whose organizers are here, and the responses that reached them.
    arranged: ArrangedMeetings = field(default_factory=ArrangedMeetings)
