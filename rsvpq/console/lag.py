"""The lag over time: for each server and minute the greatest one that was seen.

Redis keeps no history of the lag, so the console samples it while it runs. A minute without a sample is not known, and
is drawn as a gap, never as zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from rsvpq.report.calendar import Calendar
from rsvpq.report.markup import NOTHING, Markup, join, tag
from rsvpq.text import age

#: Minutes that are kept, and the most that the small drawing of one server shows.
KEPT_MINUTES, RECENT_MINUTES = 360, 120
#: Minutes that a chart may show: as few as have all that is known.
_SPANS = (60, RECENT_MINUTES, 180, KEPT_MINUTES)
#: The heights of the drawings in their own units; their width is the number of minutes.
_HEIGHT, _SMALL_HEIGHT = 100, 20
#: The minimum height of a lag above zero, as a share of the drawing: a second among hours is visible.
_VISIBLE = 0.02
#: The scale never ends below this lag, in seconds: a lag of seconds must not look like a mountain.
_LOWEST_TOP_S = 60.0
_LABELED_EVERY = 60
#: The ends of scales, in seconds: whole units, and so are their halves, which are labeled too.
_STEPS_S = (60, 240, 600, 1200, 3600, 14_400, 43_200, 86_400, 172_800, 345_600, 864_000)


@dataclass(slots=True)
class LagHistory:
    """The lags of the last :data:`KEPT_MINUTES` minutes, by minute since the epoch and by server."""

    _minutes: dict[int, dict[str, float]] = field(default_factory=dict)

    def add(self, at_s: float, lags: Mapping[str, float | None]) -> None:
        """Add a sample: the lag in seconds by server, None where nothing is unfinished."""
        minute = int(at_s // 60)
        known = self._minutes.setdefault(minute, {})
        for server, lag in lags.items():
            known[server] = max(known.get(server, 0.0), lag or 0.0)
        for old in [one for one in self._minutes if one <= minute - KEPT_MINUTES]:
            del self._minutes[old]

    def of(self, server: str, until_s: float, minutes: int) -> list[float | None]:
        """Return the lags of one server up to a moment, the oldest first; None where there is no sample."""
        return [found.get(server) if found is not None else None for found in self._last(until_s, minutes)]

    def worst(self, until_s: float, minutes: int) -> list[float | None]:
        """Return the greatest lag of all servers for each minute."""
        return [None if found is None else max(found.values(), default=0.0) for found in self._last(until_s, minutes)]

    def span(self, until_s: float) -> int:
        """Return how many minutes a chart should show: those that are known, and never much fewer than an hour."""
        known = int(until_s // 60) - min(self._minutes, default=int(until_s // 60)) + 1
        return next((span for span in _SPANS if span >= known), KEPT_MINUTES)

    def _last(self, until_s: float, minutes: int) -> list[dict[str, float] | None]:
        end = int(until_s // 60)
        return [self._minutes.get(minute) for minute in range(end - minutes + 1, end + 1)]


def top_of(lags: list[float | None]) -> float:
    """Return the end of a scale on which all lags have room, in seconds."""
    highest = max((lag for lag in lags if lag is not None), default=0.0)
    return next((float(step) for step in _STEPS_S if step >= highest), highest)


def small_drawing(name: str, lags: list[float | None], top_s: float) -> Markup:
    """Return the drawing of one row of a table; ``top_s`` is the end of the scale."""
    return _drawing(f"lag of {name} in the last {len(lags)} minutes: {_words(lags)}", lags, top_s, _SMALL_HEIGHT)


def chart(title: str, lags: list[float | None], until_s: float, calendar: Calendar) -> Markup:
    """Return the figure of one or all servers, up to a moment; nothing is drawn where there is no sample."""
    top_s = top_of(lags)
    times = [calendar.at(round((until_s - 60 * (len(lags) - 1 - place)) * 1000)) for place in range(len(lags))]
    lines = [_line(100 - 50 * half, age(top_s * half / 2)) for half in range(3)]
    return tag(
        "figure",
        tag("figcaption", tag("h2", title), tag("p", _words(lags), class_="quiet")),
        tag(
            "div",
            tag("svg", *lines, class_="lines", aria_hidden="true"),
            _drawing(f"{title}: {_words(lags)}", lags, top_s, _HEIGHT),
            class_="plot",
        ),
        tag("svg", _labels(times), class_="times", aria_hidden="true"),
        class_="chart small",
    )


def _drawing(title: str, lags: list[float | None], top_s: float, height: int) -> Markup:
    bars = join([*_gaps(lags, height), *(_bar(place, lag, top_s, height) for place, lag in enumerate(lags))])
    box = f"0 0 {len(lags)} {height}"
    return tag("svg", tag("title", title), bars, viewBox=box, preserveAspectRatio="none", role="img", class_="lag")


def _bar(place: int, lag: float | None, top_s: float, height: int) -> Markup:
    if not lag:
        return NOTHING
    tall = height * min(1.0, max(_VISIBLE, lag / max(top_s, _LOWEST_TOP_S)))
    return tag("rect", x=place, y=f"{height - tall:.2f}", width=1, height=f"{tall:.2f}")


def _gaps(lags: list[float | None], height: int) -> list[Markup]:
    """Return one area for each run of minutes without a sample."""
    areas, place = [], 0
    for is_gap, run in groupby(lag is None for lag in lags):
        width = len(list(run))
        if is_gap:
            areas.append(tag("rect", x=place, y=0, width=width, height=height, class_="gap"))
        place += width
    return areas


def _words(lags: list[float | None]) -> str:
    known = [lag for lag in lags if lag is not None]
    if not known:
        return "not known yet"
    now = "the last minute is not known" if lags[-1] is None else f"{age(lags[-1])} in the last minute"
    missing = len(lags) - len(known)
    return f"at most {age(max(known))}, {now}" + (f"; {missing} minutes without a sample" if missing else "")


def _line(percent: float, label: str) -> Markup:
    y = f"{percent:.0f}%"
    return join([tag("line", x1="0", x2="100%", y1=y, y2=y), tag("text", label, x="-10", y=y, dy=".32em")])


def _labels(times: list[datetime]) -> Markup:
    labels, every = [], _LABELED_EVERY if len(times) > _LABELED_EVERY else 10
    for place, moment in enumerate(times):
        if moment.minute % every == 0:
            labels.append(tag("text", f"{moment:%H:%M}", x=f"{100 * (place + 0.5) / len(times):.2f}%", y="1em"))
    return join(labels)
