"""What the pages show: readings of the installation that all who look share."""

import asyncio
import logging
from collections.abc import Iterable
from concurrent.futures import Executor
from functools import partial
from itertools import islice
from typing import Any

from redis.exceptions import RedisError

from rsvpq.audit.log import AuditLog, AuditRecord, Filter
from rsvpq.console.lag import LagHistory
from rsvpq.console.shared import Seen, SharedReading
from rsvpq.metrics.reading import InstallationReader, Reading
from rsvpq.ops import InvalidRequest, OperatorContext, drafts, look
from rsvpq.ops.mailboxes import Examined, MailboxChoice, examine_mailboxes
from rsvpq.report.calendar import Calendar, Unit
from rsvpq.report.model import Report
from rsvpq.report.reading import STEP, read_report
from rsvpq.wiring.coverage import Coverage

logger = logging.getLogger(__name__)

#: The periods that the page of decisions offers, in hours.
PERIODS_H = (1, 6, 24)
#: Up to this period each bar of its charts is ten minutes, above it an hour.
_FINE_H = 6
#: The newest audit records that are looked through for the list of decisions, and the most of these that are listed.
MOST_RECORDS, MOST_DECISIONS = 5000, 50
#: The deepest lanes that are listed.
MOST_LANES = 50
#: Seconds for which a reading is used again: the longer, the more it costs.
_OVERVIEW_S, _LISTS_S, _PERIOD_S = 2.0, 10.0, 60.0
#: Seconds between two samples of the lag, if nobody looks.
_SAMPLE_S = 15.0


class Readings:
    """The shared readings of one installation; see :class:`SharedReading` for their errors."""

    def __init__(self, context: OperatorContext, reader: InstallationReader, pool: Executor, slow: Executor) -> None:
        self._context, self._reader = context, reader
        self.history = LagHistory()
        self.overview: SharedReading[Reading] = SharedReading(reader.read, _OVERVIEW_S, pool)
        self.coverage: SharedReading[Coverage] = SharedReading(reader.coverage, _LISTS_S, pool)
        self.mailboxes: SharedReading[Examined] = SharedReading(
            lambda: examine_mailboxes(self._context, MailboxChoice()), _LISTS_S, slow
        )
        self.lanes: SharedReading[list[dict[str, object]]] = SharedReading(
            partial(look.top, context.lanes, MOST_LANES), _LISTS_S, slow
        )
        self.drafts: SharedReading[list[dict[str, str]]] = SharedReading(
            lambda: drafts.draft_rows(self._context), _LISTS_S, slow
        )
        self.periods: dict[int, SharedReading[Report]] = {
            hours: SharedReading(partial(self._report, hours), _PERIOD_S, slow) for hours in PERIODS_H
        }
        self.records: dict[int, SharedReading[list[AuditRecord]]] = {
            hours: SharedReading(partial(self._records, hours), _LISTS_S, slow) for hours in PERIODS_H
        }

    def renew(self, context: OperatorContext) -> None:
        """Go on with other settings, on the same Redis."""
        self._context = context
        self._reader.renew(context.settings)
        self.forget()

    @property
    def short(self) -> tuple[SharedReading[Any], ...]:
        """All readings but the reports."""
        return self.overview, self.coverage, self.mailboxes, self.lanes, self.drafts, *self.records.values()

    def forget(self) -> None:
        """Read everything again, after an operator action; a report is long, and stays as old as it says."""
        for reading in self.short:
            reading.forget()

    async def look(self) -> Seen[Reading]:
        """Return the overview, and keep its lags."""
        seen = await self.overview.get()
        self.history.add(seen.at_s, {name: server.lag_s for name, server in seen.value.status.servers.items()})
        return seen

    async def sample(self) -> None:
        """Keep the lags for ever, whether or not anybody looks."""
        while True:
            try:
                await self.look()
            except RedisError as error:
                logger.warning("event=not-read error=%s", error)
            await asyncio.sleep(_SAMPLE_S)

    def decisions(self, records: Iterable[AuditRecord], mailbox: str) -> list[AuditRecord]:
        """Return the newest decisions among records, the newest first; '' for those of all mailboxes."""
        wanted = Filter.of(self._context.audit.redaction, {"mailbox": mailbox}, events=("decision",))
        return list(islice(filter(wanted, records), MOST_DECISIONS))

    def _records(self, hours: int) -> list[AuditRecord]:
        """Return the newest records of the last hours, the newest first."""
        since_ms = self._context.lanes.time_us() // 1000 - hours * 3_600_000
        return AuditLog(self._context.lanes).newest(Filter(first=str(max(0, since_ms))), MOST_RECORDS)[::-1]

    def _report(self, hours: int) -> Report:
        now_ms = self._context.lanes.time_us() // 1000
        log = AuditLog(self._context.lanes)
        unit: Unit = "10 minutes" if hours <= _FINE_H else "hour"
        return read_report(log, max(0, now_ms - hours * 3_600_000), now_ms, Calendar(), unit, _refuse_more)


def _refuse_more(records: int, _: AuditRecord) -> None:
    """End a report that would take longer than anybody waits for a page.

    :raises InvalidRequest: always, as it is called after each :data:`STEP` records.
    """
    if records >= STEP:
        raise InvalidRequest(
            f"there are more than {STEP:,} audit records in this period: choose a shorter one, or use 'rsvpq report'"
        )
