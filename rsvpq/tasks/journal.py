"""The steps of one item: what was intended and what was done, written to the ledger before the next thing happens.

Each step is intent -> effect -> outcome. An intent without its outcome means that a worker died, or an answer was lost,
in between: whoever comes next looks at the mailbox before doing anything again.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

Record = Callable[[Mapping[str, Any], bool], Literal["ok", "held", "lost", "taken"]]


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
    :param record: writes the whole journal under the current generation, the step that is written now at its end; told
        whether that is an intent.
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

    def intend(self, step: str, fact: Any = True) -> None:
        """Write down what is about to be done; only then may it be done.

        :raises Paused, Taken, LeaseLost: it may not be done.
        """
        self._write(step, fact, intent=True)

    def note(self, step: str, fact: Any = True) -> None:
        """Write down what was done or learnt, and keep the lease.

        :raises LeaseLost: the item is in other hands.
        """
        self._write(step, fact, intent=False)

    def _write(self, step: str, fact: Any, *, intent: bool) -> None:
        steps = {**{name: old for name, old in self._steps.items() if name != step}, step: fact}
        answer = self._record(steps, intent)
        if answer == "held":
            raise Paused(f"paused before {step}")
        if answer == "taken":
            what = "another message about the same meeting is being dealt with, or Redis was started anew"
            raise Taken(f"{what}, so {step} has to wait")
        if answer == "lost":
            raise LeaseLost(f"the lease was lost before {step}")
        self._steps = steps
