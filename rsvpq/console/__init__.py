"""The operator console: a web page beside Flower, for what Flower cannot show.

It reads the installation as ``rsvpq status``, ``check``, ``mailboxes``, ``dead`` and ``report`` do, and changes it only
by :mod:`rsvpq.ops`, in the name of whoever is logged in. ``docs/console.md`` explains it to operators.
"""
