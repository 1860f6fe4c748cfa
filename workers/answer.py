"""Answer one meeting request: two remote effects, no transaction, and never a second answer.

OWA's command writes the answer into Drafts and removes the request; only the MOVE to the submission URI sends it. A
worker may die between any two steps, and a server may show what it did only later, so every attempt looks at the
journal and at the mailbox, and :func:`workers.steps.next_step` says what is to be done. What cannot be known is not
guessed: it is looked at again later, and ends in ``dead`` with its journal as the evidence.

Redis may be lost as well, journal and all. So the request is marked before the command, and the draft before it is
sent: what was begun is found in the mailbox and finished (see :mod:`rsvpq.webdav.drafts` for the moment between them).
"""

from contextlib import suppress
from dataclasses import replace
from uuid import uuid4

from rsvpq.mail.calendar import Appointment, ResponseStatus
from rsvpq.mail.editions import Version, answer_marker
from rsvpq.mail.errors import Changed, Gone, Transient, Unknown, Unsettled
from rsvpq.mail.messages import Intent, MeetingMessage, Outcome, Verdict
from rsvpq.policy import Decide, answer_to
from rsvpq.tasks.journal import Journal
from rsvpq.webdav.drafts import Traces, answered_request, traces_of, was_edited
from rsvpq.webdav.mailbox import MailboxClient
from workers.draft import Ours, find_drafts, may_be_mistaken, sent_answers, was_sent
from workers.look import gone, left_alone
from workers.steps import Command, Evidence, Shown, Step, next_step

#: How long a command is not repeated, for what it did may not show yet; a front end may sit on a request for a minute.
SETTLE_S = 120.0
#: The first look after a command whose draft is not there yet; the following ones come at growing distances.
_FIRST_LOOK_S = 1.0
#: A net below the loop: the longest way is a look, a command, a look, a send and a look.
_MOST_LOOKS = 8
#: How often a request may be changed by others between a look and its marker.
_MOST_CHANGES = 3
#: Between the token of a marker that we have seen, and not written, and when that was written.
_SEEN = "@"


def answer(
    request: MeetingMessage,
    box: MailboxClient,
    journal: Journal,
    identity: str,
    decide: Decide,
    settle_s: float = SETTLE_S,
) -> Outcome:
    """Give OWA the command for what is decided, and send the answer that it drafts.

    :param identity: the item's, which the mailbox is marked with. :param decide: asked once, before anything is begun.
    :param settle_s: for how long a command whose effect does not show is waited for before it is given again.
    :raises ExchangeError: as the client says; Unsettled where what was done may not show yet; Unknown where it cannot
        be told what was done.
    """
    there = request if _begun(journal) else _recall(request, box, journal, identity)
    if there is None:
        return gone(request, box)
    begun = _begun(journal)
    verdict = begun or answer_to(decision := decide(there))
    if verdict is None:
        return left_alone(decision)
    attempt = _Attempt(there, verdict, box, journal, identity, settle_s)
    if not begun and not attempt.takes_up() and not attempt.begin(again=decision.again):
        return gone(request, box, undone=True)
    return _complete(attempt)


def _complete(attempt: "_Attempt") -> Outcome:
    """Look and act, until all is done or nothing more can be done now."""
    for _ in range(_MOST_LOOKS):
        match attempt.look():
            case Step.COMMAND:
                attempt.command()
            case Step.SEND:
                attempt.send()
            case Step.WAIT:
                attempt.wait()
            case Step.UNKNOWN:
                attempt.give_up()
            case Step.FINISH:
                return attempt.finish()
    raise Transient(f"the mailbox looked otherwise each of {_MOST_LOOKS} times")


