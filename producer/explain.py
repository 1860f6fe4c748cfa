"""Explain decisions: every guard and rule that was tried, and what the calendar holds. Nothing is changed."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from producer.dry_run import Examiner
from producer.visit import Visit
from rsvpq.audit.record import Redaction
from rsvpq.mail.calendar import Appointment, CalendarUnknown
from rsvpq.mail.messages import Kind, Mailbox, MeetingMessage, written
from rsvpq.policy import Facts, Policy, Trace, is_from, is_internal
from rsvpq.tasks.journal import Outcome

#: The most messages of a mailbox that one command explains: each may cost several HTTP requests.
MOST = 20
#: The most conflicting appointments that are shown for one meeting.
_MOST_CONFLICTS = 20


def explain(visit: Visit, wanted: Mapping[str, str]) -> Outcome:
    """Report the decisions on the wanted messages and their reasons, the newest message first.

    :param wanted: as :func:`is_wanted` takes it.
    :raises ExchangeError: the mailbox could not be read.
    """
    inbox, examiner = visit.read_inbox(), Examiner(visit)
    matching = [message for message in reversed(inbox.messages) if is_wanted(message, wanted, visit.mailbox)]
    rows = []
    for message in matching[:MOST]:
        trace, facts = examiner.examine(message, inbox.newest.of(message))
        row = explanation(visit.mailbox, message, trace, facts, visit.policy, visit.audit.redaction)
        has_text = visit.box.answering == "at-once" and message.response_requested
        rows.append({**row, "text": trace.decision.text if has_text else ""})
    counts = {"found": len(inbox.messages), "matching": len(matching)}
    visit.lanes.run_results(visit.run).report(visit.mailbox.name, rows, counts)
    return Outcome("explained", f"found {counts['found']}, explained {len(rows)} of {counts['matching']}")


def is_wanted(message: MeetingMessage, wanted: Mapping[str, str], mailbox: Mailbox) -> bool:
    """Return whether a message is one of the wanted ones.

    :param wanted: ``uid``, ``subject`` (a part of it), ``item``: the message must match all that are given. Private
        messages are not found by their subject, because that would disclose it.
    """
    uid, subject, item = (wanted.get(name, "").casefold() for name in ("uid", "subject", "item"))
    return (
        (not uid or message.uid.casefold() == uid)
        and (not subject or (not message.sensitivity.is_private and subject in message.subject.casefold()))
        and (not item or message.identity(mailbox) == item)
    )


def explanation(
    mailbox: Mailbox, message: MeetingMessage, trace: Trace, facts: Facts, policy: Policy, redaction: Redaction
) -> dict[str, Any]:
    """Return an explanation: JSON-ready, times in UTC, without what is private or hidden."""
    private, decision = message.sensitivity.is_private, trace.decision
    reason = partial(redaction.reason, private=private)
    return {
        "item": message.identity(mailbox),
        "kind": str(message.kind),
        "uid": message.uid,
        "subject": redaction.subject(message.subject, private=private),
        "private": private,
        "organizer": redaction.address(message.organizer),
        "start": written(message.start),
        "end": written(message.end),
        "received": written(message.received),
        "sequence": message.sequence,
        "recurring": message.recurring,
        "occurrence": message.occurrence,
        "unread": reason(facts.unread),
        "response_requested": message.response_requested,
        "decision": str(decision.action),
        "rule": decision.rule,
        "reason": str(decision.reason),
        "steps": [{"name": step.name, "result": step.result, "why": reason(step.why)} for step in trace.steps],
        "calendar": _calendar(message, facts, policy, reason),
    }


def _calendar(
    message: MeetingMessage, facts: Facts, policy: Policy, reason: Callable[[str], str]
) -> dict[str, Any] | None:
    """Return what the calendar holds; None if the decision did not need it."""
    view = facts.calendar
    if view is None or message.kind is Kind.RESPONSE:
        return None
    more: dict[str, Any] = {}
    if isinstance(view.agenda, CalendarUnknown):
        more = {"unknown_at_that_time": reason(view.agenda.reason)}
    elif view.agenda is not None:
        shown = ((message.start, message.end),) if message.start and message.end else ()
        times = shown if view.times is None else view.times
        ours = partial(is_internal, mailbox=facts.mailbox, internal_domains=policy.internal_domains)
        is_from_organizer = partial(is_from, message, is_one_of_ours=ours)
        covered = filter(None, map(view.agenda.within, times))
        found = (view.agenda.conflicts(*when, uid=message.uid, is_from=is_from_organizer) for when in covered)
        conflicts = sorted({period for periods in found for period in periods}, key=lambda one: one.start)
        more = {
            "at_that_time": [
                {"start": _utc(one.start), "end": _utc(one.end), "status": str(one.status), "recurring": one.recurring}
                for one in conflicts[:_MOST_CONFLICTS]
            ],
            "complete": view.complete,
            "compared": all(map(view.agenda.covers, times)),
        }
    return {"appointment": _appointment(view.appointment, reason), "counts_as_busy": list(policy.busy_when), **more}


def _appointment(found: Appointment | CalendarUnknown | None, reason: Callable[[str], str]) -> dict[str, Any] | None:
    if found is None:
        return None
    if isinstance(found, CalendarUnknown):
        return {"unknown": reason(found.reason)}
    return {
        "start": _utc(found.start),
        "end": _utc(found.end),
        "status": str(found.status),
        "response": str(found.response) if found.response is not None else "",
        "sequence": found.sequence,
        "stamp": _utc(found.stamp),
        "recurring": found.recurring,
        "occurrence": found.occurrence,
    }


def _utc(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else ""
