"""Which way a message is dealt with: through OWA's commands, or otherwise where a server runs none."""

from collections.abc import Mapping
from typing import Literal

from rsvpq.mail.errors import Unsupported
from rsvpq.mail.messages import Mailbox, MeetingMessage, Outcome, Verdict
from rsvpq.policy import Action, Decide, Decision, Reason
from rsvpq.tasks.journal import Journal
from rsvpq.webdav.mailbox import MailboxClient
from workers.answer import SETTLE_S, answer
from workers.look import left_alone
from workers.open import After, open_response
from workers.reply import reply

Answers = Literal["owa", "icalendar", "detect"]
_NO_OWA = Decision(Action.SKIP, Reason.NO_OWA)


class Ways:
    """What is configured for each server, and what this process has learnt of it.

    :param answers: by the server's name. :param settle_s: as :func:`workers.answer.answer` takes it.
    """

    def __init__(self, answers: Mapping[str, Answers], settle_s: float = SETTLE_S) -> None:
        self._answers = answers
        self._settle_s = settle_s
        self._without_owa = {name for name, way in answers.items() if way == "icalendar"}

    def answer(
        self,
        server: str,
        mailbox: str,
        request: MeetingMessage,
        box: MailboxClient,
        journal: Journal,
        decide: Decide,
        identity: str = "",
    ) -> Outcome:
        """Answer the request; what an earlier attempt began one way is looked at that way first, lost or not.

        :param mailbox: its name in the list, an SMTP address or an alias. :param identity: of the item, if that may be
            another than the request has today: an earlier version has offered it.
        :raises ExchangeError: as the client says; Unsupported where only OWA is allowed, and there is none.
        """
        identity = identity or request.identity(Mailbox(mailbox, server))
        commanded = any(one in journal for one in Verdict) or _was_commanded(request, identity)
        if "draft" in journal or (server in self._without_owa and not commanded):
            return reply(request, box, journal, identity, mailbox, decide)
        try:
            return answer(request, box, journal, identity, decide, self._settle_s)
        except Unsupported as error:
            self._learn(server, error)
            return reply(request, box, journal, identity, mailbox, decide)

    def open(
        self,
        server: str,
        response: MeetingMessage,
        box: MailboxClient,
        journal: Journal,
        decide: Decide,
        after: After,
    ) -> Outcome:
        """Open the response; without OWA it is left alone, for Exchange 2007 enters responses by itself (KB955480).

        :raises ExchangeError: as the client says; Unsupported where only OWA is allowed, and there is none.
        """
        if server not in self._without_owa:
            try:
                return open_response(response, box, journal, decide, after)
            except Unsupported as error:
                self._learn(server, error)
        return left_alone("this server has no OWA commands and enters responses by itself", _NO_OWA)

    def _learn(self, server: str, error: Unsupported) -> None:
        """Remember that the server has no OWA commands.

        :raises Unsupported: only OWA is allowed there.
        """
        if self._answers[server] == "owa":
            raise error
        self._without_owa.add(server)


def _was_commanded(request: MeetingMessage, identity: str) -> bool:
    """Whether the mailbox says that a command was begun and not finished; a reply marks no request."""
    intent = request.intent
    return intent is not None and intent.identity == identity and not intent.finished
