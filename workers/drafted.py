"""One attempt at an answer that the server drafts: looks, and takes the steps that :mod:`workers.steps` names."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from rsvpq.mail.calendar import Appointment, ResponseStatus
from rsvpq.mail.drafts import was_edited
from rsvpq.mail.editions import Version, answer_marker
from rsvpq.mail.errors import Changed, Gone, Transient, Unknown, Unsettled
from rsvpq.mail.messages import Intent, MeetingMessage, Verdict
from rsvpq.mail.ports import Clear
from rsvpq.tasks.journal import Decided
from rsvpq.tasks.outcome import Outcome
from workers import marks
from workers.evidence import Ours, answers_sent, find_drafts, may_be_mistaken, was_sent
from workers.steps import Command, Evidence, Shown, Step, next_step
from workers.work import Work

#: The first look after a command whose draft is not there yet; the following ones come at growing distances.
_FIRST_LOOK_S = 1.0


class DraftedAnswer:
    """One attempt, from its first command on."""

    def __init__(self, work: Work, verdict: Verdict, decided: Decided | None = None) -> None:
        self._work, self._verdict = work, verdict
        #: Until the first intent; None where the answer was begun before, whatever is decided by now.
        self._decided = decided
        self._box, self._journal = work.box, work.journal
        self._ours: Ours | None = None
        self._shown = Shown.UNTOUCHED
        #: Whether the command was given in this attempt, and where the server said that the draft is.
        self._commanded, self._hint = False, ""
        #: Whether nobody has looked since the command.
        self._fresh = False
        self._sent = "sent" in work.journal
        #: Whether the request is still there; asked before the answer is sent, so that nothing is left to do after it.
        self._stays: bool | None = None

    def begin(self) -> bool:
        """Give the first command; False where the request was gone before anything was done to it."""
        drafts = may_be_mistaken(self._work)
        # Sent Items may have an answer already that looks like this one.
        again = self._decided is not None and self._decided.decision.again
        sent = tuple(one.ref.key for one in answers_sent(self._work)) if again else ()
        for _ in range(2):
            first = Command((*drafts, *sent), self._journal.now_s(), 1, self._request.read, marks.token())
            try:
                self._give(first)
            except Gone:  # of this address: folders are renamed, and filters before a server reject names
                there = self._box.refresh(self._request)
                if there is None:
                    marks.take_back(self._work)
                    return False
                self._work = self._work.of(there)
            else:
                return True
        raise Transient(f"{self._verdict}: the request is there when it is looked at, and not when it is commanded")

    def look(self) -> Step:
        """Find what journal and mailbox lead to; no more is asked of the mailbox than that takes."""
        last = self._last
        first_look, self._fresh = self._fresh, False
        if not self._sent and not first_look:
            self._sent = was_sent(self._work, self._verdict, last.before)
        if self._sent:
            return next_step(Evidence(sent=True))
        self._ours = find_drafts(self._work, self._verdict, last.before, commands=last.times, hint=self._hint)
        self._require_ours()
        if self._ours is not None or "send" in self._journal:
            return next_step(Evidence(draft=self._ours is not None, sending="send" in self._journal))
        self._shown = self._look_at_request(last)
        wanted = self._request.response_requested
        return next_step(
            Evidence(
                request=self._shown,
                wanted=wanted,
                booked=not wanted and self._shown is not Shown.GONE and self._is_booked(),
                settled=self._age_s >= self._work.settle_s,
            )
        )

    def command(self) -> None:
        """Give the command once more, for it was certainly not carried out.

        :raises Transient: it was given in this attempt already, and did nothing.
        """
        self._require_first()
        last = self._last
        with suppress(Gone):  # the next look finds that it is
            self._give(Command(last.before, self._journal.now_s(), last.times + 1, last.read, marks.token(last)))

    def send(self) -> None:
        """Send the draft. What else the command left, where it was given twice, goes: a person could send that."""
        if self._ours is None:
            return
        with suppress(Gone):  # somebody was quicker; the next look tells with what
            for surplus in self._ours.surplus:
                self._work.lease.use_up(on=False)  # this is for whoever has the item, and can wait
                with suppress(Gone):
                    self._box.clear(surplus, Clear.TRASH)
            self._stays = self._box.holds(self._request)
            self._mark_unchanged(self._ours.draft)
            self._work.lease.use_up(on=False)
            self._intend("send", self._ours.draft.ref.key)
            self._box.send(self._ours.draft)
            if self._stays:  # else the item's end says so
                self._journal.note("sent")
            self._sent = True

    def wait(self) -> None:
        """Leave it to a later attempt, in its lane and not in this thread.

        :raises Unsettled, Transient: always; the latter where a command was repeated in this attempt, which counts.
        """
        repeatable = self._shown is Shown.UNTOUCHED or not self._request.response_requested
        if repeatable and self._last.times > 1:
            self._require_first()
        if self._age_s < 0:  # the clock was set back: it is waited from now on, and not until it is where it was
            self._journal.note(self._verdict, replace(self._last, at_s=self._journal.now_s()).to_fact())
        left_s = self._work.settle_s - self._age_s
        delay_s = max(_FIRST_LOOK_S, min(self._age_s, left_s))
        raise Unsettled(f"{self._verdict} was commanded, and what it did does not show yet", delay_s)

    def give_up(self) -> None:
        """Say what is known, for whoever has to find out the rest.

        :raises Unknown: always.
        """
        if "send" in self._journal:
            raise Unknown("the draft was about to be sent, and is neither in Drafts nor in Sent Items")
        raise Unknown(f"{self._verdict} was commanded, the request is {self._shown}, and there is no draft")

    def finish(self) -> Outcome:
        """Leave the request, where it stays, so that no scan minds it."""
        if self._stays is not False and self._box.holds(self._request):
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

    def _give(self, command: Command) -> None:
        self._intend(self._verdict, command.to_fact())
        intent = Intent.now(self._work.item, self._verdict, command.before, command.token)
        self._work = self._work.of(marks.write(self._work, intent))
        self._commanded = True
        # A ledger that forgets the item now leaves a draft that only this attempt knows to be ours, until it is marked.
        self._work.lease.use_up(on=True)
        self._hint = self._box.command(self._request, self._verdict)
        self._fresh = True
        if not self._request.response_requested:
            self._journal.note("commanded")

    def _mark_unchanged(self, draft: MeetingMessage) -> None:
        """Mark the draft right before it is sent, if nobody has changed it since it was found.

        :raises Changed: somebody has: it may be open in Outlook, and is a person's by now.
        """
        try:
            self._box.mark_draft(draft, answer_marker(self._work.item, self._request))
        except Changed:
            self._journal.note("changed", draft.ref.key)
            raise

    def _require_ours(self) -> None:
        """Complain of a draft that a person has changed; another installation of ours has marked it by then."""
        draft = self._ours.draft if self._ours else None
        changed = "changed" in self._journal and self._journal["changed"]
        if draft is not None and not draft.answers and (draft.ref.key == changed or was_edited(draft)):
            raise Unknown("somebody has changed the draft of the answer since it was written, so it is not sent")

    def _require_first(self) -> None:
        if self._commanded:
            raise Transient(f"{self._verdict} changed nothing: the request is still there, and there is no draft")

    def _look_at_request(self, last: Command) -> Shown:
        there = self._box.refresh(self._request)
        if there is None:
            return Shown.GONE
        self._work = self._work.of(there)
        marks.notice_another(self._work, self._verdict, last)
        if there.processed:
            return Shown.PROCESSED
        return Shown.READ if there.read and not last.read else Shown.UNTOUCHED

    def _is_booked(self) -> bool:
        """Whether the calendar shows that a request was answered whose organizer wants no response, so no draft tells.

        A decline leaves nothing in the calendar. What cannot be told is commanded again: nobody hears of it.
        """
        found = None if self._verdict is Verdict.DECLINE else self._box.appointment(self._request)
        of_another = isinstance(found, Appointment) and bool(found.occurrence) is not bool(self._request.occurrence)
        if of_another or not isinstance(found, Appointment):  # of the series, or of nothing
            return "commanded" in self._journal and (found is not None or self._verdict is Verdict.DECLINE)
        is_this = not Version(found.sequence).is_older_than(Version(self._request.sequence))
        return is_this and found.response is not ResponseStatus.NOT_RESPONDED
