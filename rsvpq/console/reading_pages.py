"""The pages that only show something."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tornado.web import HTTPError

from rsvpq.console import lag
from rsvpq.console.page import ConsolePage
from rsvpq.console.readings import MOST_DECISIONS, MOST_RECORDS, PERIODS_H
from rsvpq.console.servers import obstacle, scans, server_rows, totals, waiting
from rsvpq.metrics.troubles import Severity, troubles
from rsvpq.ops import InvalidRequest, control, dead
from rsvpq.ops import mailboxes as health
from rsvpq.ops.names import require_audited, require_group, require_server
from rsvpq.report.calendar import Calendar
from rsvpq.report.model import Report
from rsvpq.report.sections import done_chart, trouble_chart
from rsvpq.report.wording import brief, coverage
from rsvpq.text import natural

#: Seconds after which a page reads itself again: what costs more, less often.
_OFTEN_S, _SELDOM_S, _RARELY_S = 5, 15, 60
#: The rows of one page of a table.
ROWS_SHOWN = 50
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
#: Dead items that are looked through for one page; 'rsvpq dead' has no such limit.
MOST_DEAD = 5000
#: The largest groups of dead items that are shown.
MOST_GROUPS = 10
#: The most mailboxes of one kind that the page of a server names.
_NAMED = 50
#: The same limits of the lag as those of ``rsvpq check`` without options.
LAG_WARNING_S, LAG_CRITICAL_S = 1800.0, 7200.0


@dataclass(frozen=True, slots=True)
class PageOfRows:
    """A part of a list: its rows, and where it stands in the whole."""

    rows: Sequence[Any]
    number: int
    first: int
    all: int

    @classmethod
    def of(cls, rows: Sequence[Any], number: str) -> "PageOfRows":
        """Cut out a page; one beyond the end is the last one.

        :param number: counted from 1, as it stands in the address; anything else is the first page.
        """
        last = max(1, -(-len(rows) // ROWS_SHOWN))
        page = min(int(number), last) if _NUMBER.fullmatch(number) else 1
        first = (page - 1) * ROWS_SHOWN
        return cls(rows[first : first + ROWS_SHOWN], page, first, len(rows))

    @property
    def before(self) -> int | None:
        """The number of the page before this one."""
        return self.number - 1 if self.number > 1 else None

    @property
    def after(self) -> int | None:
        """The number of the page after this one."""
        return self.number + 1 if self.first + len(self.rows) < self.all else None


class OverviewPage(ConsolePage):
    """All servers, what is wrong, and the lag over time."""

    async def get(self) -> None:
        """Show it."""
        readings = self.console.readings
        seen = await readings.look()
        covered = await readings.coverage.get()
        status = seen.value.status
        history = readings.history
        await self.show(
            "overview.html",
            "Overview",
            refresh_s=_OFTEN_S,
            seen=seen,
            covered=covered.value,
            troubles=list(troubles(seen.value, lag_warning_s=LAG_WARNING_S, lag_critical_s=LAG_CRITICAL_S)),
            critical=Severity.CRITICAL,
            rows=server_rows(status, history, seen.at_s),
            hours=min(history.span(seen.at_s), lag.RECENT_MINUTES) // 60,
            totals=totals(status),
            overrides=[f"{name}: {control.set_by(found)}" for name, found in control.overridden(status).items()],
            lag=lag.chart(
                "Lag of the oldest message",
                history.worst(seen.at_s, history.span(seen.at_s)),
                seen.at_s,
                Calendar(),
            ),
        )


class ServerPage(ConsolePage):
    """One server."""

    async def get(self) -> None:
        """Show it.

        :raises InvalidRequest: nobody knows such a server. :raises HTTPError: 404, no process has started with it yet.
        """
        name, readings = self.asked("name"), self.console.readings
        await self.ask(partial(require_server, self.context, name))
        seen = await readings.look()
        server = seen.value.status.servers.get(name)
        if server is None:
            raise HTTPError(404, f"no process has started with the server {name!r} yet")
        known = name in self.context.settings.servers
        limits = await self.ask(partial(control.limits, self.context, "server", name)) if known else ""
        await self.show(
            "server.html",
            f"Server {name}",
            refresh_s=_OFTEN_S,
            seen=seen,
            name=name,
            server=server,
            known=known,
            obstacle=obstacle(server),
            waiting=list(waiting(server)),
            scans=scans(server),
            limits=limits,
            paused={one: control.about_pause(pause) for one, pause in list(server.paused_mailboxes.items())[:_NAMED]},
            held=dict(list(server.held_mailboxes.items())[:_NAMED]),
            limited={one: control.set_by(found) for one, found in list(server.limited_mailboxes.items())[:_NAMED]},
            lag=lag.chart(
                "Lag of its oldest message",
                readings.history.of(name, seen.at_s, readings.history.span(seen.at_s)),
                seen.at_s,
                Calendar(),
            ),
        )


class MailboxesPage(ConsolePage):
    """The mailboxes that are not well."""

    async def get(self) -> None:
        """Show those of the server, the group and the state that are asked for.

        :raises InvalidRequest, ConfigError: there is none of these.
        """
        chosen = {name: self.asked(name) for name in ("server", "group", "state")}
        choice = health.MailboxChoice(state=chosen["state"])
        await self.ask(partial(require_server, self.context, chosen["server"]))
        await self.ask(partial(require_group, self.context, chosen["group"]))
        seen = await self.console.readings.mailboxes.get()
        overview = (await self.console.readings.look()).value
        servers = {*overview.status.servers, *self.context.settings.servers}
        groups = {*(overview.groups or ()), chosen["group"]} - {""}
        here = [
            row
            for row in seen.value.rows
            if chosen["server"] in ("", row.server) and chosen["group"] in ("", row.group)
        ]
        counted = Counter(state for row in here for state in row.states)
        await self.show(
            "mailboxes.html",
            "Mailboxes that are not well",
            refresh_s=_SELDOM_S,
            seen=seen,
            found=seen.value,
            unwell=len(here),
            states_here={state: counted[state] for state in health.STATES if counted[state]},
            page=PageOfRows.of(list(filter(choice.returns, here)), self.asked("page")),
            chosen=chosen,
            servers=sorted(servers, key=natural),
            groups=sorted(groups, key=natural),
            states=[state for state in health.STATES if state in (*seen.value.states, chosen["state"])],
        )


class MailboxPage(ConsolePage):
    """Everything about one mailbox."""

    async def get(self) -> None:
        """Show it."""
        found = await self.ask(partial(health.show_mailbox, self.context, self.asked("name")))
        await self.show("mailbox.html", f"Mailbox {found['mailbox']}", refresh_s=_SELDOM_S, found=found)


class DeepestLanesPage(ConsolePage):
    """The lanes with the most waiting items."""

    async def get(self) -> None:
        """Show them."""
        seen = await self.console.readings.lanes.get()
        await self.show("lanes.html", "Deepest lanes", refresh_s=_SELDOM_S, seen=seen, rows=seen.value)


class DeadListPage(ConsolePage):
    """The dead items, newest first, and their reasons."""

    async def get(self) -> None:
        """Show those that match the filter of the address.

        :raises InvalidRequest, ConfigError: there is no such server or mailbox.
        """
        chosen = {name: self.asked(name) for name in ("server", "mailbox", "reason", "like")}
        which = dead.Which(**chosen)
        found, groups = await self.ask(partial(dead.rows_and_groups, self.context, which, MOST_DEAD + 1))
        rows = found[:MOST_DEAD]
        await self.show(
            "dead.html",
            "Dead items",
            refresh_s=_SELDOM_S,
            page=PageOfRows.of(rows, self.asked("page")),
            more=len(found) > MOST_DEAD,
            chosen=chosen,
            groups=groups[:MOST_GROUPS],
        )


class DeadItemPage(ConsolePage):
    """Everything about one dead item."""

    async def get(self) -> None:
        """Show it."""
        found = await self.ask(partial(dead.show_item, self.context, self.asked("id")))
        await self.show("dead_item.html", "Dead item", refresh_s=_SELDOM_S, found=found)


class DraftsPage(ConsolePage):
    """The unsent answers that wait for a person."""

    async def get(self) -> None:
        """Show them."""
        seen = await self.console.readings.drafts.get()
        page = PageOfRows.of(seen.value, self.asked("page"))
        await self.show("drafts.html", "Drafts held", refresh_s=_SELDOM_S, seen=seen, page=page)


class DecisionsPage(ConsolePage):
    """What was decided, done and changed in the last hours."""

    async def get(self) -> None:
        """Show one of the periods.

        :raises InvalidRequest, ConfigError: there is no such period, or no such mailbox.
        """
        hours = {str(one): one for one in PERIODS_H}.get(self.asked("hours") or str(PERIODS_H[0]))
        if hours is None:
            raise InvalidRequest(f"there is no such period; choose one of {', '.join(map(str, PERIODS_H))} hours")
        calendar, mailbox, readings = Calendar(), self.asked("mailbox"), self.console.readings
        await self.ask(partial(require_audited, self.context, mailbox=mailbox))
        records = await readings.records[hours].get()
        about: dict[str, Any] = {"report": None}
        try:
            seen = await readings.periods[hours].get()
            about = {"seen": seen, **_of_report(seen.value, calendar)}
        except InvalidRequest as error:
            about["refused"] = str(error)
        await self.show(
            "decisions.html",
            "Decisions",
            refresh_s=_RARELY_S,
            hours=hours,
            periods=PERIODS_H,
            mailbox=mailbox,
            decisions=readings.decisions(records.value, mailbox),
            most=MOST_DECISIONS,
            looked_through=MOST_RECORDS,
            **about,
        )


def _of_report(report: Report, calendar: Calendar) -> dict[str, Any]:
    """Return what the page shows of a report."""
    begins = report.period.audit_begins_ms
    return {
        "report": report,
        "brief": brief(report),
        "coverage": coverage(report.period, calendar.text(begins) if begins is not None else ""),
        "charts": [done_chart(report, calendar), trouble_chart(report, calendar)] if report.bars else [],
        "zone": calendar.name(report.period.until_ms),
        "local": calendar.text,
    }
