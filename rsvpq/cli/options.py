"""Options and arguments that several commands share."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click
from click.core import ParameterSource

from rsvpq.audit.record import operator
from rsvpq.cli.names import Name
from rsvpq.lanes import Lanes
from rsvpq.lanes.bounds import LARGEST_COUNT, OutOfBounds
from rsvpq.settings import OPERATOR_VARIABLE, Duration

_Command = TypeVar("_Command", bound=Callable[..., Any])


#: A whole number above zero.
COUNT = click.IntRange(1, LARGEST_COUNT)
#: Characters of the name of an operator, which is in each record of the audit of what that operator does.
_LONGEST_NAME = 100
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")


def to_seconds(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    """Read a duration as an option's value."""
    if value is None:
        return None
    try:
        return Duration.parse(value).seconds
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def not_empty(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Refuse an empty value, such as an unset variable of a script: the option would have no effect."""
    given = parameter.name and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    if given and value == "":
        raise click.BadParameter("the value is empty; give one, or omit the option")
    return value


def _claimed(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Return who acts as the audit records it: the claimed name never hides the account that is used."""
    not_empty(context, parameter, value)
    name = value.strip()
    if value and not name:
        raise click.BadParameter("the name consists of blanks; write one, or omit it")
    if not name.isprintable():
        raise click.BadParameter("the name has characters that cannot be shown; write it in plain letters")
    if len(name) > _LONGEST_NAME:
        raise click.BadParameter(f"the name is longer than {_LONGEST_NAME} characters; write a shorter one")
    return f"{name} ({operator()})" if name else ""


who_option = click.option(
    "--who",
    metavar="NAME",
    default="",
    envvar=OPERATOR_VARIABLE,
    callback=_claimed,
    help="Your name for the audit.  [default: RSVPQ_OPERATOR, else the user of this process]",
)
#: ``--reason`` stays beside it, and is a filter of 'rsvpq dead' only.
why_option = click.option("--why", "--reason", "reason", default="", help="Why, for the audit.")
timeout_option = click.option(
    "--timeout",
    "timeout_s",
    metavar="DURATION",
    callback=to_seconds,
    help="Stop waiting after DURATION, such as 90s or 10m; the run goes on.  [default: 1h]",
)


def the_format(form: str | None, *, as_json: bool) -> str | None:
    """Return the chosen format of a command that has ``--format`` too; None for its default.

    :raises click.UsageError: both options are given.
    """
    if as_json and form not in (None, "json"):
        raise click.UsageError(f"give either --json or --format {form}")
    return "json" if as_json else form


def mailboxes_option(command: _Command) -> _Command:
    """Add the options that select mailboxes."""
    everything = click.option("--all", "everything", is_flag=True, help="Every mailbox.")
    group = click.option("--group", type=Name("group"), help="Every mailbox of this group.")
    server = click.option("--server", type=Name("server"), help="Every mailbox on this server.")
    return click.argument("mailboxes", type=Name("mailbox"), nargs=-1)(group(server(everything(command))))


def milliseconds(lanes: Lanes, when: str, option: str, zone: ZoneInfo | None = None) -> int:
    """Return a time in milliseconds since the epoch; a duration means that long ago, by Redis' clock.

    :param zone: the time zone of a time without an offset; None for the zone of this machine.
    :raises click.BadParameter: ``when`` is neither a time nor a duration, or is too long ago.
    """
    try:
        ago = Duration.parse(when).seconds
        return max(0, round(lanes.time_us() / 1000 - ago * 1000))
    except OutOfBounds as error:
        raise click.BadParameter(str(error), param_hint=option) from None
    except ValueError:
        return time_ms(when, option, zone, "how long ago, such as 90s, 2h or 7d")


def time_ms(when: str, option: str, zone: ZoneInfo | None, instead: str) -> int:
    """Return a time in milliseconds since the epoch.

    :param zone: as for :func:`milliseconds`. :param instead: what else could be written, for the error.
    :raises click.BadParameter: ``when`` is not a time.
    """
    with suppress(ValueError, OverflowError, OSError):
        moment = datetime.fromisoformat(when)
        moment = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
        return max(0, round(moment.timestamp() * 1000))
    raise click.BadParameter(
        f"{when!r} is not a time; write {instead}, or a time such as 2026-11-22T09:00 or 2026-11-22T09:00Z",
        param_hint=option,
    )
