"""List unsent answers that may be a person's own, and send one that an operator has checked."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from rsvpq.mail.messages import Kind, MeetingMessage, written
from rsvpq.ops.context import InvalidRequest, OperatorContext
from rsvpq.tasks import contract
from rsvpq.tasks.earlier_payloads import current


def rows(context: OperatorContext) -> list[dict[str, str]]:
    """Return a row for each unclear draft that the last scan of its mailbox found."""
    held = sorted(context.lanes.drafts.all(), key=lambda found: found[0])
    return [{"mailbox": mailbox, **_row(draft)} for mailbox, payloads in held for draft in held_drafts(payloads)]


def send(context: OperatorContext, mailbox: str, draft: str) -> str:
    """Offer an item that sends a draft of a mailbox.

    :param draft: the key of the draft, as listed. :returns: a sentence for the operator.
    :raises InvalidRequest: no such draft is held. :raises ConfigError: no such mailbox is in the list.
    """
    chosen = context.listed(mailbox)
    found = next((one for one in held_drafts(context.lanes.drafts.of(chosen.name)) if one.ref.key == draft), None)
    if found is None:
        raise InvalidRequest(f"no draft {draft!r} is held in {chosen.name}; see 'rsvpq drafts list'")
    item = contract.draft_item(found.identity(chosen), found)
    values = {"draft": found.ref.key, "item": item.id}
    context.lanes.controls.log_action(context.action("send-draft", "mailbox", chosen.name, values=values))
    offered = replace(item, facts=context.audit.facts(chosen, found, run=""))
    new = context.lanes.ledger.offer(contract.lane_of(chosen), [offered]).new
    return "will be sent" if new else "was already offered; see 'rsvpq audit' or 'rsvpq dead'"


def _row(draft: MeetingMessage) -> dict[str, str]:
    answer, created = str(draft.reply or ""), written(draft.created)
    return {"draft": draft.ref.key, "answer": answer, "subject": draft.subject, "created": created}


def held_drafts(payloads: Iterable[Any]) -> list[MeetingMessage]:
    """Return the drafts among the stored payloads; ignore whatever is not a draft."""
    return list(filter(None, map(_draft, payloads)))


def _draft(payload: Any) -> MeetingMessage | None:
    try:
        draft = MeetingMessage.from_payload(current(payload, unsent=True))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return draft if draft.kind is Kind.ANSWER else None
