"""The table of decisions: what is known about a message, and what is done about it, by which rule, for what reason."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from rsvpq.mail.calendar import NEVER, BusyStatus, CalendarUnknown, ResponseStatus
from rsvpq.mail.messages import Intent, Kind, Sensitivity, Verdict, instant
from rsvpq.policy import Action, CalendarView, Edition, Facts, Need, Policy, Reason, Rule
from rsvpq.policy.conditions import CONDITIONS
from rsvpq.policy.engine import decide
from tests.support.policy_values import (
    DAY,
    END,
    HOUR,
    NOW,
    SECOND,
    STAMP,
    START,
    appointment,
    calendar,
    facts,
    message,
    period,
    policy,
    rule,
    settled,
)

ROOT = Path(__file__).parents[2]
BERLIN = ZoneInfo("Europe/Berlin")
CANCELLATION = {"kind": Kind.CANCELLATION, "type_name": "IPM.Schedule.Meeting.Canceled"}
RESPONSE = {"kind": Kind.RESPONSE, "reply": Verdict.ACCEPT, "type_name": "IPM.Schedule.Meeting.Resp.Pos"}
UNKNOWN = CalendarUnknown("403 Forbidden")
BEGUN = Intent("item-1", Verdict.DECLINE, NOW - DAY, ("rid:7",))
FINISHED = Intent("item-1", Verdict.DECLINE, NOW - DAY).finish()
Changes = Mapping[str, object]
Comes = tuple[Action, Reason]
#: Whoever it is from, the message is decided on its own account; and what comes of it.
CARRIED_OUT = {"cancellations": "process", "external": "rules"}
PROCESSED, REPEATED = (Action.PROCESS, Reason.EVERY_CANCELLATION), (Action.ACCEPT, Reason.DETAILS_ONLY)
HELD = (Action.HOLD, Reason.OTHER_ORGANIZER)
#: ... as any other request: whether it repeats what the organizer has said before cannot be told.
ACCEPTED = (Action.ACCEPT, Reason.EVERY_REQUEST)

#: A series whose first meeting is over.
_BEGUN = {"start": NOW - DAY, "end": NOW - DAY, "recurring": True}


def _arranged(passes: Comes, unknown: Comes) -> list[tuple[Changes, str, Comes]]:
    """What a message and an appointment show of who arranged the meeting, and what comes of it."""
    return [
        ({}, '"Brian" <BRIAN@example.com>', passes),
        ({}, "MAILTO:brian@example.com", passes),
        ({}, '"Brian Lee" <dora@example.com>', HELD),
        ({}, "</O=EXAMPLE/CN=BRIAN>", passes),
        ({"organizer": "</o=example/cn=Brian>"}, "</O=EXAMPLE/CN=BRIAN>", passes),
        ({"organizer": "</o=example/cn=Dora>"}, "</O=EXAMPLE/CN=BRIAN>", HELD),
        ({"from_another": "dora@example.com"}, "brian@example.com", HELD),
        ({"from_another": "brian@example.com", "organizer": "dora@example.com"}, "brian@example.com", HELD),
        ({"organizer": "brian@branch.example"}, "</O=EXAMPLE/CN=BRIAN>", unknown),
        *(({}, theirs, unknown) for theirs in ("", "Brian Lee", "</O=EXAMPLE/CN=B1>")),
        ({"organizer": ""}, "brian@example.com", unknown),
        ({"from_another": "dora@example.com"}, "", unknown),
        ({"from_another": "dora@example.com"}, "</O=EXAMPLE/CN=B1>", HELD),
        # ... and in his name by somebody else: nobody from outside speaks for one of ours
        ({"sent_by": ("secretary@example.com",)}, "brian@example.com", passes),
        ({"sent_by": ("x@evil.example",)}, "brian@example.com", HELD),
        ({"sent_by": ("x@evil.example",)}, "</O=EXAMPLE/CN=BRIAN>", HELD),
        ({"organizer": "</o=example/cn=Brian>", "sent_by": ("x@evil.example",)}, "brian@example.com", HELD),
        (
            {"organizer": "b@partner.example", "sent_by": ("x@other.example",)},
            "b@partner.example",
            unknown,
        ),
        ({"organizer": "b@partner.example"}, "b@partner.example", passes),
    ]


#: The message, the facts, the policy (all as changes) -> the action and the reason.
GUARDS: list[tuple[Changes, Changes, Changes, Action, Reason]] = [
    ({}, {}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({"kind": Kind.OTHER}, {}, {}, Action.SKIP, Reason.UNKNOWN_CLASS),
    ({"kind": Kind.OTHER, "processed": True}, {}, {}, Action.SKIP, Reason.UNKNOWN_CLASS),
    ({"kind": Kind.TASK_REQUEST}, {}, {}, Action.SKIP, Reason.TASK_REQUEST),
    ({"overlong": "uid"}, {}, {}, Action.HOLD, Reason.OVERLONG),
    ({"processed": True}, {}, {}, Action.SKIP, Reason.ALREADY_PROCESSED),
    ({"answered": Verdict.TENTATIVE}, {}, {}, Action.SKIP, Reason.ALREADY_ANSWERED),
    ({"answered": Verdict.DECLINE, "outdated": True}, {}, {}, Action.SKIP, Reason.ALREADY_ANSWERED),
    ({"answered": Verdict.DECLINE, "processed": True}, {}, {}, Action.SKIP, Reason.ALREADY_PROCESSED),
    # out of date: by the message itself, by another one, by the calendar; first by sequence, then by stamp
    ({"outdated": True}, {}, {}, Action.SKIP, Reason.OUT_OF_DATE),
    ({"outdated": False}, {}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({}, {"newest": Edition(2, STAMP - DAY)}, {}, Action.SKIP, Reason.OUT_OF_DATE),
    ({}, {"newest": Edition(1, STAMP + SECOND)}, {}, Action.SKIP, Reason.OUT_OF_DATE),
    ({}, {"newest": Edition(1, STAMP)}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({}, {"newest": Edition(0, STAMP + DAY)}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({"sequence": None}, {"newest": Edition(9, STAMP)}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({"sequence": None}, {"newest": Edition(9, STAMP + SECOND)}, {}, Action.SKIP, Reason.OUT_OF_DATE),
    ({"stamp": None}, {"newest": Edition(1, STAMP)}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({}, {"calendar": calendar(meeting=appointment(sequence=2))}, {}, Action.SKIP, Reason.OUT_OF_DATE),
    (
        {},
        {"calendar": calendar(meeting=appointment(sequence=1, stamp=STAMP + SECOND))},
        {},
        Action.SKIP,
        Reason.OUT_OF_DATE,
    ),
    (CANCELLATION, {"newest": Edition(2)}, {"cancellations": "process"}, Action.SKIP, Reason.OUT_OF_DATE),
    # what was begun is finished as it was begun, before anything else is asked; what others have begun is theirs
    ({"intent": BEGUN}, {"identity": "item-1", "begun": True}, {}, Action.DECLINE, Reason.BEGUN),
    (
        {"intent": replace(BEGUN, verdict=Verdict.ACCEPT)},
        {"identity": "item-1", "begun": True},
        {},
        Action.ACCEPT,
        Reason.BEGUN,
    ),
    (
        {"intent": replace(BEGUN, verdict=Verdict.TENTATIVE)},
        {"identity": "item-1", "begun": True},
        {},
        Action.TENTATIVE,
        Reason.BEGUN,
    ),
    ({"intent": BEGUN, "processed": True}, {"identity": "item-1", "begun": True}, {}, Action.DECLINE, Reason.BEGUN),
    ({"intent": BEGUN}, {"identity": "item-2"}, {}, Action.HOLD, Reason.BEGUN_ELSEWHERE),
    ({"intent": FINISHED, "processed": True}, {"identity": "item-1"}, {}, Action.SKIP, Reason.ALREADY_PROCESSED),
    (
        {"intent": BEGUN, "answered": Verdict.DECLINE},
        {"identity": "item-1", "begun": True},
        {},
        Action.DECLINE,
        Reason.BEGUN,
    ),
    # ... if the mailbox bears it out: anybody who may write into it can write a marker
    ({"intent": BEGUN}, {"identity": "item-1", "begun": False}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({"intent": BEGUN}, {"identity": "item-1", "last_look": True}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    (
        {"intent": BEGUN, "organizer": "x@evil.example"},
        {"identity": "item-1", "begun": False},
        {},
        Action.SKIP,
        Reason.EXTERNAL,
    ),
    # answered before, through another message: in this edition, in a newer one, in an older one
    ({}, {"settled": settled()}, {}, Action.SKIP, Reason.ALREADY_ANSWERED),
    ({}, {"settled": settled(sequence=2)}, {}, Action.SKIP, Reason.OUT_OF_DATE),
    ({}, {"settled": settled(stamp=STAMP + SECOND)}, {}, Action.SKIP, Reason.OUT_OF_DATE),
    ({}, {"settled": settled(sequence=0)}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({}, {"settled": settled(stamp=STAMP - SECOND)}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({"sequence": None, "stamp": None}, {"settled": settled()}, {}, Action.SKIP, Reason.ALREADY_ANSWERED),
    (
        {"sequence": None, "stamp": None, "start": START + HOUR},
        {"settled": settled()},
        {},
        Action.ACCEPT,
        Reason.EVERY_REQUEST,
    ),
    # what a stranger was answered who knew the uid says nothing about the meeting
    *(
        ({}, {"settled": replace(settled(sequence=99), organizer=organizer)}, {}, action, reason)
        for organizer, action, reason in (
            ("mallory@evil.example", Action.ACCEPT, Reason.EVERY_REQUEST),
            ("brian@example.com", Action.SKIP, Reason.OUT_OF_DATE),
        )
    ),
    # where only Sent Items tells, the time of the meeting has to be the same
    ({}, {"settled": settled(item="", stamp=None)}, {}, Action.SKIP, Reason.ALREADY_ANSWERED),
    ({"start": START + HOUR}, {"settled": settled(item="", stamp=None)}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    # one occurrence is not compared with the series around it
    (
        {"occurrence": "20260309T090000Z", "recurring": True},
        {"calendar": calendar(meeting=appointment(sequence=7, recurring=True))},
        {},
        Action.ACCEPT,
        Reason.EVERY_REQUEST,
    ),
    # ... nor with one that may be another, as its day is the next and its time another
    *(
        (
            {"occurrence": "20260309T090000Z", "recurring": True},
            {"calendar": calendar(meeting=replace(appointment(start=start, sequence=7), occurrence="20260310"))},
            {},
            action,
            reason,
        )
        for start, action, reason in (
            (START, Action.SKIP, Reason.OUT_OF_DATE),
            (START + DAY, Action.ACCEPT, Reason.EVERY_REQUEST),
        )
    ),
    # own meetings
    ({"organizer": "adele@example.com"}, {}, {}, Action.SKIP, Reason.OWN_MEETING),
    ({"organizer": "MAILTO:Adele@EXAMPLE.com"}, {}, {}, Action.SKIP, Reason.OWN_MEETING),
    (
        {"organizer": "a.vance@example.com"},
        {"addresses": frozenset({"A.Vance@example.com"})},
        {},
        Action.SKIP,
        Reason.OWN_MEETING,
    ),
    (
        {"organizer": "adele@example.com"},
        {"mailbox": "Adele"},
        {"internal_domains": ("example.com",)},
        Action.SKIP,
        Reason.OWN_MEETING,
    ),
    (
        {"organizer": "adele@evil.example"},
        {"mailbox": "adele"},
        {"external": "rules"},
        Action.ACCEPT,
        Reason.EVERY_REQUEST,
    ),
    ({"own": True}, {}, {}, Action.SKIP, Reason.OWN_MEETING),
    ({"own": False, "organizer": "adele@example.com"}, {}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    # an alias is half an address: what the server shows prevails, and of several domains none is guessed
    (
        {"organizer": "adele@sub.example.com"},
        {"mailbox": "adele", "addresses": frozenset({"adele@example.com"})},
        {"internal_domains": ("example.com", "sub.example.com")},
        Action.ACCEPT,
        Reason.EVERY_REQUEST,
    ),
    (
        {"organizer": "adele@sub.example.com"},
        {"mailbox": "adele"},
        {"internal_domains": ("example.com", "sub.example.com")},
        Action.ACCEPT,
        Reason.EVERY_REQUEST,
    ),
    (
        {"organizer": "adele@sub.example.com"},
        {"mailbox": "adele"},
        {"internal_domains": ("*.example.com",)},
        Action.ACCEPT,
        Reason.EVERY_REQUEST,
    ),
    # the server's address of a mailbox that is listed by its alias makes no domain internal: only the list does
    (
        {"organizer": "brian@example.com"},
        {"mailbox": "adele", "addresses": frozenset({"adele@example.com"})},
        {"internal_domains": ()},
        Action.SKIP,
        Reason.EXTERNAL,
    ),
    (
        {},
        {"calendar": calendar(meeting=appointment(ResponseStatus.ORGANIZER))},
        {},
        Action.SKIP,
        Reason.OWN_MEETING,
    ),
    # the past: at its end, a meeting is over
    ({"start": NOW - HOUR, "end": NOW}, {}, {}, Action.SKIP, Reason.PAST),
    ({"start": NOW - HOUR, "end": NOW + SECOND}, {}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({"start": NOW, "end": NOW}, {}, {}, Action.SKIP, Reason.PAST),
    ({"start": NOW - HOUR, "end": None}, {}, {}, Action.SKIP, Reason.PAST),
    ({"start": NOW + HOUR, "end": None}, {}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({"start": NOW + HOUR, "end": NOW - HOUR}, {}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({"start": NOW - HOUR, "end": NOW}, {}, {"past": "rules"}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({"start": None, "end": None}, {}, {}, Action.HOLD, Reason.NO_START_TIME),
    ({"start": None}, {}, {}, Action.HOLD, Reason.NO_START_TIME),
    ({"start": None, "end": None}, {}, {"past": "rules"}, Action.ACCEPT, Reason.EVERY_REQUEST),
    # a series began long ago, and may go on
    (_BEGUN, {"last_look": True}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    (_BEGUN, {"series_end": NOW}, {}, Action.SKIP, Reason.PAST),
    (_BEGUN | {"recurring": None}, {"last_look": True}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    (_BEGUN | {"recurring": None}, {"series_end": NOW}, {}, Action.SKIP, Reason.PAST),
    (_BEGUN | {"recurring": None, "occurrence": "20260301"}, {"last_look": True}, {}, Action.SKIP, Reason.PAST),
    (_BEGUN, {"series_end": NOW}, {"past": "rules"}, Action.ACCEPT, Reason.EVERY_REQUEST),
    (_BEGUN, {"series_end": NOW + SECOND}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    (_BEGUN, {"series_end": NEVER}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    (_BEGUN, {"series_end": NOW, "calendar": CalendarView(UNKNOWN)}, {}, Action.SKIP, Reason.PAST),
    # age
    ({"received": NOW - 14 * DAY}, {}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({"received": NOW - 14 * DAY - SECOND}, {}, {}, Action.SKIP, Reason.TOO_OLD),
    ({"received": NOW - 2 * HOUR}, {}, {"max_age": HOUR}, Action.SKIP, Reason.TOO_OLD),
    ({"received": NOW + DAY}, {}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({"received": None, "stamp": NOW - 15 * DAY}, {}, {}, Action.SKIP, Reason.TOO_OLD),
    ({"received": None, "stamp": None}, {}, {}, Action.HOLD, Reason.AGE_UNKNOWN),
    # strangers
    ({"organizer": "x@evil.example"}, {}, {}, Action.SKIP, Reason.EXTERNAL),
    ({"organizer": "x@sub.example.com"}, {}, {}, Action.SKIP, Reason.EXTERNAL),
    ({"organizer": "x@notexample.com"}, {}, {"internal_domains": ("*.example.com",)}, Action.SKIP, Reason.EXTERNAL),
    (
        {"organizer": "x@a.b.example.com"},
        {},
        {"internal_domains": ("*.example.com",)},
        Action.ACCEPT,
        Reason.EVERY_REQUEST,
    ),
    ({"organizer": "x@EXAMPLE.ORG"}, {}, {"internal_domains": ("example.org",)}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({}, {"mailbox": "adele"}, {}, Action.SKIP, Reason.EXTERNAL),
    ({"organizer": '"brian@example.com" <x@evil.example>'}, {}, {}, Action.SKIP, Reason.EXTERNAL),
    ({"organizer": "x@evil.example"}, {}, {"external": "rules"}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({"organizer": "/O=EXAMPLE/OU=HQ/CN=BRIAN"}, {}, {}, Action.SKIP, Reason.ORGANIZER_UNKNOWN),
    ({"organizer": ""}, {}, {"external": "rules"}, Action.ACCEPT, Reason.EVERY_REQUEST),
    # what is not everybody's
    ({"sensitivity": Sensitivity.PRIVATE}, {}, {}, Action.SKIP, Reason.PRIVATE),
    ({"sensitivity": Sensitivity.CONFIDENTIAL}, {}, {}, Action.SKIP, Reason.PRIVATE),
    ({"sensitivity": Sensitivity.PERSONAL}, {}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({"sensitivity": Sensitivity.PRIVATE}, {}, {"private": "rules"}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({"received_for": "Boss"}, {}, {}, Action.SKIP, Reason.DELEGATE_COPY),
    ({"for_delegate": True}, {}, {}, Action.SKIP, Reason.DELEGATE_COPY),
    ({"received_for": "Boss"}, {}, {"delegate_copies": "rules"}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({"received_for": "Adele@Example.com"}, {}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({"response_requested": False}, {}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    (
        {"response_requested": False},
        {},
        {"no_response_requested": "skip"},
        Action.SKIP,
        Reason.NO_RESPONSE_REQUESTED,
    ),
    ({}, {}, {"no_response_requested": "skip"}, Action.ACCEPT, Reason.EVERY_REQUEST),
    # the calendar
    ({}, {"calendar": None, "last_look": True}, {}, Action.HOLD, Reason.CALENDAR_UNKNOWN),
    ({}, {"calendar": CalendarView(UNKNOWN)}, {}, Action.HOLD, Reason.CALENDAR_UNKNOWN),
    ({}, {"calendar": CalendarView(CalendarUnknown(""))}, {}, Action.HOLD, Reason.CALENDAR_UNKNOWN),
    (
        {},
        {"calendar": CalendarView(UNKNOWN)},
        {"unknown_calendar": "rules"},
        Action.ACCEPT,
        Reason.EVERY_REQUEST,
    ),
    (
        {},
        {"calendar": calendar(meeting=appointment(sequence=1, stamp=STAMP))},
        {},
        Action.SKIP,
        Reason.ALREADY_ANSWERED,
    ),
    (
        {},
        {"calendar": calendar(meeting=appointment(ResponseStatus.NOT_RESPONDED, sequence=1, stamp=STAMP))},
        {},
        Action.ACCEPT,
        Reason.EVERY_REQUEST,
    ),
    ({}, {"calendar": calendar(meeting=appointment())}, {}, Action.ACCEPT, Reason.DETAILS_ONLY),
    ({"sequence": None}, {"calendar": calendar(meeting=appointment())}, {}, Action.ACCEPT, Reason.DETAILS_ONLY),
    (
        {},
        {"calendar": calendar(meeting=appointment(ResponseStatus.TENTATIVE))},
        {},
        Action.TENTATIVE,
        Reason.DETAILS_ONLY,
    ),
    (
        {},
        {"calendar": calendar(meeting=appointment(ResponseStatus.DECLINED))},
        {},
        Action.ACCEPT,
        Reason.EVERY_REQUEST,
    ),
    ({}, {"calendar": calendar(meeting=appointment(None))}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    ({}, {"calendar": calendar(meeting=appointment())}, {"details_only": "skip"}, Action.SKIP, Reason.DETAILS_ONLY),
    ({}, {"calendar": calendar(meeting=appointment())}, {"details_only": "rules"}, Action.ACCEPT, Reason.EVERY_REQUEST),
    (
        {},
        {"calendar": calendar(meeting=appointment(start=START - HOUR))},
        {},
        Action.ACCEPT,
        Reason.EVERY_REQUEST,
    ),
    ({}, {"calendar": calendar(meeting=appointment(end=END + HOUR))}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    # a series whose sequence has grown may have another pattern
    ({"recurring": True}, {"calendar": calendar(meeting=appointment())}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    (
        {"recurring": True},
        {"calendar": calendar(meeting=appointment(sequence=1))},
        {},
        Action.ACCEPT,
        Reason.DETAILS_ONLY,
    ),
    (
        {"recurring": True, "informational": True},
        {"calendar": calendar(meeting=appointment())},
        {},
        Action.ACCEPT,
        Reason.DETAILS_ONLY,
    ),
    # cancellations
    (CANCELLATION, {}, {}, Action.KEEP, Reason.CANCELLATION),
    (CANCELLATION | {"processed": True, "sensitivity": Sensitivity.PRIVATE}, {}, {}, Action.KEEP, Reason.CANCELLATION),
    (CANCELLATION, {}, {"cancellations": "process"}, Action.PROCESS, Reason.EVERY_CANCELLATION),
    (
        CANCELLATION,
        {"calendar": calendar(meeting=appointment())},
        {"cancellations": "process"},
        Action.PROCESS,
        Reason.EVERY_CANCELLATION,
    ),
    (
        CANCELLATION,
        {"calendar": calendar(meeting=appointment(sequence=2))},
        {"cancellations": "process"},
        Action.SKIP,
        Reason.OUT_OF_DATE,
    ),
    # ... of a meeting that somebody else arranged, or nobody knows who
    *(
        (
            {**changed, **kind},
            {"calendar": calendar(meeting=appointment(organizer=theirs))},
            CARRIED_OUT,
            action,
            reason,
        )
        for kind, passes in ((CANCELLATION, PROCESSED), ({}, REPEATED))
        for changed, theirs, (action, reason) in _arranged(passes, HELD if kind else ACCEPTED)
    ),
    *(
        (kind | spoofed, {}, {"cancellations": "process"}, Action.SKIP, Reason.EXTERNAL)
        for kind in (CANCELLATION, {})
        for spoofed in (
            {"organizer": "x@evil.example"},
            {"from_another": "x@evil.example", "sent_by": ("x@evil.example",)},
            {"from_another": "cara@example.com", "sent_by": ("cara@example.com",)},
            {"sent_by": ("x@evil.example",)},
            {"organizer": "</O=EXAMPLE/CN=BRIAN>", "sent_by": ("x@evil.example",)},
        )
    ),
    ({"sent_by": ("secretary@example.com",)}, {}, {}, Action.ACCEPT, Reason.EVERY_REQUEST),
    # domains are compared as they are looked up
    ({"organizer": "x@busineß.example"}, {}, {"internal_domains": ("business.example",)}, Action.SKIP, Reason.EXTERNAL),
    ({"organizer": "x@business.example"}, {}, {"internal_domains": ("busineß.example",)}, Action.SKIP, Reason.EXTERNAL),
    (
        {"organizer": "x@BÜCHER.example"},
        {},
        {"internal_domains": ("xn--bcher-kva.example",)},
        Action.ACCEPT,
        Reason.EVERY_REQUEST,
    ),
    (
        CANCELLATION | {"start": NOW - DAY, "end": NOW - HOUR},
        {},
        {"cancellations": "process"},
        Action.SKIP,
        Reason.PAST,
    ),
    # responses: opening one tells nobody anything
    (RESPONSE, {}, {}, Action.OPEN, Reason.EVERY_RESPONSE),
    (RESPONSE | {"processed": True}, {}, {}, Action.SKIP, Reason.ALREADY_PROCESSED),
    (RESPONSE | {"received_for": "Boss"}, {}, {}, Action.SKIP, Reason.DELEGATE_COPY),
    (
        RESPONSE
        | {
            "organizer": "x@evil.example",
            "sensitivity": Sensitivity.PRIVATE,
            "start": None,
            "end": None,
            "received": None,
        },
        {"calendar": None},
        {},
        Action.OPEN,
        Reason.EVERY_RESPONSE,
    ),
    (RESPONSE | {"start": NOW - 99 * DAY, "end": NOW - 98 * DAY}, {}, {}, Action.OPEN, Reason.EVERY_RESPONSE),
]


@pytest.mark.parametrize(("changed", "known", "laid_down", "action", "reason"), GUARDS)
def test_each_guard_decides_as_the_table_says(
    changed: Changes, known: Changes, laid_down: Changes, action: Action, reason: Reason
) -> None:
    decision = decide(policy(**laid_down), message(**changed), facts(**known), NOW)

    assert (decision.action, decision.reason, decision.rule, decision.needs) == (action, reason, "", frozenset())


#: Each breaks one guard, in the order of precedence: of any two, the first one is the reason.
_PRECEDENCE: list[tuple[Changes, Changes, Reason]] = [
    ({"processed": True}, {}, Reason.ALREADY_PROCESSED),
    ({"answered": Verdict.ACCEPT}, {}, Reason.ALREADY_ANSWERED),
    ({"outdated": True}, {}, Reason.OUT_OF_DATE),
    ({"own": True}, {}, Reason.OWN_MEETING),
    ({"start": NOW - HOUR, "end": NOW}, {}, Reason.PAST),
    ({"received": NOW - 15 * DAY}, {}, Reason.TOO_OLD),
    ({"organizer": "x@evil.example"}, {}, Reason.EXTERNAL),
    ({"sensitivity": Sensitivity.PRIVATE}, {}, Reason.PRIVATE),
    ({"received_for": "Boss"}, {}, Reason.DELEGATE_COPY),
    ({"response_requested": False}, {}, Reason.NO_RESPONSE_REQUESTED),
    ({}, {"calendar": CalendarView(UNKNOWN)}, Reason.CALENDAR_UNKNOWN),
]


@pytest.mark.parametrize("first", range(len(_PRECEDENCE)))
def test_of_several_guards_the_first_one_is_the_reason(first: int) -> None:
    changed: dict[str, object] = {}
    known: dict[str, object] = {}
    for message_changes, fact_changes, _ in reversed(_PRECEDENCE[first:]):
        changed |= message_changes
        known |= fact_changes

    decision = decide(policy(no_response_requested="skip"), message(**changed), facts(**known), NOW)

    assert decision.reason == _PRECEDENCE[first][2]


_BUSY, _TENTATIVE, _OOF, _FREE = (
    BusyStatus.BUSY,
    BusyStatus.TENTATIVE,
    BusyStatus.OOF,
    BusyStatus.FREE,
)
_ALL_DAY_OF_25_HOURS = {
    "start": datetime(2026, 10, 25, tzinfo=BERLIN),
    "end": datetime(2026, 10, 26, tzinfo=BERLIN),
}
_ALL_DAY_OF_23_HOURS = {
    "start": datetime(2026, 3, 29, tzinfo=BERLIN),
    "end": datetime(2026, 3, 30, tzinfo=BERLIN),
}
_LONG = {"start": START, "end": START + 2 * HOUR}


def _arranged_by(organizer: str) -> Changes:
    """In the calendar is an appointment of the meeting's uid, arranged by this one."""
    return {"calendar": calendar(period(uid="uid-1", organizer=organizer))}


