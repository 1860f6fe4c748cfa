"""Pause, resume, limit: what an operator changes while everything runs."""

from rsvpq.lanes import Scope
from rsvpq.lanes.limits import Rate, require_one_at_a_time
from rsvpq.mail.errors import LoginRefused
from rsvpq.ops.context import InvalidRequest, OperatorContext, require_count

#: What a pause says of itself where nobody said anything.
PAUSED = "paused by an operator"


def pause(context: OperatorContext, scope: Scope, name: str = "", reason: str = "") -> str:
    """Start nothing more there; what runs stops before its next effect.

    :returns: a sentence for the operator. :raises InvalidRequest, ConfigError: as :meth:`OperatorContext.spelt` says.
    """
    name = context.spelt(scope, name)
    why = reason or PAUSED
    context.lanes.controls.pause(scope, name, reason=why, action=context.action("pause", scope, name, why=why))
    return f"paused: {scope} {name}".rstrip()


def resume(context: OperatorContext, scope: Scope, name: str = "", reason: str = "") -> str:
    """Undo a pause of the same scope, and lift the hold of that server or mailbox.

    Returns and raises as :func:`pause`.
    """
    name = context.spelt(scope, name)
    held_s, why = (0.0, "") if scope == "all" else context.lanes.controls.held(scope, name)
    context.lanes.controls.resume(scope, name, action=context.action("resume", scope, name, why=reason))
    lifted = f"; it was to be left alone for another {held_s:.0f} s: {why or 'nobody said why'}" if held_s else ""
    # What a process holds back itself, the ledger cannot give back: a second logon would be the process's.
    refused = why.startswith(LoginRefused.__name__) and bool(lifted)
    more = "; a worker that was refused keeps this password back for ten minutes: restart it" if refused else ""
    return f"resumed: {scope} {name}".rstrip() + lifted + more


def limit(
    context: OperatorContext,
    scope: Scope,
    name: str,
    *,
    rate: str | None = None,
    burst: int | None = None,
    concurrency: int | None = None,
    reason: str = "",
) -> str:
    """Put limits in force until they are changed again; without any, the configured ones.

    :param rate: such as ``4/s`` or ``30/min``. :returns: a sentence for the operator.
    :raises InvalidRequest, ConfigError: a limit is wrong, or as :meth:`OperatorContext.spelt` says.
    """
    if scope == "all":
        raise InvalidRequest("limits are of a server or a mailbox; name one")
    name = context.spelt(scope, name)
    try:
        pace = Rate.parse(rate) if rate else None
    except ValueError as error:
        raise InvalidRequest(f"rate: {error}") from None
    for field, value in (("burst", burst), ("concurrency", concurrency)):
        if value is not None:
            require_count(field, value)
    if scope == "mailbox" and concurrency is not None:
        _require_one_at_a_time(concurrency)
    values = {"rate": rate, "burst": burst, "concurrency": concurrency}
    action = context.action("limit", scope, name, why=reason, values=values)
    context.lanes.controls.limit(scope, name, rate=pace, burst=burst, concurrency=concurrency, action=action)
    return f"limits changed: {scope} {name}" if rate or burst or concurrency else f"limits as configured: {name}"


def _require_one_at_a_time(concurrency: int) -> None:
    try:
        require_one_at_a_time(concurrency)
    except ValueError as error:
        raise InvalidRequest(f"concurrency: {error}") from None
