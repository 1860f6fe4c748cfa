"""The command ``rsvpq``: uses the queue (by task name) and the lanes; imports neither producer nor workers.

Exit codes: 0 success, 1 failure, 2 wrong usage or settings, 3 partial failure (``doctor``, ``scan --dry-run``,
``explain``) or a difference (``policy diff``), 130 ended by Ctrl-C; those of ``check`` are a Nagios plugin's. Data goes
to stdout, errors and notes to stderr: docs/cli.md.
"""

import errno
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from rsvpq import __version__
from rsvpq.cli.completion import VARIABLE, complete
from rsvpq.cli.config_file import config_option
from rsvpq.cli.strict import StrictGroup

#: The module of each command. It is loaded when the command is used: all of them take half a second.
_MODULES = {
    "audit": "audit",
    "check": "check",
    "config": "config",
    "confirm": "confirm",
    "console": "console",
    "dead": "dead",
    "doctor": "doctor",
    "drafts": "reconcile",
    "explain": "explain",
    "init": "init",
    "limit": "lanes",
    "mailboxes": "mailboxes",
    "pause": "lanes",
    "policy": "policy_diff",
    "reconcile": "reconcile",
    "repair": "repair",
    "report": "report",
    "resume": "lanes",
    "scan": "scan",
    "schedule": "schedule",
    "status": "status",
}

#: Why a file takes no more output.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class _Commands(StrictGroup):
    """The commands of :data:`_MODULES`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        return sorted(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; all of them for an unknown name, so that click can suggest a similar one."""
        for name in [cmd_name] if cmd_name in _MODULES else _MODULES:
            self.add_command(getattr(import_module(f"rsvpq.cli.{_MODULES[name]}"), name))
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; let one that Ctrl-C has ended be known by its exit code, which click's own does not do."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort) as error:
            # At a question, click raises its own for Ctrl-C, for the end of the input, and for a no.
            if isinstance(error, click.Abort) and not isinstance(error.__context__, KeyboardInterrupt):
                raise
            click.echo("\ninterrupted", err=True)
            ctx.exit(130)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rsvpq")
@config_option
def commands(config_file: Path | None) -> None:
    """Answer meeting requests in Exchange mailboxes, from a Celery queue."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; show an error that an operator can repair as one message, without a traceback."""
    if asked := os.environ.get(VARIABLE):
        complete(asked)
        return
    # What a worker says of a list that it cannot read is not true of a command, which shows the problem as its own.
    logging.getLogger("rsvpq.settings.mailboxes").addHandler(logging.NullHandler())
    try:
        commands(args=arguments)
    except Exception as error:
        shown = _shown(error)
        if shown is None:
            raise
        text, code = shown
        click.echo(text, err=True)
        if isinstance(error, OSError):  # what is left in the buffer would be written at the end, and fail again
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(code)


def _shown(error: Exception) -> tuple[str, int] | None:
    """Return the message and the exit code for an error that an operator can repair, None for another."""
    from kombu.exceptions import OperationalError  # noqa: PLC0415 - slow; the command that raised it has loaded it
    from redis.exceptions import RedisError  # noqa: PLC0415

    from rsvpq.settings import ConfigError  # noqa: PLC0415

    if isinstance(error, ConfigError):
        return str(error), 2
    if isinstance(error, RedisError | OperationalError):
        return f"rsvpq: cannot query Redis: {error}; 'rsvpq doctor' says what to do", 1
    if isinstance(error, OSError) and error.errno in _FULL:
        return f"rsvpq: the output cannot be written: {error.strerror}", 1
    return None
