"""Meetings arranged within the world: some requests come from a mailbox that is here as well.

Its owner has the appointment, with everybody who was invited.  Also the counter-proposals among the responses.  It
works on a population that is complete, with chances of its own, so that everything else stays as it was without it.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from simulator.population.letters import somebody
from simulator.world import names
from simulator.world.answering import REQUEST_CLASS, RESPONSE_CLASS
from simulator.world.attendance import Attendance
from simulator.world.languages import Role
from simulator.world.mailboxes import Item, Mailbox
from simulator.world.messages import Meeting, Message
from simulator.world.state import World
from simulator.world.tally import Kind

#: The share of tentative responses that propose another time.
_COUNTER_SHARE = 0.5
#: How many others can be invited beside the one who got the request.
_MOST_OTHERS = 2
_ORGANIZER = 1
#: How long before its response a meeting was arranged.
_EARLIER = timedelta(days=1)


def arrange(world: World, chance: Random, share: float) -> None:
    """Give so many of the requests an organizer in this world; an empty mailbox stays empty."""
    seeded = {id(seeded.tally): seeded.message for seeded in world.seeded}
    hosts = [mailbox for mailbox in world.mailboxes if mailbox.folders[Role.INBOX].items]
    # First what does not depend on the share.
    for mailbox in hosts:
        _propose_other_times(mailbox, chance, seeded)
    for guest in hosts:
        for requests in _by_meeting(guest.folders[Role.INBOX].items.values()):
            host = chance.choice(hosts)
            if chance.random() < share and host is not guest:
                for item in requests:
                    _set_organizer(item.message, host)
                    _set_organizer(seeded[id(item.tally)], host)
                _appoint(world, chance, host, requests[-1])


def organize(world: World, seed: int, share: float) -> None:
    """Put the meetings of so many of the responses into the calendars of those who got them."""
    chance = Random(f"{seed}/organized")  # noqa: S311 - the world must be the same every time
    for seeded in world.seeded:
        message, meeting = seeded.message, seeded.message.meeting
        if seeded.kind is not Kind.RESPONSE or meeting is None or chance.random() >= share:
            continue
        attendance = Attendance(meeting.uid, seeded.mailbox, meeting.sequence)
        attendance.invite(message.sender.name, message.sender.address)
        attendance.responses.append(seeded.tally)
        world.arranged.add(attendance)
        own = replace(meeting, method=None, response_status=_ORGANIZER, counter_proposal=False)
        arranged = message.received - _EARLIER
        _book(world, seeded.mailbox, replace(message, sender=seeded.mailbox.owner, received=arranged, meeting=own))


def _propose_other_times(mailbox: Mailbox, chance: Random, seeded: dict[int, Message]) -> None:
    for item in mailbox.folders[Role.INBOX].items.values():
        if item.message.message_class == RESPONSE_CLASS + "Tent" and chance.random() < _COUNTER_SHARE:
            # The store's own message, and the oracle's copy of it as it was seeded.
            for message in (item.message, seeded[id(item.tally)]):
                message.meeting = _altered(message.meeting, counter_proposal=True)


def _by_meeting(items: Iterable[Item]) -> list[list[Item]]:
    """Return the requests and their updates, without those that a rule forwarded."""
    meetings: defaultdict[str, list[Item]] = defaultdict(list)
    for item in items:
        if item.message.meeting and item.message.message_class == REQUEST_CLASS and not item.message.received_for:
            meetings[item.message.meeting.uid].append(item)
    return list(meetings.values())


def _appoint(world: World, chance: Random, host: Mailbox, request: Item) -> None:
    message, meeting = request.message, request.message.meeting
    if meeting is None:
        return
    attendance = Attendance(meeting.uid, host, meeting.sequence)
    attendance.invite(message.recipient.name, message.recipient.address)
    for _ in range(chance.randint(0, _MOST_OTHERS)):
        person = somebody(chance)
        attendance.invite(person.name, person.address)
    world.arranged.add(attendance)
    _book(world, host, replace(message, meeting=replace(meeting, method=None, response_status=_ORGANIZER)))


def _book(world: World, host: Mailbox, message: Message) -> None:
    appointment = replace(
        message,
        message_class="IPM.Appointment",
        content_class="urn:content-classes:appointment",
        read=True,
        delivered=False,
    )
    world.put(host.folders[Role.CALENDAR], appointment, names.item_name(message.subject), message.received)


def _set_organizer(message: Message, host: Mailbox) -> None:
    message.sender = host.owner
    message.meeting = _altered(message.meeting, organizer=host.owner)


def _altered(meeting: Meeting | None, **facts: Any) -> Meeting | None:
    return replace(meeting, **facts) if meeting else None
