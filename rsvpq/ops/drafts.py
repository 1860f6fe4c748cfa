"""List unsent answers that may be a person's own, and send one that an operator has checked."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from rsvpq.mail.messages import Kind, Mailbox, MeetingMessage, written
from rsvpq.ops.context import InvalidRequest, OperatorContext
from rsvpq.tasks import contract
from rsvpq.tasks.earlier_payloads import current


def draft_rows(context: OperatorContext) -> list[dict[str, str]]:
    """Return a row for each unclear draft that the last scan of its mailbox found."""
    return [
        {
            "mailbox": mailbox,
            "draft": draft.ref.key,
            "answer": str(draft.reply or ""),
            "subject": draft.subject,
            "created": written(draft.created),
        }
        for mailbox, payloads in sorted(context.lanes.drafts.all(), key=lambda found: found[0])
        for draft in held_drafts(payloads)
    ]


def held_draft(context: OperatorContext, mailbox: str, draft: str) -> tuple[Mailbox, MeetingMessage]:
    """Return a mailbox of the list and the draft that is held in it.

    :param draft: the key of the draft, as listed.
    :raises InvalidRequest: no such draft is held. :raises ConfigError: no such mailbox is in the list.
    """
    chosen = context.listed(mailbox)
    found = next((one for one in held_drafts(context.lanes.drafts.of(chosen.name)) if one.ref.key == draft), None)
    if found is None:
        raise InvalidRequest(f"no draft {draft!r} is held in {chosen.name}; see 'rsvpq drafts list'")
    return chosen, found


def send(context: OperatorContext, mailbox: str, draft: str, reason: str = "") -> str:
    """Offer an item that sends a draft of a mailbox, and record the operator action.

    Same arguments and errors as :func:`held_draft`.

    :returns: a sentence for the operator.
    """
    chosen, found = held_draft(context, mailbox, draft)
    item = contract.draft_item(found.identity(chosen), found)
    values = {"draft": found.ref.key, "item": item.id}
    context.lanes.controls.log_action(context.action("send-draft", "mailbox", chosen.name, why=reason, values=values))
    offered = replace(item, facts=context.audit.facts(chosen, found, run=""))
    new = context.lanes.ledger.offer(contract.lane_of(chosen), [offered]).new
    return "will be sent" if new else "was already offered; see 'rsvpq audit' or 'rsvpq dead'"


def held_drafts(payloads: Iterable[Any]) -> list[MeetingMessage]:
    """Return the drafts among the stored payloads; ignore whatever is not a draft."""
    drafts = []
    for payload in payloads:
        with suppress(AttributeError, KeyError, TypeError, ValueError):
            drafts.append(MeetingMessage.from_payload(current(payload, unsent=True)))
    return [draft for draft in drafts if draft.kind is Kind.ANSWER]
