"""An attendee who has accepted meetings, and hears that they are off: iCalendar text by PUT, as organizers send it."""

from rsvpq.mail.messages import Kind, MeetingMessage, Verdict
from rsvpq.webdav.mailbox import WebDavMailbox
from tests.support.calendar_writer import Diary
from tests.support.exchange_site import inbox

NORA, MALLORY = "nora@example.com", "mallory@example.com"
#: Three Mondays at nine, and the rule that makes them a series.
FIRST, SECOND, THIRD = "20300603T090000Z", "20300610T090000Z", "20300617T090000Z"
WEEKLY = "FREQ=WEEKLY;COUNT=3"
UID = f"040000008200E00074C5B7101A82E00800000000{'0' * 32}1000000000112233445566778899AABBCCDDEEFF"


class Attendee:
    """The owner of a mailbox whose calendar has nothing else in these weeks."""

    def __init__(self, diary: Diary) -> None:
        self.diary = diary

    @property
    def box(self) -> WebDavMailbox:
        """The mailbox."""
        return self.diary.box

    def accepts(self, original: str = "", *, rule: str = "", sequence: int = 1) -> None:
        """Accept a single meeting, a series (with a rule), or one occurrence of it."""
        self.box.command(self.is_invited(original, rule=rule, sequence=sequence), Verdict.ACCEPT)

    def is_invited(
        self, original: str = "", *, rule: str = "", sequence: int = 1, organizer: str = NORA, wanted: bool = True
    ) -> MeetingMessage:
        """Get a request, which wants a response or none."""
        return self._gets("REQUEST", original, rule, sequence, organizer, wanted=wanted)

    def gets_cancellation(
        self,
        original: str = "",
        *,
        rule: str = "",
        sequence: int = 2,
        organizer: str = NORA,
        sender: str = "",
        sent_by: str = "",
        uid: str = UID,
    ) -> MeetingMessage:
        """Get a cancellation."""
        return self._gets("CANCEL", original, rule, sequence, organizer, (sender, sent_by), uid)

    def days(self) -> list[str]:
        """Return the days on which the calendar is not empty."""
        return [start[:5] for _, start, _ in self.diary.times("2030-06-01T00:00", 30)]

    def _gets(
        self,
        method: str,
        original: str,
        rule: str,
        sequence: int,
        organizer: str,
        senders: tuple[str, str] = ("", ""),
        uid: str = UID,
        *,
        wanted: bool = True,
    ) -> MeetingMessage:
        sender, sent_by = senders
        before = {one.ref.key for one in inbox(self.box)}
        start = original or FIRST
        lines = [
            "BEGIN:VEVENT",
            f"UID:{uid}",
            f"SEQUENCE:{sequence}",
            f"DTSTART:{start}",
            f"DTEND:{start.replace('T09', 'T10')}",
            *([f"RECURRENCE-ID:{original}"] if original else []),
            *([f"RRULE:{rule}"] if rule else []),
            *([] if wanted else ["ATTENDEE;RSVP=FALSE:MAILTO:somebody@example.com"]),
            f"ORGANIZER;CN=Organizer:MAILTO:{organizer}",
            "END:VEVENT",
        ]
        self.diary.put(lines, method=method, sender=sender or organizer, sent_by=sent_by)
        (message,) = [one for one in inbox(self.box) if one.ref.key not in before]
        assert message.kind is (Kind.REQUEST if method == "REQUEST" else Kind.CANCELLATION)
        return message
