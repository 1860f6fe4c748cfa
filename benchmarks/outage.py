"""An outage under load: two servers return 500 to everything while invitations keep arriving, and a third is well.

All times are the simulator's, which also judges whether anything was answered twice: see docs/simulator.md.
"""

import json
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit

from benchmarks.stub_server import Failed
from benchmarks.tables import Table
from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack

_PROTOCOLS = {"webdav": "WebDAV", "ews": "EWS"}
_DOWN, _WELL, _ORGANIZERS = (0, 1), 2, 3
#: Seconds between two questions to the simulator.
_LOOK_S = 2.0
_STUCK_S = 1800.0
_MINUTE_S = 60.0
#: Everybody is invited so often right before the outage.
_BACKLOG = 2
_INVITATION = """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"
 xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Header>
<t:RequestServerVersion Version="Exchange2010_SP2"/><t:ExchangeImpersonation><t:ConnectingSID>
<t:PrimarySmtpAddress>{organizer}</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></s:Header><s:Body>
<m:CreateItem SendMeetingInvitations="SendToAllAndSaveCopy"><m:Items><t:CalendarItem><t:Subject>{subject}</t:Subject>
<t:Start>{day}T09:00:00Z</t:Start><t:End>{day}T10:00:00Z</t:End><t:RequiredAttendees>{guests}</t:RequiredAttendees>
</t:CalendarItem></m:Items></m:CreateItem></s:Body></s:Envelope>"""
_GUEST = "<t:Attendee><t:Mailbox><t:EmailAddress>{address}</t:EmailAddress></t:Mailbox></t:Attendee>"


@dataclass(frozen=True, slots=True)
class Size:
    """How long it lasts, the mailboxes of each server, and how often somebody invites one person of each server."""

    outage_s: float = 1800
    mailboxes: int = 100
    invite_every_s: float = 3
    scan_every_s: int = 120


@dataclass(frozen=True, slots=True)
class Run:
    """The result: the requests as the simulator has them, when the outage began and ended, and what was seen."""

    began: float
    ended: float
    requests: Sequence[Mapping[str, Any]]
    #: Of each server that was down: the HTTP requests that it got in each minute of the outage.
    minutes: Mapping[int, Sequence[int]]
    #: Of each server, at the end.
    dead: Mapping[int, int]


def run(size: Size, say: Callable[[str], None]) -> list[Table]:
    """Run it once.

    :raises Failed: an invitation was refused.
    """
    world = World(mailboxes=4 * size.mailboxes, requests=0, responses=0, servers=4, latency_ms=20)
    schedule = f'[[schedule]]\nevery = "{size.scan_every_s}s"\n'
    plan = Plan(
        world, Pace(2, 5, 1), Pace(2, 5, 1), Pace(10, 20, 4), extra=schedule, protocols=[*_PROTOCOLS] * 2, forked=False
    )
    with tempfile.TemporaryDirectory(prefix="rsvpq-bench-") as directory, Stack(Path(directory), plan) as stack:
        return [_table(size, _measure(stack, size, say))]


def _measure(stack: Stack, size: Size, say: Callable[[str], None]) -> Run:
    inviter = _Inviter(stack)
    for _ in range(_BACKLOG * size.mailboxes):
        inviter.invite()
    began = time.time()
    stack.exchange.have_faults([{"step": "any", "kind": "500-before", "server": server} for server in _DOWN])
    with _inviting(inviter, size.invite_every_s):
        minutes = _watch(stack, began + size.outage_s)
        ended = time.time()
        stack.exchange.have_faults([])
        say(f"outage: ended after {ended - began:.0f} s; until everything that waited is answered")
        until(lambda: _all_answered(stack, ended), "answered", within_s=_STUCK_S, every_s=_LOOK_S)
    requests = _requests(stack)
    return Run(began, ended, requests, minutes, _dead(stack))


def _watch(stack: Stack, end: float) -> dict[int, list[int]]:
    """Wait for the end of the outage; return how many requests each server refused in each minute."""
    minutes: dict[int, list[int]] = {server: [] for server in _DOWN}
    while (now := time.time()) < end:
        time.sleep(min(_MINUTE_S, end - now))
        stack.check()
        for fault in stack.exchange.faults():
            seen = minutes[fault["server"]]
            seen.append(fault["injected"] - sum(seen))
    return minutes


