"""The checks of ``rsvpq doctor``: files, Redis, processes and mail servers of an installation.

No check changes anything in a mailbox, in Redis or on disk, and none sends a password more than once. Each module is
one group of checks, which adds its results to :class:`rsvpq.doctor.results.Notes`.
"""
