"""The directory: whose mailbox an address or an account leads to, and how it names people."""

from collections.abc import Container

from simulator.world.mailboxes import Mailbox
from simulator.world.messages import Person
from simulator.world.state import World

INTERNAL_DOMAIN = "example.com"


def mailboxes_of(world: World, addresses: Container[str]) -> list[Mailbox]:
    """Return the mailboxes, on any server, whose owners have one of these case-folded SMTP addresses."""
    return [mailbox for mailbox in world.mailboxes if mailbox.owner.address.casefold() in addresses]


def home_of(world: World, server: int, user: str) -> Mailbox | None:
    """Return the mailbox of an account: its alias, with or without a domain, or the address of its owner."""
    alias = user.rpartition("\\")[2].casefold()
    return world.mailbox(server, alias) or next(
        (mailbox for mailbox in mailboxes_of(world, {alias}) if mailbox.server == server), None
    )


def is_mailbox_user(world: World, user: str) -> bool:
    """Return whether an account belongs to a mailbox on any server."""
    servers = {mailbox.server for mailbox in world.mailboxes}
    return any(home_of(world, server, user) is not None for server in servers)


def directory_name(person: Person) -> str:
    """Return the address in the directory; for others the SMTP address."""
    if not person.address.endswith(f"@{INTERNAL_DOMAIN}"):
        return person.address
    return f"/O=EXAMPLE/OU=FIRST/CN=RECIPIENTS/CN={person.address.partition('@')[0].upper()}"