#: A condition -> messages and facts for which it holds, and for which it does not.
CONDITIONS_TABLE: list[tuple[dict[str, object], Changes, Changes, bool]] = [
    ({}, {}, {}, True),
    ({"organizer": ("brian@example.com",)}, {}, {}, True),
    ({"organizer": ("cara@example.com", "*@EXAMPLE.com")}, {}, {}, True),
    ({"organizer": ("cara@example.com",)}, {}, {}, False),
    ({"organizer": ("brian@example.co",)}, {}, {}, False),
    ({"organizer_domain": ("example.com",)}, {}, {}, True),
    ({"organizer_domain": ("*.example.com",)}, {}, {}, False),
    ({"organizer_domain": ("example.org", "example.???")}, {}, {}, True),
    ({"external": False}, {}, {}, True),
    ({"external": True}, {}, {}, False),
    ({"external": True}, {"organizer": "x@evil.example"}, {}, True),
    ({"external": True}, {"from_another": "cara@example.com", "sent_by": ("cara@example.com",)}, {}, True),
    ({"external": True}, {"sent_by": ("secretary@example.com",)}, {}, False),
    ({"external": True}, {"sent_by": ("secretary@example.com", "x@evil.example")}, {}, True),
    ({"external": True}, {"organizer": "/O=EXAMPLE/CN=BRIAN", "sent_by": ("x@evil.example",)}, {}, True),
    ({"organizer_domain": ("busineß.example",)}, {"organizer": "x@busineß.example"}, {}, True),
    ({"organizer_domain": ("busineß.example",)}, {"organizer": "x@business.example"}, {}, False),
    ({"organizer_domain": ("*.BÜCHER.example",)}, {"organizer": "x@a.xn--bcher-kva.example"}, {}, True),
    ({"organizer": ("x@business.example",)}, {"organizer": "x@busineß.example"}, {}, False),
    ({"organizer": ("strasse@example.com",)}, {"organizer": "straße@example.com"}, {}, False),
    ({"group": ("pilot", "hq")}, {}, {"group": "HQ"}, True),
    ({"group": ("pilot",)}, {}, {"group": ""}, False),
    ({"subject": ("[bud]get", "*budget")}, {}, {}, True),
    ({"subject": ("[bud]*",)}, {}, {}, False),
    ({"subject": ("[Board] *",)}, {"subject": "[board] Budget"}, {}, True),
    ({"subject": ("*",)}, {"subject": ""}, {}, True),
    ({"subject": ("?*",)}, {"subject": ""}, {}, False),
    ({"subject": ("straße*",)}, {"subject": "STRASSENFEST\nzweite Zeile"}, {}, True),
    ({"starts_within": START - NOW}, {}, {}, True),
    ({"starts_within": START - NOW - SECOND}, {}, {}, False),
    ({"starts_within": HOUR}, {"start": NOW - HOUR, "end": NOW + HOUR}, {}, True),
    ({"starts_after": START - NOW}, {}, {}, False),
    ({"starts_after": START - NOW - SECOND}, {}, {}, True),
    # over the change of clocks on 29 March, a week later by the clock is an hour less
    ({"starts_after": 35 * DAY}, {"start": datetime(2026, 4, 6, 13, tzinfo=BERLIN), "end": None}, {}, False),
    ({"starts_after": 35 * DAY - HOUR}, {"start": datetime(2026, 4, 6, 13, tzinfo=BERLIN), "end": None}, {}, False),
    (
        {"starts_after": 35 * DAY - HOUR - SECOND},
        {"start": datetime(2026, 4, 6, 13, tzinfo=BERLIN), "end": None},
        {},
        True,
    ),
    ({"longer_than": HOUR}, {}, {}, False),
    ({"longer_than": HOUR - SECOND}, {}, {}, True),
    ({"shorter_than": HOUR}, {}, {}, False),
    ({"shorter_than": HOUR + SECOND}, {}, {}, True),
    ({"longer_than": DAY}, _ALL_DAY_OF_25_HOURS | {"all_day": True}, {}, False),
    ({"longer_than": DAY}, _ALL_DAY_OF_25_HOURS, {}, True),
    ({"shorter_than": DAY}, _ALL_DAY_OF_23_HOURS | {"all_day": True}, {}, False),
    ({"shorter_than": DAY}, _ALL_DAY_OF_23_HOURS, {}, True),
    ({"longer_than": DAY - SECOND}, _ALL_DAY_OF_23_HOURS | {"all_day": True}, {}, True),
    ({"all_day": True}, {"all_day": True}, {}, True),
    ({"all_day": True}, {}, {}, False),
    ({"recurring": True}, {"recurring": True}, {}, True),
    ({"recurring": False}, {"recurring": True}, {}, False),
    ({"private": True}, {"sensitivity": Sensitivity.CONFIDENTIAL}, {}, True),
    ({"private": True}, {"sensitivity": Sensitivity.PERSONAL}, {}, False),
    ({"private": False}, {}, {}, True),
    ({"sensitivity": ("personal", "confidential")}, {"sensitivity": Sensitivity.PERSONAL}, {}, True),
    ({"sensitivity": ("personal", "confidential")}, {"sensitivity": Sensitivity.PRIVATE}, {}, False),
    ({"attendees_more_than": 3}, {}, {"attendees": 3}, False),
    ({"attendees_more_than": 3}, {}, {"attendees": 4}, True),
    ({"attendees_fewer_than": 3}, {}, {"attendees": 3}, False),
    ({"attendees_fewer_than": 3}, {}, {"attendees": 0}, True),
    ({"delegate_copy": True}, {"received_for": "Boss"}, {}, True),
    ({"delegate_copy": True}, {"for_delegate": True}, {}, True),
    ({"delegate_copy": True}, {}, {}, False),
    ({"response_requested": False}, {"response_requested": False}, {}, True),
    ({"response_requested": False}, {}, {}, False),
    ({"conflict": ("none",)}, {}, {}, True),
    ({"conflict": ("none",)}, {}, {"calendar": calendar(period(_FREE))}, True),
    ({"conflict": ("tentative",)}, {}, {"calendar": calendar(period(_TENTATIVE))}, True),
    ({"conflict": ("tentative",)}, {}, {"calendar": calendar(period(_TENTATIVE), period(_BUSY))}, False),
    ({"conflict": ("busy",)}, {}, {"calendar": calendar(period(_TENTATIVE), period(_BUSY))}, True),
    ({"conflict": ("busy",)}, {}, {"calendar": calendar(period(_OOF), period(_BUSY))}, False),
    ({"conflict": ("busy", "oof")}, {}, {"calendar": calendar(period(_OOF), period(_BUSY))}, True),
    ({"conflict": True}, {}, {"calendar": calendar(period(_OOF))}, True),
    ({"conflict": True}, {}, {"calendar": calendar(period(_TENTATIVE))}, False),
    ({"conflict": False}, {}, {"calendar": calendar(period(_TENTATIVE))}, True),
    ({"conflict": True}, {}, {"calendar": calendar(period(start=END, end=END + HOUR))}, False),
    ({"conflict": True}, {}, {"calendar": calendar(period(start=START - HOUR, end=START))}, False),
    ({"conflict": True}, {}, {"calendar": calendar(period(start=START - HOUR, end=START + SECOND))}, True),
    ({"conflict": True}, {}, {"calendar": calendar(period(uid="uid-1"))}, False),
    ({"conflict": True}, {}, _arranged_by('"Brian Lee" <Brian@example.com>'), False),
    ({"conflict": True}, {}, _arranged_by("</O=EXAMPLE/CN=BRIAN>"), False),
    ({"conflict": True}, {}, _arranged_by("Brian Lee"), False),
    ({"conflict": True}, {}, _arranged_by("dora@example.com"), True),
    ({"conflict": True}, {"from_another": "dora@example.com"}, _arranged_by("brian@example.com"), True),
    ({"conflict": True}, {"sent_by": ("x@evil.example",)}, _arranged_by("brian@example.com"), True),
    ({"conflict": True}, {}, {"calendar": calendar(period(uid="uid-2"))}, True),
    ({"conflict": True}, {"uid": ""}, {"calendar": calendar(period())}, True),
    # the fourth meeting of the series is what conflicts
    (
        {"conflict": True},
        {"recurring": True},
        {
            "calendar": calendar(
                period(start=START + 21 * DAY, end=END + 21 * DAY),
                times=tuple((START + week * 7 * DAY, END + week * 7 * DAY) for week in range(4)),
            )
        },
        True,
    ),
    ({"conflict": True}, {"recurring": True}, {"calendar": calendar(period(), complete=False)}, True),
    ({"update": ("first",)}, {}, {}, True),
    ({"update": ("first",)}, {}, {"calendar": calendar(meeting=appointment(ResponseStatus.NOT_RESPONDED))}, True),
    ({"update": ("first",)}, {}, {"calendar": calendar(meeting=appointment())}, False),
    ({"update": ("time-moved",)}, {}, {"calendar": calendar(meeting=appointment(start=START - DAY))}, True),
    ({"update": ("time-moved",)}, {}, {"calendar": calendar(meeting=appointment())}, False),
    ({"update": ("first", "details-only")}, {}, {"calendar": calendar(meeting=appointment())}, True),
    # all must hold
    ({"longer_than": HOUR, "recurring": False}, _LONG, {}, True),
    ({"longer_than": HOUR, "recurring": False}, _LONG | {"recurring": True}, {}, False),
    ({"longer_than": HOUR, "recurring": False}, {}, {}, False),
]
_OPEN = dict.fromkeys(("external", "private", "delegate_copies", "past", "details_only", "unknown_calendar"), "rules")


