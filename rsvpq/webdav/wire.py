"""Property names and the bodies of requests; also row ranges, dates and hrefs. Pure; sends nothing.

:mod:`rsvpq.webdav.multistatus` parses the responses.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from urllib.parse import urlsplit

from lxml import etree

from rsvpq.http.message import LONGEST_TARGET, Target
from rsvpq.mail.calendar import uids_of_meeting
from rsvpq.mail.errors import Malformed
from rsvpq.webdav.multistatus import Property

#: The header of requests whose body is XML.
XML_BODY = {"Content-Type": "text/xml; charset=utf-8"}

DAV = "DAV:"
HTTPMAIL = "urn:schemas:httpmail:"
CALENDAR = "urn:schemas:calendar:"
EXCHANGE = "http://schemas.microsoft.com/exchange/"
REPL = "http://schemas.microsoft.com/repl/"
PROPTAG = "http://schemas.microsoft.com/mapi/proptag/"
#: PSETID_Appointment: the named properties of meetings (MS-OXPROPS).
APPOINTMENT = "http://schemas.microsoft.com/mapi/id/{00062002-0000-0000-C000-000000000046}/"
#: PSETID_Meeting: the named properties of meeting messages.
MEETING = "http://schemas.microsoft.com/mapi/id/{6ED8DA90-450B-101B-98DA-00AA003F1305}/"
#: Our own, for marks: the store keeps properties of any namespace.
RSVPQ = "urn:rsvpq:"

CONTENT_CLASS: Property = (DAV, "contentclass")
MESSAGE_CLASS: Property = (EXCHANGE, "outlookmessageclass")
PERMANENT_URL: Property = (EXCHANGE, "permanenturl")
REPL_UID: Property = (REPL, "repl-uid")
ID: Property = (DAV, "id")
SUBJECT: Property = (HTTPMAIL, "subject")
RECEIVED: Property = (HTTPMAIL, "datereceived")
READ: Property = (HTTPMAIL, "read")
UID: Property = (CALENDAR, "uid")
ORGANIZER: Property = (CALENDAR, "organizer")
RESPONSE_REQUESTED: Property = (CALENDAR, "responserequested")
#: PR_MESSAGE_PROCESSED: set by the program that has processed a meeting message (DavMail writes it too).
PROCESSED: Property = (PROPTAG, "x65e8000b")
#: PR_MESSAGE_FLAGS, which can be set when an item is created: 1 read, 8 unsent.
MESSAGE_FLAGS: Property = (PROPTAG, "x0e070003")
START: Property = (CALENDAR, "dtstart")
END: Property = (CALENDAR, "dtend")
STAMP: Property = (CALENDAR, "dtstamp")
SEQUENCE: Property = (CALENDAR, "sequence")
#: 0 a single meeting, 1 a series, 2 and 3 one of a series.
INSTANCE_TYPE: Property = (CALENDAR, "instancetype")
#: The original start of one occurrence of a series (MS-XWDCAL; RECURRENCE-ID of RFC 5545, 3.8.4.4).
RECURRENCE_ID: Property = (CALENDAR, "recurrenceid")
ALL_DAY: Property = (CALENDAR, "alldayevent")
#: 0 normal, 1 personal, 2 private, 3 confidential.
SENSITIVITY: Property = (EXCHANGE, "sensitivity")
#: PR_RECEIVED_BY_* and PR_RCVD_REPRESENTING_*, address and name: set on every delivery; they are different persons only
#: on the copy that a delegate gets (MS-OXOMSG, and the MAPI reference).
RECEIVED_BY: Property = (PROPTAG, "x0076001f")
RECEIVED_BY_NAME: Property = (PROPTAG, "x0040001f")
RECEIVED_FOR: Property = (PROPTAG, "x0078001f")
RECEIVED_FOR_NAME: Property = (PROPTAG, "x0044001f")
#: PR_SENT_REPRESENTING_EMAIL_ADDRESS: equal to PR_RECEIVED_BY_EMAIL_ADDRESS if people invite themselves.
SENT_REPRESENTING: Property = (PROPTAG, "x0065001f")
#: PR_SENDER_EMAIL_ADDRESS: who sent it, possibly on behalf of the person in SENT_REPRESENTING.
SENDER: Property = (PROPTAG, "x0c1f001f")
#: PidLidAppointmentCounterProposal, by alias and by number: the response proposes another time.
COUNTER_PROPOSAL: Property = ("http://schemas.microsoft.com/mapi/", "apptcounterproposal")
COUNTER_PROPOSAL_ID: Property = (APPOINTMENT, "0x8257")
#: PidLidMeetingType, which has no alias.
MEETING_TYPE: Property = (MEETING, "0x26")
#: FREE, TENTATIVE, BUSY or OOF.
BUSY_STATUS: Property = (CALENDAR, "busystatus")
#: PidLidResponseStatus: how the owner of a calendar responded; 1 for the organizer.
RESPONSE_STATUS: Property = ("http://schemas.microsoft.com/mapi/", "responsestatus")
#: A list of RRULEs, the original starts of deleted instances, and a VTIMEZONE (MS-XWDCAL 2.2.2.14, .30 and .37).
RULE: Property = (CALENDAR, "rrule")
DELETED: Property = (CALENDAR, "exdate")
ZONE: Property = (CALENDAR, "timezone")
TO: Property = (HTTPMAIL, "to")
CC: Property = (HTTPMAIL, "cc")
CREATED: Property = (DAV, "creationdate")
MODIFIED: Property = (DAV, "getlastmodified")
#: The ETag, which changes with every change of an item; for If-Match.
TAG: Property = (DAV, "getetag")
#: On a request: an answer was begun. On a draft: the request that it answers.
INTENT: Property = (RSVPQ, "intent")
ANSWERS: Property = (RSVPQ, "answers")

MEETING_PROPERTIES = (
    CONTENT_CLASS,
    MESSAGE_CLASS,
    PERMANENT_URL,
    REPL_UID,
    SUBJECT,
    RECEIVED,
    UID,
    ORGANIZER,
    RESPONSE_REQUESTED,
    PROCESSED,
    READ,
    START,
    END,
    STAMP,
    SEQUENCE,
    INSTANCE_TYPE,
    RECURRENCE_ID,
    ALL_DAY,
    SENSITIVITY,
    RECEIVED_BY,
    RECEIVED_BY_NAME,
    RECEIVED_FOR,
    RECEIVED_FOR_NAME,
    SENT_REPRESENTING,
    SENDER,
    COUNTER_PROPOSAL,
    COUNTER_PROPOSAL_ID,
    MEETING_TYPE,
    INTENT,
)
#: A sent answer keeps the mark that it had as a draft.
_ANSWER_PROPERTIES = (*MEETING_PROPERTIES, ANSWERS)
_DRAFT_PROPERTIES = (*_ANSWER_PROPERTIES, CREATED, MODIFIED, TAG)
#: Queried for one request at a time: a list of attendees may be long, and a time zone takes half a kilobyte.
DETAILS = (TO, CC, RULE, DELETED, ZONE)
_AGENDA = (UID, REPL_UID, START, END, BUSY_STATUS, INSTANCE_TYPE, ORGANIZER)
_APPOINTMENT_FACTS = (
    *(UID, REPL_UID, START, END, SEQUENCE, STAMP, RESPONSE_STATUS, BUSY_STATUS, INSTANCE_TYPE, RECURRENCE_ID),
    ORGANIZER,
)
#: All properties that any search queries.
SEARCHED = {name: name for name in (*_DRAFT_PROPERTIES, *_AGENDA, *_APPOINTMENT_FACTS)}
_MEETING_MESSAGES = (
    '"DAV:ishidden" = False AND "DAV:isfolder" = False AND "DAV:contentclass" = \'urn:content-classes:calendarmessage\''
)


@cache
def meeting_search(*, newest_first: bool = False) -> bytes:
    """Return the body of a search for meeting messages in the folder that it is sent to, oldest first by default.

    ``FROM ""`` is the folder of the request itself (evolution-exchange sends it), so no folder name has to be quoted
    inside SQL inside XML. The order is explicit because the default is newest first, and the text never varies because
    the store keeps an index for each distinct query.
    """
    if newest_first:
        return _search(_ANSWER_PROPERTIES, _MEETING_MESSAGES, "DESC")
    return _search(MEETING_PROPERTIES, _MEETING_MESSAGES, "ASC")


@cache
def draft_search() -> bytes:
    """Return the body of a search for unsent answers in Drafts."""
    return _search(_DRAFT_PROPERTIES, _MEETING_MESSAGES, "ASC")


def uid_search(uid: str) -> bytes:
    """Return the body of a search for the meeting messages of one meeting in the folder that it is sent to."""
    return _search((*_ANSWER_PROPERTIES, MODIFIED), f"{_MEETING_MESSAGES} AND {_is_of(uid)}", "DESC")


def appointment_search(uid: str) -> bytes:
    """Return the body of a search for the appointments of one meeting in the calendar that it is sent to.

    If the uid is that of an occurrence, with its date in it, the search also finds the appointments of the series.
    """
    of_it = " OR ".join(map(_is_of, uids_of_meeting(uid)))
    return _search(_APPOINTMENT_FACTS, f"{_APPOINTMENTS} AND ({of_it})", "ASC")


def agenda_search(start: datetime, end: datetime) -> bytes:
    """Return the body of a search for everything between two moments, in UTC, in the calendar that it is sent to.

    Both bounds are required: within them the store expands series. The literals are written as in evolution-exchange
    and the Exchange SDK.
    """
    # Every year has four digits.
    first, last = (f"{one.replace(tzinfo=None, microsecond=0).isoformat()}Z" for one in (start, end))
    after = f'"{"".join(END)}" > CAST("{first}" AS \'dateTime.tz\')'
    before = f'"{"".join(START)}" < CAST("{last}" AS \'dateTime.tz\')'
    return _search(_AGENDA, f"{_APPOINTMENTS} AND {after} AND {before}", "ASC")


_APPOINTMENTS = '"DAV:isfolder" = False AND "DAV:contentclass" = \'urn:content-classes:appointment\''


def _is_of(uid: str) -> str:
    quoted = uid.replace("'", "''")
    return f"\"{''.join(UID)}\" = '{quoted}'"


def _search(names: Sequence[Property], condition: str, order: str) -> bytes:
    columns = ", ".join(f'"{namespace}{name}"' for namespace, name in names)
    by = "".join(RECEIVED if RECEIVED in names else START)
    root = etree.Element(f"{{{DAV}}}searchrequest", nsmap={"D": DAV})
    sql = f'SELECT {columns} FROM "" WHERE {condition} ORDER BY "{by}" {order}'  # noqa: S608 - the uid is quoted
    etree.SubElement(root, f"{{{DAV}}}sql").text = sql
    return _serialize(root)


# The cache is small: each caller always passes the same names.
@cache
def propfind(*names: Property) -> bytes:
    """Return the body of a PROPFIND for these properties."""
    root = etree.Element(f"{{{DAV}}}propfind", nsmap={"D": DAV})
    _add_properties(root, dict.fromkeys(names, ""))
    return _serialize(root)


def proppatch(values: Mapping[Property, str]) -> bytes:
    """Return the body of a PROPPATCH that sets these properties."""
    root = etree.Element(f"{{{DAV}}}propertyupdate", nsmap={"D": DAV})
    _add_properties(etree.SubElement(root, f"{{{DAV}}}set"), values)
    return _serialize(root)


def _add_properties(parent: etree._Element, values: Mapping[Property, str]) -> None:
    prop = etree.SubElement(parent, f"{{{DAV}}}prop")
    for (namespace, name), value in values.items():
        etree.SubElement(prop, f"{{{namespace}}}{name}").text = value or None


def _serialize(root: etree._Element) -> bytes:
    return b'<?xml version="1.0"?>' + etree.tostring(root, encoding="utf-8")


#: A moment as Exchange writes it; in a list, nothing separates two moments.
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def moment(text: str) -> datetime | None:
    """Return the moment, in UTC, in a property's text; None if it is not a moment."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if DATE.fullmatch(text) else None
    except (ValueError, OverflowError):
        return None


_TOTAL = re.compile(r"total\s*=\s*([0-9]{1,15})(?![0-9])", re.IGNORECASE)


def total_rows(content_range: str) -> int | None:
    """Return the total of ``Content-Range: rows 0-99; total=250``; None if it is absent or ``*`` (MSDN ee159574)."""
    match = _TOTAL.search(content_range)
    return int(match[1]) if match else None


def path_below(href: str, root: str) -> str:
    """Return the path of an href, checked to be below the root path; scheme and host are ignored.

    Behind a front end, hrefs may have a wrong scheme or an internal host, and a hostile server could name any host. So
    requests only go to the configured origin. Case is ignored, as Exchange ignores it.

    :raises Malformed: the href is not below the root path, or is invalid.
    """
    if len(href) > LONGEST_TARGET:  # checked first, because urlsplit caches its arguments
        raise Malformed(f"the server returned the href {href[:200]!r}..., which has {len(href)} characters")
    try:
        # An unescaped "#" is part of a name (##DavMailSubmissionURI##): no href of a store has a fragment.
        path = urlsplit(href.replace("#", "%23")).path
    except ValueError:
        raise Malformed(f"the server returned the href {href!r}, which is not a valid URL") from None
    Target.below(path, root)
    return path
