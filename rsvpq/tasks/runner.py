"""Run one delivery of Celery: an item from its start in the ledger to its finish.

The steps of a delivery:

1. It starts the item in the ledger. A delivery that is stale or duplicated, or whose item is finished, ends here, with
   no effect.
2. The handler runs and writes its steps to the journal; it returns an outcome or raises an error. Before each request
   to a mail server the lease is renewed, and the request ends before the lease does.
3. The item finishes by the result:
   - An outcome finishes it. A message that was left alone is examined again later.
   - Busy puts it back, and holds the mailbox or the server for the same delay. Unsettled puts it back without a hold,
     and so does Redis if it was away. None of them costs an attempt, but the ledger bounds how often one item may do
     this (``finish.lua``).
   - Transient and Unknown put it back with a growing delay, until its attempts are used up; an outage of the server,
     which is many of them in a row in several mailboxes, holds it instead (``broke()`` in ``finish.lua``).
   - Refused makes it dead. A scan is never dead, it has failed: the next one does its work.
   - A pause puts it back until the lane goes on. An unexpected error is treated like Transient.
4. Each finish also releases other items into the free slots, and they are published. A delivery that lost its lease
   finishes nothing: another one has the item.

Flower shows a retry as such, but a retry publishes nothing: the lane releases the item again when it is due.
"""

import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any, Literal, Never
from uuid import uuid4

from celery.exceptions import Ignore, Retry
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from rsvpq.audit.record import READING_STEPS, Redaction
from rsvpq.lanes import Ending, Finish, Lane, Lanes, Recorded, Release, Start, StartResult
from rsvpq.mail.errors import Busy, ExchangeError, NotListed, Refused, Unsettled
from rsvpq.mail.lease import Lease
from rsvpq.mail.messages import is_private_payload
from rsvpq.policy import Left
from rsvpq.tasks import contract
from rsvpq.tasks.journal import Attached, Journal, LeaseLost, Outcome, Paused, Taken
from rsvpq.tasks.log_lines import about, log_event

logger = logging.getLogger(__name__)

#: How many items one finish may release: one for its own slot, and a few for other free slots.
REFILL = 4
#: Seconds until a message that was left alone is examined again: this delay first, then twice as long each time, up to
#: the longest. Many messages are left alone for years, and each examination costs the server a few requests.
LOOK_AGAIN_S, LOOK_AGAIN_LONGEST_S = 3600.0, 86_400.0
#: The first delay if the reason may pass by itself, such as a calendar that could not be read. Also the shortest delay
#: while scans and workers have different policies, because each scan would take the difference for a change.
LOOK_AGAIN_SOON_S = 300.0
#: More make no delay longer than any setting allows.
_MOST_DOUBLINGS = 64
_UNLISTED = "unlisted"
#: The states of a message and of a scan that are not tried again.
GIVEN_UP = ("dead", "failed")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at an item: the started item, its journal, and the lease that no HTTP request outlasts."""

    start: Start
    journal: Journal
    lease: Lease


Handler = Callable[[Attempt], Outcome]


@dataclass(frozen=True, slots=True)
class Carrier:
    """Runs the deliveries of one process.

    :param publish: hands released items to Celery.
    :param first_delay_s, longest_delay_s: bounds of the delay before another attempt.
    :param remember_s: how long the ledger remembers a finished message.
    :param redaction: redacts the audit records.
    :param longest_run_s: how long one attempt may take, even if its lease is renewed.
    :param fingerprint: returns the fingerprint of the policy in force for a group of mailboxes.
    :param admit: validates a started item before it is processed; see :class:`rsvpq.tasks.admission.Admission`.
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
        """Run one delivery; return the result that Flower shows.

        :raises Retry: the item waits in its lane for another attempt. :raises Ignore: another delivery has the item.
        :raises Exception: the item is dead because of this error.
        """
        owner, began = uuid4().hex, time.monotonic()
        start = self.lanes.ledger.start(item_id, generation, owner)
        if start.result is StartResult.HELD:
            raise Retry(exc=Paused("paused or held; the item waits in its lane"))
        if start.result in {StartResult.FINAL, StartResult.UNKNOWN}:
            return f"nothing to do: the item is {start.result}"
        if start.result is not StartResult.RUN:
            raise Ignore(f"another delivery has it: {start.result}")
        delivery = _Delivery(self, item_id, generation, owner, start, began)
        with about(delivery.log_fields):
            return delivery.run(handle)

    def delay_s(self, attempt: int) -> float:
        """Return the delay before the next attempt: doubled each time, bounded, and random in its upper half."""
        longest: float = min(self.longest_delay_s, self.first_delay_s * 2 ** min(attempt - 1, _MOST_DOUBLINGS))
        return random.uniform(longest / 2, longest)  # noqa: S311 - spreads load, guards nothing


