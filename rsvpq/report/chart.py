"""A chart of stacked bars as inline SVG.

Its labels are in drawings of their own without a coordinate system, so that they stay legible at every width. All
places are attributes: a page may forbid inline styles.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from rsvpq.report.calendar import Unit
from rsvpq.report.markup import NOTHING, Markup, join, tag
from rsvpq.text import grouped

#: The height of the drawing in its own units; its width is the number of bars.
_HEIGHT = 100
#: The maximum width of a bar, as a share of its slot and of the whole chart.
_OF_SLOT, _OF_CHART = 0.78, 0.045
#: The minimum height of a count above zero, so that one in a thousand is visible.
_VISIBLE = 0.8
#: The most labels of the time axis, and the most lines of the other axis.
_LABELS, _LINES = 8, 4
#: The minutes between two labels, for bars of each unit; if none is enough, days are labeled.
_STEPS: Mapping[Unit, Sequence[int]] = {
    "10 minutes": (10, 20, 30, 60, 120, 180, 360, 720),
    "hour": (60, 120, 180, 360, 720),
    "day": (),
}
#: Labels beyond this percentage of the width are aligned to the right, where the page has little room.
_END = 96.0
_ANCHORS = ("time", "end")


@dataclass(frozen=True, slots=True)
class Series:
    """A color (a class of the style sheet) and what it stands for."""

    color: str
    name: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Stacked counts over time.

    :param moments: when each bar begins, in local time. :param values: for each bar, the count of each series.
    """

    name: str
    title: str
    about: str
    unit: Unit
    series: Sequence[Series]
    moments: Sequence[datetime]
    values: Sequence[Sequence[int]]

    def to_markup(self) -> Markup:
        """Return the figure: title, legend, drawing and table."""
        totals = [sum(column) for column in zip(*self.values, strict=True)]
        legend = [
            tag("li", tag("span", class_=f"key {one.color}"), f"{one.name} ", tag("b", grouped(total)))
            for one, total in zip(self.series, totals, strict=True)
        ]
        heights = self._heights()
        lines = [_line(100 - 100 * height / heights[-1], grouped(height)) for height in heights]
        drawing = tag(
            "svg",
            tag("title", self.title, id=f"{self.name}-title"),
            tag("desc", self.about, id=f"{self.name}-about"),
            *(self._bar(position, heights[-1]) for position in range(len(self.values))),
            viewBox=f"0 0 {len(self.values)} {_HEIGHT}",
            preserveAspectRatio="none",
            role="img",
            aria_labelledby=f"{self.name}-title {self.name}-about",
        )
        return tag(
            "figure",
            tag("figcaption", tag("h2", self.title), tag("ul", *legend, class_="legend")),
            tag("div", tag("svg", *lines, class_="lines", aria_hidden="true"), drawing, class_="plot"),
            tag("svg", self._labels(), class_="times", aria_hidden="true"),
            self._table(),
            class_="chart",
        )

    def _heights(self) -> range:
        """Return the heights of the lines; the highest is a round number that no bar exceeds."""
        highest = max(map(sum, self.values), default=0)
        steps = (digit * 10**power for power in count() for digit in (1, 2, 5))
        step = next(step for step in steps if step * _LINES >= highest)
        return range(0, step * -(-max(highest, 1) // step) + 1, step)

    def _bar(self, position: int, top: int) -> Markup:
        values = self.values[position]
        if not any(values):
            return NOTHING
        width = min(_OF_SLOT, _OF_CHART * len(self.values))
        left, bottom = position + (1 - width) / 2, float(_HEIGHT)
        parts = []
        for one, value in zip(self.series, values, strict=True):
            if value:
                height = max(_VISIBLE, _HEIGHT * value / top)
                bottom -= height
                box = {"x": f"{left:.3f}", "y": f"{bottom:.2f}", "width": f"{width:.3f}", "height": f"{height:.2f}"}
                parts.append(tag("rect", **box, class_=one.color))
        counts = ", ".join(
            f"{one.name} {grouped(value)}" for one, value in zip(self.series, values, strict=True) if value
        )
        return tag("g", tag("title", f"{self._moment(position)}: {counts}"), *parts)

    def _moment(self, position: int) -> str:
        moment = self.moments[position]
        return f"{moment:%a %d %b %Y}" if self.unit == "day" else f"{moment:%a %d %b %H:%M %Z}"

    def _labels(self) -> Markup:
        labels = []
        for position in self._labeled():
            moment, percent = self.moments[position], 100 * (position + 0.5) / len(self.moments)
            at_midnight = self.unit == "day" or moment.hour == moment.minute == 0
            text = f"{moment.day} {moment:%b}" if at_midnight else f"{moment:%H:%M}"
            at_end = percent > _END
            x = "100%" if at_end else f"{percent:.2f}%"
            labels.append(tag("text", text, x=x, y="1em", class_=_ANCHORS[at_end]))
        return join(labels)

    def _labeled(self) -> Sequence[int]:
        every = range(len(self.moments))
        minutes = [60 * moment.hour + moment.minute for moment in self.moments]
        for step in _STEPS[self.unit]:
            chosen = [position for position in every if minutes[position] % step == 0]
            if len(chosen) <= _LABELS:
                return chosen
        days = [position for position in every if self.unit == "day" or self.moments[position].hour == 0]
        return days[:: -(-len(days) // _LABELS) or 1]

    def _table(self) -> Markup:
        head = [
            tag("th", self.unit, scope="col"),
            *(tag("th", one.name, scope="col", class_="n") for one in self.series),
        ]
        rows = [
            tag(
                "tr",
                tag("th", self._moment(position), scope="row"),
                *(tag("td", grouped(one), class_="n") for one in row),
            )
            for position, row in enumerate(self.values)
            if any(row)
        ]
        table = tag("table", tag("thead", tag("tr", *head)), tag("tbody", *rows))
        note = tag("p", "What is not in the table had none.", class_="quiet")
        return tag("details", tag("summary", "The numbers"), tag("div", table, class_="scroll tall"), note)


def _line(percent: float, label: str) -> Markup:
    """Return a line across the chart at this height from the top, and its label to the left of it."""
    y = f"{percent:.2f}%"
    return join([tag("line", x1="0", x2="100%", y1=y, y2=y), tag("text", label, x="-10", y=y, dy=".32em")])