@pytest.mark.parametrize(("conditions", "changed", "known", "holds"), CONDITIONS_TABLE)
def test_each_condition_holds_as_the_table_says(
    conditions: dict[str, object], changed: Changes, known: Changes, holds: bool
) -> None:
    rules = (Rule("asked", Action.DECLINE, conditions=conditions), rule(Action.TENTATIVE, name="rest"))  # type: ignore[arg-type]

    decision = decide(policy(*rules, **_OPEN), message(**changed), facts(**known), NOW)

    expected = (Action.DECLINE, "asked") if holds else (Action.TENTATIVE, "rest")
    assert (decision.action, decision.rule) == expected
    assert (decision.reason, decision.needs) == (Reason.RULE, frozenset())


def test_every_condition_is_in_the_table_both_ways() -> None:
    asked = {name: set() for name in CONDITIONS}  # type: dict[str, set[bool]]
    for conditions, _, _, holds in CONDITIONS_TABLE:
        for name in conditions:
            asked[name].add(holds)

    assert {name for name, answers in asked.items() if answers != {True, False}} == {"own_meeting"}  # of responses


@pytest.mark.parametrize(
    ("organizer", "action"), [("adele@example.com", Action.SKIP), ("brian@example.com", Action.OPEN)]
)
def test_a_rule_for_responses_can_ask_whose_meeting_it_is(organizer: str, action: Action) -> None:
    rules = (rule(Action.SKIP, Kind.RESPONSE, own_meeting=True), rule(Action.OPEN, Kind.RESPONSE, "rest"))

    assert decide(policy(*rules), message(**RESPONSE, organizer=organizer), facts(), NOW).action is action


