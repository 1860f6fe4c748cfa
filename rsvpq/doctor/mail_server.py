"""Check one mail server: run the diagnosis of its backend, and check the clocks and the response times."""

from dataclasses import dataclass

from rsvpq.doctor.clocks import judge_skew
from rsvpq.doctor.results import Notes
from rsvpq.wiring.backends import Diagnose

#: Milliseconds after which a step counts as slow.
_SLOW_MS = 5000.0


@dataclass(frozen=True, slots=True)
class ExaminedServer:
    """A server to check: its name in the settings, its diagnosis, and the mailbox to use ('' for none)."""

    name: str
    diagnose: Diagnose
    mailbox: str


@dataclass(slots=True)
class ServerNotes(Notes):
    """The results for one server. ``redis_ahead_s``: seconds that Redis' clock is ahead of ours; None if unknown."""

    is_server: bool = True
    redis_ahead_s: float | None = None

    def clock(self, ahead_s: float | None) -> None:
        """Compare the server's clock with this machine's, and with Redis' if that is known."""
        if ahead_s is None:
            self.skip("clock", "the server does not send its time")
            return
        against = {"this machine": ahead_s}
        if self.redis_ahead_s is not None:
            against["Redis"] = ahead_s - self.redis_ahead_s
        judge_skew(self, against, "the server")


def examine(target: ExaminedServer, notes: ServerNotes) -> None:
    """Check one server; a check that raises an error must not look like one without problems."""
    try:
        if not target.diagnose(target.mailbox, notes):
            return
        slowest = max(notes.findings, key=lambda finding: finding.ms or 0.0)
        if (slowest.ms or 0.0) > _SLOW_MS:
            text = f"{slowest.check} took {(slowest.ms or 0.0) / 1000:.0f} s"
            remedy = "lower the load on this server (rate, concurrency), and find out what keeps it busy"
            notes.warn("speed", text, remedy)
    except Exception as error:
        notes.fail("doctor", f"a check failed with {type(error).__name__}", "report this bug with the traceback")
        raise
