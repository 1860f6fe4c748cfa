"""``rsvpq check``: one line and an exit code for Nagios, Icinga, Zabbix and the like.

Format and exit codes: Monitoring Plugins Development Guidelines, "Plugin Output for Nagios" and "Plugin Return Codes".
"""

import traceback
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import click
from redis.exceptions import RedisError

from rsvpq.cli.config_file import config_option
from rsvpq.cli.documents import print_document
from rsvpq.cli.options import json_option, to_seconds
from rsvpq.cli.strict import StrictCommand
from rsvpq.lanes.status import OVER_THE_CAP, Status
from rsvpq.metrics.reading import InstallationReader, Reading
from rsvpq.metrics.troubles import Severity, Trouble, troubles
from rsvpq.settings import ConfigError, load_settings
from rsvpq.text import age, counted, grouped, printable
from rsvpq.wiring.coverage import LATE_PERIODS
from rsvpq.wiring.wellness import cannot_be_scanned


class Figure(NamedTuple):
    """Performance data, in text ``LABEL=VALUE[UNIT];WARN;CRIT;MIN``."""

    label: str
    value: float
    unit: str = ""
    warning: str = ""
    critical: str = ""

    @property
    def key(self) -> str:
        """The name in JSON, with the unit, as everywhere."""
        return f"{self.label}_{self.unit}" if self.unit else self.label

    def __str__(self) -> str:
        return f"{self.label}={self.value:.0f}{self.unit};{self.warning};{self.critical};0"


class _Plugin(StrictCommand):
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
@json_option
@config_option
def check(lag_warning_s: float, lag_critical_s: float, as_json: bool, config_file: Path | None) -> None:
    """Say in one line whether this installation works, as a Nagios plugin.

    Exits with 0 OK, 1 WARNING, 2 CRITICAL or 3 UNKNOWN (wrong settings or usage). Contacts no mail server.
    """
    end = partial(_end, as_json=as_json)
    if lag_warning_s > lag_critical_s:
        longest = f"a lag of {age(lag_warning_s)} is a warning, and one of {age(lag_critical_s)} critical already"
        end(Severity.UNKNOWN, f"{longest}; let --lag-critical be no less than --lag-warning")
    try:
        reading = InstallationReader(load_settings(config_file)).read()
    except RedisError as error:
        end(Severity.CRITICAL, f"Redis cannot be read: {error}")
    except ConfigError as error:
        end(Severity.UNKNOWN, str(error))
    except Exception as error:
        traceback.print_exc()
        end(Severity.UNKNOWN, f"{type(error).__name__}: {error}")
    found = list(troubles(reading, lag_warning_s=lag_warning_s, lag_critical_s=lag_critical_s))
    figures = list(_figures(reading, lag_warning_s, lag_critical_s))
    end(max((one.severity for one in found), default=Severity.OK), _text(reading, found), figures)


def _text(reading: Reading, found: list[Trouble]) -> str:
    if found:
        return "; ".join(one.text for one in found)
    status = reading.status
    return "; ".join((reading.force.headline, *_left_alone(status), _waited(status), *_capped(status)))


def _waited(status: Status) -> str:
    if status.oldest_s is not None:
        return f"the oldest item has waited {age(status.oldest_s)}"
    if status.unfinished:  # scans, which are not in the lag
        return f"{counted(status.unfinished, 'item')} of mailboxes that are left alone"
    return "nothing waits in the lanes"


def _capped(status: Status) -> Iterator[str]:
    """Yield how many messages wait outside of the lanes, for a scan under whose cap there is room for them."""
    if capped := status.skipped.get(OVER_THE_CAP):
        yield f"{grouped(capped)} over a cap, which wait for later scans: see 'rsvpq status'"


def _left_alone(status: Status) -> Iterator[str]:
    """Yield what is paused or held: OK by itself, but nobody may take it for being worked."""
    if status.paused:
        yield f"everything is paused: {status.paused.reason}"
    if paused := [name for name, server in status.servers.items() if server.paused]:
        yield f"paused: {', '.join(paused)}"
    if held := [hold.of(name) for name, server in status.servers.items() for hold in server.holds]:
        yield f"held: {', '.join(held)}"
    if failing := cannot_be_scanned(status.servers.values()):
        yield failing


def _figures(reading: Reading, lag_warning_s: float, lag_critical_s: float) -> Iterator[Figure]:
    status, servers = reading.status, reading.status.servers.values()
    yield Figure("lag", status.oldest_s or 0, "s", f"{lag_warning_s:g}", f"{lag_critical_s:g}")
    yield Figure("dead", status.dead, warning="0")
    yield Figure("pending", sum(server.pending for server in servers))
    yield Figure("in_flight", sum(server.in_flight for server in servers))
    yield Figure("later", status.later)
    yield Figure("on_hold", sum(sum(server.on_hold.values()) for server in servers))
    yield from (Figure(f"{queue}_workers", len(workers)) for queue, workers in reading.force.workers.items())
    yield Figure("dispatchers", len(reading.force.dispatchers))
    scans_s = [server.oldest_scan_s for server in servers if server.oldest_scan_s is not None]
    if scans_s:
        late = f"{LATE_PERIODS * reading.schedule_s:g}" if reading.schedule_s else ""
        yield Figure("oldest_scan", max(scans_s), "s", late)


def _end(severity: Severity, text: str, figures: Sequence[Figure] = (), *, as_json: bool = False) -> NoReturn:
    """Print the line or the document, and end with the exit code. A bar would begin the performance data."""
    text = printable(" ".join(text.split()))
    if as_json:
        values = {figure.key: round(figure.value, 3) for figure in figures}
        print_document({"state": severity.name, "exit_code": int(severity), "text": text, "figures": values})
    else:
        line = f"RSVPQ {severity.name} - {text.replace('|', '/')}"
        click.echo(f"{line} | {' '.join(map(str, figures))}" if figures else line)
    raise click.exceptions.Exit(severity)