class _Attempt:
    """One attempt at an answer, from its first command on."""

    def __init__(
        self,
        request: MeetingMessage,
        verdict: Verdict,
        box: MailboxClient,
        journal: Journal,
        identity: str,
        settle_s: float,
    ) -> None:
        self._request, self._verdict = request, verdict
        self._box, self._journal, self._identity, self._settle_s = box, journal, identity, settle_s
        self._ours: Ours | None = None
        self._shown = Shown.UNTOUCHED
        #: Whether the command was given in this attempt, and where its answer said that the draft is.
        self._commanded, self._hint = False, ""
        #: Whether nobody has looked since the command.
        self._fresh = False
        self._sent = "sent" in journal
        #: Whether the request is still there; asked before the answer is sent, so that nothing is left to do after it.
        self._stays: bool | None = None

    @property
    def _last(self) -> Command:
        return Command.parse(self._journal[self._verdict])

    def takes_up(self) -> bool:
        """Whether the policy says what the request's marker says was commanded: then that command is the first.

        What it did may not show yet, nor what another one did that the marker tells of.

        :raises Unsettled: another answer was commanded, it may be, and what it did would not show yet.
        """
        earlier = self._request.intent
        if earlier is None or earlier.identity != self._identity or earlier.finished:
            return False
        if earlier.verdict is self._verdict:
            _note_lost(self._request, earlier, traces_of(self._request, self._box), self._journal)
            return True
        if "marked" not in self._journal:
            self._journal.note("marked", round(self._journal.now_s(), 3))
        left_s = self._settle_s - (self._journal.now_s() - self._journal["marked"])
        if left_s > 0:
            raise Unsettled(f"its marker says that {earlier.verdict} was commanded, which may not show yet", left_s)
        return False

    def begin(self, *, again: bool) -> bool:
        """Give the first command; False where the request was gone before anything was done to it.

        :param again: whether Sent Items may have an answer already that looks like this one.
        """
        drafts = may_be_mistaken(self._request, self._box)
        sent = tuple(one.ref.key for one in sent_answers(self._request, self._box)) if again else ()
        for _ in range(2):
            try:
                self._give(Command((*drafts, *sent), self._journal.now_s(), 1, self._request.read, _token()))
            except Gone:  # of this URL: folders are renamed, and filters before Exchange reject names
                there = self._box.locate(self._request)
                if there is None:
                    self._withdraw()
                    return False
                self._request = there
            else:
                return True
        raise Transient(f"{self._verdict}: the request is there when it is looked at, and not when it is commanded")

    def look(self) -> Step:
        """What journal and mailbox lead to; no more is asked of the mailbox than that takes."""
        last = self._last
        first_look, self._fresh = self._fresh, False
        if not self._sent and not first_look:
            self._sent = was_sent(self._request, self._box, self._verdict, last.before)
        if self._sent:
            return next_step(Evidence(sent=True))
        self._ours = find_drafts(
            self._request,
            self._box,
            identity=self._identity,
            verdict=self._verdict,
            before=last.before,
            commands=last.times,
            hint=self._hint,
        )
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
                settled=self._age_s >= self._settle_s,
            )
        )

    def command(self) -> None:
        """Give the command once more, for it was certainly not carried out.

        :raises Transient: it was given in this attempt already, and did nothing.
        """
        self._require_first()
        last = self._last
        with suppress(Gone):  # the next look finds that it is
            self._give(Command(last.before, self._journal.now_s(), last.times + 1, last.read, _token(last)))

    def send(self) -> None:
        """Send the draft. What else the command left, where it was given twice, goes: a person could send that."""
        if self._ours is None:
            return
        with suppress(Gone):  # somebody was quicker; the next look tells with what
            for surplus in self._ours.surplus:
                self._box.use_up_lease(on=False)  # this is for whoever has the item, and can wait
                with suppress(Gone):
                    self._box.move_to_deleted_items(surplus)
            self._stays = self._box.holds(self._request)
            self._mark_unchanged(self._ours.draft)
            self._box.use_up_lease(on=False)
            self._journal.intend("send", self._ours.draft.ref.key)
            self._box.submit(self._ours.draft)
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
        left_s = self._settle_s - self._age_s
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
                self._box.retire(self._request, self._intent().finish())
        if "send" not in self._journal and not self._request.response_requested:
            return Outcome("accepted", "no response was requested, so none was sent")
        return Outcome("answered")

    @property
    def _age_s(self) -> float:
        return self._journal.now_s() - self._last.at_s

    def _give(self, command: Command) -> None:
        self._journal.intend(self._verdict, command.to_fact())
        self._mark_first(Intent.now(self._identity, self._verdict, command.before, command.token))
        self._commanded = True
        # A ledger that forgets the item now leaves a draft that only this attempt knows to be ours, until it is marked.
        self._box.use_up_lease(on=True)
        self._hint = self._box.accept(self._request, self._verdict)
        self._fresh = True
        if not self._request.response_requested:
            self._journal.note("commanded")

    def _intent(self) -> Intent:
        return Intent.now(self._identity, self._verdict, ())

    def _mark_first(self, intent: Intent) -> None:
        """Write the marker, unless somebody has begun to answer the request since it was looked at.

        Of two installations in one mailbox, one writes it and the other waits for what becomes of that.

        :raises Unsettled: another one has begun. :raises Gone: the request is not there any more.
        """
        for _ in range(_MOST_CHANGES):
            try:
                kept = self._box.mark_intent(self._request, intent)
            except Changed:
                self._look_for_another(intent)
            else:
                if kept and not (self._request.etag and self._box.compares):  # else written over anything
                    self._look_for_another(intent)
                return
        raise Transient(f"{self._verdict}: the request was changed each of {_MOST_CHANGES} times it was to be marked")

    def _look_for_another(self, intent: Intent) -> None:
        """See whether somebody has begun, or done, what we are about to; a flag that changed is no reason to stop."""
        there = self._box.locate(self._request)
        if there is None:
            raise Gone(f"{self._verdict}: the request went while it was to be marked")
        known = {self._request.intent, intent}
        if there.intent not in known or (there.processed and not self._request.processed):
            raise Unsettled("somebody else, maybe another installation, has begun to answer it", _FIRST_LOOK_S)
        self._request = there

    def _mark_unchanged(self, draft: MeetingMessage) -> None:
        """Mark the draft right before it is sent, if nobody has changed it since it was found.

        :raises Changed: somebody has: it may be open in Outlook, and is a person's by now.
        """
        try:
            self._box.mark_draft(draft, answer_marker(self._identity, self._request))
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

    def _withdraw(self) -> None:
        """Take the marker back: nothing was done, and what a person did to the request must not be taken for ours."""
        for request in self._box.handled_requests(self._request.uid) if self._request.uid else ():
            intent = request.intent
            if intent is not None and intent.identity == self._identity:
                with suppress(Gone):
                    self._box.mark_intent(request, intent.finish())

    def _look_at_request(self, last: Command) -> Shown:
        there = self._box.locate(self._request)
        if there is None:
            return Shown.GONE
        self._request = there
        self._notice_another(last)
        if there.processed:
            return Shown.PROCESSED
        return Shown.READ if there.read and not last.read else Shown.UNTOUCHED

    def _notice_another(self, last: Command) -> None:
        """Wait for what another installation has commanded as if we had done it: its marker is not the one we wrote.

        :raises Unknown: it has begun an answer of its own, under another name.
        """
        other = self._request.intent
        if other is None or other.finished or last.token in {other.token, _theirs(other)}:
            return
        if (other.identity, other.verdict) != (self._identity, self._verdict):
            raise Unknown(f"another installation, or another name of the mailbox, answers it: {other.verdict}")
        self._journal.note(self._verdict, replace(last, at_s=self._journal.now_s(), token=_theirs(other)).to_fact())

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


