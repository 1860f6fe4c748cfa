"""``rsvpq pause | resume | limit``: control lanes while they run."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from rsvpq.cli.config_file import config_option
from rsvpq.cli.documents import print_action, print_document, say
from rsvpq.cli.names import Name
from rsvpq.cli.options import json_option, not_empty, time_ms, to_seconds, who_option, why_option
from rsvpq.cli.strict import StrictCommand
from rsvpq.lanes import Scope
from rsvpq.lanes.bounds import LARGEST_AT_ONCE
from rsvpq.ops import InvalidRequest, LedgerContext, OperatorContext, control, open_context, open_ledger
from rsvpq.ops.confirmation import unused
from rsvpq.settings import ConfigError, Problem, load_redis, load_settings
from rsvpq.text import printable

_scope = click.argument("scope", type=click.Choice(["all", "server", "group", "mailbox"]))
_name = click.argument("name", type=Name("scope"), required=False, default="")


@contextmanager
def usage() -> Iterator[None]:
    """Report an invalid request as wrong usage, with exit code 2.

    :raises click.UsageError: instead of InvalidRequest.
    """
    try:
        yield
    except InvalidRequest as error:
        raise click.UsageError(str(error)) from None


@click.command(cls=StrictCommand)
@_scope
@_name
@click.option("--why", "--reason", "reason", default=control.PAUSED, help="Why, for the status and the audit.")
@click.option(
    "--for", "for_s", metavar="DURATION", callback=to_seconds, help="End it after DURATION, such as 90s or 2h."
)
@click.option("--until", metavar="TIME", callback=not_empty, help="End it at this time, such as 2026-11-22T06:00.")
@who_option
@json_option
@config_option
def pause(
    scope: Scope,
    name: str,
    reason: str,
    for_s: float | None,
    until: str | None,
    who: str,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Pause everything, a server, a group or a mailbox: nothing new starts, and what runs stops before its next effect.

    With --for or --until a dispatcher ends the pause by itself; otherwise it lasts until somebody resumes.
    'pause all' reads only [redis] of the settings: whatever else is wrong in them, it works. If they or the list cannot
    be read, a server or a group is the one that the ledger has.
    Exits with 1 if no process has used this Redis yet, so that nothing may have been paused.
    """
    context, unread = _open(scope, config_file, who)
    if until is not None:
        if for_s is not None:
            raise click.UsageError("give either --for or --until")
        for_s = time_ms(until, "--until", None, "a duration with --for") / 1000 - context.lanes.time_us() / 1e6
        if for_s <= 0:
            raise click.BadParameter(f"{until!r} is over already", param_hint="--until")
    with usage():
        done = control.pause(context, scope, name, reason, for_s=for_s)
    warning = unused(context)
    facts = {"scope": scope, "name": name, "for_s": for_s}
    print_action("pause", done, as_json=as_json, warnings=filter(None, [warning, unread]), facts=facts)
    if warning:
        sys.exit(1)  # the operator must not believe that everything stands still


@click.command(cls=StrictCommand)
@_scope
@_name
@why_option
@who_option
@json_option
@config_option
def resume(scope: Scope, name: str, reason: str, who: str, as_json: bool, config_file: Path | None) -> None:
    """Undo a pause of the same scope; this also ends a hold of that server or mailbox.

    It reads of the settings what 'pause' reads.
    """
    context, unread = _open(scope, config_file, who)
    with usage():
        done = control.resume(context, scope, name, reason)
    facts = {"scope": scope, "name": name}
    print_action("resume", done, as_json=as_json, warnings=filter(None, [unread]), facts=facts)


def _open(scope: Scope, config_file: Path | None, who: str) -> tuple[LedgerContext, str]:
    """Open the installation, and say if that has only Redis: what is about everything needs no more.

    :raises ConfigError: not even Redis is known; or all settings, which a mailbox needs, cannot be used.
    """
    if scope == "all":
        return open_ledger(load_redis(config_file), who=who), ""
    try:
        return open_context(load_settings(config_file), who=who), ""
    except ConfigError as error:
        if scope == "mailbox":
            remedy = "needs all settings; name its server, its group or all: these need only [redis]"
            raise ConfigError([*error.problems, Problem("rsvpq", 0, "mailbox", remedy)]) from None
        looked = f"the settings cannot be used, so the {scope} was looked for in the ledger: {error.problems[0]}"
        return open_ledger(load_redis(config_file), who=who), looked


@click.command(cls=StrictCommand)
@click.argument("scope", required=False, type=click.Choice(["server", "mailbox"]))
@click.argument("name", type=Name("scope"), required=False, default="")
@click.option("--rate", callback=not_empty, help="Items per time, such as 4/s or 30/min.")
@click.option("--burst", type=click.IntRange(1, LARGEST_AT_ONCE), help="How many may run at once after a pause.")
@click.option("--concurrency", type=click.IntRange(1, LARGEST_AT_ONCE), help="Items in flight at once.")
@click.option("--reset", is_flag=True, help="Restore the configured limits.")
@why_option
@who_option
@json_option
@config_option
def limit(  # noqa: PLR0913 - one argument for each option
    *,
    scope: control.LimitedScope | None,
    name: str,
    rate: str | None,
    burst: int | None,
    concurrency: int | None,
    reset: bool,
    reason: str,
    who: str,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Override limits at run time, until they are changed again; options that are not given stay as they are.

    Without options: show the limits of that server or mailbox. Without a name: list all limits that operators have set.
    """
    context = open_context(load_settings(config_file), who=who)
    changes = reset or any(value is not None for value in (rate, burst, concurrency))
    with usage():
        if changes and scope:
            limits = control.GivenLimits(rate, burst, concurrency, reset=reset)
            done = control.limit(context, scope, name, limits, reason)
            facts = control.limit_facts(context, scope, name)
            print_action(
                "limit", done, as_json=as_json, facts={"scope": scope, "name": facts["name"], "limits": [facts]}
            )
        elif changes:
            raise InvalidRequest("name the server or the mailbox: rsvpq limit server NAME ...")
        else:
            _show_limits(context, scope, name, as_json=as_json)


def _show_limits(context: OperatorContext, scope: control.LimitedScope | None, name: str, *, as_json: bool) -> None:
    """Show the limits of a server or a mailbox; without a scope, all that operators have set."""
    if as_json:
        chosen = [(scope, name)] if scope else control.limited(context)
        print_document({"limits": [control.limit_facts(context, *one) for one in chosen]})
    elif scope:
        click.echo(control.limits(context, scope, name))
    elif found := control.overrides(context):
        click.echo("\n".join(map(printable, found)))
    else:
        say("no limits are overridden: those of the settings apply")
