"""``rsvpq confirm``: confirm that live runs may begin."""

from pathlib import Path

import click

from rsvpq.cli.config_file import config_option
from rsvpq.cli.documents import print_action
from rsvpq.cli.options import json_option, who_option
from rsvpq.ops import InvalidRequest, confirmation, open_context
from rsvpq.settings import load_settings


@click.command()
@click.option("--withdraw", is_flag=True, help="Withdraw the confirmation: only observe from now on.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--reason", default="", help="Recorded in the audit.")
@who_option
@json_option
@config_option
def confirm(withdraw: bool, yes: bool, reason: str, who: str, as_json: bool, config_file: Path | None) -> None:
    """Confirm that rsvpq may answer, once 'rsvpq scan --dry-run' shows what you want.

    Until then rsvpq only observes, even with mode = "respond". An answer that was sent cannot be recalled; a response
    that was processed is moved to Deleted Items.
    """
    context = open_context(load_settings(config_file), who=who)
    if withdraw:
        print_action("withdraw", confirmation.withdraw(context, reason), as_json=as_json)
        return
    try:
        terms = confirmation.terms(context)
    except InvalidRequest as error:
        raise click.ClickException(str(error)) from None
    if not confirmation.confirmed(context):
        click.echo(terms, err=as_json)
        if not yes:
            click.confirm("May rsvpq answer?", abort=True, err=as_json)
    done = confirmation.confirm(context, reason)
    print_action("confirm", done, as_json=as_json, warnings=filter(None, [confirmation.unused(context)]))
