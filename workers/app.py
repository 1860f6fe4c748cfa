"""The root of the workers: settings, Celery app, lanes and parts. Start it with ``celery -A workers.app worker``."""

from typing import Any

from celery.signals import worker_init

from rsvpq import wiring
from rsvpq.health.worker import watch_worker
from rsvpq.settings import ConfigError, load_settings
from rsvpq.tasks.refusals import Refusals
from rsvpq.wiring import apps
from rsvpq.wiring.parts import LiveParts
from rsvpq.wiring.revisions import live_settings

#: Those with which this process has started; tasks take the present ones from ``parts.now``.
settings = load_settings()
app = apps.make_app(settings, "workers", include=["workers.tasks"], leases_only=True)
lanes = wiring.make_lanes(settings)
parts = LiveParts(settings, app, lanes)
live = live_settings(settings, parts.now.mailboxes, parts.renew)
apps.at_start(lanes.ping)
watch_worker(settings)
apps.watch_settings(live)
Refusals(lanes).watch()


@worker_init.connect
def _require_list(**_: Any) -> None:
    """End the worker if there is no list of mailboxes: it could process no item, and other workers may have a list.

    :raises SystemExit: no list could be read; with the reason.
    """
    try:
        parts.now.mailboxes.require_any()
    except ConfigError as error:
        raise SystemExit(
            f"this worker cannot start: it has no list of mailboxes, so it may process none\n{error}"
        ) from None
