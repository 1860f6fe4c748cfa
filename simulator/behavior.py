"""What this Exchange does where servers differ, or where no public capture shows what the real one did.

Every such choice is one field here and nowhere else: a switch, so that a client can be tried against the other answers.
The defaults are Exchange 2003 SP1 as captures and documentation show it, and where they are silent the one article that
describes the whole flow (gsexdev.blogspot.com, September 2004).  How a switch is spelled and listed is
`simulator.oracle.switches`; what it does stands where its effect is.
"""

# ruff: noqa: RUF009 - the calls make the fields

from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

T = TypeVar("T")

Certainty = Literal["captured", "documented", "reported", "inferred", "open"]
CommandAnswer = Literal["page", "xml", "redirect", "closing", "error", "error-after", "denied"]
Framing = Literal["chunked", "byte-chunks", "torn-characters", "content-length"]


def _switch(default: T, certainty: Certainty, meaning: str, uncertain: tuple[T, ...] = ()) -> T:
    """A field with its meaning; `uncertain` are the values that the public evidence leaves open."""
    facts = {"certainty": certainty, "meaning": meaning, "uncertain": uncertain}
    given: Any = field(default=default, metadata=facts)
    return given  # type: ignore[no-any-return]


def _number(default: int, bounds: tuple[int, int], certainty: Certainty, meaning: str) -> int:
    """A field that holds a whole number within bounds."""
    facts = {"certainty": certainty, "meaning": meaning, "uncertain": (), "bounds": bounds}
    given: Any = field(default=default, metadata=facts)
    return given  # type: ignore[no-any-return]


_EITHER = (False, True)


