"""The stub's mailboxes: requests that are in the Inbox until they are accepted, drafts, and what was sent.

Everything follows from names, so that a hundred thousand mailboxes cost nothing until something is done in them:
mailbox ``m000017`` has the messages ``q000017x00000``, ``q000017x00001`` and so on.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

MESSAGE = re.compile(r"q(\d{6})x\d{5}")
_FOLDERS = ("inbox", "drafts", "sentitems", "deleteditems", "calendar", "outbox", "sendmsg")
_NAMES = dict(zip(_FOLDERS, ("Inbox", "Drafts", "Sent%20Items", "Deleted%20Items", "Calendar", "Outbox"), strict=False))
SUBMISSION = "##DavMailSubmissionURI##"
ETAG = "DAV:getetag"
_FIRST = datetime(2007, 12, 30, 5, 16, tzinfo=UTC)


def mailbox_name(number: int) -> str:
    """Return the name of a mailbox."""
    return f"m{number:06d}"


def message_name(mailbox: int, index: int) -> str:
    """Return the name of a message, unique over all mailboxes."""
    return f"q{mailbox:06d}x{index:05d}"


@dataclass(slots=True)
class Box:
    """The effects in one mailbox; messages by name."""

    taken: set[str] = field(default_factory=set)
    drafts: dict[str, None] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    #: What was set by PROPPATCH, and the ETag since then, by folder and name.
    patched: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    #: How often anything was set.
    patches: int = 0


class Store:
    """All mailboxes of one stub.

    :param mailboxes: how many have messages; all others are empty. :param depth: messages in each of them.
    """

    def __init__(self, mailboxes: int, depth: int) -> None:
        self._with_messages = mailboxes
        self._depth = depth
        self._boxes: dict[str, Box] = {}
        self.accepted: Counter[str] = Counter()
        self.submitted: Counter[str] = Counter()
        self.answers = 0

    def box(self, mailbox: str) -> Box:
        """Return the mailbox of that name."""
        return self._boxes.setdefault(mailbox, Box())

    def rows(self, mailbox: str, folder: str, origin: str) -> Iterator[dict[str, str]]:
        """Return the items of a folder, oldest first: values by the full name of the property."""
        box, root = self.box(mailbox), f"{origin}/exchange/{mailbox}"
        if folder == "Inbox":
            return (_request(name, root, box.patched.get((folder, name))) for name in self._inbox(mailbox, box))
        if folder == "Drafts":
            return (_reply(name, f"{root}/Drafts", box.patched.get((folder, name))) for name in box.drafts)
        if folder == "Sent%20Items":
            return (_reply(name, f"{root}/Sent%20Items") for name in reversed(box.sent))
        if folder == "Calendar":
            return (_appointment(name, root) for name in box.taken)
        return iter(())

    def item(self, mailbox: str, folder: str, name: str, origin: str) -> dict[str, str] | None:
        """Return one item by name (without ``.EML``); None if there is none."""
        box, root = self.box(mailbox), f"{origin}/exchange/{mailbox}"
        if folder == "Inbox" and self._is_there(box, name):
            return _request(name, root, box.patched.get((folder, name)))
        if folder == "Drafts" and name in box.drafts:
            return _reply(name, f"{root}/Drafts", box.patched.get((folder, name)))
        if folder == "Sent%20Items" and name in box.sent:
            return _reply(name, f"{root}/Sent%20Items")
        return None

    def accept(self, mailbox: str, name: str) -> bool:
        """Accept a request; return False if there is none.

        The draft of an answer appears, and the request is removed. The command is counted in any case: a client that
        sends it twice would have answered twice on a server that is slower to show the effect.
        """
        box = self.box(mailbox)
        self.accepted[name] += 1
        if not self._is_there(box, name):
            return False
        box.taken.add(name)
        box.drafts[name] = None
        return True

    def submit(self, mailbox: str, name: str) -> bool:
        """Send a draft; return False, and count it, if there is no draft."""
        box = self.box(mailbox)
        self.submitted[name] += 1
        if name not in box.drafts:
            return False
        del box.drafts[name]
        box.sent.append(name)
        self.answers += 1
        return True

    def remove(self, mailbox: str, name: str) -> bool:
        """Remove a message from the Inbox; return False if it is not there."""
        box = self.box(mailbox)
        there = self._is_there(box, name)
        box.taken.add(name)
        return there

    def patch(self, mailbox: str, folder: str, name: str, values: Mapping[str, str]) -> None:
        """Set properties of an item, for as long as it stays in its folder; its ETag shows it."""
        box = self.box(mailbox)
        box.patches += 1
        box.patched.setdefault((folder, name), {}).update({**values, ETAG: _etag(name, box.patches)})

    def _inbox(self, mailbox: str, box: Box) -> Iterable[str]:
        number = int(mailbox.removeprefix("m"))
        names = (message_name(number, index) for index in range(self._depth if number < self._with_messages else 0))
        return (name for name in names if name not in box.taken)

    def _is_there(self, box: Box, name: str) -> bool:
        found = MESSAGE.fullmatch(name)
        known = found is not None and int(found[1]) < self._with_messages and int(name[-5:]) < self._depth
        return known and name not in box.taken


def folders(mailbox: str, origin: str) -> dict[str, str]:
    """Return the URLs of a mailbox's folders, by property."""
    root = f"{origin}/exchange/{mailbox}"
    urls = {f"urn:schemas:httpmail:{folder}": f"{root}/{name}" for folder, name in _NAMES.items()}
    return {"href": f"{root}/", **urls, "urn:schemas:httpmail:sendmsg": f"{root}/{SUBMISSION}"}


