"""What a run that only looks has told is read once and whole; what it has not told is explained."""

from collections.abc import Iterator
from itertools import takewhile
from typing import Literal

import click
import pytest
from redis import Redis

from producer.offer import offer_scans
from rsvpq.audit.record import Audit, Redaction
from rsvpq.cli import follow as following
from rsvpq.cli.follow import Following
from rsvpq.lanes import Ending, Item, Lanes
from rsvpq.lanes.run_results import KEPT_S, Ended, RunResults, ScansOffered, Triggered
from rsvpq.mail.messages import Mailbox
from rsvpq.ops.forecast import Forecast
from rsvpq.tasks import contract
from testbed.processes import WAIT_S

ADELE, BRUNO, CARLA = Mailbox("adele", "mail1"), Mailbox("bruno", "mail1"), Mailbox("carla", "mail2")
RUN = "run1"


@pytest.fixture
def findings(lanes: Lanes) -> RunResults:
    return lanes.run_results(RUN)


def rows(number: int) -> list[dict[str, str]]:
    """So many forecasts."""
    return [Forecast("adele", "request", "accept", "", "every-request", uid=f"U{n}").to_dict() for n in range(number)]


def read(findings: RunResults) -> list[ScansOffered | Triggered | Ended]:
    """All that is told by now."""
    return [
        reported
        for reported in takewhile(lambda reported: reported is not None, findings.follow())
        if reported is not None
    ]


def offer(lanes: Lanes, *mailboxes: Mailbox, run: str = RUN) -> dict[str, str]:
    """Offer dry runs as the task does."""
    return offer_scans(Audit(lanes, Redaction(), 3600), mailboxes, run, "dry-run")


def follow(lanes: Lanes, *mailboxes: Mailbox, timeout_s: float = WAIT_S) -> tuple[Following, list[str]]:
    """Follow the run to its end."""
    said: list[str] = []
    run = Following(lanes, RUN, "dry-run", mailboxes, said.append, timeout_s)
    ended: Iterator[Ended | None] = run.results()
    assert all(one is None or isinstance(one, Ended) for one in ended)
    return run, said


def end_scan(lanes: Lanes, how: str, reason: str) -> None:
    """Start the one scan that is released, and end it."""
    (released,) = lanes.ledger.release()
    lanes.ledger.start(released.id, released.generation, "me")
    lanes.ledger.finish(released.id, released.generation, "me", Ending(how, label=how, reason=reason))  # type: ignore[arg-type]


def test_what_was_reported_in_many_entries_is_read_as_one(findings: RunResults, redis: Redis) -> None:
    findings.offered({f"m{number}": "offered" for number in range(250)})
    findings.report("adele", rows(230), {"found": 230})
    reported = read(findings)
    answers = [one.results for one in reported if isinstance(one, ScansOffered)]
    assert sum(map(len, answers)) == 250
    assert reported[-2:] == [Triggered(""), Ended("adele", rows(230), {"found": 230})]
    assert 0 < redis.ttl(findings.key) <= KEPT_S


def test_a_mailbox_that_tells_twice_is_read_once(findings: RunResults) -> None:
    findings.report("adele", rows(3), {})
    findings.report("adele", rows(3), {})
    assert read(findings) == [Ended("adele", rows(3), {})]


def test_what_an_attempt_reported_that_did_not_end_is_not_mixed_in(findings: RunResults, lanes: Lanes) -> None:
    findings.report("adele", rows(3), {})
    (its_end,) = lanes.namespace.redis.xrevrange(findings.key, count=1)
    lanes.namespace.redis.xdel(findings.key, its_end[0])
    findings.report("adele", rows(2), {})
    assert read(findings) == [Ended("adele", rows(2), {})]


def test_findings_that_were_dropped_are_missed(findings: RunResults, lanes: Lanes) -> None:
    findings.offered({"adele": "offered"})
    findings.report("adele", rows(150), {})
    third = lanes.namespace.redis.xrange(findings.key)[2]
    lanes.namespace.redis.xdel(findings.key, third[0])
    run, _ = follow(lanes, ADELE)
    assert run.problems == {"adele": "100 of its results were dropped before they could be read"}
    assert run.ended == {"adele"}


def test_a_forecast_of_another_version_is_read() -> None:
    reported = {**rows(1)[0], "mood": "good"}
    assert Forecast.from_dict(reported) == Forecast("adele", "request", "accept", "", "every-request", uid="U0")


def test_mailboxes_that_cannot_be_offered_are_named_with_the_reason(lanes: Lanes, findings: RunResults) -> None:
    offer(lanes, ADELE, run="another")
    lanes.ledger.offer(contract.lane_of(BRUNO), [Item("m", "answer", "answer", {})])
    findings.offered(offer(lanes, ADELE, BRUNO))
    run, _ = follow(lanes, ADELE, BRUNO, CARLA)
    assert "being scanned already" in run.problems["adele"]
    assert "still wait in its lane" in run.problems["bruno"]
    assert "not in the list of mailboxes" in run.problems["carla"]
    assert not run.ended


