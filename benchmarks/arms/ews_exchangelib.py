"""A plain Celery task that answers with exchangelib, as a careful author would write it.

It looks whether the request is still in the Inbox and not answered, and whether the calendar shows an answer; marks the
request; and answers it. Accounts are kept, and only the fields that are used are read.

``python -m benchmarks.arms.ews_exchangelib FILE`` sends the tasks; the worker is Celery's own.
"""

import base64
import os
import sys
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from celery import Celery
from exchangelib import BASIC, IMPERSONATION, Account, CalendarItem, Configuration, Credentials, ExtendedProperty
from exchangelib.errors import ErrorItemNotFound
from exchangelib.items import MeetingRequest

from benchmarks.arms.ews_work import REDIS, THREADS, URL, account, load

app = Celery("exchangelib", broker=os.environ[REDIS], set_as_current=False)
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=4,
    task_ignore_result=True,
    worker_send_task_events=True,
    broker_transport_options={"max_connections": 200},  # the default of 10 loses acknowledgments under load
    broker_connection_retry_on_startup=True,
)
_READ = ("item_class", "subject", "parent_folder_id", "response_type", "is_out_of_date", "is_response_requested")
_TIMES = ("start", "end", "organizer", "author", "received_representing", "datetime_received")
_SHOWN = ("start", "end", "my_response_type", "legacy_free_busy_status", "appointment_sequence_number")
_ANSWERED = {"Accept", "Decline", "Tentative"}


class Intent(ExtendedProperty):  # type: ignore[misc]  # exchangelib has no types
    """The mark on a request whose answer was begun."""

    property_set_id = "6d3f5b0c-8f4e-4c0e-9a55-6a0f2f6a3b92"
    property_name = "bench-intent"
    property_type = "String"


class MeetingId(ExtendedProperty):  # type: ignore[misc]
    """PidLidCleanGlobalObjectId: by it the appointment of a request is found."""

    distinguished_property_set_id = "Meeting"
    property_id = 0x23
    property_type = "Binary"


MeetingRequest.register("intent", Intent)
CalendarItem.register("meeting_id", MeetingId)


class Accounts:
    """The accounts of the mailboxes, each made once."""

    def __init__(self) -> None:
        self._configuration = Configuration(
            service_endpoint=os.environ[URL],
            credentials=Credentials(*account()),
            auth_type=BASIC,
            max_connections=int(os.environ[THREADS]),
        )
        self._accounts: dict[str, Any] = {}
        self._lock = Lock()

    def of(self, address: str) -> Any:
        """Return the account of a mailbox."""
        with self._lock:
            if address not in self._accounts:
                self._accounts[address] = Account(
                    address, config=self._configuration, access_type=IMPERSONATION, autodiscover=False
                )
            return self._accounts[address]


_accounts = Accounts()


def _answer(address: str, item_id: str, change_key: str, meeting_id: str) -> None:
    mailbox = _accounts.of(address)
    (request,) = mailbox.fetch([(item_id, change_key)], folder=mailbox.inbox, only_fields=[*_READ, *_TIMES])
    if isinstance(request, ErrorItemNotFound) or request.parent_folder_id.id != mailbox.inbox.id:
        return
    if isinstance(request, Exception):
        raise request
    if request.response_type in _ANSWERED or request.is_out_of_date:
        return
    shown = mailbox.calendar.filter(meeting_id=base64.b64decode(meeting_id)).only(*_SHOWN)
    if any(one.my_response_type in _ANSWERED for one in shown):
        return
    request.intent = f"accept {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    request.save(update_fields=["intent"])
    request.accept()


answer = app.task(name="exchangelib.answer")(_answer)


def main(path: Path) -> None:
    """Send a task for each request."""
    with app.producer_pool.acquire(block=True) as producer:
        for request in load(path):
            answer.apply_async(astuple(request), producer=producer)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
