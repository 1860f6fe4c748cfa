"""From the mailbox of an author to the Inboxes of the same simulator.

What has nobody here among its recipients leaves the world.  Knows no URL and no verb.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from simulator.world import names
from simulator.world.directory import mailboxes_of
from simulator.world.languages import Role
from simulator.world.mailboxes import Item, Mailbox
from simulator.world.messages import Message, Person, Source, people
from simulator.world.property_names import MAILHEADER
from simulator.world.responses import arrived, replied_by_mail
from simulator.world.state import World
from simulator.world.tally import Action

#: Where a client can have named the recipients; what it wrote as properties comes beside what MIME says.
_RECIPIENT_PROPERTIES = tuple(MAILHEADER + field for field in ("to", "cc", "bcc"))
_BLIND = re.compile(rb"^bcc:.*\r?\n(?:[ \t].*\r?\n)*", re.IGNORECASE | re.MULTILINE)
_FROM = re.compile(rb"^from:(?P<value>.*\r?\n(?:[ \t].*\r?\n)*)", re.IGNORECASE | re.MULTILINE)
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")


class NotAllowedError(Exception):
    """The message says it is from somebody else."""


def signed(message: Message, owner: Person) -> Message:
    """Return the message as its author's server sends it: `From` is the owner of the mailbox."""
    if message.source is None:
        return message
    head, body = _split(message.source.octets)
    said = _FROM.search(head)
    authors = people(said["value"].decode("utf-8", "replace")) if said else []
    if any(author.address.casefold() != owner.address.casefold() for author in authors):
        raise NotAllowedError
    if not said:
        head = f"From: {owner}\r\n".encode() + head
    return replace(message, sender=owner, source=replace(message.source, octets=head + body), unsent=False)


def send(world: World, item: Item, *, keeps_copy: bool = True, keep: bool = False) -> None:
    """Send an unsent item: a copy goes to Sent Items, and the item goes unless it is to be kept."""
    item.message = signed(item.message, item.mailbox.owner)
    if keeps_copy:
        copy = world.copy(item, item.mailbox.folders[Role.SENT_ITEMS], item.name)
        copy.message.read = True
        copy.message.unsent = False
    deliver(world, item)
    if not keep:
        world.remove(item)
    # One that a person wrote has a tally of its own.
    for tally in (item.answers, item.tally):
        if tally:
            tally.record(Action.SUBMITTED)


def deliver(world: World, message_item: Item) -> list[Item]:
    """Put a message that was sent into the Inbox of each recipient who lives here: unread, without its Bcc line."""
    replied_by_mail(message_item.mailbox, message_item.message)
    return _deliver(world, message_item.message, _recipients(message_item))


def submit(world: World, author: Mailbox, message: Message) -> None:
    """Send a message that never was an item; a copy stays in Sent Items."""
    message = signed(message, author.owner)
    world.put(author.folders[Role.SENT_ITEMS], message, names.item_name(message.subject))
    replied_by_mail(author, message)
    _deliver(world, message, _named_in(message))


def _deliver(world: World, message: Message, recipients: Iterable[Person]) -> list[Item]:
    addresses = {person.address.casefold(): person for person in recipients}
    delivered = []
    for mailbox in mailboxes_of(world, addresses):
        received = replace(
            message,
            recipient=mailbox.owner if message.source is None else message.recipient,
            received=mailbox.moment(),
            read=False,
            unsent=False,
            delivered=True,
            source=_without_bcc(message.source) if message.source else None,
        )
        inbox = mailbox.folders[Role.INBOX]
        item = world.put(inbox, received, names.item_name(received.subject))
        arrived(world, item)
        delivered.append(item)
    return delivered


def _recipients(item: Item) -> Iterator[Person]:
    yield from _named_in(item.message)
    for name in _RECIPIENT_PROPERTIES:
        value = (item.patches or {}).get(name)
        if isinstance(value, str):
            yield from people(value)


def _named_in(message: Message) -> Iterator[Person]:
    if message.source is None:
        yield message.recipient
        return
    # Each by itself: a comma with nothing behind it makes newer versions of Python refuse the whole list.
    yield from people(message.source.to)
    yield from people(message.source.cc)
    head = _split(message.source.octets)[0]
    for line in _BLIND.findall(head):
        yield from people(line.decode("utf-8", "replace").partition(":")[2])


def _without_bcc(source: Source) -> Source:
    head, body = _split(source.octets)
    return replace(source, octets=_BLIND.sub(b"", head) + body)


def _split(octets: bytes) -> tuple[bytes, bytes]:
    """Return the header with its last line break, and the rest."""
    end = _END_OF_HEADER.search(octets)
    if end is None:
        return octets, b""
    cut = end.start() + (2 if end[0].startswith(b"\r\n") else 1)
    return octets[:cut], octets[cut:]
