"""The client's operations where the simulator's server behaves as no article says, one switch at a time."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
import requests

from rsvpq.mail.drafts import unsent_answers
from rsvpq.mail.errors import ExchangeError, Refused, Transient, Unknown, Unsettled, Unsupported
from rsvpq.mail.messages import ItemRef, MeetingMessage, Verdict
from rsvpq.policy import Action
from rsvpq.tasks.journal import Attached, Journal, Outcome
from rsvpq.webdav import wire
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.rows import href_of, permanent_url_of
from simulator.oracle.switches import switches as all_switches
from testbed.processes import WAIT_S
from testbed.simulated_exchange import World
from tests.support.exchange_site import (
    Site,
    always,
    box_name,
    inbox,
    requests_in,
    responses_in,
    sent_in,
    simulated_site,
)
from tests.support.work import work_on
from workers.answer import answer
from workers.open import open_response


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Many small mailboxes, and one of several pages."""
    sizes = World(mailboxes=90, requests=6, responses=3, deep=230, seed=11)
    yield from simulated_site(tmp_path_factory.mktemp("awkward"), sizes)


@pytest.fixture
def site(world: Site) -> Iterator[Site]:
    """The world, with all switches at their defaults again afterwards."""
    yield world
    turn(world, **DEFAULTS)


SWITCHES = all_switches()
#: What the switches of the running test were before it.
DEFAULTS: dict[str, object] = {}


def turn(site: Site, **switches: object) -> None:
    """Set switches of the server."""
    url = site.exchange.urls[0] + "/_oracle/switches"
    if switches:
        found = requests.post(url, json=switches, timeout=WAIT_S)
        assert found.status_code == 200, found.text


def switch(site: Site, **switches: object) -> None:
    """Set switches for this test only."""
    DEFAULTS.clear()
    DEFAULTS.update({name: SWITCHES[name].default for name in switches})
    turn(site, **switches)


def journal() -> Journal:
    return Journal({}, lambda *_: "ok")


def answer_in_the_end(request: MeetingMessage, box: WebDavMailbox) -> Outcome:
    """As many attempts as it takes until what was done shows; the ledger would leave time between them."""
    steps: dict[str, Any] = {}

    def record(written: Mapping[str, Any], _intent: bool, _attached: Attached | None) -> Literal["ok"]:
        steps.update(written)
        return "ok"

    while True:
        with suppress(Unsettled):
            return answer(work_on(request, box, always(), Journal(steps, record), request.ref.key))


def case(**switches: object) -> object:
    return pytest.param(switches, id=",".join(f"{name}={value}" for name, value in switches.items()))


READING = [
    case(prefixes="shuffled"),
    case(status_after_prop=True),
    case(digit_names="without-zero"),
    case(digit_names="every-row"),
    case(digit_names="encoded"),
    case(bad_characters="reference"),
    case(bad_characters="raw"),
    case(duplicated_properties=True),
    case(href_in_prop="always"),
    case(missing_properties="left-out"),
    case(encoding="declared"),
    case(encoding="iso-8859-1"),
    case(encoding="bad-byte"),
    case(framing="torn-characters"),
    case(framing="content-length"),
    case(gzip=True),
    case(content_range="star"),
    case(content_range="star", past_the_end="empty"),
    case(content_range="missing"),
    case(content_range="missing", past_the_end="empty"),
    case(ranges="ignored"),
    case(ranges="ignored", content_range="missing"),
    case(order="newest-first"),
    case(large_range="425"),
    case(large_range="507"),
    case(hrefs="internal-host"),
    case(hrefs="other-scheme"),
    case(hrefs="relative"),
    case(permanent_host="internal-host"),
    case(hex_digits="lower"),
    case(root_access="non-ipm-only"),
    case(version="2000"),
]


@pytest.mark.parametrize("switches", READING)
def test_every_message_is_read_once(site: Site, switches: dict[str, object]) -> None:
    deep = next(facts["mailbox"] for facts in site.mailboxes() if facts["deep"])
    expected = {message.ref.key for message in inbox(WebDavMailbox(site.server(), deep))}
    switch(site, **switches)
    found = inbox(WebDavMailbox(site.server(), deep))
    assert len(found) == len(expected) > 200
    assert {message.ref.key for message in found} == expected


@pytest.mark.parametrize("paging", ["arrives", "vanishes"])
def test_rows_that_shift_while_paging_come_once_and_end(site: Site, paging: str) -> None:
    deep = next(facts["mailbox"] for facts in site.mailboxes() if facts["deep"])
    switch(site, paging=paging, order="newest-first")
    found = [message.ref.key for message in inbox(WebDavMailbox(site.server(), deep))]
    assert len(found) == len(set(found)) > 200


ANSWERING = [
    *READING,
    case(command_answer="xml"),
    case(command_answer="redirect"),
    case(command_answer="closing"),
    case(command_answer="error-after"),
    case(draft="verdict"),
    case(draft="localized"),
    case(draft="numbered"),
    case(draft_delay_ms=300),
    case(draft_delay_requests=1),
    case(draft_uid=False),
    case(draft_uid=False, command_answer="redirect", draft="verdict"),
    case(request_fate="deleted-items"),
    case(request_fate="left"),
    case(calendar_item="at-send"),
    case(submission_status=204),
    case(submission_status=207),
    case(url_filter="urlscan"),
    case(url_filter="iis7"),
]


