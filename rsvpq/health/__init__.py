"""Monitor processes by their progress: a process that is alive but no longer works ends, so that it is restarted.

A process id shows only that a process has not ended, and Compose restarts only processes that end. So every worker and
dispatcher watches its own progress (:mod:`rsvpq.health.watchdog`), reports it to health checks
(:mod:`rsvpq.health.register`) and to systemd (:mod:`rsvpq.health.systemd`), and ends if it makes none.
"""