def test_a_rule_is_only_for_its_kind() -> None:
    rules = (rule(Action.PROCESS, Kind.CANCELLATION), rule(Action.SKIP, Kind.RESPONSE, "second"))

    decisions = [decide(policy(*rules), message(**kind), facts(), NOW) for kind in (CANCELLATION, RESPONSE, {})]

    assert [(one.action, one.label) for one in decisions] == [
        (Action.PROCESS, "rule:first"),
        (Action.SKIP, "rule:second"),
        (Action.ACCEPT, "every-request"),
    ]


@pytest.mark.parametrize(
    ("changed", "decision"), [({}, Action.ACCEPT), (CANCELLATION, Action.PROCESS), (RESPONSE, Action.OPEN)]
)
def test_what_no_rule_of_its_kind_matches_is_left_alone(changed: Changes, decision: Action) -> None:
    one = rule(decision, message(**changed).kind, group=("pilot",))

    found = decide(policy(one), message(**changed), facts(), NOW)

    assert (found.action, found.reason, found.rule) == (Action.SKIP, Reason.NO_RULE, "")


#: What is missing for good -> the rule that asks for it holds the message.
_MISSING: list[tuple[dict[str, object], Changes, Changes]] = [
    ({"starts_within": DAY}, {"start": None}, {}),
    ({"longer_than": DAY}, {"end": None}, {}),
    ({"organizer": ("*",)}, {"organizer": "CN=BRIAN"}, {}),
    ({"external": True}, {"organizer": ""}, {}),
    ({"attendees_more_than": 3}, {}, {"attendees": None, "last_look": True}),
    ({"conflict": True}, {}, {"calendar": CalendarView(None, UNKNOWN)}),
    ({"conflict": True}, {}, {"calendar": CalendarView(None, None), "last_look": True}),
    ({"conflict": True}, {}, {"calendar": None, "last_look": True}),
    ({"conflict": True}, {"recurring": True}, {"calendar": calendar(complete=False)}),
    ({"conflict": ("none",)}, {"start": START + 999 * DAY, "end": END + 999 * DAY}, {}),
    ({"update": ("first",)}, {}, {"calendar": CalendarView(UNKNOWN)}),
    ({"update": ("details-only",)}, {}, {"calendar": calendar(meeting=appointment(organizer=""))}),
]


