"""What may be worked of what comes out of Redis: what an offer of ours can have put there, in a mailbox of the list.

Whoever may write to Redis can put anything in an item's place. So its mailbox, server and group are those of the list,
its identity is made anew from what it says and compared, and every value has the type that an offer gives it. What is
beside that in a payload or a journal is left out: another version may write more, and nothing here reads it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rsvpq.lanes import Start
from rsvpq.mail.errors import NotListed, Refused, Unsettled
from rsvpq.mail.messages import Kind, Mailbox, MeetingMessage, Verdict
from rsvpq.tasks import contract
from rsvpq.tasks.earlier_payloads import current

#: What each task is for; an answer of ours that lies unsent is finished by the task of its request.
_REPLIES = {Kind.RESPONSE, Kind.ANSWER}
_KINDS = {
    contract.ANSWER_REQUEST: {Kind.REQUEST, Kind.ANSWER},
    contract.OPEN_RESPONSE: {Kind.RESPONSE},
    contract.PROCESS_CANCELLATION: {Kind.CANCELLATION},
}
#: When an item comes again that was delivered to a task that is not its own, in seconds.
_AGAIN_S = 1.0
#: Characters of one value: no response of a server that is read is larger.
_LONGEST = 1024 * 1024
#: What XML cannot say, so no server can have said it.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_DRAFT_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.EML")
_WANTED = {"uid", "subject", "item"}
#: Steps that say that an answer was begun: what comes of them has to be looked at by somebody.
_BEGUN = {*Verdict, "draft", "send"}


@dataclass(frozen=True, slots=True)
class Admission:
    """Who is let in by the list of one installation."""

    #: The mailbox of this name and server as the list has it: ``MailboxList.require``.
    listed: Callable[[str, str], Mailbox]

    def admit(self, start: Start) -> Start:
        """The started item with the list's own group in the place of the ledger's.

        :raises NotListed: its mailbox is not in the list, and nothing was begun. :raises Busy: that cannot be told now.
        :raises Refused: no offer can have produced it; or an answer was begun in a mailbox that was taken off the list.
        """
        _require_journal(start.journal)
        start = replace(start, payload=_current(start))
        try:
            mailbox = self.listed(start.mailbox, start.server)
        except NotListed as error:
            if _BEGUN & start.journal.keys():
                raise Refused(f"{error}, and an answer was begun in it; retry this once it is listed again") from None
            raise
        _require_offered(start, mailbox)
        return replace(start, payload={**start.payload, "group": mailbox.group})


def require_task(start: Start, task: str) -> None:
    """Complain of an item that was delivered to another task than its own: by somebody else than its lane.

    :raises Unsettled: it was; it comes again to its own, and that costs no attempt.
    """
    if start.work != task:
        raise Unsettled(f"delivered to {task}, and it is for {start.work}", _AGAIN_S)


def _require_offered(start: Start, mailbox: Mailbox) -> None:
    """Complain of what no offer makes.

    :raises Refused: this is such.
    """
    if start.work == contract.SCAN_MAILBOX:
        _require_scan(start, mailbox)
    elif start.work in _KINDS:
        _require_message(start, mailbox)
    else:
        raise _forged(f"there is no task {start.work!r}")


def _current(start: Start) -> dict[str, Any]:
    """The payload in the present form; what is wrong with it is found by who reads it."""
    if start.work not in _KINDS:
        return dict(start.payload)
    try:
        return current(start.payload, unsent=start.work == contract.ANSWER_REQUEST)
    except (TypeError, ValueError, AttributeError) as error:
        raise _forged(f"it is no message ({error})") from None


def _require_scan(start: Start, mailbox: Mailbox) -> None:
    if contract.scan_item(mailbox, contract.run_of(start.id)).id != start.id:
        raise _forged("it is not named as a scan of this mailbox")
    wanted = start.payload.get("wanted", {})
    if not isinstance(start.payload.get("kind"), str) or not isinstance(wanted, dict):
        raise _forged("it does not say what it is for")
    if not wanted.keys() <= _WANTED or not all(map(_is_text, wanted.values())):
        raise _forged("it asks for what nobody can ask for")


def _require_message(start: Start, mailbox: Mailbox) -> None:
    try:
        message = MeetingMessage.from_payload(start.payload)
    except (KeyError, TypeError, ValueError) as error:
        raise _forged(f"it is no message ({error})") from None
    texts = [value for value in start.payload.values() if isinstance(value, str)]
    texts += [message.ref.key, *message.ref.address, *message.sent_by]
    texts += [message.intent.identity, message.intent.token, *message.intent.before] if message.intent else []
    if not all(map(_is_text, texts)) or not isinstance(start.payload.get("run", ""), str):
        raise _forged("it holds what no server can have sent")
    if message.kind not in _KINDS[start.work] or (message.kind in _REPLIES) is not (message.reply is not None):
        raise _forged(f"{start.work!r} is not for a {message.kind} that says {message.reply}")
    # Whose an unsent answer is, its mailbox says: see send_orphan().
    names = {message.identity(mailbox), message.earlier_identity(mailbox)}
    if message.kind is not Kind.ANSWER and start.id not in names:
        raise _forged("its identity is not that of the message")


def _require_journal(journal: Mapping[str, Any]) -> None:
    """Complain of steps with facts of another kind than they are written with.

    :raises Refused: there are such.
    """
    commands = [journal[verdict] for verdict in Verdict if verdict in journal]
    names = [journal[step] for step in ("send",) if step in journal]
    drafts = [journal["draft"]] if "draft" in journal else []
    if (
        not all(map(_is_command, commands))
        or not all(map(_is_text, names))
        or not all(isinstance(name, str) and _DRAFT_NAME.fullmatch(name) for name in drafts)
    ):
        raise _forged("its journal has steps that are not written so")


def _is_command(fact: Any) -> bool:
    """Whether it is what :class:`workers.steps.Command` writes, or an earlier version of it."""
    if isinstance(fact, list):
        return all(map(_is_text, fact))
    if not isinstance(fact, dict) or not {"before", "at", "times", "read"} <= fact.keys():
        return False
    numbers = (fact["at"], fact["times"])
    right = isinstance(fact["before"], list) and all(map(_is_text, fact["before"]))
    return right and isinstance(fact["read"], bool) and all(type(number) in (int, float) for number in numbers)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST and not _NO_TEXT.search(value)


def _forged(why: str) -> Refused:
    return Refused(f"no offer can have produced this item: {why}")