@dataclass(frozen=True, slots=True)
class Behavior:
    """The switches of one server."""

    # What accepting, declining and opening do.
    command_answer: CommandAnswer = _switch(
        "page",
        "open",
        "what accept says: composer page, XML, 302 to the draft, window that closes, refusal with 200, or 200 and done",
        ("page", "xml", "redirect", "closing"),
    )
    command_delay_ms: int = _number(
        0, (0, 60_000), "inferred", "milliseconds that a command's answer takes after its effect"
    )
    open_answer: Literal["page", "xml", "closing"] = _switch(
        "page", "open", "what opening a message says", ("page", "xml", "closing")
    )
    message_form: bool = _switch(
        False, "inferred", "a message's own HTML, shown by OWA's pages, has a form that asks for a password"
    )
    draft: Literal["same-name", "verdict", "localised", "numbered", "none"] = _switch(
        "same-name",
        "reported",
        "the draft's name: the request's, 'Accepted: ...', that in the mailbox's language, -2 behind a stale draft",
        ("same-name", "verdict", "localised", "numbered"),
    )
    draft_delay_ms: int = _number(0, (0, 600_000), "inferred", "milliseconds until the draft appears")
    draft_delay_requests: int = _number(0, (0, 1000), "inferred", "later requests to the mailbox until it appears")
    draft_uid: bool = _switch(True, "open", "the draft has the request's urn:schemas:calendar:uid", _EITHER)
    draft_subject: bool = _switch(True, "open", "the draft shows its subject, and a name made of it has it", _EITHER)
    draft_recurrence_id: Literal["shown", "missing"] = _switch(
        "shown", "open", "the draft of an answer about one occurrence has calendar:recurrenceid", ("shown", "missing")
    )
    drafts_unrequested: bool = _switch(False, "open", "a draft appears though no response was asked for", _EITHER)
    request_fate: Literal["removed", "deleted-items", "left"] = _switch(
        "removed", "reported", "what becomes of an answered request", ("removed", "deleted-items", "left")
    )
    request_marks: Literal["nothing", "read", "processed"] = _switch(
        "processed", "inferred", "what accepting sets on a request that is left: nothing, read, or read and processed"
    )
    calendar_item: Literal["at-once", "at-send", "never"] = _switch(
        "at-once", "open", "when accepting writes the calendar item", ("at-once", "at-send")
    )
    calendar_twin: Literal["replaced", "kept"] = _switch(
        "replaced", "open", "an older calendar item of the same meeting", ("replaced", "kept")
    )
    occurrence_uid: Literal["clean", "dated"] = _switch(
        "clean", "documented", "the uid of one occurrence of a series: the series' own, or with the date in it"
    )
    open_marks: Literal["processed", "read-only"] = _switch(
        "processed", "open", "what opening a response sets besides read", ("processed", "read-only")
    )
    commands_on_permanent_urls: bool = _switch(True, "open", "commands work on permanent URLs", _EITHER)
    name_reuse: bool = _switch(False, "captured", "a new request takes the name of one that was answered or deleted")

    # Sending, moving, deleting.
    submission_status: Literal[200, 201, 204, 207] = _switch(200, "open", "the MOVE that sends: its status", (200, 201))
    submission_refusal: Literal["none", "403", "404", "500", "507", "207"] = _switch(
        "none", "documented", "nothing is sent: no Send As, unauthenticated, quota, quota, 207 with a failure inside"
    )
    path_destination: Literal["accepted", "400", "502"] = _switch(
        "accepted", "reported", "a Destination that is a path and no URL"
    )
    delete_status: Literal[200, 204] = _switch(200, "captured", "DELETE of an item: its status")
    move_location: bool = _switch(True, "documented", "MOVE and COPY say the new URL in Location")

    batch_successes: Literal["listed", "left-out"] = _switch(
        "listed", "captured", "BMOVE, BCOPY and BDELETE of several: what went well is named, or 200 if all did"
    )

    # What items are.
    new_items: Literal["unread", "read"] = _switch(
        "unread",
        "captured",
        "an item that a client made without saying so; MAPI makes new ones read (MS-OXCMSG 3.2.5.2)",
        ("unread", "read"),
    )
    task_requests: Literal["mail", "calendarmessage"] = _switch(
        "mail", "inferred", "the content class of task requests, by which a client looks for meeting messages"
    )

    # The multistatus.
    prefixes: Literal["in-order", "shuffled"] = _switch("in-order", "captured", "the letters of namespaces")
    status_after_prop: bool = _switch(False, "captured", "status behind prop, as RFC 2518 has it")
    digit_names: Literal["as-asked", "without-zero", "encoded", "every-row"] = _switch(
        "as-asked",
        "captured",
        "mapi/id names that no XML parser takes: as asked, x... for 0x..., _x0030_x... for it, or added to each row",
    )
    counter_proposal: Literal["alias-and-number", "alias", "number"] = _switch(
        "alias-and-number",
        "documented",
        "names of PidLidAppointmentCounterProposal: mapi/apptcounterproposal, mapi/id/{...}/0x8257",
        ("alias-and-number", "alias", "number"),
    )
    bad_characters: Literal["none", "reference", "raw"] = _switch(
        "none", "captured", "&#01; or raw control bytes in the subjects of every Nth row"
    )
    bad_every: int = _number(3, (1, 1000), "inferred", "the N of bad_characters and of encoding=bad-byte")
    duplicated_properties: bool = _switch(False, "captured", "each property twice in its row")
    href_in_prop: Literal["asked", "always"] = _switch("asked", "captured", "a second DAV:href, among the properties")
    brief: Literal["drops-missing", "drops-status", "ignored"] = _switch(
        "drops-missing", "documented", "Brief: t: no 404 propstats, no statuses either, or no effect"
    )
    missing_properties: Literal["404", "left-out"] = _switch("404", "captured", "what an item does not have")
    row_error: Literal["none", "401", "403", "404", "500"] = _switch(
        "none", "documented", "the second row of a SEARCH is nothing but a status"
    )
    encoding: Literal["utf-8", "declared", "iso-8859-1", "bad-byte"] = _switch(
        "utf-8", "captured", "no declaration, one, another encoding, or a byte that is not UTF-8 in every Nth subject"
    )
    multistatus_type: Literal["text/xml", "text/xml; charset=utf-8", 'text/xml; charset="UTF-8"', "application/xml"] = (
        _switch("text/xml", "captured", "Content-Type of a 207")
    )
    framing: Framing = _switch("chunked", "captured", "how a 207 is cut: chunks, one per byte, within letters, or none")
    gzip: bool = _switch(False, "documented", "compresses a 207 for who accepts gzip")

    # SEARCH.
    content_range: Literal["total", "star", "missing"] = _switch("total", "documented", "the total in Content-Range")
    past_the_end: Literal["416", "empty"] = _switch("416", "reported", "a range behind the last row", ("416", "empty"))
    ranges: Literal["obeyed", "ignored"] = _switch("obeyed", "documented", "Range: rows=...")
    order: Literal["as-asked", "newest-first"] = _switch("as-asked", "documented", "ORDER BY")
    paging: Literal["steady", "arrives", "vanishes"] = _switch(
        "steady", "inferred", "before each later page a cancellation arrives, or a message read already vanishes"
    )
    large_range: Literal["served", "425", "507"] = _switch("served", "documented", "ranges above large_range_rows")
    large_range_rows: int = _number(50, (1, 100_000), "inferred", "the most rows in a range, if large ones are refused")
    row_limit: int = _number(0, (0, 100_000), "open", "the most rows of any SEARCH, 0 for no limit")
    expansion: Literal["instances", "with-master", "none"] = _switch(
        "instances",
        "documented",
        "a series in a SEARCH of a calendar from a time to a time: its instances, and its master too, or only that",
        ("instances", "with-master"),
    )
    instance_ids: Literal["own", "master"] = _switch(
        "own", "open", "whose href, repl-uid and permanent URL the instances of a series show", ("own", "master")
    )
    series_shown: Literal["rule-and-zone", "rule", "none"] = _switch(
        "rule-and-zone",
        "open",
        "what a series shows: rrule and exdate, and timezone",
        ("rule-and-zone", "rule", "none"),
    )
    request_text: Literal["cdo", "bom", "bare-organizer", "urn-organizer", "no-method", "torn"] = _switch(
        "cdo",
        "reported",
        "iCalendar in a request: Exchange's; after a byte order mark; ORGANIZER without mailto:, or as urn:uuid; "
        "METHOD in Content-Type alone; lines unfolded and badly quoted",
    )
    zone_text: Literal["cdo", "bare", "x-lines", "windows-name"] = _switch(
        "cdo",
        "reported",
        "a series' VTIMEZONE: with X-MICROSOFT-CDO-TZID, its rules alone, more between them, or a Windows name alone",
    )
    recipients: Literal["smtp", "x500", "mixed", "none"] = _switch(
        "smtp",
        "documented",
        "PR_RECEIVED_BY_* and PR_RCVD_REPRESENTING_*, equal but for a delegate's copy: their addresses, or neither",
    )
    instance_types: Literal["all", "in-calendars", "none"] = _switch(
        "all", "inferred", "what shows calendar:instancetype: all, items of calendars, or nothing"
    )
    organizers: Literal["smtp", "x500", "x500-in-calendars", "not-in-calendars", "none"] = _switch(
        "smtp", "inferred", "calendar:organizer: its address, by the directory's name of colleagues, or not shown"
    )
    calendar_access: Literal["full", "401", "403", "404"] = _switch(
        "full", "documented", "a SEARCH of the calendar, whose rights are its own"
    )

    # URLs.
    hrefs: Literal["as-addressed", "internal-host", "other-scheme", "relative"] = _switch(
        "as-addressed", "captured", "scheme and host of every URL in an answer"
    )
    mailbox_names: Literal["alias-and-address", "listed"] = _switch(
        "alias-and-address",
        "documented",
        "what leads to a mailbox: its name, its owner's address and what stands before the @ (KB324306), or its name",
    )
    mailbox_hrefs: Literal["as-asked", "own-name"] = _switch(
        "as-asked",
        "open",
        "the mailbox in every URL of an answer, if it was asked for by another of its names",
        ("as-asked", "own-name"),
    )
    root_identity: Literal["all", "permanent-url", "id", "none"] = _switch(
        "all", "inferred", "what a mailbox root shows of repl-uid, permanenturl and DAV:id"
    )
    permanent_host: Literal["as-addressed", "internal-host"] = _switch(
        "as-addressed", "captured", "the host of permanent URLs"
    )
    front_end_https: Literal["honoured", "ignored"] = _switch(
        "honoured", "documented", "Front-End-Https: on makes https URLs (KB307347)"
    )
    hex_digits: Literal["upper", "lower"] = _switch("upper", "captured", "the digits of %-escapes")
    url_filter: Literal["none", "urlscan", "iis7"] = _switch(
        "none", "documented", "404 before Exchange sees the path: '%25' and '&', or '%25', '+' and '%2B'"
    )

    # The server as a whole.
    version: Literal["2000", "2003", "2007"] = _switch("2003", "captured", "headers; 2007 has no OWA below /exchange")
    owa_2007: Literal["owa", "owa-with-url"] = _switch(
        "owa", "open", "where 2007 redirects a browser to", ("owa", "owa-with-url")
    )
    error_body: Literal["page", "empty"] = _switch("page", "open", "what comes with an error status", ("page", "empty"))
    clock_skew_s: int = _number(0, (-86_400, 86_400), "inferred", "seconds its clock is ahead: Date and stored times")
    transport_skew_s: int = _number(
        0,
        (-2_592_000, 2_592_000),
        "inferred",
        "seconds that the clock of who stamps received mail is ahead",
    )
    root_access: Literal["full", "non-ipm-only"] = _switch(
        "full", "captured", "rights on the mailbox root, or on its folders and NON_IPM_SUBTREE only"
    )
    language: Literal["seeded", "en", "de", "hu", "ja", "fr", "es"] = _switch(
        "seeded", "captured", "the language of the well-known folders' names; a change renames them"
    )
    english_aliases: bool = _switch(False, "captured", "/Inbox and so on lead to the folders of any language")
    subscription_unknown: Literal["412", "409"] = _switch(
        "412", "open", "POLL and its kin with an id that is not known", ("412", "409")
    )
    expect_continue: Literal["400", "100"] = _switch(
        "400", "reported", "a request that waits with its body for 100 Continue: refused, or invited"
    )
    conditions: Literal["honoured", "ignored", "refused"] = _switch(
        "honoured", "documented", "If-Match and If-None-Match of a PUT or PROPPATCH: obeyed, or all well, or all 412"
    )
    keep_alive: bool = _switch(True, "documented", "connections stay open")
