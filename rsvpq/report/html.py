"""The report as one HTML file without scripts or external resources; its content security policy forbids both."""

from importlib.resources import files
from string import Template

from rsvpq.report import sections
from rsvpq.report.calendar import Calendar
from rsvpq.report.markup import NOTHING, Markup, join, tag
from rsvpq.report.model import Report
from rsvpq.report.wording import NAMES, brief, coverage
from rsvpq.text import duration, grouped


def to_html(report: Report, calendar: Calendar) -> str:
    """Return the whole page."""
    here = files("rsvpq.report")
    page = Template(here.joinpath("page.html").read_text(encoding="utf-8"))
    sheets = ("chart.css", "report.css")
    style = "\n".join(here.joinpath(sheet).read_text(encoding="utf-8").rstrip() for sheet in sheets)
    when = f"{calendar.text(report.period.since_ms)} to {calendar.text(report.period.until_ms)}"
    main = [_figures(report), *sections.all_sections(report, calendar)] if report.period.records else []
    body = join([_header(report, calendar, when), tag("main", *main), _footer(report, calendar)])
    return page.substitute(title=tag("title", f"rsvpq report, {when}"), style=style, body=body)


def _header(report: Report, calendar: Calendar, when: str) -> Markup:
    begins = report.period.audit_begins_ms
    cut = coverage(report.period, calendar.text(begins) if begins is not None else "")
    return tag(
        "header",
        tag("h1", "Meeting requests and responses"),
        tag("p", f"{when}, {calendar.name(report.period.until_ms)}", class_="when"),
        tag("p", brief(report), class_="brief"),
        tag("p", cut, class_="note") if cut else NOTHING,
    )


def _figures(report: Report) -> Markup:
    answers, waiting, troubles = report.answers, report.waiting, report.troubles
    verdicts = ", ".join(f"{grouped(count)} {NAMES[name]}" for name, count in answers.items() if count)
    oldest = f"oldest {duration(report.oldest_intents[0].age_s)}" if report.oldest_intents else "all have ended"
    uncertain = grouped(troubles.uncertain) if troubles.uncertain else "none"
    waited = f"p95 {duration(waiting.p95_s)}, from the decision" if waiting.measured else "not known for any answer"
    figures = (
        ("Decisions", grouped(report.decisions.total), f"in {grouped(report.mailboxes)} mailboxes"),
        ("Answers sent", grouped(sum(answers.values())), verdicts or "none"),
        ("Responses opened", grouped(report.opened), "attendees entered"),
        ("Cancellations seen", grouped(report.decisions.cancellations), "among the decisions"),
        ("Time to answer", duration(waiting.p50_s) if waiting.measured else "none", waited),
        ("Failed attempts", grouped(troubles.failed), "each was tried again"),
        ("Given up", grouped(troubles.dead), f"{uncertain} in the middle of a change"),
        ("Begun, end unknown", grouped(report.open_intents), oldest),
    )
    cells = [tag("div", tag("dt", name), tag("dd", value), tag("dd", more)) for name, value, more in figures]
    return tag("dl", *cells, class_="figures")


def _footer(report: Report, calendar: Calendar) -> Markup:
    period = report.period
    if period.first_ms is None or period.last_ms is None:
        return tag("footer", tag("p", "There are no records in this period.", class_="quiet"))
    read = f"{grouped(period.records)} audit records, the first from {calendar.text(period.first_ms)}, the last from "
    return tag(
        "footer",
        tag("p", f"{read}{calendar.text(period.last_ms)}. Times to answer are accurate to 1 %.", class_="quiet"),
        tag(
            "p",
            "Answers and opened responses are counted when the mailbox has been changed; a message that is decided on "
            "again counts again among the decisions. Values that the audit redacts are shown as digests.",
            class_="quiet",
        ),
    )
