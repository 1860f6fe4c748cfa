"""``rsvpq repair``: repair the ledger, and list records that were found broken."""

from pathlib import Path
from typing import Any

import click

from rsvpq import wiring
from rsvpq.cli.config_file import config_option
from rsvpq.cli.documents import print_document
from rsvpq.cli.options import json_option
from rsvpq.cli.strict import StrictCommand
from rsvpq.settings import load_settings
from rsvpq.tasks import celery_app
from rsvpq.text import age, counted, printable


@click.command(cls=StrictCommand)
@click.option("--list", "only_list", is_flag=True, help="Only list the broken records that were found; change nothing.")
@click.option("--forget", is_flag=True, help="Clear that list; what was set aside is kept for thirty days.")
@json_option
@config_option
def repair(only_list: bool, forget: bool, as_json: bool, config_file: Path | None) -> None:
    """Check the whole ledger: put misplaced items back, set broken records aside, and list them.

    The dispatchers do the same in small steps; this command does it at once.
    """
    if only_list and forget:
        raise click.UsageError("--list changes nothing; use --forget alone")
    settings = load_settings(config_file)
    lanes = wiring.command_lanes(settings.redis)
    done: dict[str, int] = {}
    if forget:
        lanes.repair.forget_broken()
    elif not only_list:
        moved = lanes.repair.quarantine(celery_app.key_types(settings.redis.namespace))
        done["repaired"] = moved + sum(step.repaired for step in lanes.repair.walk())
        lanes.repair.forget_gone()
        done["wrong_slots"] = max(0, lanes.repair.check_slots())
    now_us = lanes.time_us()
    rows: list[dict[str, Any]] = [
        {"name": one.name, "reason": one.why, "age_s": max(0, now_us - one.at_us) / 1e6}
        for one in lanes.repair.broken_records()
    ]
    if as_json:
        print_document({**done, "broken": rows})
        return
    if done:
        click.echo(f"records repaired: {done['repaired']}  counters corrected: {done['wrong_slots']}")
    click.echo(f"{counted(len(rows), 'broken record')} listed")
    for row in rows:
        click.echo(f"{age(row['age_s'])} ago  {printable(row['reason'])}  {printable(row['name'])}")
