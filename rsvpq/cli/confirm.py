"""``rsvpq confirm``: let live runs begin."""

from datetime import UTC, datetime
from pathlib import Path

import click

from rsvpq import wiring
from rsvpq.audit.record import operator
from rsvpq.cli.asking import unused
from rsvpq.cli.options import config_option
from rsvpq.settings import load_settings


@click.command()
@click.option("--withdraw", is_flag=True, help="Only observe again, from now on.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--reason", default="", help="Kept in the audit.")
@config_option
def confirm(withdraw: bool, yes: bool, reason: str, config_file: Path | None) -> None:
    """Confirm that rsvpq may answer, once 'rsvpq scan --dry-run' shows what you want.

    Until then everything is only observed, even with mode = "respond". An answer that was sent cannot be taken back; a
    response that was cleaned away lies in Deleted Items.
    """
    settings = load_settings(config_file)
    lanes = wiring.make_lanes(settings)
    audit = wiring.make_audit(settings, lanes)
    if withdraw:
        lanes.controls.confirm("", action=audit.action("withdraw", "all", "", why=reason))
        click.echo("withdrawn: within seconds nothing new is begun; what was begun is finished")
        return
    if settings.mode == "observe":
        raise click.ClickException('mode = "observe": nothing would be answered; set mode = "respond" first')
    rules = settings.policy
    caps = f"{rules.most_answers_per_scan} per mailbox and scan, {rules.most_answers_per_run} per run"
    click.echo(f"at most {caps}; answers cannot be taken back")
    if not yes:
        click.confirm("May rsvpq answer?", abort=True)
    words = f"{operator()} at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    lanes.controls.confirm(words, action=audit.action("confirm", "all", "", why=reason))
    click.echo(f"confirmed by {words}")
    if doubt := unused(settings, lanes):
        click.echo(doubt, err=True)