@pytest.mark.parametrize("switches", ANSWERING)
def test_a_request_is_answered_once(site: Site, switches: dict[str, object]) -> None:
    box = site.take(fits=lambda box: bool(requests_in(box)))
    request = requests_in(box)[0]
    switch(site, **switches)
    box = WebDavMailbox(site.server(), box_name(box))
    assert answer_in_the_end(request, box).result == "answered"
    assert site.sent(box, request) == (1, 1)
    stale = 1 if switches.get("draft") == "numbered" else 0
    assert len(unsent_answers(box)) == stale


@pytest.mark.parametrize("verdict", [Verdict.DECLINE, Verdict.TENTATIVE])
def test_another_verdict_is_sent_as_such(site: Site, verdict: Verdict) -> None:
    box = site.take(fits=lambda box: bool(requests_in(box)))
    request = requests_in(box)[0]
    assert answer(work_on(request, box, always(Action(verdict)), journal(), request.ref.key)).result == "answered"
    (sent,) = sent_in(box)
    assert sent.reply is verdict


@pytest.mark.parametrize("page", ["error", "denied"])
def test_a_page_that_did_nothing_is_tried_again_later_and_nothing_is_sent(site: Site, page: str) -> None:
    box = site.take(fits=lambda box: bool(requests_in(box)))
    request = requests_in(box)[0]
    switch(site, command_answer=page)
    with pytest.raises(ExchangeError):
        answer(work_on(request, box, always(), journal(), request.ref.key))
    assert site.sent(box, request) == (0, 0)
    assert box.holds(request)


def test_a_draft_that_never_appears_is_unknown(site: Site) -> None:
    box = site.take(fits=lambda box: bool(requests_in(box)))
    switch(site, draft="none")
    with pytest.raises(Unknown, match="the request is gone, and there is no draft"):
        answer(work_on(requests_in(box)[0], box, always(), journal(), "item", settle_s=0))


def test_without_owa_the_command_is_unsupported_and_nothing_is_done(site: Site) -> None:
    box = site.take(fits=lambda box: bool(requests_in(box)))
    request = requests_in(box)[0]
    switch(site, version="2007")
    with pytest.raises(Unsupported):
        answer(work_on(request, box, always(), journal(), request.ref.key))
    assert site.sent(box, request) == (0, 0)


@pytest.mark.parametrize("fate", ["left", "deleted-items"])
def test_a_request_that_wants_no_response_is_accepted_once(site: Site, fate: str) -> None:
    box = site.take(fits=lambda box: bool(requests_in(box, wanted=False)))
    request = requests_in(box, wanted=False)[0]
    switch(site, request_fate=fate)
    assert answer(work_on(request, box, always(), journal(), request.ref.key)).result == "accepted"
    assert site.sent(box, request) == (1, 0)
    assert all(found.processed for found in inbox(box) if found.ref.key == request.ref.key)


def test_a_folder_that_was_renamed_while_remembered_is_found_again(site: Site) -> None:
    box = site.take(fits=lambda box: bool(requests_in(box)))
    request = requests_in(box)[0]
    switch(site, language="fr" if "Brouillons" not in box.folders.drafts else "de")
    remembered = WebDavMailbox(site.server(), box_name(box), box.folders)
    assert request.ref.key in {message.ref.key for message in inbox(remembered)}
    again = WebDavMailbox(site.server(), box_name(box), box.folders)
    assert again.refresh(request) is not None


def unread_responses(box: WebDavMailbox) -> list[MeetingMessage]:
    return [found for found in responses_in(box) if not found.counter_proposal and not found.read]


@pytest.mark.parametrize("marks", ["processed", "read-only"])
def test_an_opened_response_is_seen_to_be_opened(site: Site, marks: str) -> None:
    box = site.take(fits=lambda box: bool(unread_responses(box)))
    switch(site, open_marks=marks)
    response = unread_responses(box)[0]
    assert open_response(work_on(response, box, always(Action.OPEN), journal()), "delete").note == "deleted"


def test_a_read_flag_that_was_set_before_does_not_show_that_a_response_was_opened(site: Site) -> None:
    box = site.take()
    switch(site, open_marks="read-only")
    response = next(found for found in responses_in(box) if not found.counter_proposal)
    body = wire.proppatch({wire.READ: "1"}).decode()
    assert site.raw("PROPPATCH", href_of(response), body=body, Content_Type="text/xml").status_code == 207
    outcome = open_response(work_on(response, box, always(Action.OPEN), journal()), "delete")
    assert outcome.note == "moved to Deleted Items, because the server does not show it as opened"


