"""The Exchange 2000/2003 protocol: WebDAV and OWA over requests and lxml. Knows no Redis, Celery or settings."""
