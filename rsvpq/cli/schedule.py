"""``rsvpq schedule``: show when mailboxes are scanned next, and when they rest."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import click

from rsvpq.cli.config_file import config_option
from rsvpq.cli.documents import print_document, say
from rsvpq.cli.options import json_option
from rsvpq.ops.schedules import UpcomingRuns, upcoming_runs
from rsvpq.settings import load_settings
from rsvpq.text import printable


@click.command()
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
    for line in schedule_lines(found):
        click.echo(line)


def schedule_lines(schedules: Sequence[UpcomingRuns]) -> Iterator[str]:
    """Yield the lines of the output, each time with its offset, since some local times are shown twice."""
    for one in schedules:
        yield printable(f"{one.scope}: {one.when}")
        if one.rests_until:
            yield f"  quiet hours now, until {_shown(one.rests_until)}"
        yield from (f"  {_shown(run)}" for run in one.runs)
        if not one.runs:
            yield "  never: all its times are in quiet hours"


def _shown(moment: datetime) -> str:
    return f"{moment:%a %Y-%m-%d %H:%M:%S %Z}"
