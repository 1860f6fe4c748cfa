"""``rsvpq repair``: put right what is out of order in the ledger, and name what was found broken."""

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
@click.option("--list", "only_list", is_flag=True, help="Change nothing, and name what was found broken.")
@click.option("--forget", is_flag=True, help="Name them no more; what was set aside is kept for thirty days.")
@json_option
@config_option
def repair(only_list: bool, forget: bool, as_json: bool, config_file: Path | None) -> None:
    """Look through the whole ledger: items in no place are put back, broken records are set aside and named.

    The dispatchers do the same a step at a time; this is for whoever does not want to wait for them.
    """
    if only_list and forget:
        raise click.UsageError("--list changes nothing; give --forget alone")
    settings = load_settings(config_file)
    lanes = wiring.make_lanes(settings)
    done = {} if only_list or forget else _put_right(lanes.repair, celery_app.key_types(settings.redis.namespace))
    if forget:
        lanes.repair.forget_broken()
    found = lanes.repair.broken_records()
    if as_json:
        click.echo(json.dumps({**done, "broken": [asdict(one) for one in found]}))
        return
    if done:
        click.echo(f"records put right: {done['mended']}  counters put right: {done['counters']}")
    _show(found, lanes.time_us())


def _put_right(repair: Repair, broker_keys: Mapping[str, str]) -> dict[str, int]:
    repaired = repair.quarantine(broker_keys) + sum(step.repaired for step in repair.walk())
    repair.forget_gone()
    return {"mended": repaired, "counters": max(0, repair.check_slots())}


def _show(found: Sequence[BrokenRecord], now_us: int) -> None:
    click.echo(f"{len(found)} broken record{'' if len(found) == 1 else 's'} named")
    for one in found:
        click.echo(f"{age(max(0, now_us - one.at_us) / 1e6)} ago  {printable(one.why)}  {printable(one.name)}")
