"""Actions of the owner of a mailbox right before a client's request is handled."""

from simulator.world.answering import REQUEST_CLASS, Verdict, answer, is_response, sent
from simulator.world.behavior import StoreBehavior
from simulator.world.delivery import send
from simulator.world.languages import FOLDER_NAMES, Role
from simulator.world.mailboxes import Item, Mailbox, is_unsent
from simulator.world.state import World
from simulator.world.tally import Action

#: Outlook sends at once, and the request goes.
_OUTLOOK = StoreBehavior(draft="verdict")


def can_answer(item: Item) -> bool:
    """Return whether it is a request, or the unsent draft of an answer."""
    message = item.message
    return message.message_class == REQUEST_CLASS or (is_response(message) and is_unsent(item) and bool(item.answers))


def answer_by_hand(world: World, behavior: StoreBehavior, item: Item) -> None:
    """Answer a request in Outlook, or send the draft that a command has left: the answer lies in Sent Items."""
    tally = item.tally or item.answers
    draft: Item | None = item
    if item.message.message_class == REQUEST_CLASS:
        draft = answer(world, _OUTLOOK, item, Verdict.ACCEPT)
    else:
        sent(world, behavior, item)
    if draft is not None:
        send(world, draft)
    if tally:
        tally.record(Action.BY_HAND)


def read_by_hand(world: World, item: Item) -> None:
    """Read a message."""
    item.message.read = True
    world.changed(item)


def rename_folders(mailbox: Mailbox) -> None:
    """Log on by a client of another language, once more: the well-known folders get its names."""
    inbox = mailbox.folders[Role.INBOX].name
    mailbox.speak(next(language for language, named in FOLDER_NAMES.items() if named[Role.INBOX] != inbox))
