"""Look up names of the directory: a person in it may be shown by an X.500 address instead of an SMTP address."""

from rsvpq.ews.calls import Calls
from rsvpq.ews.envelope import resolve_names
from rsvpq.ews.properties import MESSAGES, TYPES
from rsvpq.ews.soap import BrokenXml, ResponseMessage
from rsvpq.mail.errors import NoRights, Refused
from rsvpq.mail.persons import is_smtp

_LONGEST_ADDRESS = 1000


class Directory:
    """Looks up names for one mailbox; the server object remembers them for all."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def smtp_address(self, name: str) -> str:
        """Return the SMTP address of an X.500 name; '' if the directory has none, or more than one.

        :raises Busy, Transient: it cannot be looked up now.
        """
        if len(name) > _LONGEST_ADDRESS:
            return ""
        known = self._calls.server.known_name(name)
        if known is not None:
            return known
        try:
            found = _only_address(self._calls.one(resolve_names(name)))
        except NoRights:  # of this mailbox; not remembered for the others
            return ""
        except (Refused, BrokenXml):  # no result, or several: a guess could be another person
            found = ""
        self._calls.server.keep_name(name, found)
        return found


def _only_address(message: ResponseMessage) -> str:
    found = message.element.findall(f"{MESSAGES}ResolutionSet/{TYPES}Resolution/{TYPES}Mailbox")
    if len(found) != 1:
        return ""
    address = (found[0].findtext(f"{TYPES}EmailAddress") or "").strip()
    return address if is_smtp(address) and len(address) <= _LONGEST_ADDRESS else ""
