"""The story of one message, for whoever answers the telephone: short sections, times in UTC."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from rsvpq.audit.log import AuditRecord
from rsvpq.text import printable

Json = Mapping[str, Any]

_RESULTS = {"matched": "->", "passed": "  ", "unknown": " ?"}
#: Records of other messages of the same meeting that are shown, the newest.
_MOST_OTHERS = 10


def print_story(story: Json, *, looked: bool) -> None:
    """Print it.

    :param looked: whether the Inbox was looked at.
    """
    for line in _lines(story, looked):
        click.echo(printable(line))
    click.echo()


def _lines(story: Json, looked: bool) -> Iterator[str]:
    now = story["now"]
    yield from _head(now, story)
    if now is None:
        yield f"  now: {'not in the Inbox (any more)' if looked else 'the Inbox could not be looked at'}"
    else:
        yield from _decision(now)
        yield from _calendar(now["calendar"])
    yield from _ledger(story["ledger"])
    yield from _history("what was decided and done", story["history"])
    if story["same_meeting"]:
        yield from _history("other messages of this meeting", story["same_meeting"][-_MOST_OTHERS:], items=True)


def _head(now: Json | None, story: Json) -> Iterator[str]:
    told = now or next(iter(story["history"]), {})
    subject = "(private)" if now and now["private"] else repr(told.get("subject", "")) if told.get("subject") else ""
    yield " ".join(filter(None, (told.get("kind", "message"), subject, "from", told.get("organizer", "somebody"))))
    times = f"{_time(told.get('start', ''))} to {_time(told.get('end', ''))}" if now else _time(told.get("start", ""))
    yield f"  meeting: {times} UTC" + (_series(now) if now else "")
    if now:
        asked = "" if now["kind"] != "request" else "; wants " + ("an answer" if now["response_requested"] else "none")
        yield f"  received: {_time(now['received'])} UTC; sequence {_or_none(now['sequence'])}{asked}"
    if now and now["unread"]:
        yield f"  of the series could not be read: {now['unread']}"
    yield f"  uid: {story['uid'] or '(none)'}"
    yield f"  item: {story['item']}"


def _series(told: Json) -> str:
    """What of a series it is, if it is of one."""
    if told["occurrence"]:
        return f", one meeting of a series ({told['occurrence']})"
    return ", a series" if told["recurring"] else ""


def _decision(now: Json) -> Iterator[str]:
    reason = f"{now['reason']}:{now['rule']}" if now["rule"] else now["reason"]
    yield f"  now: would {now['decision']} ({reason})"
    yield "  guards and rules, in the order in which they were tried:"
    for step in now["steps"]:
        yield f"    {_RESULTS.get(step['result'], '  ')} {step['name']}: {step['why']}"


def _calendar(found: Json | None) -> Iterator[str]:
    if found is None:
        yield "  calendar: not looked at, as the decision does not depend on it"
        return
    yield "  calendar:"
    yield f"    this meeting: {_appointment(found['appointment'])}"
    if "unknown_at_that_time" in found:
        yield f"    at that time: not known, {found['unknown_at_that_time']}"
    elif "at_that_time" in found:
        yield from _at_that_time(found)


def _appointment(found: Json | None) -> str:
    if found is None:
        return "not in the calendar"
    if "unknown" in found:
        return f"not known, {found['unknown']}"
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
        yield "    at that time: what is further ahead than a calendar shows at once is not known"
    if not found["complete"]:
        yield "    not all meetings of the series could be worked out"


def _ledger(known: Json | None) -> Iterator[str]:
    if known is None:
        yield "  ledger: has no such item (not offered, or finished and forgotten)"
        return
    if known["state"] == "left":
        when = "by the next scan"
        if not known["by_the_next_scan"]:
            when = f"after {_time(known['looked_at_again'])} UTC, or when the policy changes"
        yield f"  ledger: left alone: {known['reason']}; looked at again {when}"
        return
    yield f"  ledger: {known['state']}, attempts {known['attempts']}" + (
        f", {known['reason']}" if known["reason"] else ""
    )
    if known["steps"]:
        yield f"    journal: {', '.join(known['steps'])}"


def _history(title: str, records: list[AuditRecord], *, items: bool = False) -> Iterator[str]:
    if not records:
        yield f"  {title}: nothing is recorded"
        return
    yield f"  {title}:"
    for record in records:
        yield f"    {_time(record['time'], seconds=True)}  {_event(record)}" + (
            f"  ({record.get('kind', '')} {record['item']})" if items else ""
        )


def _event(record: AuditRecord) -> str:
    what = ", ".join(record[name] for name in ("step", "decision", "result") if name in record)
    why = ", ".join(record[name] for name in ("rule", "reason", "note") if name in record)
    attempt = f" (attempt {record['attempt']})" if record.get("attempt", "1") != "1" else ""
    return " ".join(filter(None, (f"{record['event']:<8}", what))) + (f": {why}" if why else "") + attempt


def _time(text: str, *, seconds: bool = False) -> str:
    return text[: 19 if seconds else 16].replace("T", " ")


def _or_none(value: object) -> str:
    return "not shown" if value is None else str(value)
