"""The context of an operation: the settings, the lanes, the audit, and the operator."""

from dataclasses import dataclass, replace
from typing import Any

from rsvpq import wiring
from rsvpq.audit.record import Audit
from rsvpq.lanes import Lanes, OperatorAction, Scope
from rsvpq.lanes.bounds import LARGEST_COUNT, OutOfBounds, require_at_most
from rsvpq.mail.messages import Mailbox
from rsvpq.settings import ConfigError, RedisSettings, Settings, did_you_mean
from rsvpq.settings.mailboxes import read_mailboxes, select


class InvalidRequest(ValueError):
    """Rejected before anything was changed; the message says what to use."""


def require_count(field: str, value: object, most: int = LARGEST_COUNT) -> None:
    """Require a whole number above zero.

    :raises InvalidRequest: ``value`` is something else, or more than ``most``.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidRequest(f"{field}: {value!r} is not a whole number above zero; write one such as 4")
    try:
        require_at_most(most, value)
    except OutOfBounds as error:
        raise InvalidRequest(f"{field}: {error}") from None


def _require_one_name(scope: Scope, name: str) -> None:
    if scope not in ("all", "server", "group", "mailbox"):
        raise InvalidRequest(f"unknown scope {scope!r}: use all, server, group or mailbox")
    if (scope == "all") == bool(name):
        raise InvalidRequest("'all' takes no name" if name else f"no name: give the name of the {scope}")


@dataclass(frozen=True, slots=True)
class LedgerContext:
    """One operator at one installation of which only Redis is known: enough to pause, and to resume.

    :param who: the operator's name for the audit; '' for the user of this process.
    """

    redis: RedisSettings
    lanes: Lanes
    audit: Audit
    who: str = ""

    def resolve_name(self, scope: Scope, name: str) -> str:
        """Return the name of a server or a group that the ledger has; '' for the scope ``all``.

        :raises InvalidRequest: the scope or the name is wrong, or it is that of a mailbox.
        """
        _require_one_name(scope, name)
        if scope == "all":
            return ""
        if scope == "mailbox":  # it could not be hidden in the audit as the settings say
            raise InvalidRequest("the name of a mailbox needs all settings; use its server, its group or all")
        known = {*(self.lanes.snapshot.servers() if scope == "server" else self.lanes.snapshot.groups())} - {""}
        if name not in known and not (scope == "group" and name in self.lanes.controls.groups()):
            hint = did_you_mean(name, known)
            raise InvalidRequest(f"the ledger has no {scope} {name!r}, and 'rsvpq pause all' needs no name; {hint}")
        return name

    def action(
        self, what: str, scope: Scope, name: str, *, why: str = "", values: dict[str, Any] | None = None
    ) -> OperatorAction:
        """Return the record of an operator action, for the audit."""
        action = self.audit.action(what, scope, name, why=why, values=values)
        return replace(action, who=self.who) if self.who else action


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorContext(LedgerContext):
    """One operator at one installation."""

    settings: Settings

    def resolve_name(self, scope: Scope, name: str) -> str:
        """Return the name of a server, a group or a mailbox as the lanes spell it; '' for the scope ``all``.

        Without a list that can be read, a group is one that the ledger has.

        :raises InvalidRequest: the scope or the name is wrong. :raises ConfigError: the list has no such mailbox, or no
            mailbox in such a group.
        """
        _require_one_name(scope, name)
        if scope == "server" and name not in self.settings.servers:
            raise InvalidRequest(f"no server {name!r}; the settings have: {', '.join(sorted(self.settings.servers))}")
        if scope == "group" and name not in self.lanes.controls.groups():  # one that is paused may have left the list
            self._require_group(name)
        if scope != "mailbox" or self.lanes.snapshot.knows(name):  # a mailbox that was scanned may have left the list
            return name
        return self.listed(name).name

    def _require_group(self, name: str) -> None:
        try:
            listed = read_mailboxes(self.settings.mailboxes, self.settings)
        except ConfigError as error:
            try:
                LedgerContext.resolve_name(self, "group", name)
            except InvalidRequest as unknown:
                raise InvalidRequest(f"the list cannot be read: {error.problems[0]}; {unknown}") from None
        else:
            select(listed, group=name)

    def listed(self, name: str) -> Mailbox:
        """Return the mailbox of this name in the list.

        :raises ConfigError: no such mailbox is in the list.
        """
        return select(read_mailboxes(self.settings.mailboxes, self.settings), names=[name])[0]


def open_context(settings: Settings, lanes: Lanes | None = None, *, who: str = "") -> OperatorContext:
    """Return a context for this installation; it connects to Redis when it is first used.

    :param lanes: None for those of a command, see :func:`rsvpq.wiring.command_lanes`.
    """
    lanes = lanes or wiring.command_lanes(settings.redis)
    audit = wiring.make_audit(settings, lanes)
    return OperatorContext(redis=settings.redis, settings=settings, lanes=lanes, audit=audit, who=who)


def open_ledger(redis: RedisSettings, *, who: str = "") -> LedgerContext:
    """Return a context that needs nothing but Redis; its audit hides all that may be hidden."""
    lanes = wiring.command_lanes(redis)
    return LedgerContext(redis, lanes, wiring.make_strict_audit(lanes), who)
