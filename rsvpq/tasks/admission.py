"""Validate items from Redis: each must be one that our own offers can have produced, for a mailbox of the list.

Whoever may write to Redis can replace an item by anything. So its mailbox, server and group must be those of the list,
its identity is computed again from its content and compared, and every value must have the type that an offer gives it.
Other fields of a payload or a journal are ignored: another version may write them, and nothing here reads them.
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

#: The kinds of messages of each task; an unsent answer of ours is finished by the task of its request.
_REPLIES = {Kind.RESPONSE, Kind.ANSWER}
_KINDS = {
    contract.ANSWER_REQUEST: {Kind.REQUEST, Kind.ANSWER},
    contract.OPEN_RESPONSE: {Kind.RESPONSE},
    contract.PROCESS_CANCELLATION: {Kind.CANCELLATION},
}
#: Seconds until an item is released again that was delivered to the wrong task.
_AGAIN_S = 1.0
#: The most characters of one value: no HTTP response that is read is larger.
_LONGEST = 1024 * 1024
#: Characters that XML does not allow, so that no server can have sent them.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
#: A name that a worker has chosen, with the suffix by which a store names messages.
_DRAFT_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(\.[A-Za-z]{1,8})?")
_NOTHING_SEEN = {"token": "", "at": 0}
#: The first second that no datetime can hold.
_AFTER_ALL = 253_402_300_800
_WANTED = {"uid", "subject", "item"}
#: Steps which show that an answer was begun, so that somebody has to find out what came of it.
_BEGUN = {*Verdict, "draft", "send"}


@dataclass(frozen=True, slots=True)
class Admission:
    """Admits items whose mailbox is in the list of this installation."""

    #: Returns the mailbox of this name and server as the list has it: ``MailboxList.require``.
    listed: Callable[[str, str], Mailbox]

    def admit(self, start: Start) -> Start:
        """Return the started item, with the group of the list in place of the ledger's.

        :raises NotListed: its mailbox is not in the list, and nothing was begun.
        :raises Busy: this cannot be decided at present.
        :raises Refused: no offer can have produced it, or an answer was begun in a mailbox that was
            removed from the list.
        """
        _require_journal(start.journal)
        payload = dict(start.payload)
        if start.work in _KINDS:
            try:  # its values are validated below
                payload = current(payload, unsent=start.work == contract.ANSWER_REQUEST)
            except (TypeError, ValueError, AttributeError) as error:
                raise _forged(f"it is not a message ({error})") from None
        start = replace(start, payload=payload)
        try:
            mailbox = self.listed(start.mailbox, start.server)
        except NotListed as error:
            if _BEGUN & start.journal.keys():
                raise Refused(f"{error}, and an answer was begun in it; retry this once it is listed again") from None
            raise
        if start.work == contract.SCAN_MAILBOX:
            _require_scan(start, mailbox)
        elif start.work in _KINDS:
            _require_message(start, mailbox)
        else:
            raise _forged(f"there is no task {start.work!r}")
        return replace(start, payload={**payload, "group": mailbox.group})


def require_task(start: Start, task: str) -> None:
    """Raise an error if an item was delivered to a task that is not its own: its lane never does that.

    :raises Unsettled: it was; the item is released again to its own task, which costs no attempt.
    """
    if start.work != task:
        raise Unsettled(f"delivered to the task {task}, but it is for {start.work}", _AGAIN_S)


def _require_scan(start: Start, mailbox: Mailbox) -> None:
    if contract.scan_item(mailbox, contract.run_of(start.id)).id != start.id:
        raise _forged("it is not named as a scan of this mailbox")
    wanted = start.payload.get("wanted", {})
    if not isinstance(start.payload.get("kind"), str) or not isinstance(wanted, dict):
        raise _forged("its kind of scan, or its selection of messages, is malformed")
    if not wanted.keys() <= _WANTED or not all(map(_is_text, wanted.values())):
        raise _forged("it is a scan for messages that no command can select")


def _require_message(start: Start, mailbox: Mailbox) -> None:
    try:
        message = MeetingMessage.from_payload(start.payload)
    except (KeyError, TypeError, ValueError) as error:
        raise _forged(f"it is not a message ({error})") from None
    texts = [value for value in start.payload.values() if isinstance(value, str)]
    texts += [message.ref.key, *message.ref.address, *message.sent_by]
    texts += [message.intent.identity, message.intent.token, *message.intent.before] if message.intent else []
    if not all(map(_is_text, texts)) or not isinstance(start.payload.get("run", ""), str):
        raise _forged("it has values that no server can have sent")
    if message.kind not in _KINDS[start.work] or (message.kind in _REPLIES) is not (message.reply is not None):
        raise _forged(f"{start.work!r} is not for a {message.kind} with the reply {message.reply}")
    # For an unsent answer, the mailbox shows whether it is ours: see workers.unsent.
    names = {message.identity(mailbox), message.earlier_identity(mailbox)}
    if message.kind is not Kind.ANSWER and start.id not in names:
        raise _forged("its identity is not that of the message")


def _require_journal(journal: Mapping[str, Any]) -> None:
    """Raise an error if a step of the journal has a fact that the product does not write.

    :raises Refused: one has.
    """
    draft = journal.get("draft", "")
    if (
        not all(_is_command(journal[verdict]) for verdict in Verdict if verdict in journal)
        or not all(_is_text(journal.get(step, "")) for step in ("send", "changed"))
        or type(journal.get("marked", 0)) not in (int, float)
        or not _is_sight(journal.get("seen", _NOTHING_SEEN))
        or ("draft" in journal and not (isinstance(draft, str) and _DRAFT_NAME.fullmatch(draft)))
    ):
        raise _forged("its journal has steps with invalid facts")


def _is_command(fact: Any) -> bool:
    """Return whether a fact has a form that this or an earlier version writes.

    Two classes write such facts: :class:`workers.steps.Command` and :class:`workers.at_once.Response`.
    """
    if isinstance(fact, list):
        return all(map(_is_text, fact))
    if not isinstance(fact, dict) or not {"at", "times"} < fact.keys():
        return False
    if not all(type(fact[name]) in (int, float) for name in ("at", "times", "begun") if name in fact):
        return False
    if not _is_text(fact.get("token", "")):
        return False
    if "begun" in fact:
        return bool(0 <= fact["begun"] < _AFTER_ALL)
    before = fact.get("before")
    return isinstance(before, list) and all(map(_is_text, before)) and isinstance(fact.get("read"), bool)


def _is_sight(fact: Any) -> bool:
    """Return whether a fact has the form in which :mod:`workers.at_once` notes that it has seen somebody's mark."""
    if not isinstance(fact, dict):
        return False
    return _is_text(fact.get("token")) and type(fact.get("at")) in (int, float)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST and not _NO_TEXT.search(value)


def _forged(why: str) -> Refused:
    return Refused(f"no offer can have produced this item: {why}")