@pytest.mark.parametrize(("conditions", "changed", "known"), _MISSING)
def test_a_rule_that_cannot_be_decided_holds_the_message(
    conditions: dict[str, object], changed: Changes, known: Changes
) -> None:
    rules = (Rule("asked", Action.SKIP, conditions=conditions), rule(Action.ACCEPT, name="rest"))  # type: ignore[arg-type]

    decision = decide(policy(*rules, **_OPEN), message(**changed), facts(**known), NOW)

    assert (decision.action, decision.label) == (Action.HOLD, "facts-unknown:asked")
    assert decision.final
    assert not decision.acts


def test_one_condition_that_does_not_hold_is_enough_whatever_is_missing() -> None:
    rules = (rule(Action.SKIP, starts_within=DAY, recurring=True), rule(Action.ACCEPT, name="rest"))

    assert decide(policy(*rules, past="rules"), message(start=None), facts(), NOW).rule == "rest"


#: What a scan knows -> the preliminary decision and what it needs.
_EARLY: list[tuple[tuple[Rule, ...], Facts, Action, str, set[Need]]] = [
    ((), facts(calendar=None), Action.ACCEPT, "every-request", {Need.APPOINTMENT}),
    ((rule(Action.SKIP),), facts(calendar=None), Action.SKIP, "rule:first", set()),
    ((rule(Action.HOLD, recurring=False),), facts(calendar=None), Action.HOLD, "rule:first", set()),
    ((rule(Action.ACCEPT),), facts(calendar=None), Action.ACCEPT, "rule:first", {Need.APPOINTMENT}),
    ((rule(Action.ACCEPT, recurring=True),), facts(calendar=None), Action.SKIP, "no-rule", set()),
    (
        (rule(Action.SKIP, conflict=True),),
        facts(calendar=None),
        Action.UNDECIDED,
        "more-facts-needed",
        {Need.APPOINTMENT, Need.BUSY_TIMES},
    ),
    (
        (rule(Action.SKIP, conflict=True),),
        facts(calendar=CalendarView()),
        Action.UNDECIDED,
        "more-facts-needed",
        {Need.BUSY_TIMES},
    ),
    (
        (rule(Action.SKIP, update=("first",)),),
        facts(calendar=None),
        Action.UNDECIDED,
        "more-facts-needed",
        {Need.APPOINTMENT},
    ),
    (
        (rule(Action.SKIP, attendees_more_than=3),),
        facts(attendees=None),
        Action.UNDECIDED,
        "more-facts-needed",
        {Need.ATTENDEES},
    ),
    # the skipping rule comes behind one that may match
    (
        (rule(Action.ACCEPT, conflict=False), rule(Action.SKIP, name="rest")),
        facts(calendar=None),
        Action.UNDECIDED,
        "more-facts-needed",
        {Need.APPOINTMENT, Need.BUSY_TIMES},
    ),
    # ... and before one
    (
        (rule(Action.SKIP), rule(Action.ACCEPT, name="rest", conflict=False)),
        facts(calendar=None),
        Action.SKIP,
        "rule:first",
        set(),
    ),
    # an answer that stands is repeated, if there are not too many attendees
    (
        (rule(Action.SKIP, attendees_more_than=3),),
        facts(attendees=None, calendar=calendar(meeting=appointment())),
        Action.ACCEPT,
        "details-only",
        {Need.ATTENDEES},
    ),
]