def test_a_counter_proposal_is_kept_whatever_is_configured(site: Site) -> None:
    def proposals(box: WebDavMailbox) -> list[MeetingMessage]:
        return [found for found in responses_in(box) if found.counter_proposal]

    box = site.take(fits=lambda box: bool(proposals(box)))
    (proposal, *_) = proposals(box)
    assert open_response(work_on(proposal, box, always(Action.OPEN), journal()), "delete").result == "opened"
    assert box.holds(proposal)


@pytest.mark.parametrize("spelling", ["as-asked", "without-zero", "encoded"])
def test_a_counter_proposal_is_known_by_its_number_alone(site: Site, spelling: str) -> None:
    """DavMail writes the property as ``_x0030_x8257``; a server need not show the alias."""

    def proposals(box: WebDavMailbox) -> list[MeetingMessage]:
        return [found for found in responses_in(box) if found.counter_proposal]

    box = site.take(fits=lambda box: bool(proposals(box)))
    (proposal, *_) = proposals(box)
    alias = '<C:apptcounterproposal xmlns:C="http://schemas.microsoft.com/mapi/"/>'
    update = f'<D:propertyupdate xmlns:D="DAV:"><D:remove><D:prop>{alias}</D:prop></D:remove></D:propertyupdate>'
    assert site.raw("PROPPATCH", href_of(proposal), body=update).status_code == 207
    switch(site, digit_names=spelling)
    assert proposal.ref.key in {found.ref.key for found in proposals(box)}


def test_a_request_that_somebody_has_locked_waits_and_is_answered_once_it_is_free(site: Site) -> None:
    box = site.take(fits=lambda box: bool(requests_in(box)))
    request = requests_in(box)[0]
    wish = (
        '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>'
        "</D:lockinfo>"
    )
    token = site.raw("LOCK", href_of(request), body=wish).headers["Lock-Token"]
    with pytest.raises(Transient, match="423"):
        answer(work_on(request, box, always(), journal(), request.ref.key))
    assert site.sent(box, request) == (0, 0)
    assert site.raw("UNLOCK", href_of(request), Lock_Token=token).status_code == 204
    assert answer(work_on(request, box, always(), journal(), request.ref.key)).result == "answered"
    assert site.sent(box, request) == (1, 1)


@pytest.mark.parametrize("filter_name", ["urlscan", "iis7"])
def test_a_filters_404_is_never_gone(site: Site, filter_name: str) -> None:
    # Some mailboxes have a name that the filter refuses too, so that nothing in them can be reached.
    box = site.take(fits=lambda box: "+" not in box_name(box) and any("%25" in href_of(it) for it in inbox(box)))
    message = next(found for found in inbox(box) if "%25" in href_of(found))
    switch(site, url_filter=filter_name)
    located = box.refresh(message)
    assert located is not None
    assert href_of(located) == permanent_url_of(message)
    with pytest.raises(Refused, match="filter in front of Exchange"):
        box.refresh(replace(message, ref=ItemRef(message.ref.key, (href_of(message), ""))))


def test_an_old_answer_in_sent_items_is_not_the_one_to_this_update(site: Site) -> None:
    box = site.take(fits=lambda box: len(requests_in(box)) > 1)
    request = requests_in(box)[0]
    assert answer(work_on(request, box, always(), journal(), request.ref.key)).result == "answered"
    (sent,) = sent_in(box)
    update = replace(request, sequence=(sent.sequence or 0) + 1)
    steps = {"accept": [], "send": "rid:lost"}
    with pytest.raises(Unknown, match="neither in Drafts nor in Sent Items"):
        answer(work_on(update, box, always(), Journal(steps, lambda *_: "ok"), update.ref.key))
    later = replace(request, sequence=None, start=datetime(2999, 1, 1, tzinfo=UTC))
    with pytest.raises(Unknown):
        answer(work_on(later, box, always(), Journal(steps, lambda *_: "ok"), later.ref.key))
    assert (
        answer(work_on(request, box, always(), Journal(steps, lambda *_: "ok"), request.ref.key)).result == "answered"
    )


def test_a_request_left_behind_whose_answer_is_sent_is_not_accepted_again(site: Site) -> None:
    box = site.take(fits=lambda box: bool(requests_in(box)))
    request = requests_in(box)[0]
    switch(site, request_fate="left")
    assert answer(work_on(request, box, always(), journal(), request.ref.key)).result == "answered"
    # The journal of a worker that died before it knew; a person has sent its draft meanwhile.
    died = Journal({"accept": []}, lambda *_: "ok")
    assert answer(work_on(request, box, always(), died, request.ref.key)).result == "answered"
    assert site.sent(box, request) == (1, 1)


def test_a_request_without_a_wanted_response_is_not_accepted_again_after_a_death(site: Site) -> None:
    box = site.take(fits=lambda box: bool(requests_in(box, wanted=False)))
    request = requests_in(box, wanted=False)[0]
    switch(site, request_fate="left")
    assert answer(work_on(request, box, always(), journal(), request.ref.key)).result == "accepted"
    died = Journal({"accept": [], "commanded": True}, lambda *_: "ok")
    assert answer(work_on(request, box, always(), died, request.ref.key)).result == "accepted"
    assert site.sent(box, request) == (1, 0)
