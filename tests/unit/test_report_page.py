"""The page of a report: what strangers wrote stays text, and nothing is loaded from anywhere."""

import re
from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from lxml import html

from rsvpq.report.calendar import Calendar
from rsvpq.report.chart import Chart, Series
from rsvpq.report.html import to_html
from rsvpq.report.json_form import to_dict
from rsvpq.report.markup import Markup, tag
from rsvpq.report.model import Period, Report
from rsvpq.report.summary import Summary
from rsvpq.report.text import to_text
from rsvpq.report.wording import share
from rsvpq.text import duration

T0 = 1_790_000_000_000
CALENDAR = Calendar(ZoneInfo("Europe/Berlin"))
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><b>",
    "a\u202eb\x1b[31m\x00",
    "$body",
)


def hostile_report(text: str) -> Report:
    """A report in which every text of strangers is this one."""
    summary = Summary(CALENDAR, "hour")
    known = {"item": text, "mailbox": text, "organizer": text, "subject": text, "server": text, "kind": "request"}
    for number, facts in enumerate(
        (
            {"event": "decision", "decision": "accept", "rule": text, "reason": text},
            {"event": "decision", "decision": text, "rule": text, "reason": text},
            {"event": "intent", "step": "accept"},
            {"event": "done", "step": "send", "result": text},
            {"event": "done", "step": "open", "result": text},
            {"event": "failed", "reason": f"Transient: {text}", "result": text},
            {"event": "dead", "reason": text, "result": text},
            {"event": "operator", "who": text, "step": text, "reason": text, "note": text},
            {"event": "intent", "step": text},
        )
    ):
        summary.add({"time": "2026-09-21T14:13:20.000Z", **known, **facts, "id": f"{T0 + number}-0"})
    return summary.report(Period(T0 - 1000, T0 + 1000, summary.records, T0, T0 + 8, T0, 3))


def page_of(report: Report) -> Any:
    """The page as a browser would understand it."""
    return html.document_fromstring(to_html(report, CALENDAR))


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_stranger_wrote_is_text_everywhere(text: str) -> None:
    plain, page = page_of(hostile_report("harmless")), page_of(hostile_report(text))
    # Which of two rows comes first may depend on the text; which elements there are may not.
    elements = [Counter(one.tag for one in document.iter()) for document in (plain, page)]
    assert elements[0] == elements[1]
    attributes = {name for one in page.iter() for name in one.attrib}
    assert not {name for name in attributes if name.startswith("on")}
    shown = page.text_content()
    visible = text.replace("\u202e", "\\u202e").replace("\x1b", "\\x1b").replace("\x00", "\\x00")
    assert shown.count(visible) > 8
    assert not set(shown) & {"\u202e", "\x1b", "\x00"}


@pytest.mark.parametrize("text", HOSTILE)
def test_the_text_holds_no_command_for_the_terminal(text: str) -> None:
    assert not [
        char for char in to_text(hostile_report(text), CALENDAR, 100) if not (char.isprintable() or char == "\n")
    ]


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    page = page_of(hostile_report("https://evil.example/x.png"))
    (policy,) = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert not page.xpath("//script | //link | //img | //iframe | //object | //embed | //form | //base | //a")
    assert not page.xpath("//@src | //@href | //@action | //@background")
    style = "".join(page.xpath("//style/text()") + page.xpath("//@style"))
    assert not re.search(r"url\(|@import|https?:", style)


def test_every_chart_has_a_name_a_description_and_a_table() -> None:
    charts = page_of(hostile_report("x")).xpath("//figure")
    assert len(charts) == 2
    for chart in charts:
        (drawing,) = chart.xpath(".//svg[@role='img']")
        names = drawing.get("aria-labelledby").split()
        assert [one.get("id") for one in drawing.xpath("./title | ./desc")] == names
        assert chart.xpath(".//table//td")
    ids = page_of(hostile_report("x")).xpath("//@id")
    assert len(ids) == len(set(ids))


def test_every_table_names_its_columns_and_rows() -> None:
    for table in page_of(hostile_report("x")).xpath("//table"):
        heads = table.xpath("./thead/tr/th")
        assert all(head.get("scope") == "col" and head.text_content() for head in heads)
        for row in table.xpath("./tbody/tr"):
            assert len(row) == len(heads)
            assert row[0].get("scope") == "row"


