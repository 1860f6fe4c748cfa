"""The attendees of the meetings that mailboxes of this world organize, and their responses.

The store keeps it while messages come and go; `simulator.world.responses` alters it, the oracle reads it.
"""

from dataclasses import dataclass, field
from datetime import datetime

from simulator.world.mailboxes import Mailbox
from simulator.world.tally import Action, Tally

#: dispidResponseStatus of somebody who has said nothing (MS-OXPROPS 2.231).
NOT_RESPONDED = 5
#: What a client does with a response that the server has entered.
_CLEARED = (Action.MOVED, Action.DELETED, Action.MARKED)
STATUS_NAMES = {1: "organizer", 2: "tentative", 3: "accepted", 4: "declined", NOT_RESPONDED: "not-responded"}


@dataclass(slots=True)
class Attendee:
    """One who was invited, as the organizer's appointment shows it."""

    name: str
    address: str
    status: int = NOT_RESPONDED
    #: Epoch seconds of the last change of the status, None while there was none.
    changed_at: float | None = None
    #: When the response that was entered last had come: an older one changes nothing any more.
    answered: datetime | None = None


@dataclass(slots=True)
class Attendance:
    """One meeting of an organizer who has a mailbox here."""

    uid: str
    organizer: Mailbox
    sequence: int
    #: Which occurrence of a series, by its start according to the rule; None for a single meeting, or all of a series.
    recurrence_id: datetime | None = None
    #: By casefolded address.
    attendees: dict[str, Attendee] = field(default_factory=dict)
    #: What happened to each response that arrived.
    responses: list[Tally] = field(default_factory=list)

    def invite(self, name: str, address: str) -> None:
        """Put somebody on the list."""
        self.attendees.setdefault(address.casefold(), Attendee(name, address))


@dataclass(slots=True)
class ArrangedMeetings:
    """The organized meetings and occurrences, and every delivered response, even to an unknown meeting."""

    #: By uid and original start.
    meetings: dict[tuple[str, datetime | None], Attendance] = field(default_factory=dict)
    delivered: list[Tally] = field(default_factory=list)
    #: How often a response that was opened, or entered by the server, changed what an appointment says.
    updates: int = 0

    def add(self, attendance: Attendance) -> None:
        """Note a meeting."""
        self.meetings[attendance.uid, attendance.recurrence_id] = attendance

    def report(self) -> dict[str, int]:
        """Return the oracle's `circle`."""
        return {
            "answers_delivered": len(self.delivered),
            "delivered_opened": opened(self.delivered),
            "delivered_entered": entered(self.delivered),
            "attendees_updated": self.updates,
        }


def response_state(tally: Tally) -> str:
    """Return `opened`; `entered` if the server entered it, and a client cleared it after that; or `unopened`."""
    if tally.count(Action.OPENED):
        return "opened"
    by_server = tally.of(Action.ENTERED)
    cleared = [found.first for action in _CLEARED if (found := tally.of(action))]
    return "entered" if by_server and cleared and by_server.first <= min(cleared) else "unopened"


def opened(responses: list[Tally]) -> int:
    """Return how many of these have been opened."""
    return sum(response_state(tally) == "opened" for tally in responses)


def entered(responses: list[Tally]) -> int:
    """Return how many of these were not opened, but entered by the server and cleared by a client after that."""
    return sum(response_state(tally) == "entered" for tally in responses)
