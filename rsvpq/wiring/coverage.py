"""How far the scans cover the list: who was scanned in time, and which caps hold requests back.

A mailbox that no scan has reached, and a request that waits behind a cap, change nothing in the totals of lanes that
are empty otherwise. ``rsvpq status`` and ``rsvpq doctor`` say both.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import inf, isfinite
from typing import Any, NamedTuple

from rsvpq.lanes import Lanes
from rsvpq.lanes.last_scans import LastScan
from rsvpq.mail.messages import Mailbox
from rsvpq.settings import Settings
from rsvpq.text import age, counted, duration

#: A scan is late when the last one is older than so many periods of its schedule: that of one period may still run.
LATE_PERIODS = 2
#: A mailbox has left the list recently for a week: long enough for somebody to notice that it is not scanned any more.
_RECENTLY_S = 7 * 86_400.0
#: A list has shrunk when recently more have left it than this part of what it has: one that was cut looks like that.
MOST_LEFT = 0.1


class ListSize(NamedTuple):
    """The size of the list: how many mailboxes it has, and how many others have recently left it."""

    listed: int
    left: int

    @property
    def has_shrunk(self) -> bool:
        """Whether so many mailboxes have left the list that it may have been cut."""
        return self.left > MOST_LEFT * self.listed

    def __str__(self) -> str:
        has = "has" if self.left == 1 else "have"
        return f"{counted(self.left, 'mailbox')} {has} left the list within a week, and {self.listed} are in it"


def read_list_size(lanes: Lanes, listed: Collection[str]) -> ListSize:
    """Look how many mailboxes to which a scan was ever offered have recently left the list of these names."""
    gone = lanes.snapshot.mailboxes(lanes.snapshot.known().difference(listed))
    return ListSize(len(listed), sum((one.unlisted_s or 0.0) <= _RECENTLY_S for one in gone.values()))


class Periods:
    """The shortest period of the schedules that scan a mailbox, in seconds."""

    def __init__(self, settings: Settings) -> None:
        self._by_group: dict[str | None, float] = {}
        now, namespace = datetime.now(UTC), settings.redis.namespace
        for schedule in settings.schedule:
            group, period_s = schedule.group, schedule.timetable(namespace).period_s(now)
            self._by_group[group] = min(inf if period_s is None else period_s, self._by_group.get(group, inf))

    def of(self, group: str) -> float:
        """Return that of a mailbox of this group ('' for none); infinity if no schedule scans it."""
        return min(self._by_group.get(None, inf), self._by_group.get(group, inf))


@dataclass(frozen=True, slots=True)
class ReachedCap:
    """A cap over which the last scans have held messages back: since when, in how many mailboxes, how many."""

    cap: str
    since_s: float
    mailboxes: int
    messages: int

    def __str__(self) -> str:
        wait = "waits" if self.messages == 1 else "wait"
        messages, mailboxes = counted(self.messages, "message"), counted(self.mailboxes, "mailbox")
        return f"{self.cap}, for {age(self.since_s)}: {messages} {wait} for the next scan, in {mailboxes}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far the scans cover the list.

    Of the ``listed`` mailboxes, ``scheduled`` ones are in a schedule. Of these, ``in_time`` were scanned within the
    last period of their schedule, ``late`` not within the last two, and ``never`` not at all. ``scanned`` were ever
    scanned, by a schedule or not. The periods are the shortest and the longest in seconds; None without a schedule.
    ``left`` others have left the list recently.
    ``problem`` says why the list cannot be read; all else is of the last good one then, if there was one.
    """

    listed: int
    scheduled: int
    scanned: int
    in_time: int
    late: int
    never: int
    shortest_s: float | None
    longest_s: float | None
    caps: tuple[ReachedCap, ...]
    problem: str = ""
    left: int = 0

    @property
    def size(self) -> ListSize:
        """The size of the list."""
        return ListSize(self.listed, self.left)

    @property
    def headline(self) -> str:
        """Say in one line who was scanned."""
        if self.problem:
            last = f"; of the last good list: {self._scanned}" if self.listed else ""
            return f"THE LIST OF MAILBOXES CANNOT BE READ: {self.problem}{last}"
        if not self.listed:
            return f"THE LIST OF MAILBOXES IS EMPTY, so nothing is scanned{self._left}"
        return self._scanned + self._left

    @property
    def _left(self) -> str:
        return f"; {self.left} left the list within a week: rsvpq mailboxes --state unlisted" if self.left else ""

    @property
    def _scanned(self) -> str:
        if self.shortest_s is None or self.longest_s is None:
            return f"{self.scanned} of {self._of_the_list} ever scanned; no schedule"
        span = duration(self.shortest_s)
        if self.longest_s > self.shortest_s:
            span = f"{span} to {duration(self.longest_s)}, by schedule"
        others = {"late": self.late, "never scanned": self.never, "in no schedule": self.listed - self.scheduled}
        more = "".join(f"; {count} {what}" for what, count in others.items() if count)
        return f"{self.in_time} of {self._of_the_list} scanned in the last interval ({span}){more}"

    @property
    def _of_the_list(self) -> str:
        return f"{counted(self.listed, 'mailbox')} of the list"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready copy."""
        return {**asdict(self), "caps": [asdict(cap) for cap in self.caps]}


def read_coverage(settings: Settings, lanes: Lanes, listed: Mapping[str, Mailbox], problem: str = "") -> Coverage:
    """Look how far the scans cover the mailboxes of the list, given by name; takes about 0.1 s for 10,000.

    :param problem: why the list cannot be read in its present state; '' if it can.
    """
    periods = Periods(settings)
    found = list(lanes.last_scans(listed))
    period_s = {one.mailbox: periods.of(listed[one.mailbox].group) for one in found}
    scheduled = [one for one in found if isfinite(period_s[one.mailbox])]
    scanned = {one.mailbox: one.scanned_s for one in found if one.scanned_s is not None}
    overdue = [scanned[one.mailbox] / period_s[one.mailbox] for one in scheduled if one.mailbox in scanned]
    finite = [period_s[one.mailbox] for one in scheduled]
    return Coverage(
        listed=len(found),
        scheduled=len(scheduled),
        scanned=len(scanned),
        in_time=sum(part <= 1 for part in overdue),
        late=sum(part > LATE_PERIODS for part in overdue),
        never=len(scheduled) - len(overdue),
        shortest_s=min(finite, default=None),
        longest_s=max(finite, default=None),
        caps=tuple(_caps(found)),
        problem=problem,
        left=0 if problem else read_list_size(lanes, listed).left,
    )


def _caps(found: Iterable[LastScan]) -> Iterator[ReachedCap]:
    """Yield the caps that were reached, the one with the most messages first."""
    by_cap: dict[str, list[LastScan]] = {}
    for one in found:
        if one.capped:
            by_cap.setdefault(one.cap or "a cap", []).append(one)
    caps = (
        ReachedCap(cap, max(one.capped_s or 0.0 for one in held), len(held), sum(one.capped for one in held))
        for cap, held in by_cap.items()
    )
    yield from sorted(caps, key=lambda cap: -cap.messages)
