"""Switches of WebDAV and Outlook Web Access, where servers differ or the original is not documented."""

# ruff: noqa: RUF009 - the calls make the fields

from dataclasses import dataclass
from typing import Literal

from simulator.serving.behavior import ServerBehavior
from simulator.world.switch_fields import EITHER, choice, number

CommandAnswer = Literal["page", "xml", "redirect", "closing", "error", "error-after", "denied"]


@dataclass(frozen=True)
class WebdavBehavior(ServerBehavior):
    """The switches of this face of one server, and of the server."""

    # What accepting, declining and opening do.
    command_answer: CommandAnswer = choice(
        "page",
        "open",
        "what accept says: composer page, XML, 302 to the draft, window that closes, refusal with 200, or 200 and done",
        ("page", "xml", "redirect", "closing"),
    )
    command_delay_ms: int = number(
        0, (0, 60_000), "inferred", "milliseconds that a command's answer takes after its effect"
    )
    open_answer: Literal["page", "xml", "closing"] = choice(
        "page", "open", "what opening a message says", ("page", "xml", "closing")
    )
    message_form: bool = choice(
        False, "inferred", "a message's own HTML, shown by OWA's pages, has a form that asks for a password"
    )
    commands_on_permanent_urls: bool = choice(True, "open", "commands work on permanent URLs", EITHER)

    # Sending, moving, deleting.
    submission_status: Literal[200, 201, 204, 207] = choice(200, "open", "the MOVE that sends: its status", (200, 201))
    submission_refusal: Literal["none", "403", "404", "500", "507", "207"] = choice(
        "none", "documented", "nothing is sent: no Send As, unauthenticated, quota, quota, 207 with a failure inside"
    )
    path_destination: Literal["accepted", "400", "502"] = choice(
        "accepted", "reported", "a Destination that is a path and no URL"
    )
    delete_status: Literal[200, 204] = choice(200, "captured", "DELETE of an item: its status")
    move_location: bool = choice(True, "documented", "MOVE and COPY say the new URL in Location")
    batch_successes: Literal["listed", "left-out"] = choice(
        "listed", "captured", "BMOVE, BCOPY and BDELETE of several: what went well is named, or 200 if all did"
    )

    # The multistatus.
    prefixes: Literal["in-order", "shuffled"] = choice("in-order", "captured", "the letters of namespaces")
    status_after_prop: bool = choice(False, "captured", "status behind prop, as RFC 2518 has it")
    digit_names: Literal["as-asked", "without-zero", "encoded", "every-row"] = choice(
        "as-asked",
        "captured",
        "mapi/id names that no XML parser takes: as asked, x... for 0x..., _x0030_x... for it, or added to each row",
    )
    counter_proposal: Literal["alias-and-number", "alias", "number"] = choice(
        "alias-and-number",
        "documented",
        "names of PidLidAppointmentCounterProposal: mapi/apptcounterproposal, mapi/id/{...}/0x8257",
        ("alias-and-number", "alias", "number"),
    )
    bad_characters: Literal["none", "reference", "raw"] = choice(
        "none", "captured", "&#01; or raw control bytes in the subjects of every Nth row"
    )
    bad_every: int = number(3, (1, 1000), "inferred", "the N of bad_characters and of encoding=bad-byte")
    duplicated_properties: bool = choice(False, "captured", "each property twice in its row")
    href_in_prop: Literal["asked", "always"] = choice("asked", "captured", "a second DAV:href, among the properties")
    brief: Literal["drops-missing", "drops-status", "ignored"] = choice(
        "drops-missing", "documented", "Brief: t: no 404 propstats, no statuses either, or no effect"
    )
    missing_properties: Literal["404", "left-out"] = choice("404", "captured", "what an item does not have")
    row_error: Literal["none", "401", "403", "404", "500"] = choice(
        "none", "documented", "the second row of a SEARCH is nothing but a status"
    )
    encoding: Literal["utf-8", "declared", "iso-8859-1", "bad-byte"] = choice(
        "utf-8", "captured", "no declaration, one, another encoding, or a byte that is not UTF-8 in every Nth subject"
    )
    multistatus_type: Literal["text/xml", "text/xml; charset=utf-8", 'text/xml; charset="UTF-8"', "application/xml"] = (
        choice("text/xml", "captured", "Content-Type of a 207")
    )

    # SEARCH.
    content_range: Literal["total", "star", "missing"] = choice("total", "documented", "the total in Content-Range")
    past_the_end: Literal["416", "empty"] = choice("416", "reported", "a range behind the last row", ("416", "empty"))
    ranges: Literal["obeyed", "ignored"] = choice("obeyed", "documented", "Range: rows=...")
    order: Literal["as-asked", "newest-first"] = choice("as-asked", "documented", "ORDER BY")
    paging: Literal["steady", "arrives", "vanishes"] = choice(
        "steady", "inferred", "before each later page a cancellation arrives, or a message read already vanishes"
    )
    large_range: Literal["served", "425", "507"] = choice("served", "documented", "ranges above large_range_rows")
    large_range_rows: int = number(50, (1, 100_000), "inferred", "the most rows in a range, if large ones are refused")
    row_limit: int = number(0, (0, 100_000), "open", "the most rows of any SEARCH, 0 for no limit")
    expansion: Literal["instances", "with-master", "none"] = choice(
        "instances",
        "documented",
        "a series in a SEARCH of a calendar from a time to a time: its instances, and its master too, or only that",
        ("instances", "with-master"),
    )
    instance_ids: Literal["own", "master"] = choice(
        "own", "open", "whose href, repl-uid and permanent URL the instances of a series show", ("own", "master")
    )
    series_shown: Literal["rule-and-zone", "rule", "none"] = choice(
        "rule-and-zone",
        "open",
        "what a series shows: rrule and exdate, and timezone",
        ("rule-and-zone", "rule", "none"),
    )
    request_text: Literal["cdo", "bom", "bare-organizer", "urn-organizer", "no-method", "torn"] = choice(
        "cdo",
        "reported",
        "iCalendar in a request: Exchange's; after a byte order mark; ORGANIZER without mailto:, or as urn:uuid; "
        "METHOD in Content-Type alone; lines unfolded and badly quoted",
    )
    zone_text: Literal["cdo", "bare", "x-lines", "windows-name"] = choice(
        "cdo",
        "reported",
        "a series' VTIMEZONE: with X-MICROSOFT-CDO-TZID, its rules alone, more between them, or a Windows name alone",
    )
    recipients: Literal["smtp", "x500", "mixed", "none"] = choice(
        "smtp",
        "documented",
        "PR_RECEIVED_BY_* and PR_RCVD_REPRESENTING_*, equal but for a delegate's copy: their addresses, or neither",
    )
    instance_types: Literal["all", "in-calendars", "none"] = choice(
        "all", "inferred", "what shows calendar:instancetype: all, items of calendars, or nothing"
    )
    organizers: Literal["smtp", "x500", "x500-in-calendars", "not-in-calendars", "none"] = choice(
        "smtp", "inferred", "calendar:organizer: its address, by the directory's name of colleagues, or not shown"
    )
    calendar_access: Literal["full", "401", "403", "404"] = choice(
        "full", "documented", "a SEARCH of the calendar, whose rights are its own"
    )

    # URLs.
    hrefs: Literal["as-addressed", "internal-host", "other-scheme", "relative"] = choice(
        "as-addressed", "captured", "scheme and host of every URL in an answer"
    )
    mailbox_names: Literal["alias-and-address", "listed"] = choice(
        "alias-and-address",
        "documented",
        "what leads to a mailbox: its name, its owner's address and what stands before the @ (KB324306), or its name",
    )
    mailbox_hrefs: Literal["as-asked", "own-name"] = choice(
        "as-asked",
        "open",
        "the mailbox in every URL of an answer, if it was asked for by another of its names",
        ("as-asked", "own-name"),
    )
    root_identity: Literal["all", "permanent-url", "id", "none"] = choice(
        "all", "inferred", "what a mailbox root shows of repl-uid, permanenturl and DAV:id"
    )
    permanent_host: Literal["as-addressed", "internal-host"] = choice(
        "as-addressed", "captured", "the host of permanent URLs"
    )
    front_end_https: Literal["honored", "ignored"] = choice(
        "honored", "documented", "Front-End-Https: on makes https URLs (KB307347)"
    )
    hex_digits: Literal["upper", "lower"] = choice("upper", "captured", "the digits of %-escapes")
    url_filter: Literal["none", "urlscan", "iis7"] = choice(
        "none", "documented", "404 before Exchange sees the path: '%25' and '&', or '%25', '+' and '%2B'"
    )

    # The server as a whole.
    owa_2007: Literal["owa", "owa-with-url"] = choice(
        "owa", "open", "where 2007 redirects a browser to", ("owa", "owa-with-url")
    )
    root_access: Literal["full", "non-ipm-only"] = choice(
        "full", "captured", "rights on the mailbox root, or on its folders and NON_IPM_SUBTREE only"
    )
    subscription_unknown: Literal["412", "409"] = choice(
        "412", "open", "POLL and its kin with an id that is not known", ("412", "409")
    )
    conditions: Literal["honored", "ignored", "refused"] = choice(
        "honored", "documented", "If-Match and If-None-Match of a PUT or PROPPATCH: obeyed, or all well, or all 412"
    )
