"""What Exchange Web Services do where servers differ, or where no public source shows what the real one did."""

# ruff: noqa: RUF009 - the calls make the fields

from dataclasses import dataclass
from typing import Literal

from simulator.serving.behavior import ServerBehavior
from simulator.world.switch_fields import EITHER, choice, number

Version = Literal["2007", "2010", "2013", "2016", "2019"]
Order = Literal["calendar-send-move", "calendar-move-send", "send-calendar-move"]
ErrorCode = Literal[
    "ErrorInternalServerError",
    "ErrorInternalServerTransientError",
    "ErrorMailboxStoreUnavailable",
    "ErrorMailboxMoveInProgress",
    "ErrorMailboxLogonFailed",
    "ErrorTooManyObjectsOpened",
    "ErrorADUnavailable",
    "ErrorProxyRequestProcessingFailed",
    "ErrorQuotaExceeded",
    "ErrorAccessDenied",
    "ErrorAccountDisabled",
    "ErrorMoveCopyFailed",
    "ErrorItemCorrupt",
    "ErrorCalendarIsCancelledForAccept",
    "ErrorCalendarIsOrganizerForAccept",
    "ErrorCalendarIsGroupMailboxForAccept",
    "ErrorBeyondAllLists",
]


@dataclass(frozen=True)
class EwsBehavior(ServerBehavior):
    """The switches of this face of one server, and of the server."""

    # The server as a whole.
    ews_version: Version = choice(
        "2016", "documented", "Exchange Web Services of 2007 SP1, 2010 SP2, 2013 SP1, 2016, or 2019 and SE"
    )
    ews_version_string: Literal["dated", "named", "missing"] = choice(
        "dated", "captured", "Version in ServerVersionInfo: V2017_07_11, the name of a schema, or none; 2007 has none"
    )
    ews_prefixes: Literal["usual", "shuffled"] = choice("usual", "captured", "the prefixes of the namespaces")
    ews_impersonation: Literal["allowed", "denied"] = choice(
        "allowed", "documented", "whether the service account may impersonate anybody"
    )
    ews_anchor: Literal["ignored", "required"] = choice(
        "ignored", "documented", "a request that impersonates without X-AnchorMailbox: served, or 503"
    )
    ews_busy: Literal["fault", "inside"] = choice(
        "fault", "documented", "how server-busy is said: a Fault with 500, or InnerErrorResponseCode in a 200"
    )
    ews_error: ErrorCode = choice(
        "ErrorInternalServerError", "documented", "the ResponseCode that error-code says; the last is in no list"
    )
    ews_error_page: Literal["front-end", "application"] = choice(
        "front-end", "reported", "where error-page leads: /owa/auth/errorFE.aspx, or /ews/genericerrorpage.htm"
    )
    ews_connections: int = number(
        0, (0, 1000), "documented", "the most requests at once (EWSMaxConcurrency), 0 for no limit"
    )

    # What items are and show.
    ews_ids_on_move: Literal["new", "kept"] = choice("new", "documented", "the ItemId of an item that was moved")
    ews_search_key: Literal["kept", "new"] = choice(
        "kept", "inferred", "PidTagSearchKey (0x300B) of an item that was moved", ("kept", "new")
    )
    ews_smtp_in_find: bool = choice(
        True, "inferred", "FindItem shows PidTagSentRepresentingSmtpAddress (0x5D02)", EITHER
    )
    ews_addresses: Literal["smtp", "x500"] = choice(
        "smtp", "documented", "the addresses of colleagues: SMTP, or EX for ResolveNames to look up"
    )
    ews_response_objects: Literal["shown", "missing"] = choice(
        "shown", "captured", "item:ResponseObjects; gromox shows none"
    )
    ews_find_cap: int = number(
        250, (1, 1000), "documented", "the most rows of a FindItem with a restriction (EWSFindCountLimit)"
    )
    ews_bad_characters: Literal["none", "reference"] = choice(
        "none", "reported", "&#x1; in the subjects of every third item, which is not XML"
    )
    ews_batch: int = number(
        0, (0, 1000), "documented", "the most items of a GetItem before ErrorBatchProcessingStopped, 0 for no limit"
    )
    ews_marks: Literal["accepted", "refused"] = choice(
        "accepted", "reported", "UpdateItem of a received request: done, or ErrorSentMeetingRequestUpdate"
    )
    ews_conflicts: Literal["detected", "ignored"] = choice(
        "detected", "captured", "a stale ChangeKey with NeverOverwrite; gromox ignores it"
    )

    # What answering does.
    ews_effects: Order = choice(
        "calendar-send-move",
        "open",
        "the order of what an answer does; half-done ends after ews_effects_done of them",
        ("calendar-send-move", "calendar-move-send", "send-calendar-move"),
    )
    ews_effects_done: int = number(1, (0, 2), "open", "how many effects of an answer half-done lets happen")
    ews_request_fate: Literal["deleted-items", "left", "removed"] = choice(
        "deleted-items", "documented", "what becomes of a request that was answered; gromox leaves it"
    )
    ews_answer_ids: Literal["3", "1", "0"] = choice(
        "3", "documented", "the ids in the answer to CreateItem: all items, the appointment's, or none"
    )
    ews_save_only: Literal["no-draft", "draft"] = choice(
        "no-draft", "open", "what SaveOnly leaves in Drafts", ("no-draft", "draft")
    )
    ews_sent_copy: Literal["at-once", "late", "never"] = choice(
        "at-once", "open", "the copy of a response: there at once, first in the Outbox, or nowhere", ("at-once", "late")
    )
    ews_sent_ids: Literal["shown", "missing"] = choice(
        "shown", "captured", "the global object ids of that copy; gromox shows none"
    )
    ews_sent_delay_ms: int = number(60_000, (0, 600_000), "inferred", "milliseconds that ews_sent_copy=late takes")

    ews_delegates: Literal["send", "refused"] = choice(
        "send", "documented", "who answers without impersonation: sends, or ErrorSendAsDenied, and a draft is left"
    )

    # What the server does by itself.
    ews_attendant: bool = choice(True, "documented", "the Calendar Attendant works in mailboxes reached by EWS")
    ews_attendant_delay_ms: int = number(
        0, (0, 600_000), "inferred", "milliseconds after delivery that the Calendar Attendant takes"
    )
