"""Health by progress: a process that is alive and no longer works is noticed, and ended so that it is started again.

A process id says only that a process has not ended, and Compose restarts nothing else than what ends. So every worker
and dispatcher watches what it gets done (:mod:`rsvpq.health.watchdog`), reports it where a health check can ask
(:mod:`rsvpq.health.register`) and to systemd (:mod:`rsvpq.health.systemd`), and ends when there is none.
"""
