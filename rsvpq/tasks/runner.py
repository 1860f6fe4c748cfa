"""Between a Celery delivery and the ledger: one item from start to finish.

The life of a delivery:

1. It asks the ledger to start. Stale, duplicated and finished ones end here; nothing has been touched.
2. The work runs, journalling each step; it returns an outcome or raises.
   Before each request to a mail server the lease is renewed, and the request ends before the lease does.
3. A success finishes the item; what was left alone is looked at again some time. Busy puts it back for later and holds
   the mailbox or the server for as long; that costs no attempt, and neither does Unsettled, which holds nothing. None
   of it goes on for ever for one item alone: the ledger has bounds for it (``finish.lua``).
   Transient and Unknown put it back with a growing delay, until the attempts are used up; Refused ends it.
4. Whatever the end, the slots it held are refilled in the same breath and published.

A retry is shown as such in Flower but publishes nothing: the lane releases the item again when it is due.
"""

import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal, Never
from uuid import uuid4

from celery.exceptions import Ignore, Retry

from rsvpq.audit.record import READING_STEPS
from rsvpq.audit.redaction import Redaction
from rsvpq.http.lease import Lease
from rsvpq.lanes import Lane, Lanes, Recorded, Release, Start, StartResult
from rsvpq.mail.errors import Busy, ExchangeError, NotListed, Refused, Unsettled
from rsvpq.mail.messages import is_private_payload
from rsvpq.policy import Left
from rsvpq.tasks.journal import Attached, Journal, LeaseLost, Paused, Taken
from rsvpq.tasks.outcome import Outcome

logger = logging.getLogger(__name__)

