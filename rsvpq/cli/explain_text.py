"""Print the story of one message in short sections, for the help desk; times are in UTC."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from rsvpq.audit.log import AuditRecord
from rsvpq.cli.tables import has_room_for_columns, is_terminal, print_block, print_fitted
from rsvpq.text import printable

Json = Mapping[str, Any]

#: How the result of a step is shown; a guard that passes has found nothing against the message.
_SIGNS = {"matched": "->", "unknown": " ?"}
_WORDS = {"matched": "decides", "passed": "does not match", "unknown": "unknown"}
#: At most this many records of other messages of the same meeting are shown: the newest.
_MOST_OTHERS = 10
#: The columns of the overview: all of them are whole, and only the last one is wrapped.
_HEADINGS = ("item", "decision", "reason", "kind", "start (UTC)", "subject")
#: Characters between two columns, and the fewest that a subject should have.
_GAP, _LEAST_SUBJECT = 2, 16


def print_story(story: Json, *, looked: bool) -> None:
    """Print a story.

    :param looked: whether the Inbox could be read.
    """
    for line in _lines(story, looked):
        click.echo(printable(line))
    click.echo()


def print_overview(stories: Sequence[Json]) -> None:
    """Print a row for each message: what would be done with it, why, when it takes place, and its item."""
    rows = [tuple(map(printable, _overview(story))) for story in stories]
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)][:-1]
    if not has_room_for_columns(sum(widths) + _GAP * len(widths) + _LEAST_SUBJECT):
        for cells in rows:
            print_block(cells[:1], cells[1:])
        return
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for heading in _HEADINGS[:-1]:
        table.add_column(heading, no_wrap=True)
    table.add_column(_HEADINGS[-1], no_wrap=not is_terminal(), overflow="fold")
    for cells in rows:
        table.add_row(*map(Text, cells))
    print_fitted(table)


def _overview(story: Json) -> tuple[str, ...]:
    now: Json = story["now"] or {}
    message: Json = now or next(iter(story["history"]), {})
    decided = (now["decision"], _reason(now)) if now else _last(story)
    subject = "(private)" if now.get("private") else message.get("subject", "")
    return story["item"], *decided, message.get("kind", ""), _time(message.get("start", "")), subject


def _reason(now: Json) -> str:
    return f"{now['reason']}:{now['rule']}" if now["rule"] else str(now["reason"])


def _last(story: Json) -> tuple[str, str]:
    """Return what became of a message that is not in the Inbox."""
    last: Json = next(reversed(story["history"]), {})
    return "gone", last.get("result") or last.get("reason", "")


def _step(step: Json) -> str:
    passes = step["result"] == "passed" and "guard" in step["name"].partition(" ")[0]
    return f"{step['name']} {'passes' if passes else _WORDS.get(step['result'], step['result'])}"


def _lines(story: Json, looked: bool) -> Iterator[str]:
    now = story["now"]
    yield from _head(now, story)
    if now is None:
        yield f"  now: {'not in the Inbox (any more)' if looked else 'the Inbox could not be read'}"
    else:
        yield f"  now: would {now['decision']} ({_reason(now)})"
        if now.get("text"):  # a worker of the version before reports none
            yield f"  text of the answer: {now['text']!r}"
        yield "  guards and rules, in the order in which they were tried:"
        for step in now["steps"]:
            yield f"    {_SIGNS.get(step['result'], '  ')} {_step(step)}: {step['why']}"
        yield from _calendar(now["calendar"])
    yield from _ledger(story["ledger"])
    yield from _history("what was decided and done", story["history"])
    if story["same_meeting"]:
        yield from _history("other messages of this meeting", story["same_meeting"][-_MOST_OTHERS:], items=True)


def _head(now: Json | None, story: Json) -> Iterator[str]:
    message = now or next(iter(story["history"]), {})
    subject = repr(message["subject"]) if message.get("subject") else ""
    if now and now["private"]:
        subject = "(private)"
    organizer = message.get("organizer") or "(unknown)"
    yield " ".join(filter(None, (message.get("kind", "message"), subject, "from", organizer)))
    start, end = (_time(message.get(name, "")) for name in ("start", "end"))
    times = " to ".join(filter(None, (start, end if now else ""))) or "no readable time"
    yield f"  meeting: {times}{' UTC' if start or end else ''}" + (_series(now) if now else "")
    if now:
        wanted = ""
        if now["kind"] == "request":
            wanted = "; an answer is requested" if now["response_requested"] else "; no answer is requested"
        yield f"  received: {_time(now['received'])} UTC; sequence {_or_none(now['sequence'])}{wanted}"
    if now and now["unread"]:
        yield f"  not readable in the series: {now['unread']}"
    yield f"  uid: {story['uid'] or '(none)'}"
    yield f"  item: {story['item']}"


def _series(found: Json) -> str:
    """Return whether this is a series, or one occurrence; '' for neither."""
    if found["occurrence"]:
        return f", one occurrence of a series ({found['occurrence']})"
    return ", a series" if found["recurring"] else ""


def _calendar(found: Json | None) -> Iterator[str]:
    if found is None:
        yield "  calendar: not read, because the decision does not depend on it"
        return
    yield "  calendar:"
    yield f"    this meeting: {_appointment(found['appointment'])}"
    if "unknown_at_that_time" in found:
        yield f"    at that time: unknown, {found['unknown_at_that_time']}"
    elif "at_that_time" in found:
        yield from _at_that_time(found)


def _appointment(found: Json | None) -> str:
    if found is None:
        return "not in the calendar"
    if "unknown" in found:
        return f"unknown, {found['unknown']}"
    series = _series(found)
    version = f"sequence {_or_none(found['sequence'])}, as of {_time(found['stamp']) or 'an unknown time'}"
    response = found["response"] or "not shown"
    return (
        f"{_time(found['start'])} to {_time(found['end'])}{series}, {found['status']}; response: {response}; {version}"
    )


def _at_that_time(found: Json) -> Iterator[str]:
    conflicts = found["at_that_time"]
    if not conflicts:
        yield "    at that time: nothing else"
    for one in conflicts:
        series = ", of a series" if one["recurring"] else ""
        counts = "" if one["status"] in found["counts_as_busy"] else "; does not count as busy"
        yield f"    at that time: {one['status']} {_time(one['start'])} to {_time(one['end'])}{series}{counts}"
    if not found["compared"]:
        yield "    at that time: unknown for occurrences too far ahead to be read at once"
    if not found["complete"]:
        yield "    not all occurrences of the series could be calculated"


def _ledger(known: Json | None) -> Iterator[str]:
    if known is None:
        yield "  ledger: no such item (not offered, or finished and forgotten)"
        return
    if known["state"] == "left":
        when = "by the next scan"
        if not known["by_the_next_scan"]:
            when = f"after {_time(known['looked_at_again'])} UTC, or when the policy changes"
        yield f"  ledger: left alone: {known['reason']}; looked at again {when}"
        return
    reason = f", {known['reason']}" if known["reason"] else ""
    yield f"  ledger: {known['state']}, attempts {known['attempts']}{reason}"
    if known["steps"]:
        yield f"    journal: {', '.join(known['steps'])}"


def _history(title: str, records: list[AuditRecord], *, items: bool = False) -> Iterator[str]:
    if not records:
        yield f"  {title}: nothing is recorded"
        return
    yield f"  {title}:"
    for record in records:
        what = ", ".join(record[name] for name in ("step", "decision", "result") if name in record)
        why = ", ".join(record[name] for name in ("rule", "reason", "note") if name in record)
        event = " ".join(filter(None, (f"{record['event']:<8}", what))) + (f": {why}" if why else "")
        attempt = f" (attempt {record['attempt']})" if record.get("attempt", "1") != "1" else ""
        message = f"  ({record.get('kind', '')} {record['item']})" if items else ""
        yield f"    {record['time'][:19].replace('T', ' ')}  {event}{attempt}{message}"


def _time(text: str) -> str:
    return text[:16].replace("T", " ")


def _or_none(value: object) -> str:
    return "not shown" if value is None else str(value)
