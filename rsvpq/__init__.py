"""rsvpq answers meeting requests in Exchange mailboxes, from a Celery queue."""

__version__ = "0.1.0"
