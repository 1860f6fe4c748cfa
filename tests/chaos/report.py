"""The rows of a run as JSON lines, and as the table of docs/reliability.md."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.chaos.runner import Row
from tests.chaos.scenarios import SCENARIOS

#: The table stands between these lines; what is around them is written by hand.
BEGIN, END = "<!-- chaos -->", "<!-- /chaos -->"

_HEAD = (
    "| fault | injected | messages | lost | twice | forbidden | given up | put back | limits broken | recovery, s "
    "| plain Celery: lost | twice |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def keep(path: Path, row: Row) -> None:
    """Add the row to the results of this file, in the place of an earlier one of the same scenario and arm."""
    path.parent.mkdir(exist_ok=True)
    rows = [other for other in read(path) if (other.arm, other.scenario) != (row.arm, row.scenario)]
    path.write_text("".join(json.dumps(asdict(each)) + "\n" for each in [*rows, row]), encoding="utf-8")


def read(path: Path) -> list[Row]:
    """The rows of the file; none if there is no such file."""
    return [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def table(rows: Iterable[Row]) -> str:
    """The table in Markdown, its rows in the order of the scenarios, and a sentence with the totals."""
    by_arm: dict[str, dict[str, Row]] = {"rsvpq": {}, "plain": {}}
    for row in rows:
        by_arm[row.arm][row.scenario] = row
    ours, plain = by_arm["rsvpq"], by_arm["plain"]
    lines = [_line(ours[each.name], plain.get(each.name)) for each in SCENARIOS if each.name in ours]
    return "\n".join([_HEAD, *lines, "", _totals(ours.values(), plain.values()), *_reasons(ours.values())])


def _line(row: Row, plain: Row | None) -> str:
    beside = (str(plain.lost), str(plain.twice)) if plain else ("", "")
    put_back = sum(row.absorbed.values())
    lost = f"{row.lost} ({row.unsent} in Drafts)" if row.unsent else row.lost
    facts = (row.messages, lost, row.twice, row.forbidden, sum(row.given_up.values()), put_back, row.violations)
    recovery = f"{row.recovery_s:.0f}" if row.at_rest else f"over {row.recovery_s:.0f}"
    cells = (row.scenario, str(row.faults), *map(str, facts), recovery, *beside)
    return f"| {' | '.join(cells)} |"


def _totals(ours: Iterable[Row], plain: Iterable[Row]) -> str:
    sentences = [f"In all, rsvpq: {_total(ours)}."]
    if total := _total(plain):
        sentences.append(f"Plain Celery tasks: {total}.")
    return " ".join(sentences)


def _total(rows: Iterable[Row]) -> str:
    rows = list(rows)
    if not rows:
        return ""
    names = ("messages", "lost", "twice", "forbidden", "kills", "faults", "died")
    sums = {name: sum(getattr(row, name) for row in rows) for name in names}
    seeds = ", ".join(map(str, sorted({row.seed for row in rows})))
    return (
        f"{sums['messages']:,} messages, {sums['lost']} lost, {sums['twice']} answered twice, "
        f"{sums['forbidden']} forbidden; {sums['faults']:,} faults, {sums['kills']:,} of them processes killed; "
        f"{sums['died']} processes ended by themselves and were started again (seed {seeds})"
    )


def _reasons(rows: Iterable[Row]) -> list[str]:
    found = [(row.scenario, reason, count) for row in rows for reason, count in row.given_up.items()]
    return ["", "Given up:", "", *(f"- {scenario}: {count} x {reason}" for scenario, reason, count in found)] * bool(
        found
    )


def write(path: Path, text: str) -> None:
    """Put the text between the markers of the file.

    :raises ValueError: the markers are not there.
    """
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} has no lines {BEGIN!r} and {END!r} to put the table between")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def in_short(row: Row) -> str:
    """One line for a person who watches."""
    facts: Mapping[str, Any] = asdict(row)
    shown = (
        "faults",
        "kills",
        "messages",
        "lost",
        "unsent",
        "twice",
        "forbidden",
        "reopened",
        "violations",
        "died",
        "given_up",
        "absorbed",
    )
    return ", ".join(f"{name} {facts[name]}" for name in shown) + f", recovery {row.recovery_s:.1f} s"