@dataclass(slots=True)
class _Delivery:
    """One delivery whose item was started."""

    carrier: Carrier
    item_id: str
    generation: int
    owner: str
    start: Start
    #: The monotonic time right before the start.
    began: float
    #: The fingerprint of the policy that the attempt began under; '' if it was not begun. If the policy changes before
    #: the message is decided on, the next scan offers it once too often, and never too late.
    policy: str = field(default="", init=False)

    @property
    def log_fields(self) -> dict[str, Any]:
        """What each line of the log says about this delivery; the mailbox as the audit shows it."""
        scan = self.start.work == contract.SCAN_MAILBOX
        run = contract.run_of(self.item_id) if scan else self.start.payload.get("run", "")
        return {
            "server": self.start.server,
            "mailbox": self.carrier.redaction.address(self.start.mailbox),
            "item": self.item_id,
            **({"run": run} if run else {}),
            "attempt": self.start.attempt,
        }

    def run(self, handle: Handler) -> str:
        try:
            outcome = self._outcome(handle)
        except Paused as pause:
            self._finish(Ending("held", label="held", reason=str(pause)))
            raise Retry(exc=pause) from None
        except LeaseLost as loss:
            self._log("lost", str(loss))
            raise Ignore(str(loss)) from None
        except Busy as error:
            # Random, so that items that were held together are not released together.
            self._put_back("throttled", error, error.delay_s * random.uniform(1, 1.2), hold=error.scope)  # noqa: S311
        except (Unsettled, RedisConnectionError, RedisTimeoutError) as error:
            # That Redis was away, or failed over, for longer than a command is repeated is not the item's fault.
            delay_s = error.delay_s if isinstance(error, Unsettled) else self.carrier.delay_s(self.start.attempt)
            self._put_back("throttled", error, delay_s)
        except Refused as error:
            recorded = self._recorded(error)
            self._finish(
                Ending("dead", label="dead:refused", reason=str(error), result="refused", recorded_reason=recorded)
            )
            raise
        except (ExchangeError, Taken) as error:
            fault = isinstance(error, ExchangeError) and error.of_server
            self._put_back("later", error, self.carrier.delay_s(self.start.attempt), server_fault=fault)
        except Exception as error:
            logger.exception("event=unexpected")
            self._put_back("later", error, self.carrier.delay_s(self.start.attempt))
        return self._done(outcome)

    def _done(self, outcome: Outcome) -> str:
        if outcome.attached and outcome.attached.decisions:
            lane = Lane(self.start.mailbox, self.start.server)
            self.carrier.lanes.ledger.record_decisions(lane, outcome.attached.decisions)
        private = is_private_payload(self.start.payload)
        ending = Ending(
            "done",
            label=f"done:{outcome.result}",
            reason=outcome.note,
            counts=outcome.counts,
            result=outcome.result,
            recorded_reason=self.carrier.redaction.reason(outcome.note, private=private),
            remember_s=self.carrier.remember_s,
            undone=outcome.undone,
            totals=outcome.totals,
        )
        self._finish(self._left_alone(ending, outcome.left) if outcome.left else ending)
        return f"{outcome.result}: {outcome.note}" if outcome.note else outcome.result

    def _left_alone(self, ending: Ending, left: Left) -> Ending:
        return replace(
            ending,
            how="left",
            delay_s=LOOK_AGAIN_SOON_S if left.passing else LOOK_AGAIN_S,
            longest_s=LOOK_AGAIN_LONGEST_S,
            # No policy decided on an unlisted item, so that of the next scan differs; and it costs no request.
            disputed_s=0.0 if left.reason == _UNLISTED else LOOK_AGAIN_SOON_S,
            policy=self.policy,
            on_hold=left.reason if left.on_hold else "",
        )

    def _outcome(self, handle: Handler) -> Outcome:
        try:
            self.start = self.carrier.admit(self.start)
        except NotListed as error:  # a scan offers it again once its mailbox is in the list again
            return Outcome("unlisted", str(error), left=Left(_UNLISTED))
        group = self.start.payload.get("group", "")
        self._keep_to_group(group)
        self.policy = self.carrier.fingerprint(group)
        began, now_s = time.monotonic(), self.start.now_us / 1e6
        journal = Journal(self.start.journal, self._record, lambda: now_s + time.monotonic() - began)
        lease = Lease(self._renew, longest_s=self.carrier.longest_run_s, since=self.began, given_s=self.start.lease_s)
        return handle(Attempt(self.start, journal, lease))

    def _keep_to_group(self, group: str) -> None:
        """Tell the ledger the group that the list has for the mailbox, if it has another: its lane obeys its pause.

        :raises Paused: that group is paused, or rests.
        """
        if group != self.start.group and self.carrier.lanes.ledger.assign_groups({self.start.mailbox: group}):
            raise Paused(f"the mailbox is in the group {group} by now, which is paused or rests")

    def _renew(self) -> float:
        given_s = self.carrier.lanes.ledger.renew(self.item_id, self.generation, self.owner)
        if not given_s:
            raise LeaseLost("the lease was lost before the next request")
        return given_s

    def _record(self, steps: Mapping[str, Any], intent: bool, attached: Attached | None) -> Recorded:
        *_, step = steps
        attached = attached or Attached()
        return self.carrier.lanes.ledger.record(
            self.item_id,
            self.generation,
            self.owner,
            steps,
            intent=intent,
            step="" if step in READING_STEPS else step,
            decisions=attached.decisions,
            memory=attached.memory if intent else None,
        )

    def _put_back(
        self,
        how: Literal["later", "throttled"],
        error: Exception,
        delay_s: float,
        hold: Literal["", "mailbox", "server"] = "",
        *,
        server_fault: bool = False,
    ) -> Never:
        finish = self._finish(
            Ending(
                how,
                label=how,
                reason=f"{type(error).__name__}: {error}",
                recorded_reason=self._recorded(error),
                delay_s=delay_s,
                hold=hold,
                server_fault=server_fault,
            )
        )
        if finish.state in GIVEN_UP:
            raise error
        # Flower shows the `exc` of a retry, not its text. The stubs require numbers.Real.
        raise Retry(exc=error, when=finish.held_s or delay_s) from None  # type: ignore[arg-type]

    def _recorded(self, error: Exception) -> str:
        """Return the reason in the audit for an error."""
        return self.carrier.redaction.error(error, private=is_private_payload(self.start.payload))

    def _finish(self, ending: Ending) -> Finish:
        finish = self.carrier.lanes.ledger.finish(self.item_id, self.generation, self.owner, ending, release=REFILL)
        event, result, delay_s = str(ending.how), ending.result, ending.delay_s
        if finish.state in GIVEN_UP and event != "dead":
            result = "exhausted"
        if finish.held_s:  # the ledger made of a failure what comes of an outage
            event, delay_s = "throttled", finish.held_s
        self._log(finish.state if finish.state in (*GIVEN_UP, "lost") else event, ending.audited, result, delay_s)
        self.carrier.publish(finish.released)
        return finish

    def _log(self, event: str, reason: str, result: str = "", delay_s: float = 0) -> None:
        """Log how this delivery ended, in one line; the reason as the audit has it."""
        fields = {**self.log_fields, "result": result or event, "ms": round((time.monotonic() - self.began) * 1000)}
        if delay_s and event in ("later", "throttled"):
            fields["delay_s"] = round(delay_s, 1)
        if reason:
            fields["reason"] = reason
        log_event(logger, logging.WARNING if event in GIVEN_UP else logging.INFO, event, fields)
