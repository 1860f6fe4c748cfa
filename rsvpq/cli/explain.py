"""``rsvpq explain``: why a message was dealt with as it was, or will be, and what became of it."""

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from rsvpq import wiring
from rsvpq.audit.log import AuditLog, AuditRecord, Filter
from rsvpq.audit.record import Audit
from rsvpq.audit.redaction import LONGEST_VALUE
from rsvpq.cli.explain_text import print_story
from rsvpq.cli.follow import Following, complain, follow, interruptible
from rsvpq.cli.options import config_option, json_option, timeout_option
from rsvpq.lanes import Lanes
from rsvpq.lanes.snapshot import KnownItem
from rsvpq.mail.messages import Mailbox
from rsvpq.ops import open_context
from rsvpq.ops.confirmation import observing
from rsvpq.settings import load_settings
from rsvpq.settings.mailboxes import read_mailboxes, select
from rsvpq.text import json_text

Story = dict[str, Any]

#: The most messages that are told, those in the Inbox first, then the newest.
_MOST = 20


@click.command()
@click.argument("mailbox")
@click.option("--uid", default="", help="The message of this meeting, by its iCalendar UID.")
@click.option("--subject", default="", help="Messages with this in their subject; never private ones.")
@click.option("--item", default="", help="The message with this task id, as in Flower and in the audit.")
@timeout_option
@json_option
@config_option
def explain(
    mailbox: str,
    uid: str,
    subject: str,
    item: str,
    timeout_s: float | None,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Explain what is done with the messages of a MAILBOX, and what was: guards, rules, calendar, history.

    The mailbox is looked at through the queue, within its limits; nothing in it is changed. Of a message that has left
    the Inbox, the history alone is shown. Exits with 0, with 1 where nothing was found, or with 3 where the mailbox
    could not be looked at and the history is all there is.
    """
    settings = load_settings(config_file)
    (chosen,) = select(read_mailboxes(settings.mailboxes, settings), names=[mailbox])
    context = open_context(settings)
    lanes, audit = context.lanes, context.audit
    wanted = {name: value for name, value in (("uid", uid), ("subject", subject), ("item", item)) if value}
    arguments = {"mailboxes": [chosen.name], "wanted": wanted}
    action = context.action("explain", "mailbox", chosen.name)
    following = follow(context, "explain", [chosen], arguments, action, timeout_s)
    with interruptible():
        told, matching = _told(following)
    looked = bool(following.ended)
    policy = wiring.PolicyInForce(settings, lanes)().fingerprint(chosen.group)
    stories, more = _stories(lanes, audit, chosen, told, matching, wanted, policy)
    note = observing(context) if stories else ""
    if as_json:
        shown = {"mailbox": chosen.name, "looked": looked, "more": more, "note": note, "messages": stories}
        click.echo(json_text(shown, indent=2))
    else:
        _print(stories, more, note, looked)
    code = complain(following)
    if not stories:
        raise click.ClickException(f"nothing in {chosen.name} or in its history matches")
    sys.exit(3 if code else 0)


def _print(stories: Iterable[Story], more: int, note: str, looked: bool) -> None:
    for story in stories:
        print_story(story, looked=looked)
    if more:
        click.echo(f"{more} more match; narrow it with --uid, --subject or --item")
    if note:
        click.echo(note)


def _told(following: Following) -> tuple[list[Mapping[str, Any]], int]:
    """The explanations of what lies in the Inbox, and how many messages match there."""
    for told in following.results():
        if told is not None:
            return list(told.found), told.counts.get("matching", 0)
    return [], 0


def _stories(
    lanes: Lanes,
    audit: Audit,
    mailbox: Mailbox,
    told: Iterable[Mapping[str, Any]],
    matching: int,
    wanted: Mapping[str, str],
    policy: str,
) -> tuple[list[Story], int]:
    """What is decided on each message now, its history and what the ledger has; and how many more messages match."""
    now = {str(one["item"]): one for one in told}
    records = list(AuditLog(lanes).read(Filter.of(audit.redaction, {"mailbox": mailbox.name})))
    # Where not all that match in the Inbox were told, who is gone and who is there cannot be told apart.
    gone = _gone(audit, records, wanted, set(now)) if wanted and matching == len(now) else []
    items = [*now, *gone][:_MOST]
    ledger = lanes.snapshot.known_items(items)
    now_us = lanes.time_us()
    stories = []
    for item in items:
        known, here = ledger.get(item), now.get(item)
        told_of_it = _ledger(audit, known, here, again=known is not None and known.is_offered_again(policy, now_us))
        stories.append(_story(item, here, records, told_of_it))
    return stories, matching + len(gone) - len(items)


def _gone(audit: Audit, records: Iterable[AuditRecord], wanted: Mapping[str, str], here: Collection[str]) -> list[str]:
    """The items that are asked for and are not in the Inbox any more, the newest first."""
    found = dict.fromkeys(one["item"] for one in records if one.get("item") and _matches(audit, one, wanted))
    return [item for item in reversed(found) if item not in here]


def _story(item: str, now: Mapping[str, Any] | None, records: Sequence[AuditRecord], ledger: Story | None) -> Story:
    history = [one for one in records if one.get("item") == item]
    uid = str(now["uid"]) if now else next((one["uid"] for one in history if "uid" in one), "")
    same_meeting = Filter(values={"uid": uid[:LONGEST_VALUE].casefold()})
    others = [one for one in records if uid and one.get("item") != item and same_meeting(one)]
    return {"item": item, "uid": uid, "now": now, "history": history, "same_meeting": others, "ledger": ledger}


def _matches(audit: Audit, record: AuditRecord, wanted: Mapping[str, str]) -> bool:
    """Whether a record is of a message that is asked for; a hidden subject is found by the whole of it alone."""
    subject, told = wanted.get("subject", ""), record.get("subject", "").casefold()
    return (
        Filter.of(audit.redaction, {name: wanted.get(name) for name in ("uid", "item")})(record)
        and record.get("kind") in ("request", "response", "cancellation")
        and (not subject or subject.casefold() in told or (told == audit.redaction.subject(subject) != ""))
    )


def _ledger(audit: Audit, known: KnownItem | None, now: Mapping[str, Any] | None, *, again: bool) -> Story | None:
    """What the ledger has of an item, as it may be shown.

    :param again: whether the next scan offers it again.
    """
    if known is None:
        return None
    private = now is None or bool(now["private"])
    reason = audit.redaction.reason(known.reason, private=private)
    told = {"state": known.state, "attempts": known.attempts, "reason": reason, "steps": list(known.steps)}
    if known.state != "left":
        return told
    at = datetime.fromtimestamp(known.again_us / 1e6, UTC)
    return {**told, "looked_at_again": f"{at:%Y-%m-%dT%H:%M:%SZ}", "by_the_next_scan": again}
