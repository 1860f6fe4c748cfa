"""A worker that answers one request and can be made to die after anything that happens to it."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

import pytest

from rsvpq.mail.messages import MeetingMessage
from rsvpq.tasks.journal import Journal, Outcome
from rsvpq.webdav.mailbox import WebDavMailbox
from tests.support.exchange_site import Site, always, box_name, requests_in
from tests.support.work import work_on
from workers.answer import answer


class Died(BaseException):
    """The worker is gone: nothing of ours runs any more."""


class Worker:
    """Answers one request several times; what it writes survives it, and it can be made to die.

    :param number: the server of the mailbox. :param settle_s: how long what a command does may take to show.
    """

    def __init__(
        self, site: Site, box: WebDavMailbox, request: MeetingMessage, number: int = 0, settle_s: float = 0
    ) -> None:
        self.request = request
        self._settle_s = settle_s
        self.steps: dict[str, Any] = {}
        self.events = 0
        self.paused_at = ""
        self.lost_at = ""
        #: By how much the ledger's clock is ahead of ours.
        self.ahead_s = 0.0
        #: What others do, by the event after which they do it.
        self.meanwhile: dict[int, Callable[[], object]] = {}
        self._die_after = -1
        server = site.server(number)
        server.after = lambda _method, _path: self._lived()
        self._box = WebDavMailbox(server, box_name(box), box.folders)

    def run(self, die_after: int = -1) -> Outcome:
        """Run one attempt; die after this many events, if given."""
        self.events, self._die_after = 0, die_after
        journal = Journal(self.steps, self._record, lambda: time.time() + self.ahead_s)
        return answer(
            work_on(self.request, self._box, always(), journal, self.request.ref.key, settle_s=self._settle_s)
        )

    def dies(self, after: int) -> None:
        """Run an attempt that ends in death."""
        with pytest.raises(Died):
            self.run(die_after=after)

    def _record(self, steps: Mapping[str, Any], _intent: bool, *_: object) -> Literal["ok", "held", "lost"]:
        newest = list(steps)[-1]
        if newest in {self.paused_at, self.lost_at}:
            return "held" if newest == self.paused_at else "lost"
        self.steps = json.loads(json.dumps(steps))  # as Redis keeps it
        self._lived()
        return "ok"

    def _lived(self) -> None:
        self.events += 1
        self.meanwhile.get(self.events, lambda: None)()
        if self.events == self._die_after:
            raise Died


def die_twice_everywhere(
    site: Site, make: Callable[[Site, WebDavMailbox, MeetingMessage], Worker], *, events: int
) -> tuple[WebDavMailbox, list[MeetingMessage]]:
    """Answer a request of the deep mailbox for each pair of events, with a death after each of the two.

    :returns: the mailbox, and the requests.
    """
    deep = next(facts["mailbox"] for facts in site.mailboxes() if facts["deep"])
    box = WebDavMailbox(site.server(), deep)
    points = range(1, events + 1)
    deaths = [(first, second) for first in points for second in points]
    found = requests_in(box)[: len(deaths)]
    for request, (first, second) in zip(found, deaths, strict=True):
        worker = make(site, box, request)
        worker.dies(after=first)
        try:
            worker.run(die_after=second)
        except Died:
            worker.run()
    return box, found
