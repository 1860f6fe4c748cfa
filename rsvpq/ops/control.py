"""Pause, resume and limit lanes at run time."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from rsvpq.lanes import Scope
from rsvpq.lanes.bounds import LARGEST_AT_ONCE, LONGEST_S
from rsvpq.lanes.limits import Rate, require_one_at_a_time
from rsvpq.lanes.status import Override, Pause, Status
from rsvpq.mail.errors import LoginRefused
from rsvpq.ops.context import InvalidRequest, LedgerContext, OperatorContext, require_count
from rsvpq.settings import ConfigError
from rsvpq.settings.mailboxes import read_mailboxes
from rsvpq.text import age, counted
from rsvpq.wiring.in_force import DISPATCHER

LimitedScope = Literal["server", "mailbox"]

#: Default reason of a pause.
PAUSED = "paused by an operator"


def pause(context: LedgerContext, scope: Scope, name: str = "", reason: str = "", *, for_s: float | None = None) -> str:
    """Pause a scope: nothing new starts, and what runs stops before its next effect.

    :param for_s: after how many seconds the pause ends by itself; None for never.
    :returns: a sentence for the operator.
    :raises InvalidRequest: the scope, the name or the time is wrong. :raises ConfigError: the list has no such mailbox,
        or no mailbox in such a group.
    """
    name = context.resolve_name(scope, name)
    if for_s is not None and for_s > LONGEST_S:
        raise InvalidRequest("the pause would end in more than 100 years; give no end: it lasts until somebody resumes")
    by_ledger = _regrouped(context, name) if scope == "group" else ""
    why = reason or PAUSED
    ends = None if for_s is None else f"{datetime.now(UTC) + timedelta(seconds=for_s):%Y-%m-%d %H:%M:%S} UTC"
    action = context.action("pause", scope, name, why=why, values={"until": ends})
    context.lanes.controls.pause(scope, name, reason=why, for_s=for_s, action=action)
    return f"paused: {scope} {name}".rstrip() + (_planned_end(context, ends) if ends else "") + by_ledger


def _planned_end(context: LedgerContext, ends: str) -> str:
    """Say when a pause ends, and if nobody is there to end it."""
    if context.lanes.registrations.alive_anywhere("dispatcher"):
        return f", until {ends}"
    return f", until {ends}, or longer: no dispatcher runs, and only one lifts it; start one: {DISPATCHER}"


def _regrouped(context: LedgerContext, group: str) -> str:
    """Tell the ledger who has joined or left a group since the last scan; say if the list cannot be read.

    Then the ledger has the groups of the last scans, and a worker stops by its own list whoever has joined since.
    """
    unread = "settings"
    if isinstance(context, OperatorContext):
        try:
            listed = read_mailboxes(context.settings.mailboxes, context.settings)
        except ConfigError:
            unread = "list"
        else:
            context.lanes.ledger.assign_groups({mailbox.name: mailbox.group for mailbox in listed})
            return ""
    number = context.lanes.snapshot.groups()[group]
    these = "this is" if number == 1 else "these are"
    return f"; the {unread} cannot be read, so {these} the {counted(number, 'mailbox')} that the ledger has in it"


def resume(context: LedgerContext, scope: Scope, name: str = "", reason: str = "") -> str:
    """Undo a pause of the same scope, and lift the hold of that server or mailbox.

    Same result and errors as :func:`pause`; the sentence says if there was nothing to undo.
    """
    name = context.resolve_name(scope, name)
    paused = context.lanes.snapshot.pause(scope, name)
    held_s, why = context.lanes.controls.held(scope, name) if scope in ("mailbox", "server") else (0.0, "")
    # It is recorded even if there was nothing to undo: a scan between two attempts is tried at once.
    values = {} if paused or held_s else {"was": "not paused"}
    context.lanes.controls.resume(scope, name, action=context.action("resume", scope, name, why=reason, values=values))
    if not (paused or held_s):
        return f"not paused: {scope} {name}".rstrip() + _other_pause(context, scope)
    lifted = f"; its hold would have lasted another {held_s:.0f} s: {why or 'no reason given'}" if held_s else ""
    # A worker keeps a refused password back in its own memory, which the ledger cannot reset.
    refused = why.startswith(LoginRefused.__name__) and bool(lifted)
    more = "; workers that were refused do not retry this password for ten minutes: restart them" if refused else ""
    return f"resumed: {scope} {name}".rstrip() + lifted + more + _other_pause(context, scope)


def _other_pause(context: LedgerContext, scope: Scope) -> str:
    """Say that everything is paused, which resuming a part of it does not change."""
    paused = context.lanes.snapshot.pause("all") if scope != "all" else None
    return f"; everything is paused: {paused.reason}; rsvpq resume all" if paused else ""


def limits(context: OperatorContext, scope: LimitedScope, name: str) -> str:
    """Return the limits of a server or a mailbox: those in force, who has set them, and the configured ones.

    :raises InvalidRequest: the scope or the name is wrong. :raises ConfigError: no such mailbox is in the list.
    """
    name = _limited(context, scope, name)
    configured, override = context.lanes.snapshot.limits(scope, name)
    if override is None:
        return f"{scope} {name}: {configured.values or 'no limits yet'}, as configured"
    return f"{scope} {name}: {set_by(override)}; configured: {configured.values}"


def limit_facts(context: OperatorContext, scope: LimitedScope, name: str) -> dict[str, Any]:
    """Return the same as :func:`limits` for programs: ``set`` is None if no operator has set limits.

    Same errors as :func:`limits`.
    """
    name = _limited(context, scope, name)
    configured, override = context.lanes.snapshot.limits(scope, name)
    values = {key: getattr(configured, key) for key in ("rate", "burst", "concurrency")}
    return {"scope": scope, "name": name, "configured": values, "set": override and asdict(override)}


def set_by(override: Override) -> str:
    """Say which limits an operator has set, who and when."""
    ago = "" if override.age_s is None else f" {age(override.age_s)} ago"
    return override.values + (f", set by {override.by}{ago}" if override.by else ", set by an operator")


def overrides(context: OperatorContext) -> list[str]:
    """Return a line for each server and mailbox whose limits an operator has set."""
    return [f"{name}: {set_by(found)}" for name, found in overridden(context.lanes.snapshot.status()).items()]


def limited(context: OperatorContext) -> list[tuple[LimitedScope, str]]:
    """Return the scope and the name of each server and mailbox whose limits an operator has set; servers first."""
    servers = context.lanes.snapshot.status().servers
    found: list[tuple[LimitedScope, str]] = [("server", name) for name, server in servers.items() if server.limits]
    return found + [("mailbox", name) for server in servers.values() for name in server.limited_mailboxes]


def overridden(status: Status) -> dict[str, Override]:
    """Return the limits that operators have set, by ``server NAME`` and ``mailbox NAME``; servers first."""
    servers = {f"server {name}": server.limits for name, server in status.servers.items() if server.limits}
    mailboxes = {
        f"mailbox {name}": override
        for server in status.servers.values()
        for name, override in server.limited_mailboxes.items()
    }
    return {**servers, **mailboxes}


@dataclass(frozen=True, slots=True)
class GivenLimits:
    """Limits as an operator gives them; what is None stays as it is.

    :param rate: such as ``4/s`` or ``30/min``. :param reset: restore the configured limits instead.
    :raises InvalidRequest: a limit is wrong.
    """

    rate: str | None = None
    burst: int | None = None
    concurrency: int | None = None
    reset: bool = False

    def __post_init__(self) -> None:
        given = (self.rate, self.burst, self.concurrency)
        if self.reset and any(value is not None for value in given):
            raise InvalidRequest("reset restores the configured limits; give either limits or that")
        for field, value in (("burst", self.burst), ("concurrency", self.concurrency)):
            if value is not None:
                require_count(field, value, LARGEST_AT_ONCE)
        try:
            if self.rate is not None:
                Rate.parse(self.rate)
        except ValueError as error:
            raise InvalidRequest(f"rate: {error}") from None

    def over(self, before: Override) -> Override:
        """Return what is set afterwards."""
        if self.reset:
            return Override()
        return Override(self.rate or before.rate, self.burst or before.burst, self.concurrency or before.concurrency)

    @property
    def values(self) -> dict[str, object]:
        """What is recorded in the audit."""
        reset = "to the settings" if self.reset else None
        return {"rate": self.rate, "burst": self.burst, "concurrency": self.concurrency, "reset": reset}


def limit(context: OperatorContext, scope: LimitedScope, name: str, given: GivenLimits, reason: str = "") -> str:
    """Override limits until they are changed again.

    :returns: a sentence for the operator: each limit before and after.
    :raises InvalidRequest: a limit, the scope or the name is wrong.
    :raises ConfigError: no such mailbox is in the list.
    """
    name = _limited(context, scope, name)
    if scope == "mailbox" and given.concurrency is not None:
        try:
            require_one_at_a_time(given.concurrency)
        except ValueError as error:
            raise InvalidRequest(f"concurrency: {error}") from None
    configured, found = context.lanes.snapshot.limits(scope, name)
    before = found or Override()
    after = given.over(before)
    same = replace(after, by=before.by, age_s=before.age_s) == before
    if same:  # whoever has set them stays the one who has
        values = {**given.values, "was": "the same"}
        context.lanes.controls.log_action(context.action("limit", scope, name, why=reason, values=values))
    else:
        context.lanes.controls.limit(
            scope,
            name,
            rate=Rate.parse(after.rate) if after.rate else None,
            burst=after.burst,
            concurrency=after.concurrency,
            action=context.action("limit", scope, name, why=reason, values=given.values),
        )
    binding = _binding(context, name, after.rate) if scope == "mailbox" and after.rate else ""
    return f"{scope} {name}: {_changes(configured, before, after)}{'; nothing is changed' if same else ''}{binding}"


def _binding(context: OperatorContext, mailbox: str, rate: str) -> str:
    """Say that the limit of its server is below that of the mailbox; '' if it is not."""
    known = context.lanes.snapshot.mailboxes([mailbox]).get(mailbox)
    name = known.server if known and known.server else context.listed(mailbox).server
    configured, override = context.lanes.snapshot.limits("server", name)
    most = (override and override.rate) or configured.rate
    if not most or Rate.parse(rate).per_second <= Rate.parse(most).per_second:
        return ""
    return f"; server {name} gets at most {most} for all its mailboxes together, so that limit binds first"


def about_pause(pause: Pause) -> str:
    """Say who has paused something, when, for how long yet, and why, in words that follow ``paused``."""
    by = f" by {pause.by}" if pause.by else ""
    since = f" {age(pause.age_s)} ago" if pause.age_s is not None else ""
    return f"{by}{since}{_end(pause)}: {pause.reason}"


def _end(pause: Pause) -> str:
    if pause.left_s is None:
        return ""
    if pause.left_s > 0:
        return f" for another {age(pause.left_s)}"
    return f" (its time ended {age(-pause.left_s)} ago; the next dispatcher lifts it)"


def group_stops(status: Status) -> Iterator[str]:
    """Yield what stops whole groups of mailboxes, or all by quiet hours, a sentence each."""
    if status.quiet_s:
        yield f"QUIET HOURS for another {age(status.quiet_s)}: nothing new starts"
    for name, group in status.groups.items():
        if pause := group.paused:
            yield f"GROUP {name} IS PAUSED{about_pause(pause)}"
        if group.quiet_s:
            yield f"GROUP {name} HAS QUIET HOURS for another {age(group.quiet_s)}: nothing new starts there"


def _limited(context: OperatorContext, scope: Scope, name: str) -> str:
    if scope not in ("server", "mailbox"):
        raise InvalidRequest("limits apply to a server or a mailbox; name one")
    return context.resolve_name(scope, name)


def _changes(configured: Override, before: Override, after: Override) -> str:
    """Say how each limit changes; one that is not set is the configured one."""
    parts = []
    for name in ("rate", "burst", "concurrency"):
        default, old, new = (getattr(one, name) for one in (configured, before, after))
        words = [str(value if value is not None else default) for value in (old, new)]
        same = words[0] == words[1]
        origin = " (configured)" if new is None else ""
        parts.append(f"{name} {words[1] if same else ' -> '.join(words)}{origin}")
    return ", ".join(parts)
