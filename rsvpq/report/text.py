"""The report as plain text, for a terminal or a mail."""

from collections.abc import Sequence
from io import StringIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rsvpq.report.calendar import Calendar
from rsvpq.report.model import ANSWER_KINDS, Report
from rsvpq.report.wording import NAMES, brief, coverage, share
from rsvpq.text import duration, grouped, printable

_BAR_WIDTH = 30

Rows = Sequence[Sequence[str]]


def to_text(report: Report, calendar: Calendar, width: int) -> str:
    """Return the whole report, in lines of at most ``width`` characters."""
    out = _Page(width)
    period = report.period
    out.say(
        f"{calendar.text(period.since_ms)} to {calendar.text(period.until_ms)}, {calendar.name(period.until_ms)}",
        brief(report),
        coverage(period, calendar.text(period.audit_begins_ms) if period.audit_begins_ms is not None else ""),
    )
    if period.records:
        _counts(out, report)
        _over_time(out, report, calendar)
        _mailboxes(out, report, calendar)
        _intents_and_people(out, report, calendar)
    if period.first_ms is not None and period.last_ms is not None:
        first, last = calendar.text(period.first_ms), calendar.text(period.last_ms)
        out.say("", f"{grouped(period.records)} records, the first from {first}, the last from {last}.")
    return out.text()


def _counts(out: "_Page", report: Report) -> None:
    decisions, troubles, waiting = report.decisions, report.troubles, report.waiting
    figures = [
        ("decisions", grouped(decisions.total)),
        ("answers sent", grouped(sum(report.answers.values()))),
        *((f"  {NAMES[name]}", grouped(count)) for name, count in report.answers.items() if count),
        ("responses opened", grouped(report.opened)),
        ("cancellations seen", grouped(decisions.cancellations)),
        ("failed attempts", grouped(troubles.failed)),
        ("given up", grouped(troubles.dead)),
        ("  in the middle of a change", grouped(troubles.uncertain)),
        ("begun, end unknown", grouped(report.open_intents)),
    ]
    if waiting.measured:
        figures.append(("time to answer, p50", duration(waiting.p50_s)))
        figures.append(("time to answer, p95", duration(waiting.p95_s)))
    out.table("", ("", "#"), figures)
    total = decisions.total
    for title, counts in (("Decisions by action", decisions.by_action), ("Decisions by rule", decisions.by_rule)):
        out.table(title, ("", "#", "#"), [(name, grouped(one), share(one, total)) for name, one in counts.items()])
    reasons = [(one.decision, one.reason, grouped(one.count), share(one.count, total)) for one in decisions.by_reason]
    out.table("Decisions by reason", ("", "", "#", "#"), reasons)
    out.table("Finished messages", ("", "#"), [(name, grouped(count)) for name, count in report.results.items()])


def _over_time(out: "_Page", report: Report, calendar: Calendar) -> None:
    most = max((bar.done for bar in report.bars), default=0)
    moment = "%a %d %b %Y" if report.unit == "day" else "%a %d %b %H:%M %Z"
    rows = []
    for bar in report.bars:
        counts = (sum(bar.answers[name] for name in ANSWER_KINDS), bar.opened, bar.failed, bar.dead)
        if any(counts):
            length = -(-_BAR_WIDTH * bar.done // most) if most else 0
            rows.append((f"{calendar.at(bar.start_ms):{moment}}", *map(grouped, counts), "█" * length))
    headings = (report.unit, "answers#", "opened#", "failed#", "given up#", "")
    out.table("Answers and opened responses over time", headings, rows)


def _mailboxes(out: "_Page", report: Report, calendar: Calendar) -> None:
    slow = [(one.mailbox, grouped(one.answers), duration(one.p50_s), duration(one.p95_s)) for one in report.slowest]
    out.table("Slowest mailboxes, from the decision to the answer", ("mailbox", "answers#", "p50#", "p95#"), slow)
    reasons = [
        (one.reason, grouped(one.failed), grouped(one.dead), calendar.text(one.last_ms))
        for one in report.troubles.by_reason
    ]
    out.table("Failures by reason", ("reason", "failed#", "given up#", "last"), reasons)
    failing = [
        (one.mailbox, grouped(one.failed), grouped(one.dead), calendar.text(one.last_ms), one.last_error)
        for one in report.failing
    ]
    out.table("Failing mailboxes", ("mailbox", "failed#", "given up#", "last", "last error"), failing)


def _intents_and_people(out: "_Page", report: Report, calendar: Calendar) -> None:
    intents = [
        (one.mailbox, one.step, calendar.text(one.since_ms), duration(one.age_s), one.item)
        for one in report.oldest_intents
    ]
    out.table("Begun, and no end recorded: the oldest", ("mailbox", "step", "begun", "age#", "item"), intents)
    organizers = [(one.organizer, grouped(one.requests), grouped(one.answers)) for one in report.organizers]
    out.table("Busiest organizers", ("organizer", "requests#", "answers#"), organizers)
    actions = [
        (calendar.text(one.at_ms), one.who, one.action, one.scope, ", ".join(filter(None, (one.reason, one.note))))
        for one in report.recent_actions
    ]
    out.table("What operators changed", ("when", "who", "what", "where", "why"), actions)


class _Page:
    """Lines and tables of a given width."""

    def __init__(self, width: int) -> None:
        self._buffer = StringIO()
        self._console = Console(file=self._buffer, width=width, color_system=None, highlight=False, markup=False)

    def say(self, *lines: str) -> None:
        """Print sentences; an empty one is a blank line if it is the first, and left out otherwise."""
        for position, line in enumerate(lines):
            if line or position == 0:
                self._console.print(Text(line))

    def table(self, title: str, headings: Sequence[str], rows: Rows) -> None:
        """Print a table under a title if it has rows; a heading that ends in # is above numbers."""
        if not rows:
            return
        self._console.print(Text(f"\n{title}" if title else ""))
        names = [heading.removesuffix("#") for heading in headings]
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=any(names))
        for name, heading in zip(names, headings, strict=True):
            right = heading.endswith("#")
            table.add_column(name, justify="right" if right else "left", no_wrap=right, overflow="fold")
        for row in rows:
            table.add_row(*(Text(printable(cell)) for cell in row))
        self._console.print(table)

    def text(self) -> str:
        """Return all that was printed, without spaces at the ends of lines."""
        return "".join(f"{line.rstrip()}\n" for line in self._buffer.getvalue().splitlines())
