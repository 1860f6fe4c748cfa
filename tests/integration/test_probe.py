"""A probe reads a little of one mailbox, and says whether the account can work it; the ledger notes what it found."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from celery.exceptions import Retry

from producer.probe import NOT_OPENED, probe_mailbox
from rsvpq.audit.record import Audit, Redaction
from rsvpq.lanes import Lanes
from rsvpq.mail.calendar import CalendarUnknown
from rsvpq.mail.errors import (
    Busy,
    ExchangeError,
    Gone,
    LoginRefused,
    MailboxRefused,
    NoRights,
    Refused,
    Transient,
    of_server,
)
from rsvpq.mail.messages import Mailbox
from rsvpq.mail.ports import OpenMailbox
from rsvpq.tasks import contract
from rsvpq.tasks.journal import Outcome
from rsvpq.tasks.runner import Attempt, Carrier
from rsvpq.webdav.mailbox import WebDavMailbox
from testbed.simulated_exchange import World
from tests.support.exchange_site import Site, box_name, simulated_site
from tests.support.visits import keeps_nothing

ADELE = Mailbox("adele", "mail1")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server with a few mailboxes."""
    yield from simulated_site(tmp_path_factory.mktemp("exchange"), World(mailboxes=4, requests=3, responses=1, seed=5))


@dataclass
class Probes:
    """Probes a mailbox, and keeps what was reported."""

    opened: Any
    reported: list[Mapping[str, str]] = field(default_factory=list)

    def once(self, attempt: int = 1, redaction: Redaction | None = None) -> Outcome:
        hiding = redaction or Redaction()
        return probe_mailbox(self.opened, keeps_nothing(), self.reported.append, hiding, attempt=attempt)


def open_box(box: OpenMailbox) -> Any:
    @contextmanager
    def opened() -> Iterator[OpenMailbox]:
        yield box

    return opened


def closed(error: Exception) -> Any:
    @contextmanager
    def opened() -> Iterator[OpenMailbox]:
        raise error
        yield

    return opened


def test_a_mailbox_that_can_be_read_is_ok_and_nothing_is_changed(site: Site) -> None:
    before = site.mutating()
    probes = Probes(open_box(site.take()))
    assert probes.once().result == "probed"
    assert probes.reported == [{"result": "ok", "reason": ""}]
    assert site.mutating() == before


def test_a_calendar_that_cannot_be_read_is_said_and_the_rest_is_ok(site: Site) -> None:
    box = site.take()

    class NoCalendar:
        def __getattr__(self, name: str) -> Any:
            return getattr(box, name)

        def busy(self, *_: object) -> CalendarUnknown:
            return CalendarUnknown("SEARCH of the calendar returned 403")

    probes = Probes(open_box(NoCalendar()))
    assert probes.once().result == "probed"
    assert probes.reported == [{"result": "no-calendar", "reason": "SEARCH of the calendar returned 403"}]


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (MailboxRefused("SEARCH /x returned 401"), "refused"),
        (NoRights("ErrorAccessDenied"), "refused"),
        (Gone("404"), "gone"),
        (Refused("one mailbox under two names"), "failed"),
        (Transient("SEARCH returned 207 without rows"), "failed"),
        (Busy("it is being moved", 30, "mailbox"), "failed"),
    ],
)
def test_what_is_wrong_with_the_mailbox_is_its_result(error: ExchangeError, result: str) -> None:
    probes = Probes(closed(error))
    outcome = probes.once()
    assert outcome == Outcome(NOT_OPENED, f"{type(error).__name__}: {error}")
    assert probes.reported == [{"result": result, "reason": f"{type(error).__name__}: {error}"}]


@pytest.mark.parametrize("error", [Busy("503"), LoginRefused("401"), of_server(Transient("500"))])
def test_what_is_wrong_with_the_server_ends_no_probe(error: ExchangeError) -> None:
    probes = Probes(closed(error))
    with pytest.raises(type(error)):
        probes.once()
    assert probes.reported == []


def test_a_500_that_comes_again_is_taken_for_the_mailboxs_own() -> None:
    probes = Probes(closed(of_server(Transient("SEARCH returned 500"))))
    assert probes.once(attempt=2).result == NOT_OPENED
    assert probes.reported[0]["result"] == "failed"


def test_a_reason_is_hidden_as_in_the_audit() -> None:
    probes = Probes(closed(MailboxRefused("SEARCH /exchange/adele/ returned 401")))
    probes.once(redaction=Redaction(frozenset({"addresses"}), b"k" * 16))
    assert probes.reported[0]["reason"] == "MailboxRefused: SEARCH (hidden) returned 401"


def probed(lanes: Lanes, end: Outcome, run: str) -> None:
    """A probe of adele by a worker, which ends so."""
    item = contract.scan_item(ADELE, run, "probe")
    item = replace(item, facts=Audit(lanes, Redaction(), 3600).scan_facts(ADELE, run, "probe"))
    assert lanes.ledger.offer_scans([(contract.lane_of(ADELE), item)]) == {"adele": "offered"}
    (release,) = lanes.ledger.release()
    carrier = Carrier(lanes, lambda _: None, 10, 25, 3600)
    with suppress(Retry, ExchangeError):
        carrier.carry(release.id, release.generation, lambda _: end)


def test_the_ledger_notes_a_closed_mailbox_as_a_failed_scan_does_without_a_hold(lanes: Lanes) -> None:
    probed(lanes, Outcome(NOT_OPENED, "MailboxRefused: SEARCH /adele returned 401"), "r1")
    state = lanes.snapshot.mailboxes(["adele"])["adele"]
    assert state.failed_why == "MailboxRefused: SEARCH /adele returned 401"
    assert (state.failed_s, state.scanned_s, state.hold, state.scan) == (0, None, None, "")
    probed(lanes, Outcome("probed"), "r2")
    state = lanes.snapshot.mailboxes(["adele"])["adele"]
    assert (state.failed_why, state.scanned_s) == ("", None)


def test_the_pace_counts_a_probe_as_it_counts_a_scan(lanes: Lanes, site: Site) -> None:
    box = site.take()
    mailbox = Mailbox(box_name(box), "mail1")
    item = contract.scan_item(mailbox, "r1", "probe")
    lanes.ledger.offer_scans([(contract.lane_of(mailbox), item)])
    (release,) = lanes.ledger.release()

    def work(attempt: Attempt) -> Outcome:
        return probe_mailbox(
            open_box(WebDavMailbox(site.server(), mailbox.name)), attempt.journal, print, Redaction(), attempt=1
        )

    Carrier(lanes, lambda _: None, 10, 25, 3600).carry(release.id, release.generation, work)
    server = lanes.namespace.redis.hgetall(lanes.namespace.server("mail1"))
    assert (server["n"], server["reserved"]) == ("0", "0")
    assert float(server["tat"]) > 0
