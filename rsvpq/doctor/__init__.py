"""What ``rsvpq doctor`` looks at before an operator trusts an installation: files, Redis, processes, mail servers.

Looks only: no check changes anything in a mailbox, in Redis or on disk, and none shows a password more often than once.
Each file is one group of checks, which writes what it finds into :class:`rsvpq.doctor.results.Notes`.
"""
