"""The world a run begins with: the same seed, arguments and date give the same bytes.

Each mailbox has a random source of its own, so that its content does not depend on how many others there are.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from simulator.population.invitations import arrange
from simulator.population.letters import Letter, Writer
from simulator.population.vocabulary import FAMILY_NAMES, GIVEN_NAMES, JAPANESE_NAMES
from simulator.world import names
from simulator.world.directory import INTERNAL_DOMAIN
from simulator.world.languages import FOLDER_NAMES, Role
from simulator.world.mailboxes import Mailbox
from simulator.world.messages import Person
from simulator.world.state import Seeded, World
from simulator.world.tally import Kind, Tally

#: One mailbox in this many has never received anything.
_EMPTY_EVERY = 20
#: ... and the first such is this one, so that a small world has one too.
_FIRST_EMPTY = 7
#: The oldest message in an ordinary Inbox.
_DAYS_OF_MAIL = 20
#: The share of messages somebody has looked at.
_READ_SHARE = 0.3
_LANGUAGES = tuple(FOLDER_NAMES)


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a world."""

    mailboxes: int
    #: Meeting requests and responses in an ordinary mailbox, on average.
    requests: int
    responses: int
    #: Requests in the one deep mailbox, the first; 0 for none.
    deep: int = 0
    servers: int = 1
    #: The share of requests whose organizer has a mailbox in this world too.
    inside: float = 0.2


def populate(seed: int, size: Size, today: date) -> World:
    """Fill a new world."""
    chance = _chance(seed, "servers")
    midnight = datetime.combine(today, time(), UTC)
    world = World([f"{chance.getrandbits(128):032x}" for _ in range(size.servers)], midnight)
    for index in range(size.mailboxes):
        _add_mailbox(world, _chance(seed, index), index, size)
    arrange(world, _chance(seed, "organizers"), size.inside)
    return world


def _chance(seed: int, purpose: str | int) -> Random:
    return Random(f"{seed}/{purpose}")  # noqa: S311 - the world must be the same every time


def _add_mailbox(world: World, chance: Random, index: int, size: Size) -> None:
    name, owner = _identity(chance, index)
    mailbox = Mailbox(world, name, owner, _LANGUAGES[index % len(_LANGUAGES)], index % size.servers)
    mailbox.deep = index == 0 and size.deep > 0
    world.add_mailbox(mailbox)
    if index % _EMPTY_EVERY == _FIRST_EMPTY:
        return
    letters = Writer(chance, owner, world.created).letters(_counts(chance, mailbox, size))
    _deliver(world, chance, mailbox, letters)


def _identity(chance: Random, index: int) -> tuple[str, Person]:
    """Return the name in the URL of a mailbox, and its owner. The first few show one kind of trap each."""
    given, family = chance.choice(GIVEN_NAMES), chance.choice(FAMILY_NAMES)
    spell = _SPELLINGS[index % len(_SPELLINGS)]
    name = spell(given, family, index)
    address = name if "@" in name else f"mailbox{index}@{INTERNAL_DOMAIN}"
    return name, Person(f"{given} {family}", address)


def _japanese(_given: str, _family: str, index: int) -> str:
    return f"{JAPANESE_NAMES[index % len(JAPANESE_NAMES)]}{index}"


_SPELLINGS: tuple[Callable[[str, str, int], str], ...] = (
    lambda _given, _family, index: f"adele{index}",
    lambda _given, _family, index: f"Patrick O'Brien {index}",
    lambda given, family, index: f"{given}.{family}{index}",
    lambda _given, _family, index: f"room{index}@{INTERNAL_DOMAIN}",
    # Naive clients find the Drafts folder by replacing "/inbox/" in an href.
    lambda _given, _family, index: f"inbox-team{index}" if index > len(_SPELLINGS) else "inbox",
    _japanese,
    lambda given, family, index: f"{given} {family} {index}",
    lambda _given, _family, index: f"R&D+Lab {index}",
    lambda _given, _family, index: f"user{index}",
    lambda _given, _family, index: f"o'neil{index}@{INTERNAL_DOMAIN}",
)


def _counts(chance: Random, mailbox: Mailbox, size: Size) -> dict[Kind, int]:
    return {
        Kind.REQUEST: size.deep if mailbox.deep else _about(chance, size.requests),
        Kind.RESPONSE: _about(chance, size.responses),
        Kind.CANCELLATION: chance.randrange(3),
        Kind.TASK_REQUEST: chance.randrange(2),
        Kind.OTHER: chance.randrange(2),
        Kind.MAIL: chance.randrange(4),
    }


def _about(chance: Random, average: int) -> int:
    return average if average <= 1 else average + chance.randint(-max(1, average // 5), max(1, average // 5))


def _deliver(world: World, chance: Random, mailbox: Mailbox, letters: list[Letter]) -> None:
    """Put letters into the Inbox in the order they came in: no two at the same moment."""
    step = timedelta(days=_DAYS_OF_MAIL) / (len(letters) + 1)
    inbox, newest = mailbox.folders[Role.INBOX], _newest(letters)
    for position, letter in enumerate(letters, start=1):
        moment = world.created - timedelta(days=_DAYS_OF_MAIL) + step * position
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        message = replace(letter.message, received=moment, read=chance.random() < _READ_SHARE, delivered=True)
        item = world.put(inbox, message, names.item_name(message.subject), moment)
        item.tally = Tally()
        # The oracle keeps the message as it was seeded: the store alters its own.
        meeting = message.meeting if letter.kind is Kind.REQUEST else None
        outdated = meeting is not None and (meeting.sequence, position) < newest.get(meeting.uid, (0, 0))
        why = "outdated" if outdated else ""
        world.seeded.append(Seeded(mailbox, letter.kind, replace(message), item.tally, outdated, why))


def _newest(letters: list[Letter]) -> dict[str, tuple[int, int]]:
    """Return the newest edition of each meeting by uid: the highest sequence, and the last of equal ones."""
    newest: dict[str, tuple[int, int]] = {}
    for position, letter in enumerate(letters, start=1):
        meeting = letter.message.meeting
        if letter.kind in {Kind.REQUEST, Kind.CANCELLATION} and meeting is not None:
            newest[meeting.uid] = max((meeting.sequence, position), newest.get(meeting.uid, (0, 0)))
    return newest
