"""``rsvpq check``: one line and an exit code for Nagios, Icinga, Zabbix and the like.

Format and exit codes: Monitoring Plugins Development Guidelines, "Plugin Output for Nagios" and "Plugin Return Codes".
"""

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import click
from redis.exceptions import RedisError

from rsvpq.cli.options import config_option, to_seconds
from rsvpq.metrics.reading import InstallationReader, Reading
from rsvpq.metrics.troubles import LATE_SCANS, Severity, Trouble, troubles
from rsvpq.settings import ConfigError, load_settings
from rsvpq.text import age, printable


class _Plugin(click.Command):
    """A command whose wrong usage is UNKNOWN too: exit code 2, which others have for it, would be an alarm."""

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        try:
            return super().make_context(*args, **more)
        except click.UsageError as error:
            _end(Severity.UNKNOWN, error.format_message())


@click.command(cls=_Plugin)
@click.option(
    "--lag-warning",
    "lag_warning_s",
    metavar="DURATION",
    default="30m",
    show_default=True,
    callback=to_seconds,
    help="Warn if the oldest unfinished item has waited longer.",
)
@click.option(
    "--lag-critical",
    "lag_critical_s",
    metavar="DURATION",
    default="2h",
    show_default=True,
    callback=to_seconds,
    help="The same, as critical.",
)
@config_option
def check(lag_warning_s: float, lag_critical_s: float, config_file: Path | None) -> None:
    """Say in one line whether this installation works, as a Nagios plugin.

    Exits with 0 OK, 1 WARNING, 2 CRITICAL or 3 UNKNOWN (wrong settings or usage). Contacts no mail server.
    """
    if lag_warning_s > lag_critical_s:
        _end(Severity.UNKNOWN, "--lag-warning is longer than --lag-critical")
    try:
        reading = InstallationReader(load_settings(config_file)).read()
    except RedisError as error:
        _end(Severity.CRITICAL, f"Redis cannot be read: {error}")
    except ConfigError as error:
        _end(Severity.UNKNOWN, str(error))
    except Exception as error:
        traceback.print_exc()
        _end(Severity.UNKNOWN, f"{type(error).__name__}: {error}")
    found = list(troubles(reading, lag_warning_s=lag_warning_s, lag_critical_s=lag_critical_s))
    figures = " ".join(_figures(reading, lag_warning_s, lag_critical_s))
    _end(max((one.severity for one in found), default=Severity.OK), _text(reading, found), figures)


def _text(reading: Reading, found: list[Trouble]) -> str:
    if found:
        return "; ".join(one.text for one in found)
    return f"{reading.force.headline}; the oldest item has waited {age(reading.status.oldest_s or 0.0)}"


def _figures(reading: Reading, lag_warning_s: float, lag_critical_s: float) -> Iterator[str]:
    """Yield performance data: ``LABEL=VALUE[UNIT];WARN;CRIT;MIN``."""
    status, servers = reading.status, reading.status.servers.values()
    yield f"lag={status.oldest_s or 0:.0f}s;{lag_warning_s:g};{lag_critical_s:g};0"
    yield f"dead={status.dead};0;;0"
    yield f"pending={sum(server.pending for server in servers)};;;0"
    yield f"in_flight={sum(server.in_flight for server in servers)};;;0"
    yield f"later={status.later};;;0"
    yield f"on_hold={sum(sum(server.on_hold.values()) for server in servers)};;;0"
    yield from (f"{queue}_workers={len(workers)};;;0" for queue, workers in reading.force.workers.items())
    yield f"dispatchers={len(reading.force.dispatchers)};;;0"
    scans_s = [server.oldest_scan_s for server in servers if server.oldest_scan_s is not None]
    if scans_s:
        late = f"{LATE_SCANS * reading.schedule_s:g}" if reading.schedule_s else ""
        yield f"oldest_scan={max(scans_s):.0f}s;{late};;0"


def _end(severity: Severity, text: str, figures: str = "") -> NoReturn:
    """Print the line, and end with the exit code. A bar would begin the performance data."""
    line = f"RSVPQ {severity.name} - {printable(' '.join(text.split())).replace('|', '/')}"
    click.echo(f"{line} | {figures}" if figures else line)
    raise click.exceptions.Exit(severity)
