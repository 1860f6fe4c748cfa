"""After a death nobody knows what was done; each state that the mailbox can be found in leads to one thing to do.

The states are forced: a request that is there or gone, a draft that is there or gone, a copy in Sent Items or none.
"""

from dataclasses import dataclass

import pytest

from rsvpq.mail.drafts import unsent_answers
from rsvpq.mail.errors import ExchangeError, Unknown
from rsvpq.mail.messages import MeetingMessage, Verdict
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.rows import href_of
from tests.integration.test_answer import LEFT
from tests.support.crashing_worker import Worker
from tests.support.exchange_site import Site, requests_in

pytestmark = pytest.mark.slow

ACCEPTING: dict[str, object] = {"accept": []}
SENDING: dict[str, object] = {"accept": [], "send": "rid:of-the-draft"}


@dataclass(frozen=True, slots=True)
class Row:
    """A state, and what must come of it: how often the request was accepted and an answer sent in the end."""

    journal: dict[str, object]
    request: bool
    draft: bool
    sent: bool
    accepted: int
    submitted: int
    error: type[ExchangeError] | None = None

    def __str__(self) -> str:
        there = [name for name in ("request", "draft", "sent") if getattr(self, name)]
        return f"{list(self.journal)[-1]}: {' and '.join(there) or 'nothing'}"


TABLE = (
    Row(ACCEPTING, request=True, draft=False, sent=False, accepted=1, submitted=1),
    Row(ACCEPTING, request=True, draft=True, sent=False, accepted=1, submitted=1),
    Row(ACCEPTING, request=False, draft=True, sent=False, accepted=1, submitted=1),
    Row(ACCEPTING, request=False, draft=False, sent=True, accepted=1, submitted=1),
    Row(ACCEPTING, request=True, draft=False, sent=True, accepted=1, submitted=1),
    Row(ACCEPTING, request=True, draft=True, sent=True, accepted=1, submitted=1),
    Row(ACCEPTING, request=False, draft=True, sent=True, accepted=1, submitted=1),
    Row(ACCEPTING, request=False, draft=False, sent=False, accepted=1, submitted=0, error=Unknown),
    Row(SENDING, request=True, draft=True, sent=False, accepted=1, submitted=1),
    Row(SENDING, request=False, draft=True, sent=False, accepted=1, submitted=1),
    Row(SENDING, request=False, draft=False, sent=True, accepted=1, submitted=1),
    Row(SENDING, request=True, draft=False, sent=True, accepted=1, submitted=1),
    Row(SENDING, request=True, draft=True, sent=True, accepted=1, submitted=1),
    Row(SENDING, request=False, draft=True, sent=True, accepted=1, submitted=1),
    Row(SENDING, request=True, draft=False, sent=False, accepted=1, submitted=0, error=Unknown),
    Row(SENDING, request=False, draft=False, sent=False, accepted=1, submitted=0, error=Unknown),
)


def force(site: Site, box: WebDavMailbox, request: MeetingMessage, row: Row) -> None:
    """Bring the mailbox into the state of the row, by the hands of somebody else."""
    if row is not TABLE[0]:  # the only row in which the command was not carried out
        box.command(request, Verdict.ACCEPT)
        (draft,) = [draft for draft in unsent_answers(box) if draft.uid == request.uid]
        if row.draft and row.sent:
            site.copy(href_of(draft), href_of(draft).removesuffix(".EML") + "-9.EML", LEFT)
        if row.sent:
            box.send(draft)
        elif not row.draft:
            site.raw("DELETE", href_of(draft), LEFT)
    if not row.request:
        site.raw("DELETE", href_of(request), LEFT)


def test_the_table_has_every_state_of_both_intents() -> None:
    # A draft that is about to be sent was found; with the request alone an intent to accept is the first row.
    assert len({(str(row), row.request, row.draft, row.sent) for row in TABLE}) == len(TABLE) == 2**3 * 2


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_whatever_the_next_worker_finds_it_does_the_one_right_thing(uncertain: Site, row: Row) -> None:
    box = next(box for box in _boxes(uncertain) if len(_untouched(uncertain, box)) > 0)
    request = _untouched(uncertain, box)[0]
    force(uncertain, box, request, row)
    worker = Worker(uncertain, box, request, LEFT)
    worker.steps = dict(row.journal)
    for _ in range(2):  # and once more, for a worker that died right before it could say so
        if row.error is None:
            assert worker.run().result == "answered"
        else:
            with pytest.raises(row.error):
                worker.run()
    assert uncertain.sent(box, request) == (row.accepted, row.submitted)


def _boxes(site: Site) -> list[WebDavMailbox]:
    names = [facts["mailbox"] for facts in site.mailboxes() if facts["server"] == LEFT]
    return [WebDavMailbox(site.server(LEFT), name) for name in names]


def _untouched(site: Site, box: WebDavMailbox) -> list[MeetingMessage]:
    return [message for message in requests_in(box) if site.sent(box, message) == (0, 0) and not message.processed]
