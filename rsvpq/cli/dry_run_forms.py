"""Output formats of a dry run: tables at the end, the totals first, or rows as they arrive."""

import csv
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields

import click
from rich.table import Table
from rich.text import Text

from rsvpq.audit.record import address_of
from rsvpq.cli.documents import print_document
from rsvpq.cli.dry_run_totals import Totals, why
from rsvpq.cli.tables import has_room_for_columns, is_terminal, print_block, print_fitted
from rsvpq.ops.forecast import Forecast
from rsvpq.text import csv_cell, json_text, printable

#: The columns of CSV, and the keys of JSON.
_FIELDS = tuple(column.name for column in fields(Forecast))
#: Messages that the table shows for each decision; the other formats show all.
_ROWS = 20
#: The order in which decisions are shown: those that act come first.
_DECISIONS = ("accept", "tentative", "decline", "open", "process", "undecided", "hold", "skip", "keep")
#: The cells that identify a message: mailbox, kind, start and organizer.
_FIRST = 4
#: The columns of the table: a fixed width, or a share of the rest.
_COLUMNS: dict[str, dict[str, int]] = {
    "mailbox": {"ratio": 3},
    "kind": {"width": 12},
    "start (UTC)": {"width": 16},
    "organizer": {"ratio": 4},
    "subject": {"ratio": 4},
    "why": {"ratio": 5},
}


class _Rows:
    """Writes data to stdout, and the totals to stderr."""

    def end(self) -> None:
        sys.stdout.flush()

    def show_totals(self, totals: Totals) -> None:
        for (decision, reason), count in sorted(totals.decided.items()):
            click.echo(f"{count:6} {decision} ({reason})", err=True)
        for sentence in totals.sentences():
            click.echo(sentence, err=True)


class Jsonl(_Rows):
    """One JSON object for each message."""

    def add(self, rows: Iterable[Forecast]) -> None:
        """Write the forecasts of one mailbox."""
        for row in rows:
            sys.stdout.write(json_text(row.to_dict()) + "\n")
        sys.stdout.flush()


class Csv(_Rows):
    """One line for each message."""

    def __init__(self) -> None:
        self._writer = csv.DictWriter(sys.stdout, _FIELDS, lineterminator="\n")
        self._writer.writeheader()

    def add(self, rows: Iterable[Forecast]) -> None:
        """Write the forecasts of one mailbox."""
        for row in rows:
            self._writer.writerow({name: csv_cell(value) for name, value in row.to_dict().items()})
        sys.stdout.flush()


class Document:
    """One document with the totals, all messages, and the mailboxes without a complete result."""

    def __init__(self) -> None:
        self._rows: list[dict[str, str]] = []
        self._more: dict[str, object] = {}

    def add(self, rows: Iterable[Forecast]) -> None:
        """Store the forecasts of one mailbox."""
        self._rows += (row.to_dict() for row in rows)

    def show_totals(self, totals: Totals) -> None:
        """Store the totals."""
        self._more = {"note": totals.note, "problems": totals.problems, "totals": totals.to_dict()}

    def end(self) -> None:
        """Print the document."""
        print_document({**self._more, "messages": self._rows})


class Tables:
    """The totals, then a table for each decision, printed once all mailboxes have reported."""

    def __init__(self) -> None:
        self._rows: defaultdict[str, list[Forecast]] = defaultdict(list)

    def add(self, rows: Iterable[Forecast]) -> None:
        """Store the forecasts of one mailbox."""
        for row in rows:
            self._rows[row.decision].append(row)

    def end(self) -> None:
        """Print a table for each decision."""
        known = [decision for decision in _DECISIONS if decision in self._rows]
        for decision in [*known, *sorted(set(self._rows) - set(_DECISIONS))]:
            rows = self._rows[decision]
            print_fitted(Text(f"{decision}: {len(rows)}", style="bold"))
            if has_room_for_columns():
                print_fitted(_table(rows[:_ROWS]))
            else:
                for cells in map(_cells, rows[:_ROWS]):
                    print_block(cells[:_FIRST], cells[_FIRST:])
            if len(rows) > _ROWS:
                print_fitted(f"... and {len(rows) - _ROWS} more; --format csv shows all")
            print_fitted("")

    def show_totals(self, totals: Totals) -> None:
        """Print the totals."""
        table = Table("decision", "reason", box=None, pad_edge=False)
        table.add_column("messages", justify="right")
        order = {decision: number for number, decision in enumerate(_DECISIONS)}
        counted = sorted(totals.decided.items(), key=lambda one: (order.get(one[0][0], len(order)), -one[1]))
        for (decision, reason), count in counted:
            table.add_row(decision, Text(printable(reason)), str(count))
        for sentence in totals.sentences():
            print_fitted(Text(sentence))
        print_fitted("")
        print_fitted(table)
        print_fitted("")


def _table(rows: Iterable[Forecast]) -> Table:
    fitted = is_terminal()
    table = Table(box=None, expand=fitted, pad_edge=False, padding=(0, 1, 0, 0))
    for name in _COLUMNS if fitted else (*_COLUMNS, "item"):
        given = _COLUMNS[name] if fitted else {}
        table.add_column(name, no_wrap=not fitted, overflow="fold", **given)  # type: ignore[arg-type]  # ints only
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in _cells(row)[: len(table.columns)]))
    return table


def _cells(row: Forecast) -> tuple[str, ...]:
    held = {"": "", "cap": "over the cap"}.get(row.held, f"{row.held} in the ledger")
    needs = f"needs {row.needs.replace(' ', ', ')}" if row.needs else ""
    reason = "" if row.decision == "undecided" else why(row)
    start = row.start[:16].replace("T", " ")
    explanation = "; ".join(filter(None, (reason, held, needs)))
    return row.mailbox, row.kind, start, address_of(row.organizer), row.subject, explanation, row.item


FORMS: Mapping[str, Callable[[], Tables | Csv | Jsonl | Document]] = {
    "table": Tables,
    "csv": Csv,
    "jsonl": Jsonl,
    "json": Document,
}
