"""Asking the queue to look: the trigger, the record of who asked, and the wait for what the mailboxes tell."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import click

from rsvpq import wiring
from rsvpq.cli.following import Following
from rsvpq.lanes import Lanes, OperatorAction
from rsvpq.mail.messages import Mailbox
from rsvpq.settings import Settings
from rsvpq.tasks import contract
from rsvpq.text import printable

#: How long to wait, in seconds, where the operator does not say: for so long findings are kept.
DEFAULT_TIMEOUT_S = 3600.0
#: Mailboxes that are named one by one where nothing could be found out about them.
_MOST_NAMED = 20


def ask(
    settings: Settings,
    lanes: Lanes,
    kind: contract.ScanKind,
    chosen: Sequence[Mailbox],
    arguments: Mapping[str, object],
    action: OperatorAction,
    timeout_s: float | None,
) -> Following:
    """Put the one task into the queue that has the mailboxes looked at; to be followed at once."""
    lanes.controls.log_action(action)
    result = wiring.make_app(settings, "cli").send_task(contract.SCAN, kwargs={**arguments, "kind": kind})
    run = contract.run_named(result.id)
    return Following(lanes, run, kind, chosen, say, timeout_s or DEFAULT_TIMEOUT_S)


def say(text: str) -> None:
    """Tell the operator something, beside the data."""
    click.echo(text, err=True)


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C ends the wait, and not what was triggered."""
    try:
        yield
    except KeyboardInterrupt:
        say("\ninterrupted; what was triggered goes on in the queue, and changes nothing in any mailbox")
        sys.exit(130)


def complain(following: Following) -> int:
    """Name the mailboxes that have told nothing, and why; the exit code."""
    told = sorted(following.problems.items())
    if not told:
        return 0
    say(f"{len(told)} of {len(following.chosen)} mailboxes could not be looked at:")
    for name, problem in told[:_MOST_NAMED]:
        say(f"  {name}: {printable(problem)}")
    if len(told) > _MOST_NAMED:
        say(f"  and {len(told) - _MOST_NAMED} more")
    return 3 if following.ended else 1


def unused(settings: Settings, lanes: Lanes) -> str:
    """Why nobody hears of what is done in this Redis; '' where a process has started that uses it."""
    if lanes.controls.configured():
        return ""
    where = f"{settings.redis.url}, namespace {settings.redis.namespace}"
    return f"neither a dispatcher nor a worker has started yet with {where}: if yours run, they use another Redis"


def observing(settings: Settings, lanes: Lanes) -> str:
    """Why nothing of it would be done as things are; '' where live runs are on."""
    if settings.mode == "observe":
        return 'mode = "observe" here, so nothing of this is done until it is "respond" and confirmed'
    if wiring.PolicyInForce(settings, lanes)().mode == "observe":
        return "live runs are not confirmed here, so nothing of this is done yet: see 'rsvpq confirm --help'"
    return ""
