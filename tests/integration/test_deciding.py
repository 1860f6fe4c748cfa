"""Right before anything is done the policy is asked again, on the message as it is and on the calendar."""

from collections.abc import Mapping
from typing import Any, Literal

import pytest

from rsvpq.mail.messages import MeetingMessage
from rsvpq.policy import Action, Facts, Policy, Rule
from rsvpq.policy.gather import decide_knowing
from rsvpq.tasks.journal import Attached, Journal, Outcome
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.rows import href_of
from tests.support.exchange_site import Site, box_name, inbox, lenient, requests_in, sent_in
from tests.support.work import work_on
from workers.answer import answer


@pytest.fixture
def box(site: Site) -> WebDavMailbox:
    """A mailbox of the test's own."""
    return site.take(fits=lambda box: bool(requests_in(box)))


def worked(box: WebDavMailbox, request: MeetingMessage, policy: Policy | None = None) -> Outcome:
    """Answer by the policy, as a worker does."""
    steps: dict[str, Any] = {}
    facts = Facts(box_name(box))

    def record(written: Mapping[str, Any], _intent: bool, _attached: Attached | None) -> Literal["ok"]:
        steps.update(written)
        return "ok"

    def decide(message: MeetingMessage) -> Any:
        return decide_knowing(policy or lenient(), message, box, facts)

    return answer(work_on(request, box, decide, Journal(steps, record), request.ref.key))


def test_of_two_copies_of_a_request_one_is_answered(site: Site, box: WebDavMailbox) -> None:
    request = requests_in(box)[0]
    site.copy(href_of(request), href_of(request).removesuffix(".EML") + "-copy.EML")
    (twin,) = [one for one in inbox(box) if one.uid == request.uid and one.ref.key != request.ref.key]
    assert worked(box, request).result == "answered"
    outcome = worked(box, twin)
    assert (outcome.result, outcome.left_alone) == ("left", True)
    assert "already-answered" in outcome.note
    assert len([sent for sent in sent_in(box) if sent.uid == request.uid]) == 1


def test_a_request_that_a_person_marked_meanwhile_is_left_alone(site: Site, box: WebDavMailbox) -> None:
    request = requests_in(box)[0]
    box.mark_processed(request)
    assert "already-processed" in worked(box, request).note
    assert site.sent(box, request) == (0, 0)


def test_in_observe_mode_a_worker_does_nothing_either(site: Site, box: WebDavMailbox) -> None:
    request, before = requests_in(box)[0], site.mutating()
    assert worked(box, request, lenient("observe")).note.startswith("would accept")
    assert (site.sent(box, request), site.mutating()) == ((0, 0), before)


@pytest.mark.parametrize(("action", "effect"), [(Action.DECLINE, "declined"), (Action.TENTATIVE, "tentative")])
def test_a_rule_decides_what_is_answered(site: Site, box: WebDavMailbox, action: Action, effect: str) -> None:
    request = requests_in(box)[0]
    policy = Policy(
        mode="respond", rules=(Rule("all", action),), external="rules", past="rules", private="rules",
        delegate_copies="rules", max_age=lenient().max_age, unknown_calendar="rules",
    )  # fmt: skip
    assert worked(box, request, policy).result == "answered"
    counts = site.recorded(box, request)
    assert (counts[effect], counts["accepted"], counts["submitted"]) == (1, 0, 1)
