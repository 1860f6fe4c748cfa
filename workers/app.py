"""The root of the workers: settings, Celery app, lanes and backends. Start it with ``celery -A workers.app worker``."""

from typing import Any

from celery.signals import worker_init

from rsvpq import wiring
from rsvpq.health.worker import watch_worker
from rsvpq.settings import ConfigError, load_settings
from rsvpq.tasks.claims import Claims
from rsvpq.tasks.recollection import Recollection
from rsvpq.tasks.refusals import Refusals
from rsvpq.wiring import apps
from rsvpq.wiring.backends import Backends

settings = load_settings()
app = apps.make_app(settings, "workers", include=["workers.tasks"], leases_only=True)
lanes = wiring.make_lanes(settings)
mailboxes = wiring.make_list(settings)
policy = wiring.PolicyInForce(settings, lanes)
carrier = apps.make_carrier(settings, app, lanes, mailboxes, policy)
audit = wiring.make_audit(settings, lanes)
recollection = Recollection(lanes, settings.decisions.max_age)
claims = Claims(lanes, mailboxes.names)
backends = Backends(settings.servers, claims, settings.lanes.run_lease.seconds, wiring.certificate_notes(lanes))
apps.refuse_cluster_at_start(lanes)
watch_worker(settings)
Refusals(lanes).watch()


@worker_init.connect
def _require_list(**_: Any) -> None:
    """End the worker if there is no list of mailboxes: it could process no item, and other workers may have a list.

    :raises SystemExit: no list could be read; with the reason.
    """
    try:
        mailboxes.require_any()
    except ConfigError as error:
        raise SystemExit(
            f"this worker cannot start: it has no list of mailboxes, so it may process none\n{error}"
        ) from None
