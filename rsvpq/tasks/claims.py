"""Which name of the list a mailbox is worked under, where several of them lead to it.

A mailbox has an alias for each of its SMTP addresses, and the addresses themselves (KB324306, MSDN aa493863), so two
lines of a list may be one mailbox. It would be worked twice, by two items at once, and its requests answered twice.
Only the server knows: so each visit claims the mailbox that it found, and of two names the first to come has it.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from rsvpq.lanes import Lanes
from rsvpq.mail.errors import Busy, Refused

#: How long a name waits for the end of what its predecessor has in flight, in seconds.
_SUCCESSION_S = 30.0


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of one installation.

    :param listed: reads the names in the list; None where a process has none, and then no claim is ever void to it.
    """

    lanes: Lanes
    listed: Callable[[], Collection[str]] | None = None

    def require(self, name: str, identity: str) -> None:
        """Have the mailbox worked under this name, and no other.

        :param identity: tells it from all others; '' where its server shows none, and then nothing is claimed.
        :raises Refused: it is worked under another name. :raises Busy: not any more, but that has items in flight.
        """
        if not identity:
            return
        holder, _ = self.lanes.ledger.claim(name, identity)
        if holder == name:
            return
        if self.listed is None or holder in self.listed():
            raise Refused(
                f"{name!r} and {holder!r} are one mailbox, which is worked as {holder!r}; "
                "take one of the two out of the list of mailboxes"
            )
        heir, in_flight = self.lanes.ledger.claim(name, identity, instead_of=holder)
        if heir != name:
            what = f"{in_flight} of its items are" if in_flight else "another was faster and is"
            raise Busy(f"{name!r} takes the place of {heir!r}; {what} under way", _SUCCESSION_S, "mailbox")
