"""Answer one meeting request: two remote effects, no transaction, and never a second answer.

A command makes the server write the answer into Drafts; only sending that tells the organizer. A worker may die between
any two steps, and a server may show what it did only later, so every attempt looks at the journal and at the mailbox,
and :func:`workers.steps.next_step` says what is to be done. What cannot be known is not guessed: it is looked at again
later, and ends in ``dead`` with its journal as the evidence.

Redis may be lost as well, journal and all. So the request is marked before the command, and the draft before it is
sent: what was begun is found in the mailbox and finished (see :mod:`rsvpq.mail.drafts` for the moment between them).
"""

from rsvpq.mail.errors import Transient, Unsupported
from rsvpq.tasks.outcome import Outcome
from workers import marks
from workers.drafted import DraftedAnswer
from workers.outcomes import gone, left_alone
from workers.reply import reply
from workers.steps import Step
from workers.work import Work

#: A net below the loop: the longest way is a look, a command, a look, a send and a look.
_MOST_LOOKS = 8


def answer(work: Work) -> Outcome:
    """Answer the request by a command of its server, or by a reply of our own where the server knows none.

    What an earlier attempt began one way is finished that way, lost or not.

    :raises Unsettled: what was done may not show yet. :raises Unknown: it cannot be told what was done.
    :raises Unsupported: only commands are allowed, and there are none.
    """
    if "draft" in work.journal or not (work.box.commands or marks.was_commanded(work)):
        return reply(work)
    try:
        return answer_by_command(work)
    except Unsupported:
        if work.box.commands:
            raise
        return reply(work)


def answer_by_command(work: Work) -> Outcome:
    """Give the command for what is decided, and send the answer that the server drafts."""
    begun = marks.begun(work.journal)
    request = work.message if begun else marks.recall(work)
    if request is None:
        return gone(work)
    work, verdict = work.of(request), begun or marks.begun(work.journal)
    if verdict:
        return _complete(DraftedAnswer(work, verdict))
    decided = work.decide(request)
    if decided.verdict is None:
        return left_alone(decided)
    drafted = DraftedAnswer(work, decided.verdict, decided)
    if not marks.take_up(work, decided) and not drafted.begin():
        return gone(work, undone=True)
    return _complete(drafted)


def _complete(drafted: DraftedAnswer) -> Outcome:
    """Look and act, until all is done or nothing more can be done now."""
    for _ in range(_MOST_LOOKS):
        match drafted.look():
            case Step.COMMAND:
                drafted.command()
            case Step.SEND:
                drafted.send()
            case Step.WAIT:
                drafted.wait()
            case Step.UNKNOWN:
                drafted.give_up()
            case Step.FINISH:
                return drafted.finish()
    raise Transient(f"the mailbox looked otherwise each of {_MOST_LOOKS} times")