def test_a_trigger_that_comes_twice_is_still_waited_for(lanes: Lanes) -> None:
    assert offer(lanes, ADELE) == {"adele": "offered"}
    assert offer(lanes, ADELE) == {"adele": "offered"}
    assert offer(lanes, ADELE, run="another") == {"adele": "scanning"}


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ("dead", "the scan failed: Refused: 403"),
        ("left", "the scan failed: Refused: 403"),  # the list of the worker that took it does not have the mailbox
        ("done", "its results are lost; try again"),
    ],
)
def test_a_scan_that_ends_without_a_word_is_noticed(lanes: Lanes, findings: RunResults, how: str, problem: str) -> None:
    findings.offered(offer(lanes, ADELE))
    end_scan(lanes, how, "Refused: 403")
    run, _ = follow(lanes, ADELE)
    assert run.problems == {"adele": problem}


@pytest.mark.parametrize(("scope", "name"), [("all", ""), ("server", "mail1"), ("mailbox", "adele")])
def test_a_pause_is_not_waited_out(lanes: Lanes, findings: RunResults, scope: str, name: str) -> None:
    lanes.controls.pause(scope, name, reason="for a test")  # type: ignore[arg-type]
    findings.offered(offer(lanes, ADELE))
    run, _ = follow(lanes, ADELE)
    assert "paused: for a test" in run.problems["adele"]


@pytest.mark.parametrize(
    ("scope", "problem"),
    [
        (
            "mailbox",
            "it is held for another 10 min (MailboxRefused: 401); once the cause is repaired: rsvpq resume mailbox",
        ),
        (
            "server",
            "its server is held for another 10 min (MailboxRefused: 401); once the cause is repaired: rsvpq resume",
        ),
    ],
)
@pytest.mark.parametrize("another", [True, False], ids=["by another scan", "by this scan"])
def test_a_long_hold_is_not_waited_out_and_its_reason_is_named(
    lanes: Lanes, findings: RunResults, scope: Literal["mailbox", "server"], problem: str, another: bool
) -> None:
    offered = offer(lanes, ADELE, run="another" if another else RUN)
    hold(lanes, scope, 610)
    findings.offered(offer(lanes, ADELE) if another else offered)
    run, _ = follow(lanes, ADELE)
    assert run.problems["adele"].startswith(problem)


def test_a_short_hold_is_waited_out(lanes: Lanes, findings: RunResults) -> None:
    findings.offered(offer(lanes, ADELE))
    hold(lanes, "server", 50)
    run, _ = follow(lanes, ADELE, timeout_s=2.5)
    assert "not ready after 2.5 s" in run.problems["adele"]


def hold(lanes: Lanes, scope: Literal["mailbox", "server"], delay_s: float) -> None:
    """Let the scan that is released be put off, with a hold."""
    (released,) = lanes.ledger.release()
    lanes.ledger.start(released.id, released.generation, "me")
    lanes.ledger.finish(
        released.id,
        released.generation,
        "me",
        Ending("throttled", label="throttled", hold=scope, delay_s=delay_s, recorded_reason="MailboxRefused: 401"),
    )


def test_the_wait_ends_at_last_and_says_what_is_going_on(lanes: Lanes, findings: RunResults) -> None:
    findings.offered(offer(lanes, ADELE))
    run, _ = follow(lanes, ADELE, timeout_s=0.1)
    assert "not ready after 0.1 s (pending); the scan goes on" in run.problems["adele"]


def test_nobody_who_takes_scans_is_an_error_and_no_silence(lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "QUIET_S", 0.1)
    with pytest.raises(click.ClickException, match="no worker takes from the queue scan"):
        follow(lanes, ADELE)


def test_workers_that_are_all_busy_are_waited_for(lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "QUIET_S", 0.1)
    lanes.ledger.report_threads("here:4712", 8, [contract.SCAN_QUEUE], 3600)
    run, said = follow(lanes, ADELE, timeout_s=1.5)
    assert said == ["no scan worker has taken the trigger yet; see 'rsvpq doctor': is one running, or are all busy?"]
    assert "not offered" in run.problems["adele"]


def test_a_refused_trigger_is_an_error(lanes: Lanes, findings: RunResults) -> None:
    findings.refused("mailboxes.csv:3: no such server")
    with pytest.raises(click.ClickException, match="no such server"):
        follow(lanes, ADELE)


def test_what_is_to_be_explained_travels_with_the_scan(lanes: Lanes) -> None:
    offer_scans(Audit(lanes, Redaction(), 3600), [ADELE], RUN, "explain", {"uid": "U1"})
    (released,) = lanes.ledger.release()
    assert released.payload == {"kind": "explain", "group": "", "wanted": {"uid": "U1"}}
