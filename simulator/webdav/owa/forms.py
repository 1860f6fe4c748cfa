"""POST: the forms of Outlook Web Access that programs are known to send.

The body is `Cmd=...` and fields, one per line or joined by `&` (evolution-exchange; DavMail for `saveappt`).
"""

import re
from datetime import timedelta
from urllib.parse import unquote_plus

from simulator.mime.reader import read_message
from simulator.serving.http import HttpError, Request, Response
from simulator.webdav.call import Call
from simulator.webdav.owa import pages
from simulator.webdav.urls import href_path
from simulator.world.clock import now_utc
from simulator.world.mailboxes import Folder
from simulator.world.messages import blank

_FIELD = re.compile(r"([^=&\r\n]+)=([^&\r\n]*)")
_HALF_AN_HOUR = timedelta(minutes=30)
#: With the time zone of the mailbox, for which DavMail saves an appointment to begin with.
_APPOINTMENT = """\
Subject: {subject}
MIME-Version: 1.0
Content-Type: text/calendar; charset=utf-8; method=PUBLISH
Content-Transfer-Encoding: 8bit
Content-class: urn:content-classes:appointment

BEGIN:VCALENDAR
METHOD:PUBLISH
PRODID:Microsoft CDO for Microsoft Exchange
VERSION:2.0
BEGIN:VTIMEZONE
TZID:GMT
X-MICROSOFT-CDO-TZID:1
BEGIN:STANDARD
DTSTART:16010101T000000
TZOFFSETFROM:+0000
TZOFFSETTO:+0000
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:{uid}
SUMMARY:{subject}
DTSTART;TZID=GMT:{start}
DTEND;TZID=GMT:{end}
END:VEVENT
END:VCALENDAR
"""


def post(call: Call) -> Response:
    """Handle a form: `saveappt` stores an appointment and returns its URL, `options` stores nothing.

    Others are unknown.
    """
    fields = _fields(call.request)
    match fields.get("cmd", "").casefold():
        case "saveappt":
            return _saved_appointment(call, fields)
        case "options":
            location = f"{call.request.origin}{href_path(call.resource())}?Cmd=options"
            return Response(302, headers=(("Location", location),))
    raise HttpError(400)


def _fields(request: Request) -> dict[str, str]:
    text = f"{request.query}&{request.body.decode('latin-1')}"
    return {name.strip().casefold(): unquote_plus(value) for name, value in _FIELD.findall(text)}


def _saved_appointment(call: Call, fields: dict[str, str]) -> Response:
    folder = call.resource()
    if not isinstance(folder, Folder):
        raise HttpError(403)
    moment = now_utc()
    uid = f"{call.world.next_number():032X}"
    subject = " ".join(fields.get("urn:schemas:httpmail:subject", "").split())
    start, end = (f"{time:%Y%m%dT%H%M%S}" for time in (moment, moment + _HALF_AN_HOUR))
    octets = _APPOINTMENT.format(subject=subject, uid=uid, start=start, end=end).replace("\n", "\r\n").encode()
    message = read_message(octets, blank(call.address.mailbox.owner, moment, read=True))
    item = call.world.put(folder, message, f"{{{uid}}}.EML")
    return pages.saved(call.request.origin + href_path(item))
