"""One attempt at an answer that the server drafts: look, then carry out the step that :mod:`workers.steps` chooses."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from rsvpq.mail.calendar import Appointment, ResponseStatus
from rsvpq.mail.drafts import was_edited
from rsvpq.mail.editions import Version, answer_marker
from rsvpq.mail.errors import Changed, Gone, Transient, Unknown, Unsettled
from rsvpq.mail.messages import Intent, MeetingMessage, Verdict
from rsvpq.mail.ports import Clear
from rsvpq.tasks.journal import Decided, Outcome
from workers import marks
from workers.evidence import FoundDrafts, answers_sent, find_drafts, similar_drafts, was_sent
from workers.steps import Command, Evidence, RequestState
from workers.work import DraftWork

#: Seconds until the first look after a command that has not shown its draft yet; the delays grow from then on.
_FIRST_LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class LookResult:
    """What one look at journal and mailbox shows: the evidence, and the drafts if it read any that answer."""

    evidence: Evidence
    drafts: FoundDrafts | None = None


class DraftedAnswer:
    """One attempt at an answer whose verdict is fixed: command, look, send and finish."""

    def __init__(self, work: DraftWork, verdict: Verdict, decided: Decided | None = None) -> None:
        self._work, self._verdict = work, verdict
        #: Set until the first intent; None if an earlier attempt began the answer.
        self._decided = decided
        self._box, self._journal = work.box, work.journal
        #: Whether the command was issued in this attempt, and the address that the server then gave for the draft.
        self._issued, self._hint = False, ""
        #: Whether the next look is the first one after the command.
        self._just_issued = False
        self._sent = "sent" in work.journal
        #: Whether the request is still there; read before the answer is sent, so that little is left to do after it.
        self._request_stays: bool | None = None

    def begin(self) -> bool:
        """Issue the first command; return False if the request was gone before anything was done to it."""
        drafts = similar_drafts(self._work)
        # Sent Items may already have an answer that looks like this one.
        again = self._decided is not None and self._decided.decision.again
        sent = tuple(one.ref.key for one in answers_sent(self._work)) if again else ()
        for _ in range(2):
            first = Command((*drafts, *sent), self._journal.now_s(), 1, self._request.read, marks.token())
            try:
                self._issue(first)
            except Gone:  # only this address may be gone: folders are renamed, and proxies reject some names
                there = self._box.refresh(self._request)
                if there is None:
                    marks.close_mark(self._work)
                    return False
                self._work = self._work.with_message(there)
            else:
                return True
        raise Transient(f"{self._verdict}: the request can be read, but its command returns that it does not exist")

    def look(self) -> LookResult:
        """Return the evidence for the next step; read no more of the mailbox than that takes.

        :raises Unknown: a person has changed the draft.
        """
        last = self._last
        first_look, self._just_issued = self._just_issued, False
        if not self._sent and not first_look:
            self._sent = was_sent(self._work, self._verdict, last.before)
        if self._sent:
            return LookResult(Evidence(sent=True))
        sending = "send" in self._journal
        drafts = find_drafts(self._work, self._verdict, last.before, commands=last.times, hint=self._hint)
        if drafts is not None:
            self._require_unchanged(drafts.draft)
        if drafts is not None or sending:
            return LookResult(Evidence(draft=drafts is not None, sending=sending), drafts)
        state = self._look_at_request(last)
        wanted = self._request.response_requested  # as it is now
        booked = not wanted and state is not RequestState.GONE and self._is_booked()
        settled = self._age_s >= self._work.settle_s
        return LookResult(Evidence(request=state, wanted=wanted, booked=booked, settled=settled))

    def command(self) -> None:
        """Issue the command again, because it was certainly not carried out.

        :raises Transient: it was issued in this attempt already, and changed nothing.
        """
        self._require_not_issued()
        last = self._last
        with suppress(Gone):  # the next look finds that it is gone
            self._issue(Command(last.before, self._journal.now_s(), last.times + 1, last.read, marks.token(last)))

    def send(self, drafts: FoundDrafts) -> None:
        """Send the draft; move other drafts of a repeated command to Deleted Items, as a person could send them.

        :raises Changed: somebody has changed it since it was found: a person may have it open in Outlook.
        """
        draft = drafts.draft
        with suppress(Gone):  # somebody dealt with it first; the next look shows how
            for surplus in drafts.surplus:
                self._work.lease.use_up(on=False)  # only the owner of the item may do this, and it can wait
                with suppress(Gone):
                    self._box.clear(surplus, Clear.TRASH)
            self._request_stays = self._box.holds(self._request)
            try:
                self._box.mark_draft(draft, answer_marker(self._work.item, self._request))
            except Changed:
                self._journal.note("changed", draft.ref.key)
                raise
            self._work.lease.use_up(on=False)
            self._intend("send", draft.ref.key)
            self._box.send(draft)
            if self._request_stays:  # otherwise the item finishes next, which records it
                self._journal.note("sent")
            self._sent = True

    def wait(self, request: RequestState) -> None:
        """Leave the answer to a later attempt: the item waits in its lane, not in this thread.

        :raises Unsettled, Transient: always; Transient, which costs an attempt, if a command was repeated in this one.
        """
        repeatable = request is RequestState.UNTOUCHED or not self._request.response_requested
        if repeatable and self._last.times > 1:
            self._require_not_issued()
        if self._age_s < 0:  # the clock was set back: count from now on, not from a time that is yet to come
            self._journal.note(self._verdict, replace(self._last, at_s=self._journal.now_s()).to_fact())
        left_s = self._work.settle_s - self._age_s
        delay_s = max(_FIRST_LOOK_S, min(self._age_s, left_s))
        raise Unsettled(f"{self._verdict} was commanded, and its effect does not show yet", delay_s)

    def give_up(self, request: RequestState) -> None:
        """Report what is known, for the operator who has to find out the rest.

        :raises Unknown: always.
        """
        if "send" in self._journal:
            raise Unknown("the draft was about to be sent, and is neither in Drafts nor in Sent Items")
        raise Unknown(f"{self._verdict} was commanded, the request is {request}, and there is no draft")

    def finish(self) -> Outcome:
        """Mark the request as finished if it is still there, so that scans leave it alone."""
        if self._request_stays is not False and self._box.holds(self._request):
            with suppress(Gone):
                self._box.clear(self._request, Clear.MARK, Intent.now(self._work.item, self._verdict).finish())
        if "send" not in self._journal and not self._request.response_requested:
            return Outcome("accepted", "no response was requested, so none was sent")
        return Outcome("answered")

    @property
    def _request(self) -> MeetingMessage:
        return self._work.message

    @property
    def _last(self) -> Command:
        return Command.parse(self._journal[self._verdict])

    @property
    def _age_s(self) -> float:
        return self._journal.now_s() - self._last.at_s

    def _intend(self, step: str, fact: Any) -> None:
        self._journal.intend(step, fact, self._decided.attached if self._decided else None)
        self._decided = None

    def _issue(self, command: Command) -> None:
        self._intend(self._verdict, command.to_fact())
        intent = Intent.now(self._work.item, self._verdict, command.before, command.token)
        self._work = self._work.with_message(marks.write(self._work, intent))
        self._issued = True
        # If the ledger forgets the item now, only this attempt knows that the draft is ours, until the draft is marked.
        self._work.lease.use_up(on=True)
        self._hint = self._box.command(self._request, self._verdict)
        self._just_issued = True
        if not self._request.response_requested:
            self._journal.note("commanded")

    def _require_unchanged(self, draft: MeetingMessage) -> None:
        changed = "changed" in self._journal and self._journal["changed"]
        # A changed draft that is marked was changed by another installation of rsvpq.
        if not draft.answers and (draft.ref.key == changed or was_edited(draft)):
            raise Unknown("somebody has changed the draft of the answer since it was written, so it is not sent")

    def _require_not_issued(self) -> None:
        if self._issued:
            raise Transient(f"{self._verdict} changed nothing: the request is still there, and there is no draft")

    def _look_at_request(self, last: Command) -> RequestState:
        there = self._box.refresh(self._request)
        if there is None:
            return RequestState.GONE
        self._work = self._work.with_message(there)
        marks.notice_another(self._work, self._verdict, last)
        if there.processed:
            return RequestState.PROCESSED
        return RequestState.READ if there.read and not last.read else RequestState.UNTOUCHED

    def _is_booked(self) -> bool:
        """Return whether the calendar shows the effect of the command, for an organizer who wants no response.

        There is no draft to look for then, and a decline leaves nothing in the calendar. In doubt the command is
        issued again: it sends nothing.
        """
        found = None if self._verdict is Verdict.DECLINE else self._box.appointment(self._request)
        of_another = isinstance(found, Appointment) and bool(found.occurrence) is not bool(self._request.occurrence)
        if of_another or not isinstance(found, Appointment):  # the calendar has the series, or no appointment
            return "commanded" in self._journal and (found is not None or self._verdict is Verdict.DECLINE)
        is_this = not Version(found.sequence).is_older_than(Version(self._request.sequence))
        return is_this and found.response is not ResponseStatus.NOT_RESPONDED
