"""``rsvpq policy diff``: show what another policy would decide differently."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from rsvpq.audit.record import address_of
from rsvpq.cli import policy_check
from rsvpq.cli.config_file import config_option
from rsvpq.cli.documents import print_document, say
from rsvpq.cli.follow import Following, follow, interruptible, report_problems
from rsvpq.cli.names import Name
from rsvpq.cli.options import json_option, not_empty, timeout_option, who_option
from rsvpq.cli.policy_changes import PolicyChanges, changed_keys
from rsvpq.cli.progress import Progress
from rsvpq.cli.strict import StrictGroup
from rsvpq.cli.tables import has_room_for_columns, is_terminal, print_block, print_fitted
from rsvpq.lanes.bounds import LARGEST_COUNT
from rsvpq.mail.messages import Mailbox
from rsvpq.ops import OperatorContext, open_context
from rsvpq.ops.decision_change import DecisionChange
from rsvpq.ops.scans import Selection, look_action
from rsvpq.settings import ConfigError, PolicySettings, in_file_order, load_settings, load_with_policy_of
from rsvpq.settings.mailboxes import read_mailboxes
from rsvpq.text import printable

#: Exit codes: the policies may differ although no difference was found; and they do differ.
_INCOMPLETE, _DIFFERS = 1, 3
#: What is read where the file is -.
_STDIN = Path("/dev/stdin")
#: The cells of a sample that identify a message: mailbox, start and organizer.
_FIRST = 3


@click.group(cls=StrictGroup)
def policy() -> None:
    """Compare policies before one is put into force."""


@policy.command()
@click.argument("new", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--group",
    type=Name("group"),
    callback=not_empty,
    help="Only the mailboxes of this group.  [default: all mailboxes]",
)
@click.option(
    "--samples",
    type=click.IntRange(0, LARGEST_COUNT),
    default=5,
    show_default=True,
    metavar="N",
    help="Messages of each change.",
)
@timeout_option
@who_option
@json_option
@config_option
def diff(
    new: Path,
    group: str | None,
    samples: int,
    timeout_s: float | None,
    who: str,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Show which messages the [policy] of the file NEW would decide differently than that of the settings.

    Scan workers read the mailboxes once, as for a dry run, and decide by both policies; nothing is changed. Of NEW only
    the table [policy] is used. Whether it confirms live runs, and other caps, are shown beside.

    Exits with 0 if nothing would change and with 3 if something would; with 1 if nothing was found to change, but not
    every message could be compared.
    """
    context = open_context(load_settings(config_file), who=who)
    after = _load_policy(_STDIN if str(new) == "-" else new, config_file)
    selection = Selection((), group, everything=group is None)
    chosen = selection.mailboxes(context.settings)
    found, following = _compare(context, selection, after, chosen, timeout_s)
    if as_json:
        print_document({**found.to_dict(samples), "problems": dict(sorted(following.problems.items()))})
    else:
        _print(found, samples)
    incomplete = report_problems(following)
    if found.not_compared:
        why = "deciding on them failed, or too many of one mailbox depend on its calendar"
        say(f"{found.not_compared} messages were not compared: {why}")
    sys.exit(_DIFFERS if found.changed or found.keys else _INCOMPLETE if incomplete or found.not_compared else 0)


def _load_policy(new: Path, config_file: Path | None) -> PolicySettings:
    """Return the policy of a file; one that 'config check' would refuse is refused.

    :raises ConfigError: it is wrong.
    """
    loaded = load_with_policy_of(new, config_file, os.environ)
    mailboxes = read_mailboxes(loaded.settings.mailboxes, loaded.settings)
    if problems := list(policy_check.problems(loaded, mailboxes)):
        raise ConfigError(in_file_order(problems))
    return loaded.settings.policy


def _compare(
    context: OperatorContext,
    selection: Selection,
    after: PolicySettings,
    chosen: Sequence[Mailbox],
    timeout_s: float | None,
) -> tuple[PolicyChanges, Following]:
    policies = [one.model_dump(mode="json", exclude_unset=True) for one in (context.settings.policy, after)]
    action = look_action(context, "policy-diff", selection, chosen)
    arguments = {**selection.arguments(chosen), "policies": policies}
    found = PolicyChanges(changed_keys(context.settings.policy, after))
    with interruptible(), Progress(len(chosen)) as progress:
        following = follow(context, "compare", chosen, arguments, action, timeout_s)
        for ended in following.results():
            progress.show(len(following.ended) + len(following.problems))
            if ended is not None:
                found.add(map(DecisionChange.from_dict, ended.found), ended.counts)
    return found, following


def _print(found: PolicyChanges, samples: int) -> None:
    for sentence in found.sentences():
        print_fitted(Text(sentence))
    for transition, rows in found.by_transition():
        print_fitted("")
        print_fitted(Text(printable(f"{len(rows):6} {transition}"), style="bold"))
        if samples:
            _print_samples(rows[:samples])
            if len(rows) > samples:
                print_fitted(f"       and {len(rows) - samples} more; --samples shows them")


def _print_samples(rows: Sequence[DecisionChange]) -> None:
    """Print the messages that another policy would decide differently: mailbox, start, organizer, subject, item."""
    samples = [
        (row.mailbox, row.start[:16].replace("T", " "), address_of(row.organizer), row.subject, row.item)
        for row in rows
    ]
    if not has_room_for_columns():
        for cells in samples:
            print_block(cells[:_FIRST], cells[_FIRST:])
        return
    table = Table(box=None, show_header=False, expand=is_terminal(), pad_edge=False, padding=(0, 1, 0, 0))
    for _ in range(1 + len(samples[0])):
        table.add_column(no_wrap=not is_terminal(), overflow="fold")
    for cells in samples:
        table.add_row("      ", *(Text(printable(cell)) for cell in cells))
    print_fitted(table)
