"""``rsvpq explain``: show what was or will be done with a message, why, and its history."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from rsvpq import wiring
from rsvpq.audit.log import AuditLog, AuditRecord, Filter
from rsvpq.audit.record import LONGEST_VALUE, Audit
from rsvpq.cli.config_file import config_option
from rsvpq.cli.documents import print_document, say
from rsvpq.cli.explain_text import print_overview, print_story
from rsvpq.cli.follow import follow, interruptible, report_problems
from rsvpq.cli.names import Name
from rsvpq.cli.options import json_option, timeout_option, who_option
from rsvpq.cli.strict import StrictCommand
from rsvpq.lanes import Lanes
from rsvpq.lanes.snapshot import KnownItem
from rsvpq.mail.messages import Mailbox
from rsvpq.ops import open_context
from rsvpq.ops.confirmation import remarks
from rsvpq.settings import load_settings
from rsvpq.settings.mailboxes import read_mailboxes, select

Story = dict[str, Any]

#: At most this many messages are explained: those in the Inbox first, then the newest.
_MOST = 20


@click.command(cls=StrictCommand)
@click.argument("mailbox", type=Name("mailbox"))
@click.option("--uid", default="", help="The message of this meeting, by its iCalendar UID.")
@click.option("--subject", default="", help="Messages whose subject contains this text; never private ones.")
@click.option("--item", default="", help="The message with this task id, as in Flower and in the audit.")
@click.option("--full", is_flag=True, help="All about each message, also if several match.")
@timeout_option
@who_option
@json_option
@config_option
def explain(  # noqa: PLR0913 - one argument for each option
    *,
    mailbox: str,
    uid: str,
    subject: str,
    item: str,
    full: bool,
    timeout_s: float | None,
    who: str,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Explain what was and would be done with the messages of a MAILBOX: guards, rules, calendar, history.

    If several messages match, there is one line for each; --full, or a narrower search, shows all about them.

    The mailbox is read through the queue, within its limits; nothing in it is changed. For a message that has left
    the Inbox, only the history is shown. Exits with 0; with 1 if nothing was found; with 3 if the mailbox could not be
    read and only the history is shown.
    """
    settings = load_settings(config_file)
    (chosen,) = select(read_mailboxes(settings.mailboxes, settings), names=[mailbox])
    context = open_context(settings, who=who)
    lanes, audit = context.lanes, context.audit
    wanted = {name: value for name, value in (("uid", uid), ("subject", subject), ("item", item)) if value}
    arguments = {"mailboxes": [chosen.name], "wanted": wanted}
    action = context.action("explain", "mailbox", chosen.name)
    with interruptible():
        following = follow(context, "explain", [chosen], arguments, action, timeout_s)
        ended = next(filter(None, following.results()), None)
    # The explanations of messages in the Inbox, and how many messages match there.
    explained, matching = (ended.found, ended.counts.get("matching", 0)) if ended else ([], 0)
    looked = bool(following.ended)
    policy = wiring.PolicyInForce(settings, lanes).fingerprint(chosen.group)
    stories, more = _stories(lanes, audit, chosen, explained, matching, wanted, policy)
    note = remarks(context, [chosen]) if stories else ""
    if as_json:
        shown = {"mailbox": chosen.name, "looked": looked, "more": more, "note": note, "messages": stories}
        print_document(shown)
    else:
        _print_stories(stories, more, looked=looked, full=full)
    if note:
        say(note)
    code = report_problems(following)
    if not stories:
        if looked:
            raise click.ClickException(f"no message in the Inbox or the history of {chosen.name} matches")
        raise click.ClickException(f"no message in the history of {chosen.name} matches, and its Inbox was not read")
    sys.exit(3 if code else 0)


def _print_stories(stories: Sequence[Story], more: int, *, looked: bool, full: bool) -> None:
    """Print all about the messages, or a line for each if there are several."""
    if full or len(stories) == 1:
        for story in stories:
            print_story(story, looked=looked)
    elif stories:
        shown = f", {len(stories)} of them are shown" if more else ""
        click.echo(f"{len(stories) + more} messages match{shown}; for all about one: --item ID; about each: --full")
        print_overview(stories)
    if more:
        click.echo(f"{more} more match; narrow the search with --uid, --subject or --item")


def _stories(
    lanes: Lanes,
    audit: Audit,
    mailbox: Mailbox,
    explained: Iterable[Mapping[str, Any]],
    matching: int,
    wanted: Mapping[str, str],
    policy: str,
) -> tuple[list[Story], int]:
    """Return a story of each message (decision, history, ledger), and how many more messages match."""
    now = {str(one["item"]): one for one in explained}
    records = list(AuditLog(lanes).read(Filter.of(audit.redaction, {"mailbox": mailbox.name})))
    gone: list[str] = []
    # Only if all matching messages of the Inbox were explained, is every other one known to be gone; newest first.
    if wanted and matching == len(now):
        found = dict.fromkeys(one["item"] for one in records if one.get("item") and _matches(audit, one, wanted))
        gone = [item for item in reversed(found) if item not in now]
    items = [*now, *gone][:_MOST]
    ledger = lanes.snapshot.known_items(items)
    now_us = lanes.time_us()
    stories = []
    for item in items:
        known, here = ledger.get(item), now.get(item)
        in_ledger = _ledger(audit, known, here, again=known is not None and known.is_offered_again(policy, now_us))
        stories.append(_story(item, here, records, in_ledger))
    return stories, matching + len(gone) - len(items)


def _story(item: str, now: Mapping[str, Any] | None, records: Sequence[AuditRecord], ledger: Story | None) -> Story:
    history = [one for one in records if one.get("item") == item]
    uid = str(now["uid"]) if now else next((one["uid"] for one in history if "uid" in one), "")
    same_meeting = Filter(values={"uid": uid[:LONGEST_VALUE].casefold()})
    others = [one for one in records if uid and one.get("item") != item and same_meeting(one)]
    return {"item": item, "uid": uid, "now": now, "history": history, "same_meeting": others, "ledger": ledger}


def _matches(audit: Audit, record: AuditRecord, wanted: Mapping[str, str]) -> bool:
    """Return whether a record is about a wanted message; a redacted subject matches only as a whole."""
    subject, recorded = wanted.get("subject", ""), record.get("subject", "").casefold()
    return (
        Filter.of(audit.redaction, {name: wanted.get(name) for name in ("uid", "item")})(record)
        and record.get("kind") in ("request", "response", "cancellation")
        and (not subject or subject.casefold() in recorded or (recorded == audit.redaction.subject(subject) != ""))
    )


def _ledger(audit: Audit, known: KnownItem | None, now: Mapping[str, Any] | None, *, again: bool) -> Story | None:
    """Return what the ledger has about an item, redacted.

    :param again: whether the next scan offers it again.
    """
    if known is None:
        return None
    private = now is None or bool(now["private"])
    reason = audit.redaction.reason(known.reason, private=private)
    shown = {"state": known.state, "attempts": known.attempts, "reason": reason, "steps": list(known.steps)}
    if known.state != "left":
        return shown
    at = datetime.fromtimestamp(known.again_us / 1e6, UTC)
    return {**shown, "looked_at_again": f"{at:%Y-%m-%dT%H:%M:%SZ}", "by_the_next_scan": again}
