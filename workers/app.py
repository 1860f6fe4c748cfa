"""The workers' root: their settings, Celery app, lanes and mail servers; for ``celery -A workers.app worker``."""

from typing import Any

from celery.signals import worker_init

from rsvpq import wiring
from rsvpq.health.worker import watch_worker
from rsvpq.settings import ConfigError, load_settings
from rsvpq.tasks.claims import Claims
from rsvpq.tasks.recollection import Recollection
from rsvpq.tasks.refusals import Refusals

settings = load_settings()
app = wiring.make_app(settings, "workers", include=["workers.tasks"], leases_only=True)
lanes = wiring.make_lanes(settings)
mailboxes = wiring.make_list(settings)
policy = wiring.PolicyInForce(settings, lanes)
carrier = wiring.make_carrier(settings, app, lanes, mailboxes, policy)
audit = wiring.make_audit(settings, lanes)
recollection = Recollection(lanes, settings.decisions.max_age)
claims = Claims(lanes, mailboxes.names)
backends = wiring.Backends(settings.servers, claims, settings.lanes.run_lease.seconds)
wiring.refuse_cluster_at_start(lanes)
watch_worker(settings)
Refusals(lanes).watch()


@worker_init.connect
def _require_list(**_: Any) -> None:
    """End where there is no list of mailboxes: nothing could be worked, and other workers may have one.

    :raises SystemExit: there is none, and why.
    """
    try:
        mailboxes.require_any()
    except ConfigError as error:
        raise SystemExit(f"this worker has no list of mailboxes, and works nothing without one\n{error}") from None
