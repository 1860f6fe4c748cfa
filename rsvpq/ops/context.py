"""What an operation needs: the settings, the lanes, the audit, and who carries it out."""

from dataclasses import dataclass, replace
from typing import Any

from rsvpq import wiring
from rsvpq.audit.record import Audit
from rsvpq.lanes import Lanes, OperatorAction, Scope
from rsvpq.mail.messages import Mailbox
from rsvpq.settings import Settings
from rsvpq.settings.mailboxes import read_mailboxes, select


class InvalidRequest(ValueError):
    """Rejected before anything was changed; the message says what to use."""


def require_count(field: str, value: object) -> None:
    """Require a whole number above zero.

    :raises InvalidRequest: it is not one.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidRequest(f"{field}: {value!r} is not a whole number above zero; write one such as 4")


@dataclass(frozen=True, slots=True)
class OperatorContext:
    """One operator at one installation.

    :param who: as the audit is to have it; '' for the user of this process.
    :param token: what a repetition of the same action is known by, such as a task id; '' where there is none.
    """

    settings: Settings
    lanes: Lanes
    audit: Audit
    who: str = ""
    token: str = ""

    def spelt(self, scope: Scope, name: str) -> str:
        """The name of a server or a mailbox as the lanes spell it.

        :raises InvalidRequest: the scope or the name is wrong. :raises ConfigError: no such mailbox is in the list.
        """
        if scope not in ("all", "server", "mailbox"):
            raise InvalidRequest(f"unknown scope {scope!r}: use all, server or mailbox")
        if (scope == "all") == bool(name):
            raise InvalidRequest("'all' takes no name" if name else f"which {scope}? give its name")
        if scope == "server" and name not in self.settings.servers:
            raise InvalidRequest(f"no server {name!r}; there are: {', '.join(sorted(self.settings.servers))}")
        if scope != "mailbox" or self.lanes.snapshot.knows(name):  # one that was scanned may have left the list since
            return name
        return self.listed(name).name

    def listed(self, name: str) -> Mailbox:
        """The mailbox of this name in the list. :raises ConfigError: there is none."""
        return select(read_mailboxes(self.settings.mailboxes, self.settings), names=[name])[0]

    def action(
        self, what: str, scope: Scope, name: str, *, why: str = "", values: dict[str, Any] | None = None
    ) -> OperatorAction:
        """Describe what is being done, for the audit."""
        action = self.audit.action(what, scope, name, why=why, values=values)
        action = replace(action, who=self.who) if self.who else action
        return replace(action, token=self.token) if self.token else action


def open_context(settings: Settings, lanes: Lanes | None = None, *, who: str = "", token: str = "") -> OperatorContext:
    """A context of this installation; connects at the first call."""
    lanes = lanes or wiring.make_lanes(settings)
    return OperatorContext(settings, lanes, wiring.make_audit(settings, lanes), who, token)
