"""The workers' root: their settings, Celery app, lanes and mail servers; for ``celery -A workers.app worker``."""

from rsvpq import wiring
from rsvpq.health.worker import watch_worker
from rsvpq.recollection import Recollection
from rsvpq.refusals import Refusals
from rsvpq.settings import load_settings
from workers.ways import Ways

settings = load_settings()
app = wiring.make_app(settings, "workers", include=["workers.tasks"], leases_only=True)
lanes = wiring.make_lanes(settings)
carrier = wiring.make_carrier(settings, app, lanes)
audit = wiring.make_audit(settings, lanes)
policy = wiring.PolicyInForce(settings, lanes)
recollection = Recollection(lanes, settings.decisions.max_age)
claims = wiring.make_claims(settings, lanes, has_list=False)
exchange = wiring.Exchange(settings.servers, claims, settings.lanes.run_lease.seconds)
ways = Ways({name: server.answers for name, server in settings.servers.items()}, settle_s=settings.retry.settle.seconds)
wiring.refuse_cluster_at_start(lanes)
watch_worker(settings)
Refusals(lanes).watch()
