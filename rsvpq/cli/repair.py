"""``rsvpq repair``: repair the ledger, and list records that were found broken."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from rsvpq import wiring
from rsvpq.cli.options import config_option, json_option
from rsvpq.settings import load_settings
from rsvpq.tasks import celery_app
from rsvpq.text import age, printable


@click.command()
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
    lanes = wiring.make_lanes(settings)
    done: dict[str, int] = {}
    if forget:
        lanes.repair.forget_broken()
    elif not only_list:
        moved = lanes.repair.quarantine(celery_app.key_types(settings.redis.namespace))
        done["mended"] = moved + sum(step.repaired for step in lanes.repair.walk())
        lanes.repair.forget_gone()
        done["counters"] = max(0, lanes.repair.check_slots())
    found = lanes.repair.broken_records()
    if as_json:
        click.echo(json.dumps({**done, "broken": [asdict(one) for one in found]}))
        return
    if done:
        click.echo(f"records repaired: {done['mended']}  counters corrected: {done['counters']}")
    now_us = lanes.time_us()
    click.echo(f"{len(found)} broken record{'' if len(found) == 1 else 's'} listed")
    for one in found:
        click.echo(f"{age(max(0, now_us - one.at_us) / 1e6)} ago  {printable(one.why)}  {printable(one.name)}")
