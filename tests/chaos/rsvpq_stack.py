"""rsvpq as an :class:`~tests.chaos.installation.Installation`."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

from celery import Celery

from rsvpq import wiring
from rsvpq.lanes import Lanes
from rsvpq.settings import Settings, load_settings
from rsvpq.tasks import contract
from rsvpq.wiring import apps
from testbed.stack import Stack
from tests.support.unfinished_items import unfinished

#: Where a reason names the path of a message.
_PATH = re.compile(r"(?<=\s)/.*?(?=: |$)")
#: In the reason of a dead item, before what the mailbox shows of the answer.
_HALF_DONE = "and it is not known whether it was sent: the calendar shows the answer"
#: Counts of the ledger that tell of something turned away or put back.
_ABSORBED = ("lease-expired", "later", "throttled", "held")


class RsvpqStack(Stack):
    """The stack of a plan, with what the faults and the report need."""

    @property
    def answerers(self) -> Sequence[str]:
        """The names of all answer workers."""
        return [f"answer-{number}" for number in range(self.plan.answer_workers)]

    @property
    def dispatchers(self) -> Sequence[str]:
        """The names of all dispatchers."""
        return [f"dispatcher-{number}" for number in range(self.plan.dispatchers)]

    @cached_property
    def settings(self) -> Settings:
        """The settings that its processes read."""
        return load_settings(self.config)

    @cached_property
    def lanes(self) -> Lanes:
        """Its lanes."""
        return wiring.make_lanes(self.settings)

    @cached_property
    def _app(self) -> Celery:
        return apps.make_app(self.settings, "operator")

    def trigger(self) -> None:
        """Ask for a scan of all mailboxes, as ``rsvpq scan --all`` does."""
        self._app.send_task(contract.SCAN, retry=False)

    def unfinished(self) -> int:
        """Scans and messages in the ledger that have not ended, and triggers that nobody has taken yet."""
        waiting: int = self.lanes.namespace.redis.llen(f"{self.plan.namespace}:{contract.SCAN_QUEUE}")
        return waiting + unfinished(self.lanes)

    def absorbed(self) -> Mapping[str, int]:
        """Ended leases, and what was put back."""
        counts = self.lanes.snapshot.counts()
        return {label: counts[label] for label in _ABSORBED if label in counts}

    def given_up(self) -> Mapping[str, int]:
        """Dead messages by reason, without the paths, which differ from one to the next."""
        dead = (item for item in self.lanes.dead_items.all() if item.work != contract.SCAN_MAILBOX)
        return dict(Counter(_PATH.sub("...", item.reason) for item in dead))

    def half_answers(self) -> Collection[str]:
        """The uids of dead requests whose mailbox shows a part of an answer, but not that it was sent."""
        dead = self.lanes.dead_items.all()
        return {item.payload["uid"] for item in dead if _HALF_DONE in item.reason and "uid" in item.payload}


class SecondStack(RsvpqStack):
    """Another installation on the same mailboxes, with a Redis of its own; it ends before the first one does."""

    def __init__(self, first: RsvpqStack) -> None:
        directory = first.directory / "second"
        directory.mkdir()
        super().__init__(directory, first.plan)
        self.exchange = first.exchange
        self.secrets["exchange"] = first.secrets["exchange"]

    def _start_exchange(self) -> None:
        """It is the first one's."""

    def _promise(self) -> dict[str, Any]:
        """Neither knows of the other's pace."""
        promise = super()._promise()
        for limits in (promise["mailbox"], *promise["mailboxes"].values(), *promise["servers"].values()):
            limits.update({name: 2 * value for name, value in limits.items()})
        return promise
