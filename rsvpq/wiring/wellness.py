"""What it means that a mailbox cannot be scanned, for all who report it: status, check, metrics, doctor, console.

The ledger keeps why the last scan of a mailbox failed, as the name of the error and its text, and knows no error.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Literal, get_args

from rsvpq.lanes import Lanes
from rsvpq.lanes.status import ServerStatus, Status, Yardstick
from rsvpq.mail.errors import Gone, LoginRefused, MailboxRefused, NoRights
from rsvpq.settings import Settings
from rsvpq.text import counted
from rsvpq.wiring.coverage import Periods

#: ``refused``: the server refuses the mailbox, or the login. ``gone``: it has none of that name. ``held``: the mailbox
#: itself is left alone for a time. ``failed``: its last scan failed otherwise, whatever else holds its whole server.
FailureState = Literal["refused", "gone", "held", "failed"]
FAILURE_STATES: tuple[FailureState, ...] = get_args(FailureState)

#: The errors of a server that lets nobody in, by the name with which each recorded reason begins.
_REFUSALS = frozenset(kind.__name__ for kind in (LoginRefused, MailboxRefused, NoRights))
_GONE = Gone.__name__
#: Those that say it of one mailbox, and nothing of its server.
_CLOSED = (_REFUSALS - {LoginRefused.__name__}) | {_GONE}


def read_status(settings: Settings, lanes: Lanes, listed: Collection[str]) -> Status:
    """Return the status of the mailboxes of the list, given by name, as :meth:`Snapshot.status` does."""
    return lanes.snapshot.status(listed, yardstick_of(settings))


def yardstick_of(settings: Settings) -> Yardstick:
    """Return what the status of an installation is measured by.

    A scan that waits for rights on its mailbox, or for a mailbox that is not there, is not behind: it is a failure.
    """
    return Yardstick(_CLOSED, Periods(settings).late_s())


def state_of_failure(why: str, *, held: bool) -> FailureState:
    """Return what a recorded reason makes of a mailbox.

    :param held: whether the mailbox itself is held.
    """
    name = why.partition(":")[0]
    if name in _REFUSALS:
        return "refused"
    if name == _GONE:
        return "gone"
    return "held" if held else "failed"


def failures(server: ServerStatus) -> Counter[FailureState]:
    """Return how many mailboxes of a server are in each of these states."""
    found = Counter[FailureState]()
    for name, failing in server.failing.items():
        found[state_of_failure(name, held=True)] += failing.held
        found[state_of_failure(name, held=False)] += failing.mailboxes - failing.held
    return +found


def failing_long(server: ServerStatus, longer_than_s: float) -> bool:
    """Return whether scans of this server have failed for longer than that, other than by mailboxes that are closed."""
    states = {name: state_of_failure(name, held=False) for name in server.failing}
    return any(states[name] == "failed" and one.since_s > longer_than_s for name, one in server.failing.items())


def cannot_be_scanned(servers: Iterable[ServerStatus]) -> str:
    """Say how many mailboxes cannot be scanned, and lead to them; '' if all can."""
    sums = sum(map(failures, servers), Counter[FailureState]())
    states = ", ".join(_states(sums))
    return f"{counted(sums.total(), 'mailbox')} cannot be scanned ({states}): rsvpq mailboxes" if states else ""


def _states(sums: Counter[FailureState]) -> Iterator[str]:
    yield from (f"{state} {sums[state]}" for state in FAILURE_STATES if sums[state])