@pytest.mark.parametrize(("rules", "known", "action", "label", "needs"), _EARLY)
def test_what_is_not_known_yet_is_named(
    rules: tuple[Rule, ...], known: Facts, action: Action, label: str, needs: set[Need]
) -> None:
    decision = decide(policy(*rules), message(), known, NOW)

    assert (decision.action, decision.label, set(decision.needs)) == (action, label, needs)
    assert decision.final is not bool(needs)
    assert decision.acts is (bool(needs) or not action.leaves_alone)


@pytest.mark.parametrize(("response", "label"), [(ResponseStatus.DECLINED, "rule:new"), (None, "facts-unknown:new")])
def test_what_was_said_to_an_appointment_that_shows_no_answer_is_not_known(
    response: ResponseStatus | None, label: str
) -> None:
    known = facts(calendar=calendar(meeting=appointment(response)))
    assert decide(policy(rule(Action.ACCEPT, name="new", update=("first",))), message(), known, NOW).label == label


@pytest.mark.parametrize(("message_shows", "calendar_shows"), [(None, None), (False, None), (None, False)])
def test_what_may_be_a_series_has_not_certainly_kept_its_times(
    message_shows: bool | None, calendar_shows: bool | None
) -> None:
    known = facts(calendar=calendar(meeting=appointment(recurring=calendar_shows)))
    decided = decide(policy(rule(Action.DECLINE)), message(recurring=message_shows), known, NOW)
    assert decided.label == "rule:first"


