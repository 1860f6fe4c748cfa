"""Fill a calendar as another program does, in a zone of its own: iCalendar text by PUT."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

import requests
from requests.auth import HTTPBasicAuth

from rsvpq.mail.calendar import Agenda
from rsvpq.webdav.mailbox import WebDavMailbox
from testbed.processes import WAIT_S
from tests.support.exchange_site import PASSWORD, Site

_CONTENT = {
    "PUBLISH": ("urn:content-classes:appointment", "calendar"),
    "REQUEST": ("urn:content-classes:calendarmessage", "inbox"),
    "CANCEL": ("urn:content-classes:calendarmessage", "inbox"),
}


def moment(local: str, zone: str = "UTC") -> datetime:
    """Return a local time, such as `2026-03-30T09:00`, in UTC."""
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def stamp(local: str) -> str:
    """Return a time as iCalendar writes it."""
    return f"{datetime.fromisoformat(local):%Y%m%dT%H%M%S}"


def event(uid: str, start: str, end: str, zone: str, *lines: str) -> list[str]:
    """Return the lines of an event; start and end are local."""
    times = [f"DTSTART;TZID={zone}:{stamp(start)}", f"DTEND;TZID={zone}:{stamp(end)}"]
    return ["BEGIN:VEVENT", f"UID:{uid}", f"SUMMARY:{uid}", *times, *lines, "END:VEVENT"]


class Diary:
    """Writes into one mailbox."""

    def __init__(self, site: Site, box: WebDavMailbox) -> None:
        self.site = site
        self.box = box

    def put(
        self,
        *events: list[str],
        method: str = "PUBLISH",
        to: str = "",
        sender: str = "nora@example.com",
        sent_by: str = "",
        name: str = "",
    ) -> None:
        """Store events that are one item: a meeting, or a series and the instances that were moved.

        :param sent_by: who has sent it on the sender's behalf. :param name: of the item; the uid of the first event if
            it has none.
        """
        content_class, folder = _CONTENT[method]
        lines = ["BEGIN:VCALENDAR", f"METHOD:{method}", *(line for one in events for line in one), "END:VCALENDAR", ""]
        head = [
            f"From: {sender}",
            *([f"Sender: {sent_by}"] if sent_by else []),
            *([to] if to else []),
            "MIME-Version: 1.0",
            f"Content-class: {content_class}",
            "Content-Type: text/calendar; charset=utf-8",
            "",
        ]
        uid = events[0][1].removeprefix("UID:")
        url = f"{self.site.exchange.urls[0]}{getattr(self.box.folders, folder)}/{quote(name or uid)}.EML"
        answer = requests.put(
            url,
            data="\r\n".join([*head, *lines]).encode(),
            headers={"Content-Type": "message/rfc822", "Translate": "f"},
            auth=HTTPBasicAuth(self.site.exchange.username.encode(), PASSWORD.encode()),
            timeout=WAIT_S,
        )
        assert answer.status_code in {200, 201}, answer.text

    def book(self, uid: str, start: str, end: str, zone: str = "UTC", *lines: str) -> None:
        """Put one appointment, or a series, into the calendar."""
        self.put(event(uid, start, end, zone, *lines))

    def turn(self, **switches: object) -> None:
        """Set switches of the simulator."""
        answer = requests.post(
            f"{self.site.exchange.urls[0]}/_oracle/switches", data=json.dumps(switches), timeout=WAIT_S
        )
        assert answer.status_code == 200, answer.text

    def times(self, start: str, days: float) -> list[tuple[str, str, str]]:
        """Return the content of the calendar, as (uid, start, end) in UTC, in order of start."""
        first = moment(start)
        found = self.box.busy(first, first + timedelta(days=days))
        assert isinstance(found, Agenda), found
        shown = sorted(found.periods, key=lambda one: (one.start, one.uid))
        return [(one.uid, f"{one.start:%m-%dT%H:%M}", f"{one.end:%m-%dT%H:%M}") for one in shown]
