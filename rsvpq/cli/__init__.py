"""The command ``rsvpq``: uses the queue (by task name) and the lanes; imports neither producer nor workers.

Exit codes: 0 success, 1 failure, 2 wrong usage or settings, 3 partial failure (``doctor``, ``scan --dry-run``,
``explain``). Data goes to stdout, errors and notes to stderr.
"""

import sys
from collections.abc import Sequence

import click
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from rsvpq import __version__
from rsvpq.cli.audit import audit
from rsvpq.cli.config import config
from rsvpq.cli.confirm import confirm
from rsvpq.cli.dead import dead
from rsvpq.cli.doctor import doctor
from rsvpq.cli.explain import explain
from rsvpq.cli.lanes import limit, pause, resume
from rsvpq.cli.reconcile import drafts, reconcile
from rsvpq.cli.repair import repair
from rsvpq.cli.report import report
from rsvpq.cli.scan import scan
from rsvpq.cli.status import status
from rsvpq.settings import ConfigError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rsvpq")
def commands() -> None:
    """Answer meeting requests in Exchange 2000/2003 mailboxes, from a Celery queue."""


_COMMANDS = (
    config,
    doctor,
    scan,
    confirm,
    reconcile,
    drafts,
    status,
    pause,
    resume,
    limit,
    dead,
    repair,
    audit,
    report,
    explain,
)
for command in _COMMANDS:
    commands.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; show an error that an operator can repair as one message, without a traceback."""
    try:
        commands(args=arguments)
    except ConfigError as error:
        click.echo(error, err=True)
        sys.exit(2)
    except (RedisError, OperationalError) as error:
        click.echo(f"rsvpq: cannot query Redis: {error}", err=True)
        sys.exit(1)