def test_a_rule_about_series_holds_what_does_not_show_whether_it_is_one() -> None:
    laid_down = policy(rule(Action.DECLINE, recurring=True), rule(Action.ACCEPT, name="rest"))
    assert decide(laid_down, message(recurring=None), facts(), NOW).label == "facts-unknown:first"


def test_a_rule_that_skips_leaves_alone_even_what_only_tells_details() -> None:
    known = facts(calendar=calendar(meeting=appointment()))

    assert decide(policy(rule(Action.SKIP)), message(), known, NOW).label == "rule:first"
    assert decide(policy(rule(Action.DECLINE)), message(), known, NOW).label == "details-only"
    assert decide(policy(rule(Action.HOLD, conflict=False)), message(), known, NOW).label == "details-only"


@pytest.mark.parametrize(("changed", "known", "laid_down", "action", "reason"), GUARDS)
def test_observing_decides_the_same_and_acts_on_nothing(
    changed: Changes, known: Changes, laid_down: Changes, action: Action, reason: Reason
) -> None:
    observing = replace(policy(**laid_down), mode="observe")

    decision = decide(observing, message(**changed), facts(**known), NOW)

    assert (decision.action, decision.reason, decision.observed, decision.acts) == (action, reason, True, False)


def test_a_decision_says_what_would_be_done_and_what_it_depends_on() -> None:
    observing = policy(rule(Action.ACCEPT, name="rest"), mode="observe")

    decision = decide(observing, message(), facts(calendar=None), NOW)

    assert str(decision) == "would accept (rule:rest); still unknown: appointment"


