"""The address list as Outlook Web Access asks it: who somebody is, and when they are free.

Both answers are XML in the namespace `WM` with the prefix `a` (captures in evolution-exchange, docs/http and
docs/freebusy).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from xml.sax.saxutils import escape

from simulator.serving.http import HttpError, Response
from simulator.webdav.values import parse_date
from simulator.world.directory import mailboxes_of
from simulator.world.languages import Role
from simulator.world.mailboxes import Mailbox
from simulator.world.state import World

_FREE, _TENTATIVE, _BUSY, _UNKNOWN = "0", "1", "2", "4"
#: dispidResponseStatus of a meeting that somebody may attend, and of one that they will not.
_MAYBE, _NOT_COMING = 2, 4
_DEFAULT_INTERVAL_MINUTES = 30
#: Characters of one answer; a client that asks for more has made a mistake.
_MAX_SLOTS = 20_000


def find_people(world: World, asked: Mapping[str, str]) -> Response:
    """Answer `?Cmd=galfind`: entries whose alias (AN), name (DN) or address (EM) begins with a text."""
    entries = "".join(_entry(mailbox) for mailbox in world.mailboxes if _matches(mailbox, asked))
    return _xml(f"<a:items>{entries}</a:items>")


def free_busy(world: World, query: Mapping[str, list[str]]) -> Response:
    """Answer `?Cmd=freebusy`: one digit for each interval, for all attendees together and for each."""
    start, end = (parse_date(query.get(name, [""])[0].replace(" ", "+")) for name in ("start", "end"))
    minutes = query.get("interval", [""])[0]
    interval = timedelta(minutes=int(minutes) if minutes.isdecimal() and int(minutes) else _DEFAULT_INTERVAL_MINUTES)
    if start is None or end is None or not 0 <= (end - start) / interval <= _MAX_SLOTS:
        raise HttpError(400)
    addresses = [user.rpartition(":")[2].casefold() for user in query.get("u", [])]
    schedules = [(address, _schedule(world, address, start, end, interval)) for address in addresses]
    merged = "".join(max(slot, key=_weight) for slot in zip(*(digits for _, digits in schedules), strict=True))
    items = "".join(_free_busy_item(name, digits) for name, digits in (("All Attendees", merged), *schedules))
    return _xml(f"<a:recipients>{items}</a:recipients>")


def _xml(inner: str) -> Response:
    text = f'<?xml version="1.0"?><a:response xmlns:a="WM">{inner}</a:response>'
    return Response(200, text.encode(), "text/xml")


def _alias(mailbox: Mailbox) -> str:
    return mailbox.name.partition("@")[0]


def _facts(mailbox: Mailbox) -> dict[str, str]:
    return {"dn": mailbox.owner.name, "an": _alias(mailbox), "em": mailbox.owner.address}


def _matches(mailbox: Mailbox, asked: Mapping[str, str]) -> bool:
    facts = _facts(mailbox)
    wanted = [(facts[name], text.casefold()) for name, text in asked.items() if name in facts and text]
    return bool(wanted) and all(fact.casefold().startswith(text) for fact, text in wanted)


def _entry(mailbox: Mailbox) -> str:
    facts = "".join(f"<a:{name.upper()}>{escape(value)}</a:{name.upper()}>" for name, value in _facts(mailbox).items())
    return f"<a:item>{facts}</a:item>"


def _schedule(world: World, address: str, start: datetime, end: datetime, interval: timedelta) -> str:
    slots = int((end - start) / interval)
    mailbox = next(iter(mailboxes_of(world, {address})), None)
    if mailbox is None:
        return _UNKNOWN * slots
    digits = [_FREE] * slots
    for begins, ends, digit in _busy_times(mailbox):
        first, last = max(0, (begins - start) // interval), min(slots, -((start - ends) // interval))
        for slot in range(first, last):
            digits[slot] = max(digits[slot], digit, key=_weight)
    return "".join(digits)


def _busy_times(mailbox: Mailbox) -> Iterable[tuple[datetime, datetime, str]]:
    # A series is busy at its first instance only.
    for item in mailbox.folders[Role.CALENDAR].items.values():
        meeting = item.message.meeting
        if meeting is not None and meeting.response_status != _NOT_COMING:
            yield meeting.start, meeting.end, _TENTATIVE if meeting.response_status == _MAYBE else _BUSY


def _weight(digit: str) -> int:
    # Not knowing says less than being free.
    return -1 if digit == _UNKNOWN else int(digit)


def _free_busy_item(name: str, digits: str) -> str:
    return (
        f"<a:item><a:displayname>{escape(name)}</a:displayname><a:type>1</a:type><a:fbdata>{digits}</a:fbdata></a:item>"
    )
