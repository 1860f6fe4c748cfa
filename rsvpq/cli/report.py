"""``rsvpq report``: summarize a period from the audit."""

import shutil
import sys
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from rsvpq import wiring
from rsvpq.audit.log import AuditLog, AuditRecord
from rsvpq.cli.config_file import config_option
from rsvpq.cli.options import json_option, milliseconds, the_format
from rsvpq.cli.strict import StrictCommand
from rsvpq.report.calendar import Calendar, Unit
from rsvpq.report.html import to_html
from rsvpq.report.json_form import to_dict
from rsvpq.report.reading import read_report
from rsvpq.report.text import to_text
from rsvpq.settings import load_settings
from rsvpq.text import json_text

#: The width of the text without a terminal, and the largest width that is easy to read.
_WIDTH, _WIDEST = 100, 140


@click.command(cls=StrictCommand)
@click.option("--since", metavar="WHEN", default="7d", show_default=True, help="Start: 7d (ago), or 2026-11-01.")
@click.option("--until", metavar="WHEN", help="End, exclusive.  [default: now]")
@click.option("--format", "form", type=click.Choice(["text", "html", "json"]), help="Output format.  [default: text]")
@click.option("--output", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Instead of stdout.")
@click.option(
    "--group-by",
    "unit",
    type=click.Choice(["hour", "day"]),
    help="Period of one bar.  [default: hour for up to three days, else day]",
)
@click.option("--timezone", metavar="ZONE", help="Time zone, such as Europe/Berlin.  [default: that of this machine]")
@json_option
@config_option
def report(
    since: str,
    until: str | None,
    form: str | None,
    output: Path | None,
    unit: Unit | None,
    timezone: str | None,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Summarize a period: decisions, answers, failures, slow and failing mailboxes."""
    form = the_format(form, as_json=as_json)
    zone = _zone(timezone)
    lanes = wiring.command_lanes(load_settings(config_file).redis)
    now = lanes.time_us() // 1000
    since_ms = milliseconds(lanes, since, "--since", zone)
    until_ms = min(now, milliseconds(lanes, until, "--until", zone)) if until else now
    if since_ms >= until_ms:
        raise click.UsageError("the period is empty: --since must be before --until, and before now")
    calendar = Calendar(zone)
    figures = read_report(AuditLog(lanes), since_ms, until_ms, calendar, unit, _show_progress)
    match form:
        case "html":
            text = to_html(figures, calendar)
        case "json":
            text = json_text(to_dict(figures, calendar), indent=2) + "\n"
        case _:
            text = to_text(figures, calendar, min(shutil.get_terminal_size((_WIDTH, 0)).columns, _WIDEST))
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(output), error.strerror or str(error)) from None


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):  # the last two: not a valid file name
        return ZoneInfo(name)
    raise click.BadParameter(f"unknown time zone {name!r}; use one such as Europe/Berlin", param_hint="--timezone")


def _show_progress(count: int, record: AuditRecord) -> None:
    click.echo(f"{count:,} records read, up to {record['time'][:16]}Z", err=True)