def _begun(journal: Journal) -> Verdict | None:
    """The verdict that was begun, if one was: whatever is decided by now, that one is finished."""
    return next((verdict for verdict in Verdict if verdict in journal), None)


def _recall(request: MeetingMessage, box: MailboxClient, journal: Journal, identity: str) -> MeetingMessage | None:
    """The request as it is now; an attempt that the journal has lost is written into it as the mailbox tells it.

    Only our own marker counts, and only where more than the marker tells of the attempt: else the policy is asked.

    :returns: None where the request is gone, and no answer of ours lies unsent.
    """
    there = box.locate(request)
    if there is not None:
        earlier = there.intent
        if earlier is not None and earlier.identity == identity and not earlier.finished:
            traces = traces_of(there, box)
            if traces.begun:
                _note_lost(there, earlier, traces, journal)
        return there
    for draft in box.response_drafts():
        if answered_request(draft, box) == identity and draft.reply and not was_sent(request, box, draft.reply):
            box.mark_draft(draft, answer_marker(identity, request))
            journal.note(draft.reply, Command(at_s=journal.now_s()).to_fact())
            return request
    return None


def _note_lost(there: MeetingMessage, earlier: Intent, traces: Traces, journal: Journal) -> None:
    """Write down a command that the journal has lost; when it was given, nobody knows."""
    before = tuple(sorted({*earlier.before, *traces.strange}))
    journal.note(earlier.verdict, Command(before, journal.now_s(), 1, there.read, _theirs(earlier)).to_fact())


def _token(last: Command | None = None) -> str:
    """What our markers on a request say: the same for all commands of an item, if it was not another one's before."""
    return last.token if last and last.token and _SEEN not in last.token else uuid4().hex[:12]


def _theirs(other: Intent) -> str:
    """By what a marker that we have not written is known again; each command writes it anew."""
    return f"{other.token}{_SEEN}{other.begun:%Y%m%dT%H%M%S}" if other.token else ""
