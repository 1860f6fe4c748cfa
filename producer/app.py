"""The root of the producer: settings, Celery app, lanes, parts. Start it with ``celery -A producer.app worker``."""

from functools import partial

from rsvpq import wiring
from rsvpq.health.worker import watch_worker
from rsvpq.settings import Settings, load_settings
from rsvpq.settings.mailboxes import MailboxList
from rsvpq.tasks.refusals import Refusals
from rsvpq.wiring import apps
from rsvpq.wiring.parts import LiveParts
from rsvpq.wiring.revisions import live_settings

#: Those with which this process has started; tasks take the present ones from ``parts.now``.
settings = load_settings()
app = apps.make_app(settings, "producer", include=["producer.tasks", "producer.operator_tasks"], results=True)
app.set_default()  # Flower reads results through the default app, whichever app it was started with
lanes = wiring.make_lanes(settings)
parts = LiveParts(settings, app, lanes)


def renew(settings: Settings, mailboxes: MailboxList) -> None:
    """Bring other settings into force: the limits first, which hold at once."""
    wiring.configure(lanes, settings)
    parts.renew(settings, mailboxes)


live = live_settings(settings, parts.now.mailboxes, renew)
apps.at_start(partial(wiring.configure, lanes, settings))
watch_worker(settings)
apps.watch_settings(live)
Refusals(lanes).watch()
