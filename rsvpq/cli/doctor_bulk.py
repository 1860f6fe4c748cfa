"""``rsvpq doctor --group NAME`` and ``--all``: probe the rights on many mailboxes through their lanes."""

import sys
from collections.abc import Sequence

import click

from rsvpq.cli.documents import print_document
from rsvpq.cli.follow import follow, interruptible, report_problems
from rsvpq.cli.progress import Progress
from rsvpq.ops import OperatorContext
from rsvpq.ops.rights import ProbedMailbox, ProbeSummary, probed_mailbox
from rsvpq.ops.scans import Selection, look_action
from rsvpq.text import printable


def probe_all(
    context: OperatorContext, group: str | None, servers: Sequence[str], timeout_s: float | None, *, as_json: bool
) -> None:
    """Probe every mailbox of a group (None for all) and of these servers (none for all); exit with the exit code.

    :raises ConfigError: the list has no such group, or is empty.
    """
    selection = Selection(group=group, everything=group is None)
    chosen = [one for one in selection.mailboxes(context.settings) if not servers or one.server in servers]
    if not chosen:
        group_of = "" if group is None else f"in the group {group!r} "
        raise click.UsageError(f"no mailbox of the list is {group_of}on {' or '.join(servers)}")
    arguments = {"mailboxes": [one.name for one in chosen]} if servers else selection.arguments(chosen)
    action = look_action(context, "probe", selection, chosen, servers)
    probed: list[ProbedMailbox] = []
    by_name = {one.name: one for one in chosen}
    with interruptible(), Progress(len(chosen)) as progress:
        following = follow(context, "probe", chosen, arguments, action, timeout_s)
        for ended in following.results():
            progress.show(len(following.ended) + len(following.problems))
            if ended is not None:
                probed += [probed_mailbox(by_name[ended.mailbox], found) for found in ended.found]
    summary = ProbeSummary(probed, following.problems)
    if as_json:
        print_document(summary.to_dict())
    else:
        _show(summary)
        report_problems(following)
    sys.exit(summary.exit_code)


def _show(summary: ProbeSummary) -> None:
    click.echo(summary.headline)
    for one in summary.failed:
        where = f"{one.mailbox}  server {one.server}, group {one.group or '-'}"
        click.echo(printable(f"{one.result}  {where}: {one.reason}"))
        click.echo(printable(f"    -> {one.remedy}"))
