"""The journal and the outcome of one item: intents and results, each in the ledger before anything else happens.

Each step is intent -> effect -> outcome. An intent without an outcome means that a worker died, or a response was lost,
in between: the next attempt looks at the mailbox before it repeats anything.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rsvpq.lanes import DecisionBatch, Memory, ScanTotals
from rsvpq.mail.messages import Verdict
from rsvpq.policy import Action, Decision, Left, answer_to


@dataclass(frozen=True, slots=True)
class Attached:
    """What the ledger writes together with a journal entry, in the same atomic step."""

    #: For the audit: the decision that the entry carries out.
    decisions: DecisionBatch | None = None
    #: What settles the meeting from then on; only with an intent.
    memory: Memory | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, and what is attached to the first journal entry that carries it out."""

    decision: Decision
    attached: Attached = Attached()

    @property
    def verdict(self) -> Verdict | None:
        """The verdict to answer a request with; None if it is to be left alone."""
        return answer_to(self.decision)

    def calls_for(self, action: Action) -> bool:
        """Return whether this action is to be carried out, and not only observed."""
        return self.decision.action is action and not self.decision.observed


#: Writes the whole journal under the current generation. Arguments: the steps, the new one last; whether that is an
#: intent; what is attached to it.
Record = Callable[[Mapping[str, Any], bool, Attached | None], Literal["ok", "held", "lost", "taken"]]


class Paused(Exception):
    """An operator has paused this mailbox, its group, its server or everything; nothing was done."""


class Taken(Exception):
    """Another message about the same meeting was begun meanwhile, or the ledger has forgotten whether one was.

    Nothing was done.
    """


class LeaseLost(Exception):
    """Another worker has the item now; nothing more may be done or recorded here."""


class Journal:
    """The journal of a running item.

    :param steps: what earlier attempts wrote.
    :param now_s: the clock of the ledger, in seconds since the epoch: the same for all workers.
    """

    def __init__(self, steps: Mapping[str, Any], record: Record, now_s: Callable[[], float] = time.time) -> None:
        self._steps = dict(steps)
        self._record = record
        self.now_s = now_s

    def __contains__(self, step: str) -> bool:
        return step in self._steps

    def __getitem__(self, step: str) -> Any:
        return self._steps[step]

    def intend(self, step: str, fact: Any = True, attached: Attached | None = None) -> None:
        """Write an intent: the effect may only follow if this succeeds.

        :param attached: given with the first entry for a decision.
        :raises Paused, Taken, LeaseLost: the effect must not follow.
        """
        self._write(step, fact, intent=True, attached=attached)

    def note(self, step: str, fact: Any = True, attached: Attached | None = None) -> None:
        """Write what was done or found out, and renew the lease.

        :param attached: as :meth:`intend` takes it.
        :raises LeaseLost: another worker has the item.
        """
        self._write(step, fact, intent=False, attached=attached)

    def _write(self, step: str, fact: Any, *, intent: bool, attached: Attached | None) -> None:
        steps = {**{name: old for name, old in self._steps.items() if name != step}, step: fact}
        reply = self._record(steps, intent, attached)
        if reply == "held":
            raise Paused(f"paused before {step}")
        if reply == "taken":
            what = "another message about the same meeting is being processed, or Redis was restarted"
            raise Taken(f"{what}, so {step} has to wait")
        if reply == "lost":
            raise LeaseLost(f"the lease was lost before {step}")
        self._steps = steps


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an item: ``result`` is one of a few words that are counted, ``note`` is for people."""

    result: str
    note: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    #: Why the message was left alone; None if it was not. A later scan offers it again.
    left: Left | None = None
    #: Whether an effect that was begun did not happen, because the message was gone: then it does not settle other
    #: copies of the message.
    undone: bool = False
    #: What is attached to the decision, if no journal entry was made for it.
    attached: Attached | None = None
    #: What a scan of the Inbox found.
    totals: ScanTotals | None = None

    @property
    def left_alone(self) -> bool:
        """Whether nothing was done with the message, although it is there or may appear again."""
        return self.left is not None