#: How many items one finish may release: the slot it freed, and a few that others left.
REFILL = 4
#: When a message is looked at again that was left alone, in seconds: first after this, then after twice as long each
#: time, up to the longest. Many are held for years, and each look costs the server a few requests.
LOOK_AGAIN_S, LOOK_AGAIN_LONGEST_S = 3600.0, 86_400.0
#: The first of these where the reason may pass by itself, such as a calendar that could not be read; and the shortest
#: where scans and workers have two policies, which each scan would take for a change.
LOOK_AGAIN_SOON_S = 300.0
_UNLISTED = "unlisted"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at an item: what was started, its journal, and the lease beyond which no mail server is asked."""

    start: Start
    journal: Journal
    lease: Lease


Handler = Callable[[Attempt], Outcome]


@dataclass(frozen=True, slots=True)
class Carrier:
    """Carries deliveries for one process.

    :param publish: hands released items to Celery.
    :param first_delay_s, longest_delay_s: bounds of the delay before another attempt.
    :param remember_s: how long a finished message stays known.
    :param redaction: what takes out of audit records what must not be stored.
    :param longest_run_s: how long one attempt may take, however often its lease was renewed.
    :param fingerprint: of the policy in force for a group of mailboxes.
    :param admit: looks at a started item before anything is done with it; see :class:`rsvpq.tasks.admission.Admission`.
    """

    lanes: Lanes
    publish: Callable[[Iterable[Release]], None]
    first_delay_s: float
    longest_delay_s: float
    remember_s: float
    redaction: Redaction = field(default_factory=Redaction)
    longest_run_s: float = inf
    admit: Callable[[Start], Start] = field(default=lambda start: start)
    fingerprint: Callable[[str], str] = field(default=lambda _group: "")

    def carry(self, item_id: str, generation: int, handle: Handler) -> str:
        """Run one delivery; returns what Flower shows as the result.

        :raises Retry: the item waits in its lane for another attempt. :raises Ignore: another delivery has the item.
        :raises Exception: the item is dead; this is why.
        """
        owner, began = uuid4().hex, time.monotonic()
        start = self.lanes.ledger.start(item_id, generation, owner)
        if start.result is StartResult.HELD:
            raise Retry(exc=Paused("paused or held; the item waits in its lane"))
        if start.result in {StartResult.FINAL, StartResult.UNKNOWN}:
            return f"nothing to do: the item is {start.result}"
        if start.result is not StartResult.RUN:
            raise Ignore(f"another delivery has it: {start.result}")
        return _Run(self, item_id, generation, owner, start, began).run(handle)

    def delay_s(self, attempt: int) -> float:
        """The delay before the next attempt: doubled each time, bounded, the upper half of it at random."""
        longest: float = min(self.longest_delay_s, self.first_delay_s * 2 ** (attempt - 1))
        return random.uniform(longest / 2, longest)  # noqa: S311 - spreads load, guards nothing


@dataclass(slots=True)
class _Run:
    """One started item."""

    carrier: Carrier
    item_id: str
    generation: int
    owner: str
    start: Start
    #: A moment before the start, by the monotonic clock.
    began: float

    def run(self, handle: Handler) -> str:
        try:
            outcome = self._outcome(handle)
        except Paused as pause:
            self._finish("held", label="held", reason=str(pause))
            raise Retry(exc=pause) from None
        except LeaseLost as loss:
            raise Ignore(str(loss)) from None
        except Busy as error:
            # Spread, so that what was held together does not come back together.
            self._later("throttled", error, error.delay_s * random.uniform(1, 1.2), hold=error.scope)  # noqa: S311
        except Unsettled as error:
            self._later("throttled", error, error.delay_s)
        except Refused as error:
            self._finish(
                "dead", label="dead:refused", reason=str(error), result="refused", recorded_reason=self._redacted(error)
            )
            raise
        except (ExchangeError, Taken) as error:
            self._later("later", error, self.carrier.delay_s(self.start.attempt))
        except Exception as error:
            logger.exception("event=unexpected item=%s mailbox=%s", self.item_id, self.start.mailbox)
            self._later("later", error, self.carrier.delay_s(self.start.attempt))
        return self._done(outcome)

    def _done(self, outcome: Outcome) -> str:
        if outcome.attached and outcome.attached.decisions:
            lane = Lane(self.start.mailbox, self.start.server)
            self.carrier.lanes.ledger.record_decisions(lane, outcome.attached.decisions)
        self._finish(
            "left" if outcome.left else "done",
            label=f"done:{outcome.result}",
            counts=outcome.counts,
            reason=outcome.note,
            result=outcome.result,
            recorded_reason=self.carrier.redaction.reason(outcome.note, private=self._private),
            remember_s=self.carrier.remember_s,
            undone=outcome.undone,
            **self._look_again(outcome.left),
        )
        return f"{outcome.result}: {outcome.note}" if outcome.note else outcome.result

    def _outcome(self, handle: Handler) -> Outcome:
        try:
            self.start = self.carrier.admit(self.start)
        except NotListed as error:  # a scan offers it again, once it is listed again
            return Outcome("unlisted", str(error), left=Left(_UNLISTED))
        began, now_s = time.monotonic(), self.start.now_us / 1e6
        journal = Journal(self.start.journal, self._record, lambda: now_s + time.monotonic() - began)
        lease = Lease(self._renew, longest_s=self.carrier.longest_run_s, since=self.began, given_s=self.start.lease_s)
        return handle(Attempt(self.start, journal, lease))

    def _look_again(self, left: Left | None) -> dict[str, Any]:
        if left is None:
            return {}
        return {
            "delay_s": LOOK_AGAIN_SOON_S if left.passing else LOOK_AGAIN_S,
            "longest_s": LOOK_AGAIN_LONGEST_S,
            # By no policy at all, so the next scan's is another; and no server is asked for it.
            "disputed_s": 0.0 if left.reason == _UNLISTED else LOOK_AGAIN_SOON_S,
            "policy": "" if left.reason == _UNLISTED else self.carrier.fingerprint(self.start.payload.get("group", "")),
            "on_hold": left.reason if left.on_hold else "",
        }

    @property
    def _private(self) -> bool:
        return is_private_payload(self.start.payload)

    def _redacted(self, error: Exception) -> str:
        return self.carrier.redaction.error(error, private=self._private)

    def _renew(self) -> float:
        given_s = self.carrier.lanes.ledger.renew(self.item_id, self.generation, self.owner)
        if not given_s:
            raise LeaseLost("the lease was lost before the next request")
        return given_s

    def _record(self, steps: Mapping[str, Any], intent: bool, attached: Attached | None) -> Recorded:
        *_, step = steps
        audited = "" if step in READING_STEPS else step
        attached = attached or Attached()
        return self.carrier.lanes.ledger.record(
            *(self.item_id, self.generation, self.owner, steps),
            intent=intent,
            step=audited,
            decisions=attached.decisions,
            memory=attached.memory if intent else None,
        )

    def _later(
        self,
        how: Literal["later", "throttled"],
        error: Exception,
        delay_s: float,
        hold: Literal["", "mailbox", "server"] = "",
    ) -> Never:
        reason = f"{type(error).__name__}: {error}"
        state = self._finish(
            how, label=how, reason=reason, delay_s=delay_s, hold=hold, recorded_reason=self._redacted(error)
        )
        if state == "dead":
            raise error
        logger.info("event=%s item=%s delay_s=%.1f reason=%s", how, self.item_id, delay_s, reason)
        # Flower shows the `exc` of a retry, not its text. The stubs ask for numbers.Real.
        raise Retry(exc=error, when=delay_s) from None  # type: ignore[arg-type]

    def _finish(self, how: Literal["done", "left", "dead", "later", "throttled", "held"], **details: Any) -> str:
        finish = self.carrier.lanes.ledger.finish(
            self.item_id, self.generation, self.owner, how, release=REFILL, **details
        )
        self.carrier.publish(finish.released)
        return finish.state
