"""The sections of the HTML report: the figures as markup."""

from collections.abc import Sequence

from rsvpq.report.calendar import Calendar
from rsvpq.report.chart import Chart, Series
from rsvpq.report.markup import NOTHING, Content, Markup, tag, untrusted
from rsvpq.report.model import ANSWER_KINDS, Report
from rsvpq.report.wording import NAMES, share
from rsvpq.text import duration, grouped

#: Actions that have a color.
_COLORS = frozenset(NAMES)

TableRow = Sequence[Content]


def all_sections(report: Report, calendar: Calendar) -> list[Markup]:
    """Return all sections in order; a section without content is empty."""
    return [
        done_chart(report, calendar),
        trouble_chart(report, calendar),
        _decisions(report),
        _waiting(report),
        _troubles(report, calendar),
        _failing(report, calendar),
        _open_intents(report, calendar),
        _people(report),
        _operator_actions(report, calendar),
    ]


def done_chart(report: Report, calendar: Calendar) -> Markup:
    """Return the chart of what was done."""
    answers = [name for name in ANSWER_KINDS if report.answers[name] or name == "accept"]
    series = [*(Series(name, NAMES[name]) for name in answers), Series("open", "responses opened")]
    return Chart(
        name="done",
        title="Answers sent and responses opened",
        about=f"Stacked bars, one for each {report.unit}; the same numbers are in the table below.",
        unit=report.unit,
        series=series,
        moments=[calendar.at(bar.start_ms) for bar in report.bars],
        values=[[*(bar.answers[name] for name in answers), bar.opened] for bar in report.bars],
    ).to_markup()


def trouble_chart(report: Report, calendar: Calendar) -> Markup:
    """Return the chart of what failed; empty if nothing did."""
    if not report.troubles.failed + report.troubles.dead:
        return NOTHING
    chart = Chart(
        name="troubles",
        title="Failed attempts and messages given up",
        about=f"Stacked bars, one for each {report.unit}; the same numbers are in the table below.",
        unit=report.unit,
        series=[Series("failed", "failed, to be tried again"), Series("dead", "given up")],
        moments=[calendar.at(bar.start_ms) for bar in report.bars],
        values=[[bar.failed, bar.dead] for bar in report.bars],
    )
    return tag("div", chart.to_markup(), class_="small")


def _decisions(report: Report) -> Markup:
    decisions = report.decisions
    if not decisions.total:
        return NOTHING
    by_action, by_rule = (
        [(_named(name), grouped(count), share(count, decisions.total)) for name, count in counts.items()]
        for counts in (decisions.by_action, decisions.by_rule)
    )
    reasons = [
        (_named(one.decision), one.reason, grouped(one.count), share(one.count, decisions.total))
        for one in decisions.by_reason
    ]
    # One bar of all actions; the table below has the numbers.
    shares = [
        tag("span", class_=name if name in _COLORS else "unknown", style=f"flex:{count}", title=name)
        for name, count in decisions.by_action.items()
    ]
    return tag(
        "section",
        tag("h2", "Decisions"),
        tag("div", *shares, class_="shares", aria_hidden="true"),
        tag(
            "div",
            _table("By action", ("action", "decisions#", "share#"), by_action),
            _table("By rule", ("rule", "decisions#", "share#"), by_rule),
            tag("div", _table("By reason", ("action", "reason", "decisions#", "share#"), reasons), class_="wide"),
            class_="columns",
        ),
    )


def _named(name: str) -> Content:
    """Return a name, after the key of its color if it has one."""
    return tag("span", tag("span", class_=f"key {name}"), name) if name in _COLORS else name


def _waiting(report: Report) -> Markup:
    if not report.slowest:
        return NOTHING
    most = max(one.p95_s for one in report.slowest)
    rows = [
        (
            untrusted(one.mailbox),
            grouped(one.answers),
            duration(one.p50_s),
            duration(one.p95_s),
            tag("span", class_="accept", style=f"width:{100 * one.p95_s / most:.1f}%" if most else "width:0"),
        )
        for one in report.slowest
    ]
    waiting = report.waiting
    about = f"Half of {grouped(waiting.measured)} answers were sent within {duration(waiting.p50_s)} of the decision"
    about += f", 95 % within {duration(waiting.p95_s)}."
    if waiting.unmeasured:
        about += f" {grouped(waiting.unmeasured)} more were decided before the period, or given up in between."
    headings = ("mailbox", "answers#", "p50#", "p95#", "bar|compared")
    return tag("section", tag("h2", "Slowest mailboxes"), tag("p", about, class_="quiet"), _table("", headings, rows))


