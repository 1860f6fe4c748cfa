"""One mail server, from the outside in: the way there, what it says without a login, the login, one mailbox."""

from dataclasses import dataclass

from rsvpq import wiring
from rsvpq.doctor import login, mailbox, probe, tls_handshake
from rsvpq.doctor.login import Account
from rsvpq.doctor.results import Notes
from rsvpq.doctor.version import tell_version
from rsvpq.http.deadlines import Timeouts
from rsvpq.settings import ServerSettings

#: Seconds; a doctor is less patient than a worker, whatever is configured.
_CONNECT_S, _READ_S = 10.0, 20.0
#: Milliseconds that one step may take.
_SLOW_MS = 5000.0


@dataclass(frozen=True, slots=True)
class Patient:
    """A server to look at: its name in the settings, the account, and the mailbox ('' for none)."""

    name: str
    settings: ServerSettings
    account: Account
    mailbox: str


def examine(patient: Patient, redis_ahead_s: float | None, notes: Notes) -> None:
    """Look at one server; each step is only taken if the one before it went well."""
    settings = patient.settings
    timeouts = Timeouts(
        min(_CONNECT_S, settings.connect_timeout.seconds), min(_READ_S, settings.read_timeout.seconds), _READ_S
    )
    connection = tls_handshake.connect(settings, timeouts, notes)
    if connection is None:
        return
    probed = probe.send_probe(connection, settings, notes)
    if probed is None:
        return
    probe.compare_clocks(probed, redis_ahead_s, notes)
    if not probe.may_log_in(probed, settings, notes):
        tell_version(probed.response.headers, settings, notes)
        return
    server = wiring.make_server(settings, patient.account.credential, timeouts)
    entered = login.log_in(server, patient.name, patient.account, patient.mailbox, notes)
    tell_version(entered.headers if entered else probed.response.headers, settings, notes)
    if entered is None:
        return
    if entered.folders is None:
        notes.skip("mailbox", "none is listed for this server")
        return
    mailbox.examine(server, patient.mailbox, entered.folders, notes)
    _speed(notes)


def _speed(notes: Notes) -> None:
    slowest = max(notes.findings, key=lambda finding: finding.ms or 0.0)
    if (slowest.ms or 0.0) > _SLOW_MS:
        text = f"{slowest.check} took {(slowest.ms or 0.0) / 1000:.0f} s"
        notes.warn("speed", text, "press this server less (rate, concurrency), and look what it is busy with")
