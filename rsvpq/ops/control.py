"""Pause, resume and limit lanes at run time."""

from rsvpq.lanes import Scope
from rsvpq.lanes.limits import Rate, require_one_at_a_time
from rsvpq.mail.errors import LoginRefused
from rsvpq.ops.context import InvalidRequest, OperatorContext, require_count

#: Default reason of a pause.
PAUSED = "paused by an operator"


def pause(context: OperatorContext, scope: Scope, name: str = "", reason: str = "") -> str:
    """Pause a scope: nothing new starts, and what runs stops before its next effect.

    :returns: a sentence for the operator.
    :raises InvalidRequest: the scope or the name is wrong. :raises ConfigError: no such mailbox is in the list.
    """
    name = context.resolve_name(scope, name)
    why = reason or PAUSED
    context.lanes.controls.pause(scope, name, reason=why, action=context.action("pause", scope, name, why=why))
    return f"paused: {scope} {name}".rstrip()


def resume(context: OperatorContext, scope: Scope, name: str = "", reason: str = "") -> str:
    """Undo a pause of the same scope, and lift the hold of that server or mailbox.

    Same result and errors as :func:`pause`.
    """
    name = context.resolve_name(scope, name)
    held_s, why = (0.0, "") if scope == "all" else context.lanes.controls.held(scope, name)
    context.lanes.controls.resume(scope, name, action=context.action("resume", scope, name, why=reason))
    lifted = f"; its hold would have lasted another {held_s:.0f} s: {why or 'no reason given'}" if held_s else ""
    # A worker keeps a refused password back in its own memory, which the ledger cannot reset.
    refused = why.startswith(LoginRefused.__name__) and bool(lifted)
    more = "; workers that were refused do not retry this password for ten minutes: restart them" if refused else ""
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
    """Override limits until they are changed again; without any, restore the configured ones.

    :param rate: such as ``4/s`` or ``30/min``. :returns: a sentence for the operator.
    :raises InvalidRequest: a limit, the scope or the name is wrong.
    :raises ConfigError: no such mailbox is in the list.
    """
    if scope == "all":
        raise InvalidRequest("limits apply to a server or a mailbox; name one")
    name = context.resolve_name(scope, name)
    try:
        pace = Rate.parse(rate) if rate else None
    except ValueError as error:
        raise InvalidRequest(f"rate: {error}") from None
    for field, value in (("burst", burst), ("concurrency", concurrency)):
        if value is not None:
            require_count(field, value)
    if scope == "mailbox" and concurrency is not None:
        try:
            require_one_at_a_time(concurrency)
        except ValueError as error:
            raise InvalidRequest(f"concurrency: {error}") from None
    values = {"rate": rate, "burst": burst, "concurrency": concurrency}
    action = context.action("limit", scope, name, why=reason, values=values)
    context.lanes.controls.limit(scope, name, rate=pace, burst=burst, concurrency=concurrency, action=action)
    return f"limits changed: {scope} {name}" if rate or burst or concurrency else f"configured limits restored: {name}"
