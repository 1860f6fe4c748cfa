"""Find out whether a request was answered, if the response to its answer was lost. Only reads.

The best evidence is an answer to this edition in Sent Items. Without one, the request and the calendar show how far the
server came: it writes the calendar, sends the answer, and moves the request to Deleted Items (Managed API,
CalendarActionResults). The order may differ, and a copy in Sent Items may be missing, because a mailbox keeps none, or
a rule has moved it. The calendar alone never proves that anybody was told: some servers write it, fail to send, and
leave the request in the Inbox. Only if the organizer requested no response, nobody is to be told, and the calendar is
all that there is of an answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from rsvpq.ews.calendar import calendar_items
from rsvpq.ews.calls import Calls
from rsvpq.ews.items import Resolve
from rsvpq.mail.calendar import CalendarUnknown, ResponseStatus, same_meeting_key
from rsvpq.mail.editions import answers_another, same_occurrence
from rsvpq.mail.messages import Kind, MeetingMessage, Verdict
from rsvpq.mail.ports import AnswerEvidence, AnswerState, Page

#: How far the clocks of server and worker may be apart.
APART_CLOCKS = timedelta(minutes=5)
#: A server may show one stamp with and without fractions of a second.
_SAME_STAMP = timedelta(seconds=1)
#: The most answers in Sent Items that are looked at.
_MOST_ANSWERS = 2000
_STATUS = {
    Verdict.ACCEPT: ResponseStatus.ACCEPTED,
    Verdict.DECLINE: ResponseStatus.DECLINED,
    Verdict.TENTATIVE: ResponseStatus.TENTATIVE,
}

_FIRST = datetime.min.replace(tzinfo=UTC)
_SHOWN = {"calendar": "the calendar shows the answer", "deleteditems": "the declined meeting is in Deleted Items"}


@dataclass(frozen=True, slots=True)
class _Calendar:
    """What appointments of the meeting show of the answer, in words, and whether there are none."""

    answer: str
    absent: bool


class Look:
    """One look for the answer to a request.

    :param request: as it was before. :param begun: when its answer was begun.
    """

    def __init__(
        self,
        calls: Calls,
        resolve: Resolve,
        request: MeetingMessage,
        verdict: Verdict,
        begun: datetime,
    ) -> None:
        self._calls = calls
        self._resolve = resolve
        self._request = request
        self._verdict = verdict
        self._since = _earlier(begun)
        self._bare = False
        self._unreadable = 0

    def sent(self, pages: Iterator[Page]) -> MeetingMessage | None:
        """Return an answer to this edition, ours or a person's, among those of a folder; None if there is none.

        Some servers keep copies that do not show what they answer; it is remembered if there is one since we began, or
        one that cannot be read.
        """
        oldest = _earlier(min(self._request.received or self._since, self._since))
        for number, answer in enumerate(self._readable(pages)):
            if (answer.received is not None and answer.received < oldest) or number >= _MOST_ANSWERS:
                return None
            if not answer.uid:
                recent = answer.received is None or answer.received >= self._since
                self._bare = self._bare or (recent and answer.reply is self._verdict)
            elif self._is_answer(answer):
                return answer
        return None

    def _readable(self, pages: Iterator[Page]) -> Iterator[MeetingMessage]:
        for page in pages:
            self._unreadable += page.unreadable
            yield from page.messages

    def _is_answer(self, answer: MeetingMessage) -> bool:
        request = self._request
        if same_meeting_key(answer.uid) != same_meeting_key(request.uid) or answers_another(answer, request):
            return False
        # With equal sequences, an answer to an earlier text of the meeting has its stamp.
        if answer.stamp is not None and request.stamp is not None and request.stamp - answer.stamp > _SAME_STAMP:
            return False
        if request.received is None or answer.received is None:
            return True
        return answer.received >= _earlier(request.received)

    def judge(
        self,
        sent: MeetingMessage | None,
        queued: MeetingMessage | None,
        there: MeetingMessage | None,
        handled: MeetingMessage | None,
    ) -> AnswerEvidence:
        """Return what was found.

        :param sent: an answer in Sent Items. :param queued: one in the Outbox. :param there: the request in the Inbox.
        :param handled: the request in Deleted Items.
        """
        if sent is not None:
            other = "" if sent.reply is self._verdict else f", which says {sent.reply}"
            return AnswerEvidence(AnswerState.ANSWERED, f"an answer is in Sent Items{other}")
        if queued is not None:
            return AnswerEvidence(AnswerState.UNCLEAR, "the answer is in the Outbox, and was not sent yet")
        calendar = self._calendar()
        if isinstance(calendar, CalendarUnknown):
            return AnswerEvidence(AnswerState.UNCLEAR, f"no answer in Sent Items; calendar: {calendar.reason}")
        return self._when_gone(handled, calendar) if there is None else self._while_there(there, calendar)

    def _while_there(self, there: MeetingMessage, calendar: "_Calendar") -> AnswerEvidence:
        shown = calendar.answer
        if there.answered is not None and there.answered is not self._request.answered:
            shown = shown or f"the request is marked as answered ({there.answered})"
        if shown and not self._request.response_requested:
            return AnswerEvidence(AnswerState.ANSWERED, f"{shown}, and no response was requested")
        if shown:
            return AnswerEvidence(
                AnswerState.HALF_DONE, f"{shown}, but the request is in the Inbox and no answer in Sent Items"
            )
        if self._bare:
            return AnswerEvidence(
                AnswerState.UNCLEAR, "Sent Items has an answer that does not show which request it is for"
            )
        if self._unreadable:
            return AnswerEvidence(AnswerState.UNCLEAR, "Sent Items or the Outbox has answers that cannot be read")
        return AnswerEvidence(AnswerState.NOT_DONE, "the request is in the Inbox, and nothing of an answer is there")

    def _when_gone(self, handled: MeetingMessage | None, calendar: "_Calendar") -> AnswerEvidence:
        shown = calendar.answer
        if self._verdict is Verdict.DECLINE and calendar.absent:
            shown = shown or "the calendar does not have the meeting"
        if calendar.answer and not self._request.response_requested:
            return AnswerEvidence(AnswerState.ANSWERED, f"{calendar.answer}, and no response was requested")
        if handled is not None and shown:
            return AnswerEvidence(
                AnswerState.ANSWERED, f"no copy in Sent Items; {shown}, and the request is in Deleted Items"
            )
        found = shown or "the calendar does not show the answer"
        where = "in Deleted Items" if handled is not None else "neither in the Inbox nor in Deleted Items"
        return AnswerEvidence(AnswerState.UNCLEAR, f"no answer in Sent Items; {found}; the request is {where}")

    def _calendar(self) -> "_Calendar | CalendarUnknown":
        """Read what the calendar shows of the answer. A declined meeting is in Deleted Items, if it is anywhere."""
        found = self._answers_of("calendar")
        if isinstance(found, CalendarUnknown) or found.answer or self._verdict is not Verdict.DECLINE:
            return found
        removed = self._answers_of("deleteditems")
        return removed if isinstance(removed, CalendarUnknown) else _Calendar(removed.answer, found.absent)

    def _answers_of(self, folder: Literal["calendar", "deleteditems"]) -> "_Calendar | CalendarUnknown":
        found = calendar_items(self._calls, self._request.uid, self._resolve, folder)
        if isinstance(found, CalendarUnknown):
            return found
        own = [(one, at) for one, at in found if self._is_of_it(one.occurrence)]
        answered = any(
            one.response is _STATUS[self._verdict] and at is not None and at >= self._since for one, at in own
        )
        return _Calendar(_SHOWN[folder] if answered else "", absent=not own)

    def _is_of_it(self, occurrence: str) -> bool:
        return same_occurrence(occurrence, self._request.occurrence) is not False


def _earlier(moment: datetime) -> datetime:
    """Return the moment by a clock that is behind, but none before the first that datetime can hold."""
    return moment - APART_CLOCKS if moment - _FIRST > APART_CLOCKS else moment


def as_answer(message: MeetingMessage) -> MeetingMessage:
    """Return a message in Sent Items as an answer of the mailbox itself."""
    return replace(message, kind=Kind.ANSWER) if message.kind is Kind.RESPONSE else message
