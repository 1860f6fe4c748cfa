"""Tables: how figures of several rounds are shown, and where they are written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

T = TypeVar("T")

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a heading; every cell is text already."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def to_markdown(self) -> str:
        """Return the table as Markdown."""
        sides = ["---:" if cell[:1].isdigit() else "---" for cell in self.rows[0]]  # numbers to the right
        lines = [self.header, sides, *self.rows]
        return f"### {self.title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def spread(values: Sequence[float], form: str) -> str:
    """Return the median, with the least and the most if they differ."""
    middle, least, most = (form.format(value) for value in (median(values), min(values), max(values)))
    return middle if least == most else f"{middle} ({least}-{most})"


def compared(results: Sequence[T], base: Sequence[T], value: Callable[[T], float]) -> str:
    """Return the median of the ratios to the base of the same round; none if the base was too short to measure."""
    pairs = [(value(one), value(other)) for one, other in zip(results, base, strict=True)]
    return f"{median(one / other for one, other in pairs):.2f}" if all(other for _, other in pairs) else "-"


def write(page: Path, text: str) -> None:
    """Put text between the markers of a page.

    :raises ValueError: the page has no such markers.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no lines {BEGIN} and {END} to write between; put them in")
    page.write_text(f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}", encoding="utf-8")
