"""``rsvpq schedule``: show when mailboxes are scanned next, and when they rest."""

from datetime import datetime
from pathlib import Path

import click

from rsvpq.cli.config_file import config_option
from rsvpq.cli.documents import print_document, say
from rsvpq.cli.options import json_option
from rsvpq.cli.strict import StrictCommand
from rsvpq.ops.schedules import upcoming_runs
from rsvpq.settings import load_settings
from rsvpq.text import printable


@click.command(cls=StrictCommand)
@click.option("--runs", type=click.IntRange(1, 100), default=3, show_default=True, metavar="N", help="The next N runs.")
@json_option
@config_option
def schedule(runs: int, as_json: bool, config_file: Path | None) -> None:
    """Show the next runs of each schedule in the settings, in its time zone, and whether its mailboxes rest now.

    Reads only the settings: whether a dispatcher runs that triggers them, 'rsvpq status' shows.
    """
    found = upcoming_runs(load_settings(config_file), runs)
    if as_json:
        print_document({"schedules": [one.to_dict() for one in found]})
        return
    if not found:
        say("there are no schedules: scans only run when triggered; add [[schedule]] to the settings")
    for one in found:
        click.echo(printable(f"{one.scope}: {one.when}"))
        if one.rests_until:
            click.echo(f"  quiet hours now, until {_shown(one.rests_until)}")
        for run in one.runs:
            click.echo(f"  {_shown(run)}")
        if not one.runs:
            click.echo("  never: all its times are in quiet hours")


def _shown(moment: datetime) -> str:
    return f"{moment:%a %Y-%m-%d %H:%M:%S %Z}"
