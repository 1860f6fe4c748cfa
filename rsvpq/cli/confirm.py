"""``rsvpq confirm``: confirm that live runs may begin, in all mailboxes or in one group after the other."""

from pathlib import Path

import click

from rsvpq.cli.config_file import config_option
from rsvpq.cli.documents import print_action
from rsvpq.cli.lanes import usage
from rsvpq.cli.names import Name
from rsvpq.cli.options import json_option, not_empty, who_option, why_option
from rsvpq.cli.strict import StrictCommand
from rsvpq.ops import confirmation, open_context
from rsvpq.settings import load_settings


@click.command(cls=StrictCommand)
@click.option(
    "--group",
    type=Name("group"),
    default="",
    callback=not_empty,
    help="Only the mailboxes of this group; others stay observed.",
)
@click.option(
    "--withdraw", is_flag=True, help="Withdraw it (without --group: all of it), and only observe from now on."
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@why_option
@who_option
@json_option
@config_option
def confirm(
    group: str, withdraw: bool, yes: bool, reason: str, who: str, as_json: bool, config_file: Path | None
) -> None:
    """Confirm that rsvpq may answer, once 'rsvpq scan --dry-run' shows what you want.

    Until then rsvpq only observes, even with mode = "respond". With --group all other groups stay observed. An answer
    that was sent cannot be recalled; a response that was processed is moved to Deleted Items.
    """
    context = open_context(load_settings(config_file), who=who)
    if withdraw:
        with usage():
            done = confirmation.withdraw(context, reason, group)
        print_action("withdraw", done, as_json=as_json, facts={"group": group or None})
        return
    with usage():
        terms = confirmation.terms(context, group)
    if not confirmation.confirmed(context, group):
        click.echo(terms, err=as_json)
        if not yes:
            click.confirm("May rsvpq answer?", abort=True, err=as_json)
    done = confirmation.confirm(context, reason, group)
    warnings = filter(None, [confirmation.unused(context)])
    print_action("confirm", done, as_json=as_json, warnings=warnings, facts={"group": group or None})