def test_the_time_may_be_in_any_zone() -> None:
    berlin = NOW.astimezone(BERLIN)

    for ends in (NOW, NOW + SECOND):
        past = message(start=NOW - HOUR, end=ends)
        assert decide(policy(), past, facts(), berlin) == decide(policy(), past, facts(), NOW)


def test_a_time_without_a_zone_is_in_utc() -> None:
    over = message(start=instant("2026-03-02T11:00:00"), end=instant("2026-03-02T12:00:00"))

    assert decide(policy(), over, facts(), NOW).reason == Reason.PAST
    assert decide(policy(), over, facts(), NOW - SECOND).reason == Reason.EVERY_REQUEST


def test_the_default_policy_observes() -> None:
    assert not decide(Policy(), message(), facts(), NOW).acts


def test_every_reason_is_explained_and_every_one_explained_can_arise() -> None:
    page = (ROOT / "docs/policy.md").read_text().split("## Reasons")[1].split("\n## ")[0]
    explained = re.findall(r"^\| `([\w-]+)` \| ([\w, ]+) \|", page, re.MULTILINE)
    met = {row[4]: {row[3]} for row in GUARDS}
    for *_, action, reason in GUARDS:
        met[reason].add(action)
    of_rules = {Reason.RULE, Reason.FACTS_UNKNOWN, Reason.MORE_FACTS, Reason.NO_RULE}  # in their tables
    of_workers = {Reason.BY_HAND, Reason.NO_OWA, Reason.NOT_ABSORBED}  # which only they find
    elsewhere = {*of_rules, *of_workers, Reason.NOT_DECIDED}

    assert sorted(code for code, _ in explained) == sorted(Reason)
    assert set(Reason) - set(met) == elsewhere
    documented = {code: set(actions.split(", ")) for code, actions in explained}
    assert {code: set(map(str, actions)) for code, actions in met.items()} == {
        code: actions for code, actions in documented.items() if code not in elsewhere
    }


def test_a_marker_is_looked_into_by_the_worker_before_it_decides_anything() -> None:
    found = decide(policy(rule(Action.SKIP)), message(intent=BEGUN), facts(identity="item-1"), NOW)

    assert (found.action, found.reason) == (Action.DECLINE, "begun")
    assert set(found.needs) == {Need.EVIDENCE}
    assert found.acts
