"""Answer one meeting request: two remote effects, no transaction, and never a second answer.

A command makes the server write the answer into Drafts; the organizer gets it only when the draft is sent. A worker may
die between any two steps, and a server may show late what it did. So every attempt looks at the journal and at the
mailbox, and :func:`workers.steps.next_step` returns what to do next. If nobody can tell whether an effect happened, it
is not guessed: later attempts look again, and in the end the item is ``dead``, with its journal as the evidence.

Redis may be lost too, and the journal with it. So the request is marked before the command, and the draft before it is
sent: an answer that was begun is found in the mailbox and finished (for the moment between the command and the mark on
the draft, see :mod:`rsvpq.mail.drafts`).
"""

from rsvpq.mail.errors import Transient, Unsupported
from rsvpq.tasks.journal import Outcome
from workers import marks
from workers.drafted import DraftedAnswer
from workers.outcomes import gone, left_alone
from workers.reply import reply
from workers.steps import Step, next_step
from workers.work import DraftWork

#: Bounds the loop. The longest regular sequence is: look, command, look, send, look.
_MOST_LOOKS = 8


def answer(work: DraftWork) -> Outcome:
    """Answer the request by a command of its server, or by a reply of our own if the server has no commands.

    An answer is finished by the method that an earlier attempt began with, even if the journal of that was lost.

    :raises Unsettled: the effect of a command may not show yet. :raises Unknown: nobody can tell what was done.
    :raises Unsupported: only commands are allowed, and the server has none.
    """
    if "draft" in work.journal or not (work.box.commands or marks.was_commanded(work)):
        return reply(work)
    try:
        return answer_by_command(work)
    except Unsupported:
        if work.box.commands:
            raise
        return reply(work)


def answer_by_command(work: DraftWork) -> Outcome:
    """Issue the command for the decision, then send the draft that the server writes."""
    begun = marks.begun(work.journal)
    request = work.message if begun else marks.recall(work)
    if request is None:
        return gone(work)
    work, verdict = work.with_message(request), begun or marks.begun(work.journal)
    if verdict:
        return _complete(DraftedAnswer(work, verdict))
    decided = work.decide(request)
    if decided.verdict is None:
        return left_alone(decided)
    drafted = DraftedAnswer(work, decided.verdict, decided)
    if not marks.adopt(work, decided) and not drafted.begin():
        return gone(work, undone=True)
    return _complete(drafted)


def _complete(drafted: DraftedAnswer) -> Outcome:
    """Look and act until the answer is finished, or until nothing more can be done in this attempt."""
    for _ in range(_MOST_LOOKS):
        look = drafted.look()
        match next_step(look.evidence):
            case Step.COMMAND:
                drafted.command()
            case Step.SEND if look.drafts:  # which this step implies
                drafted.send(look.drafts)
            case Step.WAIT:
                drafted.wait(look.evidence.request)
            case Step.UNKNOWN:
                drafted.give_up(look.evidence.request)
            case Step.FINISH:
                return drafted.finish()
    raise Transient(f"the mailbox changed each of the {_MOST_LOOKS} times it was looked at")
