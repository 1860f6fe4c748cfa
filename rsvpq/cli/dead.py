"""``rsvpq dead``: items that ended without an outcome, with the reason and the journal as evidence."""

import json
from pathlib import Path

import click

from rsvpq import wiring
from rsvpq.cli.options import config_option, json_option
from rsvpq.settings import load_settings


@click.command()
@click.option("--limit", "most", default=50, show_default=True, help="At most so many, the newest first.")
@json_option
@config_option
def dead(most: int, as_json: bool, config_file: Path | None) -> None:
    """List dead items: what it was, why it ended, and what its journal says was done."""
    for item in wiring.make_lanes(load_settings(config_file)).dead(most):
        if as_json:
            click.echo(json.dumps(item.to_dict()))
        else:
            subject = item.payload.get("subject", item.work)
            click.echo(
                f"{item.id}  {item.mailbox}  {subject!r}\n    {item.reason}\n    journal: {json.dumps(item.journal)}"
            )
