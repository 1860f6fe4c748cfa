"""One mail server: its backend diagnoses itself, and what it says is judged by the clocks and the time that it took."""

from dataclasses import dataclass

from rsvpq.doctor.clocks import judge_skew
from rsvpq.doctor.results import Notes
from rsvpq.wiring import Diagnose

#: Milliseconds that one step may take.
_SLOW_MS = 5000.0


@dataclass(frozen=True, slots=True)
class Patient:
    """A server to look at: its name in the settings, how it is diagnosed, and the mailbox ('' for none)."""

    name: str
    diagnose: Diagnose
    mailbox: str


@dataclass(slots=True)
class ServerNotes(Notes):
    """The findings about one server. ``redis_ahead_s``: how far Redis' clock is ahead of ours, if that is known."""

    is_server: bool = True
    redis_ahead_s: float | None = None

    def clock(self, ahead_s: float | None) -> None:
        """Compare the server's clock with this machine's, and with Redis' where that is known."""
        if ahead_s is None:
            self.skip("clock", "the server does not tell its time")
            return
        against = {"this machine": ahead_s}
        if self.redis_ahead_s is not None:
            against["Redis"] = ahead_s - self.redis_ahead_s
        judge_skew(self, against, "the server")


def examine(patient: Patient, notes: ServerNotes) -> None:
    """Look at one server; a check that breaks off must not pass for one that found nothing."""
    try:
        if patient.diagnose(patient.mailbox, notes):
            _speed(notes)
    except Exception as error:
        notes.fail("doctor", f"a check broke off with {type(error).__name__}", "report it with the traceback")
        raise


def _speed(notes: Notes) -> None:
    slowest = max(notes.findings, key=lambda finding: finding.ms or 0.0)
    if (slowest.ms or 0.0) > _SLOW_MS:
        text = f"{slowest.check} took {(slowest.ms or 0.0) / 1000:.0f} s"
        notes.warn("speed", text, "press this server less (rate, concurrency), and look what it is busy with")
