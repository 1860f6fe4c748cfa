"""What a worker builds from the settings: replaced as a whole when others are applied.

A task takes :attr:`LiveParts.now` once, at its start, and keeps it to its end: so an answer that is under way is
finished under the policy that it began with, on the connections that it began with.
"""

from dataclasses import dataclass

from celery import Celery

from rsvpq import wiring
from rsvpq.audit.record import Audit
from rsvpq.lanes import Lanes
from rsvpq.settings import Settings
from rsvpq.settings.mailboxes import MailboxList
from rsvpq.tasks.claims import Claims
from rsvpq.tasks.recollection import Recollection
from rsvpq.tasks.runner import Carrier
from rsvpq.wiring import PolicyInForce, apps
from rsvpq.wiring.backends import Backends


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one worker, all from the same settings."""

    settings: Settings
    mailboxes: MailboxList
    policy: PolicyInForce
    carrier: Carrier
    audit: Audit
    recollection: Recollection
    backends: Backends


class LiveParts:
    """The parts in force in this process, for all its threads."""

    def __init__(self, settings: Settings, app: Celery, lanes: Lanes) -> None:
        self._app, self._lanes = app, lanes
        #: Taken once by each unit of work.
        self.now = self._make(settings, wiring.make_list(settings), None)

    def renew(self, settings: Settings, mailboxes: MailboxList) -> None:
        """Bring others into force, for what begins from now on."""
        self.now = self._make(settings, mailboxes, self.now.backends)

    def _make(self, settings: Settings, mailboxes: MailboxList, before: Backends | None) -> Parts:
        policy = PolicyInForce(settings, self._lanes)
        claims = Claims(self._lanes, mailboxes.names)
        return Parts(
            settings=settings,
            mailboxes=mailboxes,
            policy=policy,
            carrier=apps.make_carrier(settings, self._app, self._lanes, mailboxes, policy),
            audit=wiring.make_audit(settings, self._lanes),
            recollection=Recollection(self._lanes, settings.decisions.max_age),
            backends=Backends(
                servers=settings.servers,
                claims=claims,
                run_lease_s=settings.lanes.run_lease.seconds,
                certified=wiring.certificate_notes(self._lanes),
                before=before,
            ),
        )
