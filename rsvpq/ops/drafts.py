"""Unsent answers that may be a person's own: list them, and send one that an operator has looked at."""

from dataclasses import replace

from rsvpq.lanes.held_drafts import HeldDrafts
from rsvpq.mail.messages import MeetingMessage
from rsvpq.mail.times import written
from rsvpq.ops.context import InvalidRequest, OperatorContext
from rsvpq.tasks import contract


def rows(context: OperatorContext) -> list[dict[str, str]]:
    """What the last scan of each mailbox saw."""
    held = sorted(HeldDrafts(context.lanes).all())
    return [{"mailbox": mailbox, **_row(draft)} for mailbox, found in held for draft in found]


def send(context: OperatorContext, mailbox: str, draft: str) -> str:
    """Have a draft of a mailbox sent.

    :param draft: as listed. :returns: a sentence for the operator.
    :raises InvalidRequest: no such draft is held. :raises ConfigError: no such mailbox is in the list.
    """
    chosen = context.listed(mailbox)
    found = next((one for one in HeldDrafts(context.lanes).of(chosen.name) if one.ref.key == draft), None)
    if found is None:
        raise InvalidRequest(f"no draft {draft!r} is held in {chosen.name}; see 'rsvpq drafts list'")
    item = contract.draft_item(found.identity(chosen), found)
    values = {"draft": found.ref.key, "item": item.id}
    context.lanes.tell(context.deed("send-draft", "mailbox", chosen.name, values=values))
    offered = replace(item, facts=context.audit.facts(chosen, found, run=""))
    new = context.lanes.offer(chosen, [offered]).new
    return "will be sent" if new else "was offered before; see 'rsvpq audit' or 'rsvpq dead'"


def _row(draft: MeetingMessage) -> dict[str, str]:
    answer, created = str(draft.reply or ""), written(draft.created)
    return {"draft": draft.ref.key, "answer": answer, "subject": draft.subject, "created": created}
