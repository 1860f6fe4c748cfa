"""How far the scans cover the list, and which caps hold requests back: what an operator is shown without asking."""

import json
import re
from itertools import count
from typing import Any

import pytest

from rsvpq import wiring
from rsvpq.doctor.processes import examine
from rsvpq.doctor.results import Level, Notes
from rsvpq.lanes import Ending, Lanes, ScanTotals
from rsvpq.mail.messages import Mailbox
from rsvpq.settings.revision import Revision
from rsvpq.tasks import contract
from rsvpq.wiring.coverage import Coverage, ReachedCap, read_coverage
from tests.integration.test_mailboxes_command import ADELE, BRUNO, NEIL, on_clock, scan
from tests.support.installation import Installation
from tests.support.lanes_with_clock import Clock

#: That of the files at hand, with which no process of these tests is compared.
REVISION = Revision("", "")

SCHEDULES = '[[schedule]]\nevery = "10m"\ngroup = "sales"\n[[schedule]]\nevery = "2h"\n'
RUN_CAP = "policy.most_answers_per_run"
RUNS = count()


def covered(installation: Installation, lanes: Lanes) -> Coverage:
    settings = installation.settings
    return read_coverage(settings, lanes, wiring.make_list(settings).by_name())


def counted(found: Coverage) -> tuple[int, int, int, int]:
    """In time, late, never scanned, and ever scanned."""
    return found.in_time, found.late, found.never, found.scanned


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lanes(installation: Installation, clock: Clock) -> Lanes:
    """Lanes on a clock that stands still; adele and o'neil were just scanned, bruno never."""
    installation.write(SCHEDULES)
    lanes = on_clock(installation, clock)
    scan(lanes, ADELE)
    scan(lanes, NEIL)
    return lanes


def test_a_mailbox_is_in_time_within_one_period_of_its_own_schedule_and_late_after_two(
    installation: Installation, lanes: Lanes, clock: Clock
) -> None:
    found = covered(installation, lanes)
    assert counted(found) == (2, 0, 1, 2)
    expected = "2 of 3 mailboxes of the list scanned in the last interval (10 min 0 s to 2 h 0 min, by schedule)"
    assert found.headline == f"{expected}; 1 never scanned"
    clock.turn(601)
    assert counted(covered(installation, lanes)) == (1, 0, 1, 2)
    clock.turn(600)
    assert counted(covered(installation, lanes)) == (1, 1, 1, 2)


def test_what_no_schedule_scans_is_not_missed_and_said(installation: Installation, lanes: Lanes) -> None:
    installation.write('[[schedule]]\nevery = "10m"\ngroup = "legal"\n')
    found = covered(installation, lanes)
    assert (found.scheduled, *counted(found)) == (1, 1, 0, 0, 2)
    assert found.headline.endswith("(10 min 0 s); 2 in no schedule")
    installation.write()
    assert covered(installation, lanes).headline == "2 of 3 mailboxes of the list ever scanned; no schedule"


@pytest.mark.parametrize("kind", ["dry-run", "explain", "reconcile"])
def test_only_a_scan_of_the_inbox_counts_as_one(installation: Installation, lanes: Lanes, kind: Any) -> None:
    lanes.ledger.offer_scans([(contract.lane_of(BRUNO), contract.scan_item(BRUNO, "dry", kind))])
    (release,) = lanes.ledger.release()
    lanes.ledger.start(release.id, release.generation, "worker")
    lanes.ledger.finish(release.id, release.generation, "worker", Ending("done", label=f"done:{kind}"))
    assert covered(installation, lanes).never == 1
    assert lanes.snapshot.mailboxes(["bruno"])["bruno"].scanned_s is None


def capped(lanes: Lanes, mailbox: Mailbox, messages: int, cap: str) -> None:
    """A scan that held messages back."""
    scan(lanes, mailbox, ScanTotals(9, messages, 0, cap=cap), run=f"r{next(RUNS)}")


def test_a_cap_is_reached_since_the_first_scan_of_a_row_until_one_holds_nothing_back(
    installation: Installation, lanes: Lanes, clock: Clock
) -> None:
    assert covered(installation, lanes).caps == ()
    capped(lanes, ADELE, 40, RUN_CAP)
    clock.turn(300)
    capped(lanes, ADELE, 30, RUN_CAP)
    capped(lanes, BRUNO, 5, RUN_CAP)
    capped(lanes, NEIL, 50, "policy.most_answers_per_scan")
    clock.turn(60)
    by_scan, by_run = covered(installation, lanes).caps
    assert by_scan == ReachedCap("policy.most_answers_per_scan", 60, 1, 50)
    assert by_run == ReachedCap(RUN_CAP, 360, 2, 35)
    assert str(by_run) == f"{RUN_CAP}, for 6 min: 35 messages wait for the next scan, in 2 mailboxes"
    capped(lanes, ADELE, 0, "")
    capped(lanes, NEIL, 0, "")
    (left,) = covered(installation, lanes).caps
    assert (left.mailboxes, left.messages) == (1, 5)


def test_the_status_and_the_doctor_say_both_without_being_asked(installation: Installation) -> None:
    installation.write(SCHEDULES)
    lanes = installation.lanes()
    scan(lanes, ADELE)
    capped(lanes, BRUNO, 7, RUN_CAP)
    status = installation.rsvpq("status").stdout
    assert "scans: 2 of 3 mailboxes of the list scanned in the last interval" in status
    assert re.search(f"^CAP REACHED: {RUN_CAP}, for .+: 7 messages wait for the next scan, in 1 mailbox$", status, re.M)
    shown = json.loads(installation.rsvpq("status", "--json").stdout)["in_force"]["coverage"]
    assert (shown["listed"], shown["in_time"], shown["never"]) == (3, 2, 1)
    assert (shown["shortest_s"], shown["longest_s"]) == (600, 7200)
    assert [(cap["cap"], cap["mailboxes"], cap["messages"]) for cap in shown["caps"]] == [(RUN_CAP, 1, 7)]
    notes = Notes("processes")
    examine(
        lanes, wiring.make_queues(installation.settings), installation.settings, notes, (ADELE, BRUNO, NEIL), REVISION
    )
    warned = {one.check: one.text for one in notes.findings if one.level is Level.WARN}
    assert warned["scans"].endswith("1 never scanned")
    assert warned["cap"].startswith(f"{RUN_CAP}, for ")


def test_an_installation_that_has_just_begun_is_not_warned_about(installation: Installation) -> None:
    installation.write(SCHEDULES)
    notes = Notes("processes")
    lanes = installation.lanes()
    examine(
        lanes, wiring.make_queues(installation.settings), installation.settings, notes, (ADELE, BRUNO, NEIL), REVISION
    )
    assert [one.level for one in notes.findings if one.check == "scans"] == [Level.OK]


def test_a_mailbox_of_the_list_shows_its_cap_and_since_when(installation: Installation, lanes: Lanes) -> None:
    assert lanes.snapshot.known()
    now = installation.lanes()
    capped(now, ADELE, 7, RUN_CAP)
    (row,) = json.loads(installation.rsvpq("mailboxes", "--state", "capped", "--json").stdout)["rows"]
    assert row["symptoms"][0]["reason"] == f"the last scan held 7 messages back over {RUN_CAP}"
