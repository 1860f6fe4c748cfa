"""rsvpq answers meeting requests in Exchange 2000/2003 mailboxes, from a Celery queue."""

__version__ = "0.1.0"
