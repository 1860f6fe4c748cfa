"""What is monitored: one reading of an installation, as metrics for Prometheus and as a verdict for ``rsvpq check``.

Everything is read from Redis and changes nothing there. Both uses share the reading, so they cannot disagree.
"""
