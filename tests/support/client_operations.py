"""A client in front of a hostile server, and all that it can be asked to do."""

from collections.abc import Callable

import pytest

from rsvpq.http import auth
from rsvpq.http.deadlines import Timeouts
from rsvpq.mail.errors import ExchangeError
from rsvpq.mail.messages import Verdict
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.server import WebDavServer
from testbed.processes import WAIT_S
from tests.support.scripted_server import DRAFT, FOLDERS, MESSAGE

PASSWORD = "S3cret-in-no-message"
#: Seconds: short, so that what has no end shows it soon; and so long that what has one is never cut off.
IMPATIENT = Timeouts(connect_s=WAIT_S, read_s=0.5, body_s=0.7)
PATIENT = Timeouts(connect_s=WAIT_S, read_s=WAIT_S, body_s=WAIT_S)

Operation = Callable[[WebDavMailbox], object]
SEARCH: Operation = lambda box: [message for page in box.meeting_messages() for message in page.messages]  # noqa: E731
ACCEPT: Operation = lambda box: box.command(MESSAGE, Verdict.ACCEPT)  # noqa: E731
#: One of each kind: a multistatus, a page, a judged 207, a status.
OPERATIONS: dict[str, Operation] = {
    "search": SEARCH,
    "folders": lambda box: WebDavMailbox(box._server, "adele"),
    "accept": ACCEPT,
    "submit": lambda box: box.send(DRAFT),
    "mark": lambda box: box.mark_processed(MESSAGE),
}


def client(url: str, *, forms: bool = False, verify: str | None = None, timeouts: Timeouts = PATIENT) -> WebDavMailbox:
    """Return a client of adele's mailbox at this origin, with its folders known."""
    account = auth.Forms("svc", PASSWORD, allow_http=True) if forms else auth.basic("svc", PASSWORD)
    server = WebDavServer(url + "/exchange/", account, timeouts=timeouts, ca_bundle=verify or "")
    return WebDavMailbox(server, "adele", FOLDERS)


def failure(operation: Operation, box: WebDavMailbox) -> ExchangeError:
    """Return the error of an operation; check that it is printable, gives a remedy, and hides the password."""
    with pytest.raises(ExchangeError) as caught:
        operation(box)
    check_said(caught.value)
    return caught.value


def survives(operation: Operation, box: WebDavMailbox) -> None:
    """Check that an operation ends with a result or an ExchangeError."""
    try:
        operation(box)
    except ExchangeError as error:
        check_said(error)


def check_said(error: ExchangeError) -> None:
    """Check that the text of an error can be shown on any terminal."""
    assert PASSWORD not in f"{error!r} {error.__cause__!r}"
    assert str(error).isprintable()