def _request(name: str, root: str, patched: Mapping[str, str] | None = None) -> dict[str, str]:
    return {
        **_meeting(name, "IPM.Schedule.Meeting.Request", f"{root}/Inbox"),
        "http://schemas.microsoft.com/exchange/permanenturl": f"{root}/-FlatUrlSpace-/{name}",
        "http://schemas.microsoft.com/repl/repl-uid": f"rid:{name}",
        **(patched or {}),
    }


def _reply(name: str, folder: str, patched: Mapping[str, str] | None = None) -> dict[str, str]:
    return {
        **_meeting(name, "IPM.Schedule.Meeting.Resp.Pos", folder),
        "http://schemas.microsoft.com/exchange/permanenturl": f"{folder.rsplit('/', 1)[0]}/-FlatUrlSpace-/r{name}",
        "http://schemas.microsoft.com/repl/repl-uid": f"rid:r{name}",
        **(patched or {}),
    }


def _appointment(name: str, root: str) -> dict[str, str]:
    return {**_meeting(name, "IPM.Appointment", f"{root}/Calendar"), "DAV:contentclass": _content_class("appointment")}


def _meeting(name: str, message_class: str, folder: str) -> dict[str, str]:
    received = _FIRST + timedelta(seconds=int(name[-5:]))
    start = received + timedelta(days=7)
    return {
        "href": f"{folder}/{name}.EML",
        ETAG: _etag(name, 0),
        "DAV:contentclass": _content_class("calendarmessage"),
        "http://schemas.microsoft.com/exchange/outlookmessageclass": message_class,
        "urn:schemas:httpmail:subject": f"Review of the plans, {name}",
        "urn:schemas:httpmail:datereceived": _iso(received),
        "urn:schemas:httpmail:read": "0",
        "urn:schemas:calendar:uid": f"040000008200E00074C5B7101A82E008{name}",
        "urn:schemas:calendar:organizer": '"Ada Example" <ada@example.com>',
        "urn:schemas:calendar:responserequested": "1",
        "urn:schemas:calendar:dtstart": _iso(start),
        "urn:schemas:calendar:dtend": _iso(start + timedelta(hours=1)),
        "urn:schemas:calendar:dtstamp": _iso(received),
        "urn:schemas:calendar:sequence": "0",
        "urn:schemas:calendar:instancetype": "0",
        "urn:schemas:calendar:alldayevent": "0",
        "http://schemas.microsoft.com/exchange/sensitivity": "0",
    }


def _etag(name: str, change: int) -> str:
    return f'"{name}-{change}"'


def _content_class(name: str) -> str:
    return f"urn:content-classes:{name}"


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def matching(rows: Iterable[dict[str, str]], wanted: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of these messages; all rows if none is named."""
    return [row for row in rows if not wanted or any(name in row["href"] for name in wanted)]
