"""``rsvpq scan``: trigger a scan through the queue, as any Celery client could."""

from collections import Counter
from pathlib import Path

import click

from rsvpq.cli.config_file import config_option
from rsvpq.cli.documents import print_action
from rsvpq.cli.dry_run import FORMS, run
from rsvpq.cli.lanes import usage
from rsvpq.cli.options import json_option, mailboxes_option, the_format, timeout_option, who_option
from rsvpq.ops import confirmation, open_context, scans
from rsvpq.ops.mailboxes import obstacles
from rsvpq.ops.scans import Selection
from rsvpq.settings import load_settings
from rsvpq.tasks import contract
from rsvpq.text import counted
from rsvpq.wiring.in_force import in_force

#: Why the scan of a mailbox is not offered, as things are when it is triggered.
_SKIPPED = {
    "scanning": "a scan of each waits or runs already",
    "full": "messages of the last scan still wait in their lanes",
}


@click.command()
@mailboxes_option
@click.option("--dry-run", "dry", is_flag=True, help="Show what would be done, without doing it.")
@click.option("--format", "form", type=click.Choice(FORMS), help="Output format of a dry run.  [default: table]")
@timeout_option
@who_option
@json_option
@config_option
def scan(  # noqa: PLR0913 - one argument for each option
    *,
    mailboxes: tuple[str, ...],
    group: str | None,
    everything: bool,
    dry: bool,
    form: str | None,
    timeout_s: float | None,
    who: str,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Scan the named MAILBOXES, a group, or all of them.

    The scans run in the queue; a mailbox that is being scanned already, or whose messages still wait, is skipped.

    With --dry-run nothing is answered, opened or marked, whatever the mode: each message is shown with what would be
    done, and why, as if live runs were on. Exits with 0; with 3 if there is no result from some mailboxes, and with 1
    if there is none from any.
    """
    if not dry and (form or timeout_s):
        raise click.UsageError("--format and --timeout need --dry-run")
    with usage():
        selection = Selection(mailboxes, group, everything)
    if dry:
        form = the_format(form, as_json=as_json) or "table"
        run(open_context(load_settings(config_file), who=who), selection, form, timeout_s)
    else:
        trigger("scan", selection, config_file, as_json=as_json)


def trigger(kind: contract.ScanKind, selection: Selection, config_file: Path | None, *, as_json: bool) -> None:
    """Trigger a scan of the selected mailboxes, and show why it may wait, or answer nothing."""
    context = open_context(load_settings(config_file))
    chosen = selection.mailboxes(context.settings)
    skipped = Counter(context.lanes.snapshot.not_offered(mailbox.name for mailbox in chosen).values())
    task_id = scans.trigger(context, kind, selection.arguments(chosen))
    warnings = [f"{counted(number, 'mailbox')} skipped: {_SKIPPED[why]}" for why, number in sorted(skipped.items())]
    if kind == "scan" and context.settings.mode != "observe" and (silent := confirmation.observing(context, chosen)):
        warnings.append(f"this scan only observes: {silent}")
    if note := confirmation.unapplied(context):
        warnings.append(note)
    if warning := confirmation.unused(context):
        warnings.append(warning)
    warnings += map(str, in_force(context.settings, context.lanes).missing())
    groups = {mailbox.group for mailbox in chosen}
    paused = {name: pause for name, pause in context.lanes.snapshot.group_pauses().items() if name in groups}
    stopped = obstacles(context, {mailbox.server for mailbox in chosen}, paused)
    warnings += [f"{obstacle}; its scans wait" for obstacle in stopped]
    part = f"{len(chosen) - skipped.total()} of " if skipped else ""
    done = f"{kind} of {part}{counted(len(chosen), 'mailbox')} triggered: task {task_id}"
    facts = {"mailboxes": len(chosen), "skipped": dict(skipped), "task": task_id}
    print_action(kind, done, as_json=as_json, warnings=warnings, facts=facts)
