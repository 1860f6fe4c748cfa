"""Judge from the times of the operations whether the promised pace was kept."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

from simulator.serving.limits import Limit
from simulator.serving.meters import Meters

#: Seconds.  A short window shows bursts, a long one shows a rate that is a little too high all the time.
WINDOWS_S = (1.0, 60.0)
_WORST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Violation:
    """One operation that came when its window was full already."""

    scope: str
    name: str
    window_s: float
    #: Operations in the window that ends with this one, itself included.
    operations: int
    allowed: float
    at: float


def violations(times: Sequence[float], limit: Limit, jitter_s: float, scope: str, name: str) -> Iterator[Violation]:
    """Return each operation that breaks the limit, once, for the window that it overfills most."""
    windows = [(window_s, limit.operations_in(window_s + jitter_s)) for window_s in WINDOWS_S]
    starts = [0] * len(windows)
    for index, moment in enumerate(times):
        worst: Violation | None = None
        for number, (window_s, allowed) in enumerate(windows):
            while times[starts[number]] <= moment - window_s:
                starts[number] += 1
            operations = index - starts[number] + 1
            if allowed is not None and operations > allowed:
                found = Violation(scope, name, window_s, operations, allowed, moment)
                worst = max(worst or found, found, key=_excess)
        if worst is not None:
            yield worst


def pace_report(meters: Meters) -> dict[str, object]:
    """Return the `pace` part of the summary."""
    limits = meters.limits
    of_mailboxes = [
        violation
        for mailbox, times in meters.mailbox_operations.items()
        for violation in violations(times, limits.of_mailbox(mailbox.name), limits.jitter_s, "mailbox", mailbox.name)
    ]
    of_servers = [
        violation
        for server, times in meters.server_operations.items()
        for violation in violations(times, limits.of_server(server), limits.jitter_s, "server", str(server))
    ]
    worst = sorted(of_mailboxes + of_servers, key=_excess, reverse=True)
    return {
        "operations": sum(map(len, meters.server_operations.values())),
        "mailbox_violations": len(of_mailboxes),
        "server_violations": len(of_servers),
        "worst": [asdict(violation) for violation in worst[:_WORST_SHOWN]],
    }


def _excess(violation: Violation) -> float:
    return violation.operations - violation.allowed


def longest_small_wait(meters: Meters) -> float | None:
    """Return the longest time that a mailbox waited between two operations while the deep mailbox was being worked.

    Only mailboxes that are not deep, from their first operation to their last, and only gaps that overlap the time
    from the first to the last operation in a deep mailbox; None without such a gap.
    """
    deep = [times for mailbox, times in meters.mailbox_operations.items() if mailbox.deep]
    if not deep:
        return None
    start, end = min(times[0] for times in deep), max(times[-1] for times in deep)
    waits = (
        after - before
        for mailbox, times in meters.mailbox_operations.items()
        if not mailbox.deep
        for before, after in pairwise(times)
        if before < end and after > start
    )
    return max(waits, default=None)
