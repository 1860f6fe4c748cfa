"""The root of the producer: settings, Celery app, lanes, backends. Start it with ``celery -A producer.app worker``."""

from typing import Any

from celery.signals import worker_init

from rsvpq import wiring
from rsvpq.health.worker import watch_worker
from rsvpq.settings import load_settings
from rsvpq.tasks.claims import Claims
from rsvpq.tasks.refusals import Refusals
from rsvpq.wiring import apps
from rsvpq.wiring.backends import Backends

settings = load_settings()
app = apps.make_app(settings, "producer", include=["producer.tasks", "producer.operator_tasks"], results=True)
app.set_default()  # Flower reads results through the default app, whichever app it was started with
lanes = wiring.make_lanes(settings)
mailboxes = wiring.make_list(settings)
policy = wiring.PolicyInForce(settings, lanes)
carrier = apps.make_carrier(settings, app, lanes, mailboxes, policy)
audit = wiring.make_audit(settings, lanes)
claims = Claims(lanes, mailboxes.names)
backends = Backends(settings.servers, claims, settings.lanes.run_lease.seconds, wiring.certificate_notes(lanes))
apps.refuse_cluster_at_start(lanes)
watch_worker(settings)
Refusals(lanes).watch()


@worker_init.connect
def _configure_lanes(**_: Any) -> None:
    wiring.configure(lanes, settings)