def test_a_period_without_records_says_so_in_every_form() -> None:
    nothing = Summary(CALENDAR, "day").report(Period(T0, T0 + 1000, 0, None, None, None, None))
    assert "Nothing was recorded in this period." in page_of(nothing).text_content()
    assert "The audit is empty." in to_text(nothing, CALENDAR, 100)
    figures = to_dict(nothing, CALENDAR)
    assert (figures["period"]["records"], figures["period"]["first"], figures["bars"]) == (0, None, [])


@pytest.mark.parametrize(
    ("begins", "dropped", "expected"),
    [
        (
            T0 + 5,
            3,
            "3 older records were dropped (audit.retention, audit.most_records), so the period is not complete",
        ),
        (T0 + 5, 1, "1 older record was dropped"),
        (T0 + 5, 0, "there are no older records."),
        (T0 + 5, None, "there are no older records, unless they were dropped."),
        (T0 - 5, 3, None),
    ],
)
def test_it_says_whether_the_audit_reaches_back(begins: int, dropped: int | None, expected: str | None) -> None:
    report = hostile_report("x")
    period = replace(report.period, since_ms=T0, audit_begins_ms=begins, dropped=dropped)
    joined = " ".join(to_text(replace(report, period=period), CALENDAR, 100).split())
    page = page_of(replace(report, period=period)).text_content()
    for shown in (joined, page):
        assert (expected in shown) if expected else ("The audit begins" not in shown)


def test_moments_in_json_have_the_offset_of_the_zone() -> None:
    figures = to_dict(hostile_report("x"), CALENDAR)
    assert figures["timezone"] == "Europe/Berlin"
    assert figures["period"]["first"] == "2026-09-21T16:13:20.000+02:00"
    assert figures["bars"][0]["start"] == "2026-09-21T16:00:00.000+02:00"
    assert not re.search(r"_ms'", str(figures))


def test_only_markup_is_not_escaped() -> None:
    inner = tag("b", "<&\"'>")
    assert inner == "<b>&lt;&amp;&quot;&#x27;&gt;</b>"
    assert tag("p", inner, "<", class_='a"b') == f'<p class="a&quot;b">{inner}&lt;</p>'
    assert isinstance(inner, Markup)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0.00 s"),
        (9.994, "9.99 s"),
        (10, "10 s"),
        (59.4, "59 s"),
        (59.9, "1 min 0 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (86_399.9, "1 d 0 h"),
        (187_200, "2 d 4 h"),
    ],
)
def test_durations_are_written_in_their_two_largest_units(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


@pytest.mark.parametrize(
    ("part", "expected"), [(0, "0 %"), (1, "< 1 %"), (500, "50 %"), (999, "> 99 %"), (1000, "100 %")]
)
def test_shares_do_not_round_to_nothing_or_all(part: int, expected: str) -> None:
    assert share(part, 1000) == expected


@pytest.mark.parametrize(
    ("hours", "labels"),
    [
        (1, ["12:00", "12:10", "12:20", "12:30", "12:40", "12:50"]),
        (6, ["12:00", "13:00", "14:00", "15:00", "16:00", "17:00"]),
        (24, ["12:00", "15:00", "18:00", "21:00", "10 Nov", "03:00", "06:00", "09:00"]),
    ],
)
def test_bars_of_ten_minutes_have_a_few_labels_at_round_times(hours: int, labels: list[str]) -> None:
    since = CALENDAR.start(round(datetime(2026, 11, 9, 12, tzinfo=CALENDAR.zone).timestamp() * 1000), "hour")
    starts = list(CALENDAR.starts(since, since + hours * 3_600_000, "10 minutes"))
    assert len(starts) == 6 * hours
    moments = [CALENDAR.at(start) for start in starts]
    drawn = Chart("done", "Done", "", "10 minutes", [Series("accept", "done")], moments, [[1]] * len(starts))
    times = html.fragment_fromstring(drawn.to_markup()).xpath("//*[@class='times']/*")
    assert [label.text for label in times] == labels