def _troubles(report: Report, calendar: Calendar) -> Markup:
    troubles = report.troubles
    if not troubles.by_reason:
        return tag(
            "section", tag("h2", "Reasons for failures"), tag("p", "No attempt failed, and nothing was given up.")
        )
    reasons = [
        (untrusted(one.reason), grouped(one.failed), grouped(one.dead), _moment(calendar, one.last_ms))
        for one in troubles.by_reason
    ]
    results = ", ".join(f"{name} {grouped(count)}" for name, count in troubles.by_result.items())
    return tag(
        "section",
        tag("h2", "Reasons for failures"),
        _table("", ("reason", "failed#", "given up#", "last"), reasons),
        tag("p", results, class_="quiet"),
    )


def _failing(report: Report, calendar: Calendar) -> Markup:
    if not report.failing:
        return NOTHING
    rows = [
        (
            untrusted(one.mailbox),
            grouped(one.failed),
            grouped(one.dead),
            _moment(calendar, one.last_ms),
            untrusted(one.last_error),
        )
        for one in report.failing
    ]
    headings = ("mailbox", "failed#", "given up#", "last", "last error")
    return tag("section", tag("h2", "Failing mailboxes"), _table("", headings, rows))


def _open_intents(report: Report, calendar: Calendar) -> Markup:
    if not report.oldest_intents:
        return NOTHING
    rows = [
        (
            untrusted(one.mailbox),
            one.step,
            untrusted(one.subject),
            _moment(calendar, one.since_ms),
            duration(one.age_s),
            one.item,
        )
        for one in report.oldest_intents
    ]
    shown = f", the oldest {len(rows)}" if report.open_intents > len(rows) else ""
    about = (
        f"{grouped(report.open_intents)}{shown}. Either a worker is processing it, or it is paused, or its worker was "
    )
    about += "lost and the lease has not expired yet. Ages are those at the end of the period."
    headings = ("mailbox", "step", "subject", "begun", "age#", "item")
    return tag(
        "section",
        tag("h2", "Begun, and no end recorded"),
        tag("p", about, class_="quiet"),
        _table("", headings, rows),
    )


def _people(report: Report) -> Markup:
    organizers = [(untrusted(one.organizer), grouped(one.requests), grouped(one.answers)) for one in report.organizers]
    results = [(name, grouped(count)) for name, count in report.results.items()]
    return tag(
        "section",
        tag(
            "div",
            tag("div", tag("h2", "Busiest organizers"), _table("", ("organizer", "requests#", "answers#"), organizers)),
            tag("div", tag("h2", "Finished messages"), _table("", ("result", "messages#"), results)),
            class_="columns",
        ),
    )


def _operator_actions(report: Report, calendar: Calendar) -> Markup:
    if not report.actions:
        return NOTHING
    rows = [
        (
            _moment(calendar, one.at_ms),
            untrusted(one.who),
            one.action,
            untrusted(one.scope),
            untrusted(", ".join(text for text in (one.reason, one.note) if text)),
        )
        for one in report.recent_actions
    ]
    shown = tag("p", f"The last {len(rows)} of {grouped(report.actions)}.", class_="quiet")
    return tag(
        "section",
        tag("h2", "What operators changed"),
        shown if report.actions > len(rows) else NOTHING,
        _table("", ("when", "who", "what", "where", "why"), rows),
    )


def _moment(calendar: Calendar, ms: int) -> Markup:
    """Return a moment that, on a narrow page, breaks only between date and time."""
    date, time = calendar.text(ms).split()
    return tag("span", tag("span", date), " ", tag("span", time), class_="t")


def _table(title: str, headings: Sequence[str], rows: Sequence[TableRow]) -> Markup:
    """Return a table; a heading that ends in # is above numbers, and one that begins with ``bar|`` above bars.

    The first cell of each row is the heading of the row.
    """
    if not rows:
        return tag("p", "None.", class_="quiet")
    names = [heading.removeprefix("bar|").removesuffix("#") for heading in headings]
    classes = [
        {"class_": "n"} if heading.endswith("#") else {"class_": "bar"} if heading.startswith("bar|") else {}
        for heading in headings
    ]
    head = [tag("th", name, scope="col", **kind) for name, kind in zip(names, classes, strict=True)]
    body = []
    for row in rows:
        first, *others = row
        cells = [tag("td", cell, **kind) for cell, kind in zip(others, classes[1:], strict=True)]
        body.append(tag("tr", tag("th", first, scope="row"), *cells))
    table = tag("table", tag("thead", tag("tr", *head)), tag("tbody", *body))
    return tag("div", tag("h3", title) if title else NOTHING, tag("div", table, class_="scroll"))
