"""Probe: find out whether the account can work a mailbox, by reading from it what a scan and an answer read first.

It takes its turn in the lane of the mailbox as a scan does, so all limits hold and answers go on meanwhile. What it
finds is reported to the command that waits for it; and the ledger notes it like the end of a scan that succeeded or
failed.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

from rsvpq.audit.record import Redaction
from rsvpq.mail.calendar import CalendarUnknown
from rsvpq.mail.errors import Busy, ExchangeError, Gone, MailboxRefused
from rsvpq.mail.ports import OpenMailbox, Place
from rsvpq.ops.rights import MailboxRights
from rsvpq.tasks.journal import Journal, Outcome

#: The outcome of a mailbox that could not be worked; see finish.lua.
NOT_OPENED = "not-opened"
#: From this attempt on, an error that may be the server's fault is taken for the mailbox's.
_LAST_ATTEMPT = 2
#: What is asked of the calendar: long enough for every server, and short enough to find next to nothing.
_MINUTE = timedelta(minutes=1)


def probe_mailbox(
    opened: Callable[[], AbstractContextManager[OpenMailbox]],
    journal: Journal,
    report: Callable[[Mapping[str, str]], None],
    redaction: Redaction,
    *,
    attempt: int,
) -> Outcome:
    """Read a little of one mailbox, and report whether that worked.

    :param opened: opens the mailbox. :param report: hands the finding to the command. :param attempt: counted from 1.
    :raises ExchangeError: the server as a whole is not available, or may not be; the item waits as a scan would.
    :raises Paused, LeaseLost: the probe must not go on.
    """
    journal.intend("search")
    found = MailboxRights.OK, ""
    try:
        with opened() as box:
            next(iter(box.meeting_messages()), None)
            next(iter(box.messages_in(Place.DRAFTS)), None)
            now = datetime.now(UTC)
            agenda = box.busy(now, now + _MINUTE)
            if isinstance(agenda, CalendarUnknown):
                found = MailboxRights.NO_CALENDAR, agenda.reason
    except ExchangeError as error:
        if _is_of_the_server(error, attempt):
            raise
        found = _kind(error), f"{type(error).__name__}: {error}"
    result, reason = found
    report({"result": str(result), "reason": redaction.reason(reason)})
    if result in (MailboxRights.OK, MailboxRights.NO_CALENDAR):
        return Outcome("probed", reason)
    return Outcome(NOT_OPENED, reason)


def _is_of_the_server(error: ExchangeError, attempt: int) -> bool:
    if isinstance(error, Busy):
        return error.scope == "server"
    return error.of_server and attempt < _LAST_ATTEMPT


def _kind(error: ExchangeError) -> MailboxRights:
    match error:
        case MailboxRefused():
            return MailboxRights.REFUSED
        case Gone():
            return MailboxRights.GONE
    return MailboxRights.FAILED
