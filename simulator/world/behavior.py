"""Switches of the store, whichever protocol its mailboxes are reached by."""

from dataclasses import dataclass
from typing import Literal

from simulator.world.switch_fields import EITHER, choice, number


@dataclass(frozen=True)
class StoreBehavior:
    """The switches of the store of one server."""

    # What accepting, declining and opening do.
    draft: Literal["same-name", "verdict", "localized", "numbered", "none"] = choice(
        "same-name",
        "reported",
        "the draft's name: the request's, 'Accepted: ...', that in the mailbox's language, -2 behind a stale draft",
        ("same-name", "verdict", "localized", "numbered"),
    )
    draft_delay_ms: int = number(0, (0, 600_000), "inferred", "milliseconds until the draft appears")
    draft_delay_requests: int = number(0, (0, 1000), "inferred", "later requests to the mailbox until it appears")
    draft_uid: bool = choice(True, "open", "the draft has the request's urn:schemas:calendar:uid", EITHER)
    draft_subject: bool = choice(True, "open", "the draft shows its subject, and a name made of it has it", EITHER)
    draft_recurrence_id: Literal["shown", "missing"] = choice(
        "shown", "open", "the draft of an answer about one occurrence has calendar:recurrenceid", ("shown", "missing")
    )
    drafts_unrequested: bool = choice(False, "open", "a draft appears though no response was asked for", EITHER)
    request_fate: Literal["removed", "deleted-items", "left"] = choice(
        "removed", "reported", "what becomes of an answered request", ("removed", "deleted-items", "left")
    )
    request_marks: Literal["nothing", "read", "processed"] = choice(
        "processed", "inferred", "what accepting sets on a request that is left: nothing, read, or read and processed"
    )
    calendar_item: Literal["at-once", "at-send", "never"] = choice(
        "at-once", "open", "when accepting writes the calendar item", ("at-once", "at-send")
    )
    calendar_twin: Literal["replaced", "kept"] = choice(
        "replaced", "open", "an older calendar item of the same meeting", ("replaced", "kept")
    )
    occurrence_uid: Literal["clean", "dated"] = choice(
        "clean", "documented", "the uid of one occurrence of a series: the series' own, or with the date in it"
    )
    open_marks: Literal["processed", "read-only"] = choice(
        "processed", "open", "what opening a response sets besides read", ("processed", "read-only")
    )
    name_reuse: bool = choice(False, "captured", "a new request takes the name of one that was answered or deleted")

    # What items are.
    new_items: Literal["unread", "read"] = choice(
        "unread",
        "captured",
        "an item that a client made without saying so; MAPI makes new ones read (MS-OXCMSG 3.2.5.2)",
        ("unread", "read"),
    )
    task_requests: Literal["mail", "calendarmessage"] = choice(
        "mail", "inferred", "the content class of task requests, by which a client looks for meeting messages"
    )

    # The mailboxes of a server.
    clock_skew_s: int = number(0, (-86_400, 86_400), "inferred", "seconds its clock is ahead: Date and stored times")
    transport_skew_s: int = number(
        0,
        (-2_592_000, 2_592_000),
        "inferred",
        "seconds that the clock of who stamps received mail is ahead",
    )
    language: Literal["seeded", "en", "de", "hu", "ja", "fr", "es"] = choice(
        "seeded", "captured", "the language of the well-known folders' names; a change renames them"
    )
    english_aliases: bool = choice(False, "captured", "/Inbox and so on lead to the folders of any language")
