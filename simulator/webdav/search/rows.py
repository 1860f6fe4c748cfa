"""Row ranges of a SEARCH: `Range: rows=0-99` in, `Content-Range: rows 0-99; total=250` out.

The grammar is that of MSDN ee159579 and ee159574.
"""

import re
from dataclasses import dataclass

from simulator.serving.http import HttpError

_RANGE = re.compile(r"\s*rows\s*=\s*(.+)", re.IGNORECASE)
_PART = re.compile(r"(\d*)\s*-\s*(\d*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a range: `first-last`, `first-` or, without `first`, the last `last` rows."""

    first: int | None
    last: int | None

    def within(self, total: int) -> tuple[int, int] | None:
        """Return the first row and the one after the last, None if there are no such rows."""
        if self.first is None:
            count = min(self.last or 0, total)
            return (total - count, total) if count else None
        end = total if self.last is None else min(self.last + 1, total)
        return (self.first, end) if self.first < end else None


@dataclass(frozen=True, slots=True)
class RowRange:
    """The rows a client asked for."""

    parts: tuple[Part, ...]

    @property
    def from_the_start(self) -> bool:
        """Whether this is the first page of what a client is about to read."""
        return self.parts[0].first == 0

    def of(self, total: int) -> list[tuple[int, int]]:
        """Return the slices of a result of `total` rows; 416 when every part lies beyond its end."""
        slices = [rows for part in self.parts if (rows := part.within(total))]
        harmless = any(part.first is None or (part.first == 0 and not total) for part in self.parts)
        if not slices and not harmless:
            raise HttpError(416)
        return slices


def parse_range(header: str | None) -> RowRange | None:
    """Return the rows of a Range header; None without a header, and for units other than rows."""
    match = _RANGE.fullmatch(header) if header else None
    if match is None:
        return None
    return RowRange(tuple(_part(text) for text in match[1].split(",")))


def content_range(slices: list[tuple[int, int]], total: int, said: str | None = None) -> str:
    """Return the Content-Range header of these slices; `said` is `*` if the total is unknown."""
    if not slices:
        return f"total={said or total}"
    return "rows " + ", ".join(f"{first}-{end - 1}" for first, end in slices) + f"; total={said or total}"


def _part(text: str) -> Part:
    match = _PART.fullmatch(text.strip())
    if match is None or not (match[1] or match[2]):
        raise HttpError(400)
    first = int(match[1]) if match[1] else None
    last = int(match[2]) if match[2] else None
    if first is not None and last is not None and last < first:
        raise HttpError(400)
    return Part(first, last)
