"""The steps of one item: what was intended and what was done, written to the ledger before the next thing happens.

Each step is intent -> effect -> outcome. An intent without its outcome means that a worker died, or an answer was lost,
in between: whoever comes next looks at the mailbox before doing anything again.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rsvpq.lanes import DecisionBatch, Memory
from rsvpq.mail.messages import Verdict
from rsvpq.policy import Action, Decision, answer_to


@dataclass(frozen=True, slots=True)
class Attached:
    """What the ledger writes in the same atomic step as an entry of the journal."""

    #: The decision that the entry is made for, for the audit.
    decisions: DecisionBatch | None = None
    #: What the meeting is settled with from then on; only with an intent.
    memory: Memory | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, with what is attached to the first entry that is made for it."""

    decision: Decision
    attached: Attached = Attached()

    @property
    def verdict(self) -> Verdict | None:
        """What a request is to be answered with now; None where it is to be left alone."""
        return answer_to(self.decision)

    def is_to(self, action: Action) -> bool:
        """Whether that is what is to be done, and not only observed."""
        return self.decision.action is action and not self.decision.observed


#: Writes the whole journal under the current generation, the entry that is written now at its end: given whether that
#: is an intent, and what is attached to it.
Record = Callable[[Mapping[str, Any], bool, Attached | None], Literal["ok", "held", "lost", "taken"]]


class Paused(Exception):
    """An operator paused this mailbox, its server or everything; nothing was done."""


class Taken(Exception):
    """Since this message was looked at another about the same thing was begun, or it was forgotten whether one was.

    Nothing was done.
    """


class LeaseLost(Exception):
    """The item is in other hands by now; nothing more may be done or recorded here."""


class Journal:
    """The journal of a running item.

    :param steps: what earlier attempts wrote.
    :param now_s: the clock of whatever keeps the journal, in seconds since the epoch: the same for all who write it.
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
        """Write down what is about to be done; only then may it be done.

        :param attached: of the decision that it is done for, with the first entry for that.
        :raises Paused, Taken, LeaseLost: it may not be done.
        """
        self._write(step, fact, intent=True, attached=attached)

    def note(self, step: str, fact: Any = True, attached: Attached | None = None) -> None:
        """Write down what was done or learnt, and keep the lease.

        :param attached: as :meth:`intend` takes it.
        :raises LeaseLost: the item is in other hands.
        """
        self._write(step, fact, intent=False, attached=attached)

    def _write(self, step: str, fact: Any, *, intent: bool, attached: Attached | None) -> None:
        steps = {**{name: old for name, old in self._steps.items() if name != step}, step: fact}
        reply = self._record(steps, intent, attached)
        if reply == "held":
            raise Paused(f"paused before {step}")
        if reply == "taken":
            what = "another message about the same meeting is being dealt with, or Redis was started anew"
            raise Taken(f"{what}, so {step} has to wait")
        if reply == "lost":
            raise LeaseLost(f"the lease was lost before {step}")
        self._steps = steps
