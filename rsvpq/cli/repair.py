"""``rsvpq repair``: repair the ledger, and list records that were found broken."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from rsvpq import wiring
from rsvpq.cli.options import config_option, json_option
from rsvpq.lanes.repair import BrokenRecord, Repair
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
    done = {} if only_list or forget else _repair(lanes.repair, celery_app.key_types(settings.redis.namespace))
    if forget:
        lanes.repair.forget_broken()
    found = lanes.repair.broken_records()
    if as_json:
        click.echo(json.dumps({**done, "broken": [asdict(one) for one in found]}))
        return
    if done:
        click.echo(f"records repaired: {done['mended']}  counters corrected: {done['counters']}")
    _show(found, lanes.time_us())


def _repair(repair: Repair, broker_keys: Mapping[str, str]) -> dict[str, int]:
    repaired = repair.quarantine(broker_keys) + sum(step.repaired for step in repair.walk())
    repair.forget_gone()
    return {"mended": repaired, "counters": max(0, repair.check_slots())}


def _show(found: Sequence[BrokenRecord], now_us: int) -> None:
    click.echo(f"{len(found)} broken record{'' if len(found) == 1 else 's'} listed")
    for one in found:
        click.echo(f"{age(max(0, now_us - one.at_us) / 1e6)} ago  {printable(one.why)}  {printable(one.name)}")
