"""Messages as a scan of the stub finds them, made without a search where there are too many to search for."""

import json
from dataclasses import dataclass

from benchmarks.store import mailbox_name, message_name
from rsvpq.mail.messages import MeetingMessage


@dataclass(frozen=True, slots=True)
class Pattern:
    """Makes messages like one that was found: the first one of the first mailbox."""

    payload: str

    @classmethod
    def of(cls, message: MeetingMessage) -> "Pattern":
        """Return the pattern of a message that was found."""
        return cls(json.dumps(message.to_payload()))

    def message(self, mailbox: int, index: int) -> MeetingMessage:
        """Return the message of that number in the mailbox of that number."""
        text = self.payload.replace(message_name(0, 0), message_name(mailbox, index))
        return MeetingMessage.from_payload(json.loads(text.replace(mailbox_name(0), mailbox_name(mailbox))))