class _Inviter:
    """Owners of mailboxes of the last server, who invite one person of each other server, all in turn."""

    def __init__(self, stack: Stack) -> None:
        boxes = stack.exchange.ask("mailboxes")
        self._people = [[box["address"] for box in boxes if box["server"] == server] for server in range(4)]
        self._host = urlsplit(stack.exchange.urls[_ORGANIZERS]).netloc
        login = f"{stack.exchange.username}:{stack.secrets['exchange']}"
        self._headers = {
            "Authorization": "Basic " + b64encode(login.encode()).decode(),
            "Content-Type": "text/xml; charset=utf-8",
        }
        self._numbers = count()

    def invite(self) -> None:
        number = next(self._numbers)
        organizer, *guests = (
            self._people[server][number % len(self._people[server])] for server in (_ORGANIZERS, *_DOWN, _WELL)
        )
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + (10 + number) * 86_400))  # a free day
        body = _INVITATION.format(
            organizer=organizer,
            subject=f"Outage {number}",
            day=day,
            guests="".join(_GUEST.format(address=address) for address in guests),
        )
        connection = HTTPConnection(self._host, timeout=60)
        try:
            connection.request("POST", "/EWS/Exchange.asmx", body.encode(), self._headers)
            answer = connection.getresponse().read()
        finally:
            connection.close()
        if b"NoError" not in answer:
            raise Failed(f"an invitation was refused: {answer[:500]!r}")


@contextmanager
def _inviting(inviter: _Inviter, every_s: float) -> Iterator[None]:
    """Let people be invited in the background.

    :raises Failed: an invitation was refused.
    """
    over, errors = threading.Event(), list[Failed]()

    def go_on() -> None:
        try:
            while not over.wait(every_s):
                inviter.invite()
        except Failed as error:
            errors.append(error)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    for error in errors:
        raise error


def _requests(stack: Stack) -> list[dict[str, Any]]:
    return [one for one in stack.exchange.messages() if one["kind"] == "request"]


def _all_answered(stack: Stack, before: float) -> bool:
    stack.check()
    return all(one["submitted"] for one in _requests(stack) if one["received_at"] < before)


def _dead(stack: Stack) -> dict[int, int]:
    servers = json.loads(stack.rsvpq("status", "--json").stdout)["servers"]
    return {server: servers[f"mail{server}"]["dead"] for server in (*_DOWN, _WELL)}


def _table(size: Size, measured: Run) -> Table:
    columns = [_column(server, measured) for server in (*_DOWN, _WELL)]
    header = ("", "WebDAV, 500", "EWS, 500", "WebDAV, well")
    rows = [(name, *(column.get(name, "") for column in columns)) for name in columns[0] | columns[-1]]
    lasted = f"{size.outage_s / 60:g} minutes" if size.outage_s >= _MINUTE_S else f"{size.outage_s:g} s"
    title = f"{lasted} of HTTP 500, {size.mailboxes} mailboxes a server"
    return Table(title, header, rows)


def _column(server: int, measured: Run) -> dict[str, str]:
    mine = [one for one in measured.requests if one["server"] == server]
    waited = [one for one in mine if one["received_at"] < measured.ended]
    during = [one for one in waited if measured.began <= (one["submitted_first"] or 0) < measured.ended]
    twice, lost = sum(one["submitted"] > 1 for one in mine), sum(not one["submitted"] for one in waited)
    shown = {
        "answers during the outage": f"{len(during):,}",
        "dead, answered twice, lost": f"{measured.dead[server]}, {twice}, {lost}",
    }
    if server == _WELL:
        waits = [one["submitted_first"] - one["received_at"] for one in during]
        return shown | {"from arrival to answer, median and 95 %": f"{median(waits):.0f} s, {_p95(waits):.0f} s"}
    first, *later = measured.minutes[server]
    after = sorted(one["submitted_first"] - measured.ended for one in waited)
    return {
        "requests that it got in the first minute": f"{first}",
        "in each later minute": f"{min(later)} to {max(later)}" if later else "-",
        **shown,
        "requests that waited at the end": f"{sum(one > 0 for one in after)}",
        "first answer after the end": f"{min(one for one in after if one > 0):.0f} s",
        "all that had waited answered after": f"{after[-1]:.0f} s",
    }


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1]
