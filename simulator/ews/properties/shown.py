"""An item as an answer shows it: by which operation, and on which server."""

from dataclasses import dataclass

from simulator.ews.call import Call
from simulator.world.answering import is_response
from simulator.world.directory import directory_name
from simulator.world.mailboxes import Item
from simulator.world.messages import Meeting, Person

_KINDS = (
    ("ipm.schedule.meeting.request", "MeetingRequest"),
    ("ipm.schedule.meeting.resp", "MeetingResponse"),
    ("ipm.schedule.meeting.canceled", "MeetingCancellation"),
    ("ipm.appointment", "CalendarItem"),
)
_STATUSES = {"pos": 3, "neg": 4, "tent": 2}


@dataclass(frozen=True, slots=True)
class Shown:
    """One item, and how it is asked for."""

    item: Item
    call: Call
    #: Whether FindItem or SyncFolderItems shows it, which leave out what is not in the row of a table.
    in_row: bool = False

    @property
    def kind(self) -> str:
        """The name of its element; what is not strongly typed comes as Message (Microsoft Learn, "FindItem")."""
        message_class = self.item.message.message_class.casefold()
        return next((kind for prefix, kind in _KINDS if f"{message_class}.".startswith(prefix + ".")), "Message")

    @property
    def meeting(self) -> Meeting | None:
        """What it is about."""
        return self.item.message.meeting

    @property
    def status(self) -> int:
        """How the owner has answered, or of a response its sender."""
        message = self.item.message
        if is_response(message):
            return _STATUSES.get(message.message_class.rpartition(".")[2].casefold(), 2)
        return message.meeting.response_status if message.meeting else 0

    @property
    def size(self) -> int:
        """How large the message is, in bytes."""
        message = self.item.message
        return len(message.source.octets) if message.source else 1500 + 2 * len(message.subject)

    def address(self, person: Person) -> str:
        """How the server writes somebody's address."""
        return directory_name(person) if self.call.behavior.ews_addresses == "x500" else person.address

    @property
    def message_id(self) -> str:
        """The Message-ID of Internet mail; copies of a message that the store makes have the same."""
        message = self.item.message
        if message.source and message.source.message_id:
            return message.source.message_id
        return f"<{self.item.origin:x}@{message.sender.address.partition('@')[2]}>"
