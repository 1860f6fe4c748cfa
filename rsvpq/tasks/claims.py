"""Claims: if several names of the list lead to one mailbox, it is worked under only one of them.

A mailbox can be addressed by each of its SMTP addresses and by an alias for each (KB324306, MSDN aa493863), so two rows
of the list may be one mailbox. Two items would work on it at once, and its requests would be answered twice. Only the
server knows where a name leads: so each visit claims the mailbox that it opened, and the first name keeps it.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from rsvpq.lanes import Lanes
from rsvpq.mail.errors import Busy, Refused

#: Seconds that a name waits while items of its predecessor are in flight.
_SUCCESSION_S = 30.0


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of one installation.

    :param listed: returns the names in the list; None in a process without a list, which never takes over a claim.
    """

    lanes: Lanes
    listed: Callable[[], Collection[str]] | None = None

    def require(self, name: str, identity: str) -> None:
        """Claim the mailbox for this name; a name that is no longer in the list loses its claim.

        :param identity: identifies the mailbox on its server; '' if the server shows none, then nothing is claimed.
        :raises Refused: it is worked under another name of the list. :raises Busy: the name that it was worked under is
            no longer in the list, but still has items in flight.
        """
        if not identity:
            return
        holder, _ = self.lanes.ledger.claim(name, identity)
        if holder == name:
            return
        if self.listed is None or holder in self.listed():
            raise Refused(
                f"{name!r} and {holder!r} are one mailbox, which is worked as {holder!r}; "
                "remove one of the two from the list of mailboxes"
            )
        heir, in_flight = self.lanes.ledger.claim(name, identity, instead_of=holder)
        if heir != name:
            what = f"{in_flight} of its items are under way" if in_flight else "another name claimed the mailbox first"
            raise Busy(f"{name!r} takes the place of {heir!r}; {what}", _SUCCESSION_S, "mailbox")
