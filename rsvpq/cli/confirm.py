"""``rsvpq confirm``: confirm that live runs may begin."""

from pathlib import Path

import click

from rsvpq.cli.options import config_option
from rsvpq.ops import InvalidRequest, confirmation, open_context
from rsvpq.settings import load_settings


@click.command()
@click.option("--withdraw", is_flag=True, help="Withdraw the confirmation: only observe from now on.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--reason", default="", help="Recorded in the audit.")
@config_option
def confirm(withdraw: bool, yes: bool, reason: str, config_file: Path | None) -> None:
    """Confirm that rsvpq may answer, once 'rsvpq scan --dry-run' shows what you want.

    Until then rsvpq only observes, even with mode = "respond". An answer that was sent cannot be recalled; a response
    that was processed is moved to Deleted Items.
    """
    context = open_context(load_settings(config_file))
    if withdraw:
        click.echo(confirmation.withdraw(context, reason))
        return
    try:
        click.echo(confirmation.terms(context))
    except InvalidRequest as error:
        raise click.ClickException(str(error)) from None
    if not yes:
        click.confirm("May rsvpq answer?", abort=True)
    click.echo(confirmation.confirm(context, reason))
    if warning := confirmation.unused(context):
        click.echo(warning, err=True)
